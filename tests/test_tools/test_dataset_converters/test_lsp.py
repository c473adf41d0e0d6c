"""python -m vlpose_mm.tools.dataset_converters.lsp"""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.io import savemat

from tests.test_tools.test_dataset_converters.layouts import POINTS, SIZE


def keypoints(content: dict, index: int = 0) -> np.ndarray:
    return np.reshape(content['annotations'][index]['keypoints'], (17, 3))


@pytest.mark.fast
def test_lsp_has_its_split_and_limbs_without_face(
    layout: Callable, convert: Callable
) -> None:
    layout('lsp')
    splits = convert('lsp', 'lsp')
    assert {name: len(each['images']) for name, each in splits.items()} == dict(
        train=1000, test=1
    )
    assert splits['test']['images'][0]['file_name'] == 'images/im1001.jpg'
    # Photos have no scenario.
    assert 'category' not in splits['train']['images'][0]
    points = keypoints(splits['train'])
    assert (points[:5] == 0).all()
    assert (points[5:, :2] == POINTS[5:]).all() and (points[5:, 2] == 2).all()
    (x, y, w, h) = splits['train']['annotations'][0]['bbox']
    start, end = POINTS[5:].min(0), POINTS[5:].max(0)
    start[1] = 20  # the top of the head, which COCO lacks
    margin = 0.1 * (end - start).max()
    assert np.allclose([x, y], start - margin)
    assert np.allclose([x + w, y + h], np.minimum(end + margin, SIZE))


def test_lspet_leaves_out_what_is_not_labeled(layout: Callable, convert: Callable) -> None:
    layout('lspet')
    splits = convert('lsp', 'lspet', '--val-every', '2')
    assert keypoints(splits['train'])[16].tolist() == [*POINTS[16], 2]
    assert keypoints(splits['val'])[16].tolist() == [0, 0, 0]
    assert [each['annotations'][0]['num_keypoints'] for each in splits.values()] in (
        [12, 11],
        [11, 12],
    )


def test_images_and_joints_that_do_not_belong_together_are_refused(
    layout: Callable, refused: Callable
) -> None:
    folder = layout('lspet')
    (folder / 'images/im00002.jpg').unlink()
    assert 'lspet has 1 images im*.jpg, but its joints.mat is of 2' in refused(
        'lsp', 'lspet'
    )
    savemat(folder / 'joints.mat', dict(joints=np.zeros((2, 16, 3))))
    assert 'joints of the shape (2, 16, 3)' in refused('lsp', 'lspet')
    savemat(folder / 'joints.mat', dict(points=1))
    assert "joints.mat has no joints ('joints')" in refused('lsp', 'lspet')
    (folder / 'joints.mat').unlink()
    assert 'no file data/lspet/joints.mat' in refused('lsp', 'lspet')
