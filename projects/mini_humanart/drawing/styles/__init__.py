"""The nineteen scenarios of Human-Art and the style that paints each."""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from ..scene import Scene, SceneSpec
from . import crayon, drawn, east_asian, lit, painted, real, solid


@dataclass(frozen=True)
class Scenario:
    """One kind of image.

    Args:
        name (str): Folder name, such as 'oil_painting'.
        group (str): Folder above it, such as '2D_virtual_human'.
        code (int): Leading digits of its image ids in Human-Art.
        spec (SceneSpec): Which people it shows.
        paint (Callable): (rng, scene) -> (h, w, 3) BGR, uint8.
    """

    name: str
    group: str
    code: int
    spec: SceneSpec
    paint: Callable[[np.random.Generator, Scene], np.ndarray]


def _scenario(code: int, group: str, module: ModuleType, name: str) -> Scenario:
    """Find a scenario's ``NAME`` of people and its ``paint_name`` in a module."""
    spec, paint = getattr(module, name.upper()), getattr(module, f'paint_{name}')
    return Scenario(name, group, code, spec, paint)


# in the order of Human-Art, whose image ids start with the number
_TABLE = (
    ('2D_virtual_human', drawn, 'cartoon'),
    ('2D_virtual_human', drawn, 'digital_art'),
    ('2D_virtual_human', east_asian, 'ink_painting'),
    ('2D_virtual_human', crayon, 'kids_drawing'),
    ('2D_virtual_human', painted, 'mural'),
    ('2D_virtual_human', painted, 'oil_painting'),
    ('2D_virtual_human', lit, 'shadow_play'),
    ('2D_virtual_human', drawn, 'sketch'),
    ('2D_virtual_human', lit, 'stained_glass'),
    ('2D_virtual_human', east_asian, 'ukiyoe'),
    ('2D_virtual_human', painted, 'watercolor'),
    ('3D_virtual_human', solid, 'garage_kits'),
    ('3D_virtual_human', solid, 'relief'),
    ('3D_virtual_human', solid, 'sculpture'),
    ('real_human', real, 'acrobatics'),
    ('real_human', real, 'cosplay'),
    ('real_human', real, 'dance'),
    ('real_human', real, 'drama'),
    ('real_human', real, 'movie'),
)
SCENARIOS: dict[str, Scenario] = {
    row[-1]: _scenario(code, *row) for code, row in enumerate(_TABLE, 1)
}
