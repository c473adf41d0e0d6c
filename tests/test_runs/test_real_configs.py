"""The paper's config runs at full size on real images of Human-Art.

Where these do not lie beside the checkout, drawn ones in the same layout take their place.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.configs import zoo_config
from tests.conftest import ROOT

REAL_DATA = ROOT.parent / 'shared/data'
ANN_FILE = 'HumanArt/annotations/validation_humanart.json'


@pytest.mark.slow
def test_trains_and_tests_with_random_weights(
    mini_data: Path, text_file: str, mmpose_tool: Callable, tmp_path: Path
) -> None:
    data_root = REAL_DATA if REAL_DATA.is_dir() else mini_data
    (bbox_file,) = (data_root / 'HumanArt/person_detection_results').glob('*.json')
    options = [
        f'{split}_dataloader.{value}'
        for split in ('train', 'val')
        for value in (
            *(f'dataset.data_root={data_root}/', 'dataset.indices=4', 'batch_size=2'),
            *('num_workers=0', 'persistent_workers=False'),
        )
    ] + [
        # No training file has so few images.
        f'train_dataloader.dataset.ann_file={ANN_FILE}',
        f'val_dataloader.dataset.bbox_file={bbox_file}',
        f'val_evaluator.ann_file={data_root / ANN_FILE}',
        f'val_evaluator.outfile_prefix={tmp_path}/results',
        'model.text_encoder._delete_=True',
        'model.text_encoder.type=PrecomputedTextEncoder',
        f'model.text_encoder.path={text_file}',
        'load_from=None',
        'train_cfg.max_epochs=1',
        'train_cfg.val_interval=1',
        'default_hooks.logger.interval=1',
        'default_hooks.checkpoint.save_best=None',
        'default_hooks.checkpoint.interval=-1',
        'default_hooks.checkpoint.save_last=False',
    ]
    args = ('--work-dir', tmp_path / 'work', '--cfg-options', *options)
    output = mmpose_tool('train', zoo_config('base'), *args, cwd=tmp_path)
    assert len(re.findall(r'Epoch\(train\) .*loss_kpt: \d\.\d+', output)) == 2
    assert re.search(r'Epoch\(val\) \[1\].*coco/AP: ', output)
    instances = json.loads((tmp_path / 'results.keypoints.json').read_text())
    assert instances and all(len(each['keypoints']) == 51 for each in instances)
