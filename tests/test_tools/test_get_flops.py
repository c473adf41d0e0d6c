"""python -m vlpose_mm.tools.get_flops"""

import json
from pathlib import Path

import pytest
from mmengine.config import Config
from mmpose.registry import MODELS

from tests.conftest import ROOT
from tests.test_tools.as_program import json_output
from vlpose_mm.tools.get_flops import main

BASE = (
    'body_2d_keypoint/vlpose/humanart/td-hm_VLPose-lora-base_8xb64-210e_humanart-256x192.py'
)
MMPOSE = (
    'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py'
)


def rows(out: str) -> list[str]:
    return [' '.join(line.split()) for line in out.splitlines()]


def test_prints_the_tables_of_the_page(capsys: pytest.CaptureFixture) -> None:
    main([BASE, '--text-dims', '768'])
    out = capsys.readouterr().out
    assert 'VLPoseEstimator, input 192 x 256' in out
    assert {
        'backbone (adapter) 3.14 M 3.14 M',
        'total 99.69 M 9.70 M',
        'original 18.52 G',
        'adapter 38.84 MB',
    } <= {*rows(out)}
    assert 'The text prompt has 7 tokens of 768 dimensions' in out
    lines = '\n'.join(line.rstrip() for line in out.splitlines())
    assert lines in (ROOT / 'docs/training.md').read_text()

    main([MMPOSE])
    lines = rows(capsys.readouterr().out)
    assert 'total 34.00 M 34.00 M' in lines
    assert not any(line.startswith('tuned') for line in lines)


def test_lists_the_frozen_language_model_and_writes_json(
    small_config: Path, minilm: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    encoder = 'model.text_encoder'
    options = [f'{encoder}._delete_=True', f'{encoder}.type=TransformersTextEncoder']
    options += [f'{encoder}.pretrained={minilm}', 'model.backbone.trained_layers=2']
    options += ['model.backbone.visual_prompt.num_tokens=5']
    path = tmp_path / 'complexity.json'
    main([str(small_config), '--json', str(path), '--cfg-options', *options])
    out, err = capsys.readouterr()
    assert 'text encoder (frozen, not saved) 22.71 M 0' in rows(out)
    complexity = json.loads(path.read_text())
    assert complexity['config'] == str(small_config)
    (row,) = [row for row in complexity['parts'] if row['name'] == 'backbone (adapter)']
    cfg = Config.fromfile(small_config).model
    cfg.backbone.visual_prompt.num_tokens, cfg.backbone.trained_layers = 5, 2
    params = MODELS.build(cfg).backbone.parameters()
    assert row['trainable'] == sum(p.numel() for p in params if p.requires_grad)
    assert 'trains more than' in err
    # The warning is not in the standard output.
    args = (small_config, '--cfg-options', *options)
    assert json_output('get_flops', args, capsys) == complexity


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (['missing.py'], "vlpose_mm has no config 'missing.py'"),
        (['mmpose::body_2d_keypoint/missing.py'], 'does not exist'),
        (['vlposes::a/b.py'], 'the package vlposes is not installed'),
        (['no_model.py'], 'The config has no `model`'),
        (['unknown.py'], 'Unheard is not in the mmpose::model registry'),
        (['offline.py'], '--text-dims D'),
        ([BASE, '--text-dims', '0'], 'must be at least 1'),
        ([MMPOSE, '--text-dims', '768'], 'has no text encoder'),
        ([MMPOSE, '--json', 'nowhere/out.json'], 'Cannot write nowhere/out.json'),
    ],
)
def test_bad_input_gets_one_clear_error(
    args: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path('no_model.py').write_text('codec = dict(input_size=(192, 256))\n')
    Path('unknown.py').write_text(
        "codec = dict(input_size=(192, 256))\nmodel = dict(type='Unheard')\n"
    )
    Path('offline.py').write_text(
        f"_base_ = __import__('vlpose_mm').config_path('{BASE}')\n"
        "model = dict(text_encoder=dict(pretrained='./offline.py'))\n"
    )
    with pytest.raises(SystemExit) as exit_info:
        main(args)
    assert exit_info.value.code == 2
    assert message in capsys.readouterr().err
