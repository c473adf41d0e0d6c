"""What the configs on the pages do."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from mmengine.config import Config
from mmpose.registry import TRANSFORMS

from tests.conftest import ROOT

pytestmark = pytest.mark.slow


def snippet(page: str, start: str) -> str:
    """The Python of a page that starts so."""
    blocks = re.findall(r'```python\n(.*?)```', (ROOT / page).read_text(), re.DOTALL)
    (block,) = (block for block in blocks if block.startswith(start))
    return block


def test_the_pages_overlay_on_a_base_config_trains_and_tests(
    mini_data: Path, minilm: str, mmpose_tool: Callable, tmp_path: Path
) -> None:
    overlay = snippet('docs/training.md', '# my_vlpose.py\n')
    assert "'mmpose::body_2d_keypoint/" in overlay
    assert len(overlay.strip().splitlines()) <= 15
    (tmp_path / 'my_vlpose.py').write_text(overlay)
    photos = mini_data / 'coco'
    # What is not on this disk: the data, the published weights, BLIP.
    bbox_file = next((photos / 'person_detection_results').glob('*.json'))
    options = [
        f'model.text_encoder.pretrained={minilm}',
        'load_from=None',
        'train_cfg.max_epochs=1',
        'train_cfg.val_interval=1',
        f'val_dataloader.dataset.bbox_file={bbox_file}',
        f'val_evaluator.ann_file={photos}/annotations/person_keypoints_val2017.json',
        'default_hooks.logger.interval=1',
        'default_hooks.checkpoint.save_best=None',
    ]
    for loader in ('train_dataloader', 'val_dataloader'):
        values = ('batch_size=4', 'num_workers=0', 'persistent_workers=False')
        options += [
            f'{loader}.{value}' for value in (*values, f'dataset.data_root={photos}')
        ]
    args = ('my_vlpose.py', '--cfg-options', *options)
    # In a new process, which has not imported this package yet.
    output = mmpose_tool('train', *args, cwd=tmp_path, path=ROOT)
    assert re.search(r'Epoch\(train\).*loss_kpt: 0\.\d+', output)
    assert re.search(r'Epoch\(val\) \[1\].*coco/AP: ', output)


def test_the_pages_other_configs_build_on_ours(tmp_path: Path) -> None:
    for page, name in (
        ('configs/README.md', 'last_layer.py'),
        ('docs/routes.md', 'my_auto.py'),
        ('configs/README.md', 'my_gates.py'),
        ('configs/README.md', 'my_scenario.py'),
    ):
        (tmp_path / name).write_text(snippet(page, f'# {name}\n'))
    backbone = Config.fromfile(tmp_path / 'last_layer.py').model.backbone
    assert backbone.visual_prompt is None and backbone.trained_layers == 1
    cfg = Config.fromfile(tmp_path / 'my_auto.py')
    assert cfg.model.test_cfg.route == 'auto' and cfg.model.test_cfg.flip_test
    assert cfg.model.scenario_classifier.type == 'ScenarioClassifier'
    assert cfg.custom_hooks[-1].type == 'ScenarioClassifierHook'
    cfg = Config.fromfile(tmp_path / 'my_scenario.py')
    assert cfg.model.head.gate_init == 0.0
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        types = [transform.type for transform in loader.dataset.pipeline]
        assert types[-2:] == ['AssignTextPrompt', 'PackPoseInputs']
        assert types.count('AssignTextPrompt') == 1
        transform = TRANSFORMS.build(loader.dataset.pipeline[-2])
        text_prompt = transform(dict(category='pixel art'))['text_prompt']
        assert text_prompt == 'pixel art of a video game hero'
