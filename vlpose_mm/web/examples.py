"""Example images of the page."""

from vlpose_mm.apis.model_zoo import demo_images
from vlpose_mm.datasets.scenarios import ART_2D, ART_3D, REAL

TITLES = {
    'photo': 'Photos',
    REAL: 'Photos',
    ART_2D: 'Drawn and painted',
    ART_3D: 'Sculptures and reliefs',
}


def find_examples() -> dict[str, list[str]]:
    """Return the drawn images in the package by title."""
    found = {}
    for group, title in TITLES.items():
        paths = sorted(map(str, demo_images().glob(f'{group}/**/*.jpg')))
        found.setdefault(title, []).extend(paths)
    return found
