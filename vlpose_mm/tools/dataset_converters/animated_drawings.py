"""Convert characters of AnimatedDrawings."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import yaml

from vlpose_mm.tools.dataset_converters.keypoint_files import (
    KEYPOINTS,
    KeypointFiles,
    image_size,
    make_parser,
)
from vlpose_mm.tools.errors import command

# Joints that are called otherwise in COCO; root, hip, torso and neck are not in it.
JOINTS = {
    'left_hand': 'left_wrist',
    'right_hand': 'right_wrist',
    'left_foot': 'left_ankle',
    'right_foot': 'right_ankle',
}


@command
def main(args: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = make_parser(
        'Convert characters of AnimatedDrawings: kids drawings.',
        'folder with a folder for each character, with char_cfg.yaml and texture.png',
    )
    options = parser.parse_args(args)
    files = KeypointFiles(options)
    remedy = 'name a folder of characters, such as examples/characters of its repository.'
    for path in files.inputs('char_cfg.yaml', remedy):
        size, keypoints = read_character(path)
        texture = path.with_name('texture.png')
        if not texture.is_file():
            raise FileNotFoundError(f'There is no {texture}, which {path.name} is of.')
        # It is the crop of the character.
        bbox = [0, 0, *(size or image_size(texture))]
        person = dict(keypoints=keypoints, bbox=bbox)
        files.add(texture, [person], size=size, category='kids drawing')
    files.write()


def read_character(path: Path) -> tuple[tuple[int, int] | None, np.ndarray]:
    """Read a ``char_cfg.yaml``.

    Returns:
        tuple[tuple[int, int] | None, np.ndarray]: Width and height of its texture, if it
        has them; and COCO's keypoints, 17 x 3.

    Raises:
        ValueError: If it is broken.
    """
    keypoints = np.zeros((len(KEYPOINTS), 3))
    try:
        content = yaml.safe_load(path.read_bytes())
        size = None
        if 'width' in content:
            size = (int(content['width']), int(content['height']))
        for joint in content['skeleton']:
            x, y = map(float, joint['loc'])
            name = JOINTS.get(joint['name'], joint['name'])
            if name in KEYPOINTS:
                keypoints[KEYPOINTS.index(name)] = x, y, 2
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f'{path} is not a character of AnimatedDrawings ({error!r}); it must have '
            'width, height, and a skeleton of joints with name and loc.'
        ) from error
    return size, keypoints


if __name__ == '__main__':
    main()
