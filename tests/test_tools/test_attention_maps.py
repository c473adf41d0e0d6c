"""python -m vlpose_mm.tools.attention_maps"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner.checkpoint import load_state_dict
from mmpose.registry import MODELS

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
def cartoon(mini_data: Path) -> Path:
    (path,) = mini_data.glob('HumanArt/images/2D_virtual_human/cartoon/*5*.jpg')
    return path


@pytest.fixture
def sketch(mini_data: Path) -> Path:
    (path,) = mini_data.glob('HumanArt/images/2D_virtual_human/sketch/*5*.jpg')
    return path


def run(*args: object) -> None:
    main([str(arg) for arg in args])


def test_draws_a_sheet_for_each_image_and_prints_the_attention_to_each_word(
    small_config: Path,
    tuned: Path,
    cartoon: Path,
    sketch: Path,
    mini_data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
) -> None:
    out, numbers = tmp_path / 'new/out', tmp_path / 'numbers.json'
    # Images of two folders that have the same name.
    assert cartoon.name == sketch.name
    args = (small_config, tuned, cartoon, sketch, '--ann', mini_data / ANN)
    run(*args, '--out', out, '--json', numbers)
    printed = capsys.readouterr().out
    names = [f'{cartoon.stem}.png', f'{cartoon.stem}_2.png']
    assert sorted(path.name for path in out.iterdir()) == names
    found = json.loads(numbers.read_text())['images']
    truth = json.loads((mini_data / ANN).read_text())
    for image, scenario, name in zip(found, ('cartoon', 'sketch'), names, strict=True):
        assert image['sheet'] == str(out / name)
        sheet = cv2.imread(image['sheet'])
        (record,) = [r for r in truth['images'] if r['category'] == scenario]
        count = sum(a['image_id'] == record['id'] for a in truth['annotations'])
        assert len(image['instances']) == count and sheet.shape[0] > 250 * count
        for instance in image['instances']:
            text_prompt = SCENARIOS[scenario].text_prompt
            assert instance['text_prompt'] == text_prompt
            words = [w['word'] for w in instance['words'] if not w['special']]
            assert ' '.join(words) == text_prompt
            assert sum(instance['shares'].values()) == pytest.approx(1)
            for word in instance['words']:
                assert 0 < word['attention'] <= word['max'] < 1
                line = next(
                    line.split()
                    for line in printed.splitlines()
                    if line.startswith(f'{word["word"]} ')
                )
                assert len(line) == 4
    assert (
        f'{cartoon} -> {out / names[0]}' in printed and '"a sketch of a person"' in printed
    )


def test_text_prompt_bboxes_words_and_heads_are_options(
    small_config: Path,
    tuned: Path,
    cartoon: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
) -> None:
    shapes = {}
    for name, extra in dict(
        all=[], word=['--word', 'Person', '--word', 'a'], heads=['--per-head']
    ).items():
        out = tmp_path / name
        mural = ('--text-prompt', SCENARIOS['mural'].text_prompt)
        bboxes = ('--bboxes', 0, 0, 60, 80)
        run(small_config, tuned, cartoon, *mural, *bboxes, *extra, '--out', out)
        assert '"a mural of a person"' in capsys.readouterr().out
        shapes[name] = cv2.imread(str(out / f'{cartoon.stem}.png')).shape
    assert shapes['word'][0] < shapes['all'][0] < shapes['heads'][0]

    run(small_config, tuned, cartoon, '--scenario', 'Oil Painting', '--out', tmp_path)
    assert '"an oil painting of a person"' in capsys.readouterr().out


def test_an_adapter_checkpoint_is_drawn_with_its_base(
    small_config: Path,
    tuned: Path,
    cartoon: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
) -> None:
    run(small_config, tuned, cartoon, '--out', tmp_path / 'whole')
    whole = capsys.readouterr().out
    small = tmp_path / 'small.pth'
    torch.save(dict(state_dict=extract(read_file(str(tuned))['state_dict'])), small)
    base = small_config.parent / 'vitpose.pth'
    args = ('--out', tmp_path / 'small', '--cfg-options', f'model.base_weights={base}')
    run(small_config, small, cartoon, *args)
    printed = capsys.readouterr().out
    assert printed.splitlines()[1:] == whole.splitlines()[1:]


@pytest.mark.slow
def test_writes_json_alone_to_the_standard_output(
    small_config: Path, tuned: Path, cartoon: Path, tmp_path: Path
) -> None:
    command = [sys.executable, '-m', 'vlpose_mm.tools.attention_maps', small_config, tuned]
    done = subprocess.run(
        [*command, cartoon, '--out', tmp_path / 'out', '--json', '-'],
        capture_output=True,
        check=True,
    )
    (image,) = json.loads(done.stdout)['images']
    assert image['image'] == str(cartoon)


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
            ['CONFIG', 'TUNED', 'IMAGE', '--text-prompt', 'unheard of'],
            "holds no features of 'unheard of'",
        ),
        (
            ['CONFIG', 'TUNED', 'IMAGE', '--bboxes', '900', '0', '909', '9'],
            'The bbox 900 0 909 9 (x1 y1 x2 y2) is empty or outside of',
        ),
        (
            ['CONFIG', 'TUNED', 'IMAGE', 'IMAGE', '--bboxes', '0', '0', '9', '9'],
            '--bboxes is for one image',
        ),
        (['CONFIG', 'TUNED', 'IMAGE', '--bboxes', '0', '0', '9'], 'takes four numbers'),
        (['CONFIG', 'TUNED', 'IMAGE', '--ann', 'text.jpg'], 'is not an annotation file'),
        (['CONFIG', 'TUNED', 'IMAGE', '--ann', 'missing.json'], 'missing.json'),
        (['CONFIG', 'TUNED', 'other.jpg', '--ann', 'ANN'], 'has no image other.jpg'),
        (['base.py', 'base.pth', 'IMAGE'], 'TopdownPoseEstimator reads no text prompts'),
        (
            [
                'CONFIG',
                'TUNED',
                'IMAGE',
                '--cfg-options',
                'model.test_cfg.route=original',
            ],
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
    cartoon: Path,
    mini_data: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.chdir(folder)
    names = dict(
        CONFIG=str(small_config),
        TUNED='tuned.pth',
        IMAGE=str(cartoon),
        ANN=mini_data / ANN,
    )
    out = [] if '--out' in args else ['--out', 'out']
    with pytest.raises(SystemExit) as exit_info:
        main([str(names.get(text, text)) for text in (*args, *out)])
    assert exit_info.value.code == 2
    assert message in ' '.join(capsys.readouterr().err.split())
    assert not Path('ran').exists()
