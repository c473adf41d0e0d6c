"""Paint a scene in a style."""

import numpy as np

from ..scene import Scene
from ..shading import add_patterns, paint_materials, to_uint8
from .backgrounds import BACKGROUNDS
from .canvas import Canvas
from .palettes import COLORS, person_colors
from .people import FILLS, add_rim, light_scene, outline
from .style import Style
from .surfaces import MEDIA, cast, damage, stand_on, texture

Rng = np.random.Generator


def paint_style(rng: Rng, scene: Scene, style: Style) -> np.ndarray:
    """Paint a scene, one step per attribute, (h, w, 3) BGR, uint8."""
    canvas = Canvas(rng, scene, style)
    look = canvas.look
    canvas.image = np.clip(BACKGROUNDS[style.background](canvas), 0, 1).astype(np.float32)
    mean = canvas.image.mean((0, 1))
    palettes = [
        person_colors(rng, style.palette, look.hue, look.choice, mean)
        for _ in scene.figures
    ]
    canvas.color = paint_materials(scene.buffers, palettes)
    if COLORS[style.palette].people != 'one':
        add_patterns(rng, scene.buffers, canvas.color, 0.25 * look.choice)
    light_scene(canvas)
    stand_on(canvas)
    cast(canvas)
    FILLS[style.fill](canvas)
    outline(canvas)
    add_rim(canvas)
    image = MEDIA[style.medium](canvas, canvas.image.astype(np.float32))
    image = texture(canvas, np.clip(image, 0, 1))
    return to_uint8(damage(canvas, np.clip(image, 0, 1)))
