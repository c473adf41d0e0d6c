"""What is matched piece by piece is what COCO's own evaluation matches at once."""

import contextlib
import copy
from pathlib import Path

import numpy as np
import pytest
from xtcocotools.cocoeval import COCOeval

from tests.test_evaluation import synthetic
from vlpose_mm.evaluation.functional.coco_files import read_annotations
from vlpose_mm.evaluation.functional.matching import match, with_sizes

SIGMAS = synthetic.metainfo()['sigmas']


@pytest.mark.parametrize(
    ('iou_type', 'use_area'), [('keypoints', True), ('keypoints_crowd', False)]
)
def test_all_sizes_are_those_of_cocos_own_evaluation(
    tmp_path: Path, iou_type: str, use_area: bool
) -> None:
    content = synthetic.annotations()
    found = synthetic.results(content)
    content['categories'].append(dict(id=3, name='horse'))
    for record in (*content['annotations'][::3], *found[::4]):
        record['category_id'] = 3
    truth = read_annotations(synthetic.write(content, tmp_path / 'ann.json'))
    with contextlib.redirect_stdout(None):
        found = truth.loadRes(found)
        coco = COCOeval(truth, found, iou_type, SIGMAS, use_area)
        coco.evaluate()
        coco.accumulate()
    matched = match(truth, found, SIGMAS, iou_type, use_area)
    before = copy.deepcopy(matched.evalImgs), copy.deepcopy(matched.params.areaRng)
    whole = with_sizes(matched)
    np.testing.assert_equal(whole.evalImgs, coco.evalImgs)
    assert len(whole.evalImgs) == 2 * 3 * len(truth.imgs)
    with contextlib.redirect_stdout(None):
        whole.accumulate()
    np.testing.assert_array_equal(whole.eval['precision'], coco.eval['precision'])
    np.testing.assert_array_equal(whole.eval['recall'], coco.eval['recall'])
    np.testing.assert_equal((matched.evalImgs, matched.params.areaRng), before)
