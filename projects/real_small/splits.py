"""What is trained on and what is held out of the real sets, the same for all models."""

from collections.abc import Mapping
from pathlib import PurePath

#: Photos of LSPET from here on are held out.
FIRST_HELD_OUT_LSPET = 9001
#: Styles that no painting of the training has.
HELD_OUT_STYLES = ('wave',)
#: Themes of Pose Depot, the number that a pose begins with: fighting pose, concert
#: spotlight, sitting on stairs, crossed legs on the floor.
HELD_OUT_THEMES = ('3', '6', '11', '14')
#: The skins of the other character share their animations, so only a whole character has
#: not been seen.
HELD_OUT_CHARACTERS = ('spineboy',)
SETS = (
    'lspet',
    'coco_subset',
    'coco_painted',
    'pose_depot',
    'spine_cartoon',
    'mmpose_tests',
)


def theme_of(image: Mapping) -> str:
    """Return the number of an image's theme; both figures of it have the same."""
    return image['pose'].split('_')[0].rstrip('FM')


def is_train(set_name: str, image: Mapping) -> bool:
    """Whether an image is for training.

    Args:
        set_name (str): One of :data:`SETS`.
        image (Mapping): Its record in ``SET/annotations.json``.

    Raises:
        ValueError: If the set is unknown.
    """
    if set_name == 'lspet':
        return image['id'] < FIRST_HELD_OUT_LSPET
    if set_name == 'coco_subset':
        return image['split'] == 'train2017'
    if set_name == 'coco_painted':
        return image['split'] == 'train2017' and image['style'] not in HELD_OUT_STYLES
    if set_name == 'pose_depot':
        return theme_of(image) not in HELD_OUT_THEMES
    if set_name == 'spine_cartoon':
        return image['character'] not in HELD_OUT_CHARACTERS
    if set_name == 'mmpose_tests':
        return False
    raise ValueError(f'Unknown set {set_name!r}; choose one of {SETS}.')


def is_test(set_name: str, image: Mapping) -> bool:
    """Whether an image is for testing: nothing of it is for training, see :func:`is_train`.

    A painting in a held-out style of a photo for training is for neither.
    """
    if set_name == 'coco_painted':
        return image['split'] == 'val2017'
    return not is_train(set_name, image)


def scenario_of(image: Mapping) -> str | None:
    """Return the scenario of an image, ``None`` for photos, from ``GROUP/SCENARIO``."""
    if 'category' not in image:
        return None
    group, scenario = PurePath(image['category']).parts
    return None if group == 'real_human' else scenario
