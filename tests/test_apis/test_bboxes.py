"""Check and clip bboxes."""

import pytest

from vlpose_mm.apis.bboxes import check_bboxes, clip_bboxes


@pytest.mark.fast
def test_a_score_is_1_unless_there_is_one() -> None:
    assert check_bboxes([[0, 1, 2, 3]], 'a').tolist() == [[0, 1, 2, 3, 1]]
    assert check_bboxes([0, 1, 2, 3, 0.5], 'a').tolist() == [[0, 1, 2, 3, 0.5]]
    assert check_bboxes([], 'a').shape == (0, 5)


@pytest.mark.parametrize('bboxes', [[[1, 2, 3]], 'abc', [[[1, 2, 3, 4]]], [[1, 2], [3]]])
def test_other_shapes_are_refused(bboxes: object) -> None:
    with pytest.raises(ValueError, match='The bboxes of a.jpg must be x1, y1, x2, y2'):
        check_bboxes(bboxes, 'a.jpg')


@pytest.mark.parametrize(
    'bbox, problem',
    [
        ([100, 0, 120, 20], 'covers no pixel of the 100 x 50 image'),
        ([0, -30, 20, 0.5], 'covers no pixel'),
        ([float('nan'), 0, 9, 9], 'the bbox nan, 0, 9, 9 or its score is not finite'),
        ([0, 0, float('inf'), 9], 'not finite'),
        ([30, 10, 20, 40], 'has no size; give x1, y1, x2, y2'),
    ],
)
def test_bboxes_are_clipped_and_those_that_cover_nothing_dropped(bbox, problem) -> None:
    bboxes = check_bboxes([bbox, [-5, 2, 300, 40]], 'a')
    clipped, (reason,) = clip_bboxes(bboxes, 100, 50)
    assert clipped.tolist() == [[0, 2, 100, 40, 1]] and problem in reason
