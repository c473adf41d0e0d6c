"""python -m vlpose_mm.tools.export"""

import json
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

STOCK = (
    'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py'
)


@pytest.fixture
def tuned(small_config: Path, tmp_path: Path) -> Path:
    """An adapter checkpoint of a VLPose on the base weights."""
    model = build(Config.fromfile(small_config).model)
    base = CheckpointLoader.load_checkpoint(str(small_config.parent / 'vitpose.pth'), 'cpu')
    model.load_state_dict(base['state_dict'], strict=False)
    path = tmp_path / 'tuned.pth'
    torch.save(dict(state_dict=extract(model.state_dict())), path)
    return path


def test_writes_a_checked_graph_of_an_adapter_checkpoint(
    small_config: Path, tuned: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    text_prompts = tmp_path / 'text_prompts.txt'
    text_prompts.write_text('a mural of a person\na sketch of a person\n')
    out = tmp_path / 'model.onnx'
    base = str(small_config.parent / 'vitpose.pth')
    image = str(next((Path(Config.fromfile(small_config).data_root)).rglob('*.jpg')))
    args = [str(small_config), str(tuned), str(out), '--text-prompts', str(text_prompts)]
    main([*args, '--base', base, '--images', image, '--half'])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert 'float32, 2 text prompts; off by at most: original ' in lines[0]
    assert lines[1].startswith(str(tmp_path / 'model_half.onnx'))
    (description,) = onnx.load(out).metadata_props
    assert json.loads(description.value)['scenarios'] == dict(mural=0, sketch=1)


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (['missing.py', '{tuned}', 'out.onnx'], 'missing.py'),
        (['{config}', 'missing.pth', 'out.onnx'], 'There is no file missing.pth'),
        (
            ['{config}', '{tuned}', 'out.onnx', '--cfg-options', 'model.base_weights=None'],
            'name them in the config as',
        ),
        (
            ['{config}', '{tuned}', 'out.onnx', '--base', 'no.pth'],
            'There is no file no.pth',
        ),
        (['{config}', '{base}', 'out.pth'], 'name it .onnx'),
        (['{config}', '{base}', 'out.onnx', '--text-prompts', 'no.txt'], 'no.txt'),
        (['{config}', '{base}', 'out.onnx', '--images', 'no.jpg'], 'no.jpg'),
        (
            ['{config}', '{base}', 'out.onnx', '--text-prompts', 'odd.txt'],
            "holds no features of 'an odd text prompt'",
        ),
        ([STOCK, '{base}', 'out.onnx'], 'is not a VLPoseEstimator'),
    ],
)
def test_bad_input_gets_one_clear_error_and_leaves_nothing(
    args: list[str],
    message: str,
    small_config: Path,
    tuned: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    work = tmp_path / 'work'
    work.mkdir()
    monkeypatch.chdir(work)
    Path('odd.txt').write_text('an odd text prompt')
    files = dict(config=small_config, tuned=tuned, base=small_config.parent / 'vitpose.pth')
    with pytest.raises(SystemExit) as exit_info:
        main([arg.format(**files) for arg in args])
    assert exit_info.value.code == 2
    assert message in capsys.readouterr().err
    assert [path.name for path in work.iterdir()] == ['odd.txt']


def test_says_what_has_to_be_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(export, 'NEEDS', ('onnx', 'no_such_package'))
    with pytest.raises(SystemExit):
        main(['config.py', 'checkpoint.pth', 'out.onnx'])
    assert "['no_such_package'] must be installed" in capsys.readouterr().err
