"""python -m vlpose_mm.tools.attention_maps"""

import json
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner.checkpoint import load_state_dict
from mmpose.registry import MODELS

from tests.test_tools.as_program import json_output
from vlpose_mm.analysis.base_model import base_config
from vlpose_mm.checkpoint.adapter import extract
from vlpose_mm.checkpoint.io import read_file
from vlpose_mm.datasets.scenarios import SCENARIOS
from vlpose_mm.tools.attention_maps import main

ANN = 'HumanArt/annotations/validation_humanart.json'


class Payload:
    def __reduce__(self) -> tuple:
        return os.system, ('touch ran',)


@pytest.fixture(scope='module')
def folder(small_config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints and configs, also broken ones."""
    init_default_scope('mmpose')
    folder = tmp_path_factory.mktemp('attention_maps')
    base = small_config.parent / 'vitpose.pth'
    model = MODELS.build(Config.fromfile(small_config).model)
    load_state_dict(model, read_file(str(base))['state_dict'])
    torch.save(dict(state_dict=model.state_dict()), folder / 'tuned.pth')
    torch.save(dict(state_dict=Payload()), folder / 'payload.pth')
    (folder / 'text.jpg').write_text('text')
    cv2.imwrite(str(folder / 'other.jpg'), np.zeros((9, 9, 3), np.uint8))
    shutil.copy(base, folder / 'base.pth')
    cfg = Config.fromfile(small_config)
    cfg.model = base_config(cfg.model.to_dict())
    cfg.dump(folder / 'base.py')
    no_text = folder / 'no_text.py'
    no_text.write_text(f"_base_ = '{small_config}'\nmodel = dict(text_encoder=None)\n")
    model = MODELS.build(Config.fromfile(no_text).model)
    torch.save(dict(state_dict=model.state_dict()), folder / 'no_text.pth')
    return folder


@pytest.fixture
def tuned(folder: Path) -> Path:
    """A VLPose checkpoint."""
    return folder / 'tuned.pth'


@pytest.fixture
def images(mini_data: Path) -> list[Path]:
    """A cartoon and a sketch, in two folders, of the same name."""
    folder = mini_data / 'HumanArt/images/2D_virtual_human'
    return [next(folder.glob(f'{name}/*5*.jpg')) for name in ('cartoon', 'sketch')]


def run(*args: object) -> None:
    main([str(arg) for arg in args])


def test_draws_a_sheet_for_each_image_and_prints_the_attention_to_each_word(
    small_config: Path,
    tuned: Path,
    images: list[Path],
    mini_data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
) -> None:
    out, numbers = tmp_path / 'new/out', tmp_path / 'numbers.json'
    args = (small_config, tuned, *images, '--ann', mini_data / ANN, '--out', out)
    run(*args, '--json', numbers)
    printed = capsys.readouterr().out
    stem = images[0].stem
    assert stem == images[1].stem
    names = [f'{stem}.png', f'{stem}_2.png']
    assert sorted(path.name for path in out.iterdir()) == names
    found = json.loads(numbers.read_text())
    truth = json.loads((mini_data / ANN).read_text())
    first_words = [
        line.split()[0] for line in printed.splitlines() if len(line.split()) == 4
    ]
    for image, scenario, name in zip(
        found['images'], ('cartoon', 'sketch'), names, strict=True
    ):
        assert image['sheet'] == str(out / name)
        (record,) = [r for r in truth['images'] if r['category'] == scenario]
        count = sum(a['image_id'] == record['id'] for a in truth['annotations'])
        assert len(image['instances']) == count
        assert cv2.imread(image['sheet']).shape[0] > 250 * count
        for instance in image['instances']:
            text_prompt = SCENARIOS[scenario].text_prompt
            assert instance['text_prompt'] == text_prompt
            words = [w['word'] for w in instance['words'] if not w['special']]
            assert ' '.join(words) == text_prompt
            assert sum(instance['shares'].values()) == pytest.approx(1)
            for word in instance['words']:
                assert 0 < word['attention'] <= word['max'] < 1
                assert word['word'] in first_words
    assert f'{images[0]} -> {out / names[0]}' in printed
    assert '"a sketch of a person"' in printed
    # A warning about the layers is not in the standard output.
    args += ('--cfg-options', 'model.backbone.trained_layers=2')
    again = json_output('attention_maps', args, capsys)
    assert [i['sheet'] for i in again['images']] == [i['sheet'] for i in found['images']]


def test_text_prompt_bboxes_words_and_heads_are_options(
    small_config: Path,
    tuned: Path,
    images: list[Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
) -> None:
    heights = []
    mural = ('--text-prompt', SCENARIOS['mural'].text_prompt, '--bboxes', 0, 0, 60, 80)
    for extra in (['--word', 'Person', '--word', 'a'], [], ['--per-head']):
        run(small_config, tuned, images[0], *mural, *extra, '--out', tmp_path)
        assert '"a mural of a person"' in capsys.readouterr().out
        heights.append(cv2.imread(str(tmp_path / f'{images[0].stem}.png')).shape[0])
    assert heights[0] < heights[1] < heights[2]

    args = (images[0], '--scenario', 'Oil Painting', '--out', tmp_path)
    run(small_config, tuned, *args)
    whole = capsys.readouterr().out
    assert '"an oil painting of a person"' in whole
    # An adapter checkpoint is drawn with its base.
    small = tmp_path / 'small.pth'
    torch.save(dict(state_dict=extract(read_file(str(tuned))['state_dict'])), small)
    base = small_config.parent / 'vitpose.pth'
    run(small_config, small, *args, '--cfg-options', f'model.base_weights={base}')
    assert capsys.readouterr().out == whole


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (['missing.py', 'TUNED', 'IMAGE'], "vlpose_mm has no config 'missing.py'"),
        (['CONFIG', 'missing.pth', 'IMAGE'], 'There is no file missing.pth'),
        (['CONFIG', 'payload.pth', 'IMAGE'], 'which is not one of the safe globals'),
        (['CONFIG', 'TUNED', 'missing.jpg'], 'Cannot read missing.jpg: No such file'),
        (['CONFIG', 'TUNED', 'text.jpg'], 'text.jpg is not a readable image'),
        (['CONFIG', 'TUNED', 'IMAGE', '--out', 'text.jpg'], 'text.jpg'),
        (['CONFIG', 'TUNED', 'IMAGE', '--word', 'mural'], "has no word 'mural'; it has"),
        (['CONFIG', 'TUNED', 'IMAGE', '--text-prompt', ' '], '--text-prompt is blank'),
        (
            ['CONFIG', 'TUNED', 'IMAGE', '--text-prompt', 'new'],
            "precomputed text prompts, and 'new' is not among",
        ),
        (
            ['CONFIG', 'TUNED', 'IMAGE', '--bboxes', '900', '0', '909', '9'],
            'no bbox is left, as the bbox 900, 0, 909, 9 covers no pixel',
        ),
        (['CONFIG', 'TUNED', 'A', 'B', '--bboxes', *'1234'], '--bboxes is for one image'),
        (['CONFIG', 'TUNED', 'IMAGE', '--bboxes', *'123'], 'takes four numbers'),
        (
            ['CONFIG', 'TUNED', 'IMAGE', '--bboxes', *'00999900'],
            'A bbox is empty or outside',
        ),
        (['CONFIG', 'TUNED', 'IMAGE', '--ann', 'text.jpg'], 'text.jpg is not JSON'),
        (['CONFIG', 'TUNED', 'IMAGE', '--ann', 'missing.json'], 'missing.json'),
        (['CONFIG', 'TUNED', 'other.jpg', '--ann', 'ANN'], 'has no image other.jpg'),
        (
            ['base.py', 'base.pth', 'IMAGE'],
            'is a TopdownPoseEstimator, not a VLPoseEstimator',
        ),
        (
            ['CONFIG', 'TUNED', 'IMAGE', '--cfg-options', 'model.test_cfg.route=original'],
            'takes the original route, which reads no text prompt',
        ),
        (['no_text.py', 'no_text.pth', 'IMAGE'], 'as the model reads no text'),
    ],
)
def test_bad_input_gets_one_clear_error(
    args: list[str],
    message: str,
    small_config: Path,
    folder: Path,
    images: list[Path],
    mini_data: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.chdir(folder)
    names = dict(
        CONFIG=small_config, TUNED='tuned.pth', IMAGE=images[0], ANN=mini_data / ANN
    )
    out = [] if '--out' in args else ['--out', 'out']
    with pytest.raises(SystemExit) as exit_info:
        run(*(names.get(text, text) for text in (*args, *out)))
    assert exit_info.value.code == 2
    assert message in ' '.join(capsys.readouterr().err.split())
    assert not Path('ran').exists()
