"""A user's config with a stock MMPose config as ``_base_`` and our overlay trains."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from mmengine.config import Config
from mmpose.registry import TRANSFORMS

from tests.conftest import ROOT

pytestmark = pytest.mark.slow


def readme_overlay() -> str:
    """The config that the README shows under this name."""
    text = (ROOT / 'README.md').read_text()
    return re.search(r'```python\n# my_vlpose\.py\n(.*?)```', text, re.DOTALL)[1]


def test_the_readmes_overlay_on_a_stock_config_trains_and_tests(
    mini_data: Path, minilm: str, mmpose_tool: Callable, tmp_path: Path
) -> None:
    overlay = readme_overlay()
    assert "'mmpose::body_2d_keypoint/" in overlay
    assert len(overlay.strip().splitlines()) <= 15
    (tmp_path / 'my_vlpose.py').write_text(overlay)
    photos = mini_data / 'coco'
    # What is not on this disk: the data, the published weights, BLIP.
    options = [
        f'model.text_encoder.pretrained={minilm}',
        'load_from=None',
        'train_cfg.max_epochs=1',
        'train_cfg.val_interval=1',
        *(f'{split}_dataloader.batch_size=4' for split in ('train', 'val')),
        *(f'{split}_dataloader.num_workers=0' for split in ('train', 'val')),
        *(f'{split}_dataloader.persistent_workers=False' for split in ('train', 'val')),
        *(f'{split}_dataloader.dataset.data_root={photos}' for split in ('train', 'val')),
        'val_dataloader.dataset.bbox_file='
        f'{next((photos / "person_detection_results").glob("*.json"))}',
        f'val_evaluator.ann_file={photos}/annotations/person_keypoints_val2017.json',
        'default_hooks.logger.interval=1',
        'default_hooks.checkpoint.save_best=None',
    ]
    output = mmpose_tool('train', 'my_vlpose.py', '--cfg-options', *options, cwd=tmp_path)
    assert re.search(r'Epoch\(train\).*loss_kpt: 0\.\d+', output)
    assert re.search(r'Epoch\(val\) \[1\].*coco/AP: ', output)


def test_the_readmes_other_snippets_build_on_our_config(tmp_path: Path) -> None:
    blocks = re.findall(r'```python\n(.*?)```', (ROOT / 'README.md').read_text(), re.DOTALL)
    assert len(blocks) == 4
    (tmp_path / 'last_layer.py').write_text(blocks[0])
    backbone = Config.fromfile(tmp_path / 'last_layer.py').model.backbone
    assert backbone.prompt is None and backbone.trained_layers == 1
    (tmp_path / 'base.py').write_text(blocks[2])
    (tmp_path / 'mine.py').write_text("_base_ = 'base.py'\n" + blocks[3])
    cfg = Config.fromfile(tmp_path / 'mine.py')
    assert cfg.model.head.gate_init == 0.0
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        types = [transform.type for transform in loader.dataset.pipeline]
        assert types[-2:] == ['AssignTextPrompt', 'PackPoseInputs']
        assert types.count('AssignTextPrompt') == 1
        transform = TRANSFORMS.build(loader.dataset.pipeline[-2])
        words = transform(dict(category='pixel art'))['text_prompt']
        assert words == 'pixel art of a video game hero'
