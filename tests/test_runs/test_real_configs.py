"""The real configs run at full size on images of the real data sets.

Where the few real images do not lie beside the checkout, drawn ones in the same layout
take their place.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.slow

CONFIGS = ROOT / 'configs/body_2d_keypoint/vlpose'
REAL_DATA = ROOT.parent / 'shared/data'
ANN_FILES = dict(
    humanart='HumanArt/annotations/validation_humanart.json',
    coco='annotations/person_keypoints_val2017.json',
)


@pytest.mark.parametrize(
    ('dataset', 'model'), [('humanart', 'base'), ('coco', 'base'), ('humanart', 'swin-t')]
)
def test_trains_and_tests_with_random_weights(
    dataset: str,
    model: str,
    mini_data: Path,
    text_file: str,
    mmpose_tool: Callable,
    tmp_path: Path,
) -> None:
    (config,) = (CONFIGS / dataset).glob(f'td-hm_VLPose-{model}_*.py')
    data_root = REAL_DATA if REAL_DATA.is_dir() else mini_data
    boxes = 'HumanArt/person_detection_results'
    if dataset == 'coco':
        data_root, boxes = data_root / 'coco', 'person_detection_results'
    ann_file = data_root / ANN_FILES[dataset]
    loaders = [f'{split}_dataloader' for split in ('train', 'val')]
    # There is no training file of so few images: train on the validation images.
    images = dict(humanart='', coco='val2017/')[dataset]
    options = [
        *(f'{loader}.dataset.data_root={data_root}/' for loader in loaders),
        *(f'{loader}.batch_size=2' for loader in loaders),
        *(f'{loader}.num_workers=0' for loader in loaders),
        *(f'{loader}.persistent_workers=False' for loader in loaders),
        f'train_dataloader.dataset.ann_file={ann_file}',
        f'train_dataloader.dataset.data_prefix.img={images}',
        f'train_dataloader.dataset.indices={4}',
        f'val_dataloader.dataset.bbox_file={next((data_root / boxes).glob("*.json"))}',
        f'val_dataloader.dataset.indices={4}',
        f'val_evaluator.ann_file={ann_file}',
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
    output = mmpose_tool(
        'train',
        config,
        *('--work-dir', tmp_path / 'work', '--cfg-options'),
        *options,
        cwd=tmp_path,
    )
    assert len(re.findall(r'Epoch\(train\) .*loss_kpt: \d\.\d+', output)) == 2
    assert re.search(r'Epoch\(val\) \[1\].*coco/AP: ', output)
    people = json.loads((tmp_path / 'results.keypoints.json').read_text())
    assert people and all(len(person['keypoints']) == 51 for person in people)
