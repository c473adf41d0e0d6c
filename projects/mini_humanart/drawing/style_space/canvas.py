"""What the steps of painting share."""

from dataclasses import dataclass, field

import numpy as np

from ..raster import Buffers
from ..scene import Scene
from ..shading import compose, downsample
from .palettes import COLORS
from .style import Style

Rng = np.random.Generator
_ON_PAPER = ('pencil', 'charcoal', 'crayon', 'ink', 'watercolor', 'chalk')


@dataclass(frozen=True)
class Look:
    """What a style has no words for, the same in all of its images.

    Args:
        hue (float): Of its palette, 0 .. 1.
        side (float): Where light comes from: -1 left, 1 right.
        weight (float): Factor on the width of lines.
        grain (float): Factor on the size of structures.
        depth (float): Factor on the strength of effects.
        angle (float): Of hatching, radians.
        choice (float): Decides among few things, 0 .. 1.
    """

    hue: float
    side: float
    weight: float
    grain: float
    depth: float
    angle: float
    choice: float

    @classmethod
    def of(cls, style: Style) -> 'Look':
        """The look that the seed of a style stands for."""
        rng = np.random.default_rng(style.seed)
        low = (0.0, -1.0, 0.75, 0.75, 0.75, 0.2, 0.0)
        values = rng.uniform(low, (1.0, 1.0, 1.3, 1.4, 1.2, 1.4, 1.0))
        values[1] = np.sign(values[1])
        return cls(*map(float, values))


@dataclass
class Canvas:
    """An image in the making.

    Args:
        rng (Generator): Of the image.
        scene (Scene): Whom it shows.
        style (Style): How to draw.
        look (Look): The style's unnamed part.
        image (np.ndarray): (h, w, 3) BGR float32 in 0 .. 1.
        color (np.ndarray): (H, W, 3) of the people, supersampled.
        tone (np.ndarray): (H, W) light on the people, around 1.
    """

    rng: Rng
    scene: Scene
    style: Style
    look: Look = field(init=False)
    image: np.ndarray = field(init=False)
    color: np.ndarray = field(init=False)
    tone: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.look = Look.of(self.style)

    @property
    def buffers(self) -> Buffers:
        """The supersampled people."""
        return self.scene.buffers

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the image."""
        return self.scene.size

    def pick(self, level: float) -> np.ndarray:
        """A color of the background: ``level`` is 1 for the ground, less is darker."""
        colors = COLORS[self.style.palette]
        color = colors.pick(self.rng, self.look.hue, colors.ground * level)
        return np.clip(color, 0, 1).astype(np.float32)

    def _own_rng(self) -> Rng:
        """The same in all images of the style."""
        return np.random.default_rng(self.style.seed)

    @property
    def ink(self) -> np.ndarray:
        """The color of lines, (3,) BGR."""
        colors = COLORS[self.style.palette]
        dark = colors.pick(self._own_rng(), self.look.hue, 0.06)
        return np.clip(dark * 0.8, 0, 0.45).astype(np.float32)

    @property
    def sheet(self) -> np.ndarray:
        """The color of the bare ground, (3,) BGR."""
        colors = COLORS[self.style.palette]
        color = colors.pick(self._own_rng(), self.look.hue, colors.ground)
        if colors.people == 'skin':
            # paper is hardly colored, and white whatever is drawn on it
            on_paper = self.style.medium in _ON_PAPER
            pale = 0.93 + 0.05 * self.look.choice if on_paper else colors.ground
            color = pale + (0.04 if on_paper else 0.25) * (color - pale)
        return np.clip(color, 0, 1).astype(np.float32)

    def put(self, color: np.ndarray, mask: np.ndarray) -> None:
        """Lay supersampled colors, (H, W, 3) or (3,), over the image."""
        color = np.broadcast_to(np.float32(color), (*mask.shape, 3))
        self.image = compose(self.image, color, mask, self.size).astype(np.float32)

    def stain(self, ink: np.ndarray, strength: np.ndarray) -> None:
        """Mix a color, (3,) or (H, W, 3), into the image by (H, W) in 0 .. 1."""
        strength = np.clip(strength, 0, 1).astype(np.float32)[..., None]
        alpha = downsample(strength, self.size)[..., None]
        stain = downsample(ink * strength, self.size) if ink.ndim == 3 else ink * alpha
        self.image = self.image * (1 - alpha) + stain
