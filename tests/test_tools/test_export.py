"""python -m vlpose_mm.tools.export"""

import json
import re
from pathlib import Path

import onnx
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import CheckpointLoader

from tests.test_models.estimators import build
from vlpose_mm.checkpoint.adapter import extract
from vlpose_mm.tools import export
from vlpose_mm.tools.export import main

FOREIGN = (
    'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py'
)


@pytest.fixture
def files(small_config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict:
    """A config, its base weights, and an adapter checkpoint on them."""
    monkeypatch.chdir(tmp_path)
    base = small_config.parent / 'vitpose.pth'
    model = build(Config.fromfile(small_config).model)
    weights = CheckpointLoader.load_checkpoint(str(base), 'cpu')['state_dict']
    model.load_state_dict(weights, strict=False)
    torch.save(dict(state_dict=extract(model.state_dict())), 'tuned.pth')
    Path('odd.txt').write_text('an odd text prompt')
    return dict(config=small_config, base=base)


@pytest.mark.slow
def test_writes_every_form_of_an_adapter_checkpoint_and_prints_how_far_each_is_off(
    files: dict, tmp_path: Path, mini_data: Path, capsys: pytest.CaptureFixture
) -> None:
    Path('text.txt').write_text('a mural of a person\na sketch of a person\n')
    before = {*tmp_path.iterdir()}
    images = sorted(map(str, (mini_data / 'HumanArt').rglob('*.jpg')))[:9]
    args = [str(files['config']), 'tuned.pth', 'model.onnx', '--text-prompts', 'text.txt']
    main([*args, '--base', str(files['base']), '--images', *images, '--half', '--int8'])
    lines = capsys.readouterr().out.splitlines()
    names = ['model.onnx', 'model_half.onnx', 'model_int8.onnx']
    bounds = ((0, 1e-5), (1e-5, 2e-2), (1e-4, 0.5))
    sizes = []
    for line, name, (low, high) in zip(lines, names, bounds, strict=True):
        size = Path(name).stat().st_size
        kind = name.split('_')[-1].removesuffix('.onnx').replace('model', 'float32')
        start = f'{name}: {size / 1e6:.1f} MB, {kind}, 2 text prompts; off by at most: '
        assert line.startswith(start)
        off = map(float, re.findall(r'(?:original|tuned) (\S+?)(?:,|$)', line))
        assert low <= max(off) < high
        onnx.checker.check_model(name)
        sizes.append(size)
    assert sizes[1] < 0.7 * sizes[0] and sizes[2] < sizes[0]
    assert {path.name for path in {*tmp_path.iterdir()} - before} == {*names}
    (description,) = onnx.load('model.onnx').metadata_props
    assert json.loads(description.value)['scenarios'] == dict(mural=0, sketch=1)


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        ('missing.py tuned.pth out.onnx', 'missing.py'),
        ('{config} missing.pth out.onnx', 'There is no file missing.pth'),
        (
            '{config} tuned.pth out.onnx --cfg-options model.base_weights=None',
            'name them in the config as',
        ),
        ('{config} tuned.pth out.onnx --base no.pth', 'There is no file no.pth'),
        ('{config} {base} out.pth', 'name it .onnx'),
        ('{config} {base} out.onnx --text-prompts no.txt', 'no.txt'),
        ('{config} {base} out.onnx --images no.jpg', 'no.jpg'),
        (
            '{config} {base} out.onnx --text-prompts odd.txt',
            "holds no features of 'an odd text prompt'",
        ),
        (f'{FOREIGN} {{base}} out.onnx', 'is not a VLPoseEstimator'),
    ],
)
def test_bad_input_gets_one_clear_error_and_leaves_nothing(
    args: str, message: str, files: dict, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(SystemExit) as exit_info:
        main(args.format(**files).split())
    assert exit_info.value.code == 2
    assert message in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {'tuned.pth', 'odd.txt'}


def test_says_what_has_to_be_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(export, 'NEEDS', ('onnx', 'no_such_package'))
    with pytest.raises(SystemExit):
        main(['config.py', 'checkpoint.pth', 'out.onnx'])
    assert "['no_such_package'] must be installed" in capsys.readouterr().err
