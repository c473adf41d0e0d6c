"""Convert Leeds Sports Pose: LSP, or its extended training set LSPET."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.io import loadmat

from vlpose_mm.tools.dataset_converters.keypoint_files import (
    KeypointFiles,
    indices,
    make_parser,
    reordered,
)
from vlpose_mm.tools.errors import command

JOINTS = (
    'right_ankle right_knee right_hip left_hip left_knee left_ankle right_wrist '
    'right_elbow right_shoulder left_shoulder left_elbow left_wrist neck head_top'
).split()
# Of LSP, in the order of the images; the rest is for testing.
NUM_TRAIN = 1000


@command
def main(args: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = make_parser(
        'Convert Leeds Sports Pose (LSP) or its extended training set (LSPET): photos.',
        'unpacked archive, with joints.mat and the images',
    )
    options = parser.parse_args(args)
    files = KeypointFiles(options)
    joints, is_extended = read_joints(files.root / 'joints.mat')  # N, 14, 3
    images = {
        int(match[1]): path
        for path in files.images
        # LSP has drawings of its joints beside its images.
        if (match := re.fullmatch(r'im(\d+)', path.stem))
        and path.parent.name != 'visualized'
    }
    if sorted(images) != [*range(1, len(joints) + 1)]:
        raise ValueError(
            f'{files.root} has {len(images)} images im*.jpg, but its joints.mat is of '
            f'{len(joints)}; unpack the whole data set.'
        )
    order = indices(JOINTS)
    for number, points in enumerate(joints, 1):
        split = 'train' if number <= NUM_TRAIN else 'test'
        files.add(
            images[number],
            [dict(keypoints=reordered(points, order), others=points)],
            split=None if is_extended else split,
        )
    files.write()


def read_joints(path: Path) -> tuple[np.ndarray, bool]:
    """Read the joints of all images.

    Returns:
        tuple[np.ndarray, bool]: x, y and flag, N x 14 x 3; and whether they are of LSPET.

    Raises:
        OSError: If there is no such file.
        ValueError: If it is something else.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f'There is no file {path}; name the folder that the archive unpacks to.'
        )
    try:
        joints = np.asarray(loadmat(path)['joints'], float)
    except (KeyError, TypeError, ValueError, NotImplementedError) as error:
        raise ValueError(f'{path} has no joints ({error}); unpack it again.') from error
    if joints.ndim == 3 and joints.shape[:2] == (14, 3):
        joints = joints.transpose(2, 0, 1)
        # The flag tells which are labeled.
        joints[..., 2] *= 2
        return joints, True
    if joints.ndim == 3 and joints.shape[:2] == (3, 14):
        joints = joints.transpose(2, 1, 0)
        # All are labeled; the flag tells which are occluded.
        joints[..., 2] = 2
        return joints, False
    raise ValueError(
        f'{path} has joints of the shape {joints.shape}, but LSP has 3 x 14 x images and '
        'LSPET 14 x 3 x images.'
    )


if __name__ == '__main__':
    main()
