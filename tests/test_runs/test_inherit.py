"""The configs and snippets of the README run."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.runner import load_checkpoint
from mmpose.registry import TRANSFORMS

from tests.conftest import ROOT
from tests.test_models.estimators import build
from vlpose_mm.checkpoint.io import write_file

pytestmark = pytest.mark.slow


def readme_overlay() -> str:
    """The config that the README shows under this name."""
    text = (ROOT / 'README.md').read_text()
    return re.search(r'```python\n# my_vlpose\.py\n(.*?)```', text, re.DOTALL)[1]


def test_the_readmes_overlay_on_a_base_config_trains_and_tests(
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
    args = ('my_vlpose.py', '--cfg-options', *options)
    # In a new process, which has not imported this package yet.
    output = mmpose_tool('train', *args, cwd=tmp_path, path=ROOT)
    assert re.search(r'Epoch\(train\).*loss_kpt: 0\.\d+', output)
    assert re.search(r'Epoch\(val\) \[1\].*coco/AP: ', output)


def readme_snippets() -> list[str]:
    """The Python of the README, without ``my_vlpose.py``."""
    text = (ROOT / 'README.md').read_text()
    blocks = re.findall(r'```python\n(.*?)```', text, re.DOTALL)
    return [block for block in blocks if '# my_vlpose.py' not in block]


def test_the_readmes_other_configs_build_on_ours(tmp_path: Path) -> None:
    _, last_layer, auto, _, base, mine = readme_snippets()
    (tmp_path / 'last_layer.py').write_text(last_layer)
    backbone = Config.fromfile(tmp_path / 'last_layer.py').model.backbone
    assert backbone.visual_prompt is None and backbone.trained_layers == 1
    (tmp_path / 'auto.py').write_text(auto)
    cfg = Config.fromfile(tmp_path / 'auto.py')
    assert cfg.model.test_cfg.route == 'auto' and cfg.model.test_cfg.flip_test
    assert cfg.model.scenario_classifier.type == 'ScenarioClassifier'
    assert cfg.custom_hooks[-1].type == 'ScenarioClassifierHook'
    (tmp_path / 'base.py').write_text(base)
    (tmp_path / 'mine.py').write_text("_base_ = 'base.py'\n" + mine)
    cfg = Config.fromfile(tmp_path / 'mine.py')
    assert cfg.model.head.gate_init == 0.0
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        types = [transform.type for transform in loader.dataset.pipeline]
        assert types[-2:] == ['AssignTextPrompt', 'PackPoseInputs']
        assert types.count('AssignTextPrompt') == 1
        transform = TRANSFORMS.build(loader.dataset.pipeline[-2])
        text_prompt = transform(dict(category='pixel art'))['text_prompt']
        assert text_prompt == 'pixel art of a video game hero'


def test_the_readmes_way_to_switch_adapters_runs(
    small_config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = small_config.parent / 'vitpose.pth'
    config = f"_base_ = '{small_config}'\nmodel = dict(base_weights='{base}')\n"
    (tmp_path / 'vlpose.py').write_text(config)
    model = build(Config.fromfile(small_config).model)
    load_checkpoint(model, str(base))
    for name in ('oil', 'toon'):
        model.matcher.norm.bias.data.fill_(len(name))
        weights = model.adapter_state_dict()
        write_file(dict(state_dict=weights), str(tmp_path / f'{name}.pth'))
    monkeypatch.chdir(tmp_path)
    found = {}
    exec(readme_snippets()[3], found)
    assert found['model'].adapter_names == ['default', 'toon']
    assert found['model'].matcher.norm.bias.eq(len('oil')).all()


def test_the_readmes_way_to_find_poses_runs(
    mini_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    images = mini_data / 'HumanArt/images/2D_virtual_human/sketch'
    (tmp_path / 'images').symlink_to(images)
    monkeypatch.chdir(tmp_path)
    exec(readme_snippets()[0], {})
    printed = capsys.readouterr().out
    assert all(f'{path.name} tuned' in printed for path in images.iterdir())
