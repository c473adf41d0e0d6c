"""Human-Art's own 21 keypoints, tuned on a base of 17 and scored."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from vlpose_mm.tools.evaluate import main

pytestmark = pytest.mark.slow
SEVENTEEN = 'td-hm_VLPose-lora-base_8xb64-210e_humanart-256x192.py'
TWENTY_ONE = 'td-hm_VLPose-base_8xb64-210e_humanart21-256x192.py'


def test_the_config_of_21_trains_on_a_base_of_17_and_the_tool_scores_it_alike(
    small_config: Path,
    mini_data: Path,
    mmpose_tool: Callable,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
) -> None:
    config, results = tmp_path / 'mine.py', tmp_path / 'results'
    text = small_config.read_text()
    assert SEVENTEEN in text
    config.write_text(text.replace(SEVENTEEN, TWENTY_ONE))
    options = f'val_evaluator.outfile_prefix={results}'
    args = ('--work-dir', tmp_path / 'work', '--cfg-options', options)
    output = mmpose_tool('train', config, *args, cwd=tmp_path)
    assert re.search(r'Epoch\(train\) .*loss_kpt: \d\.\d+', output)
    (ap,) = re.findall(r'Epoch\(val\).* coco/AP: (-?\d\.\d+)', output)
    found = json.loads(Path(f'{results}.keypoints.json').read_text())
    assert {len(each['keypoints']) for each in found} == {63}

    ann_file = mini_data / 'HumanArt/annotations/validation_humanart.json'
    own = ('--dataset', 'HumanArt21VLDataset', '--json', '-')
    main([str(ann_file), f'{results}.keypoints.json', *own])
    (scored,) = json.loads(capsys.readouterr().out)['results']
    assert f'{scored["subsets"]["all"]["AP"]:.6f}' == ap
    assert len(scored['subsets']['all']['keypoint_oks']) == 21


def test_results_of_other_keypoints_are_refused_with_both_numbers(
    mini_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    ann_file = mini_data / 'HumanArt/annotations/validation_humanart.json'
    image = json.loads(ann_file.read_text())['images'][0]['id']
    record = dict(image_id=image, category_id=1, keypoints=[1.0] * 51, score=1.0)
    (tmp_path / 'r.json').write_text(json.dumps([record]))
    args = [str(ann_file), str(tmp_path / 'r.json'), '--dataset']
    for dataset, message in (
        (
            'HumanArt21VLDataset',
            '51 numbers as keypoints; 21 keypoints have three each, 63',
        ),
        ('NoDataset', 'MMPose has no data set NoDataset in the style of COCO'),
    ):
        with pytest.raises(SystemExit):
            main([*args, dataset])
        assert message in capsys.readouterr().err
