"""``vlpose``: every option, what it prints, and its exit codes."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import pytest
import torch
from mmengine.config import Config
from mmpose.registry import MODELS

from tests.conftest import ROOT
from tests.test_apis.conftest import write_video
from tests.test_apis.detector_weights import write_weights
from tests.test_cli.test_startup import SCRIPT
from vlpose_mm.checkpoint import adapter
from vlpose_mm.cli import predict
from vlpose_mm.cli.main import main

WHOLE = ('--det-model', 'whole-image')


@pytest.fixture
def images(mini_data: Path, tmp_path: Path) -> Path:
    """A folder of two drawn images, whose name is not a scenario."""
    folder = tmp_path / 'images'
    folder.mkdir()
    for path in (mini_data / 'HumanArt/images').glob('*/mural/*.jpg'):
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / 'out'


def run(*args: object) -> int:
    """Run the command, with the model of drawn figures unless another one is named."""
    model = () if '--model' in args else ('--model', 'mini-drawn')
    return main(list(map(str, (*args, *model))))


def annotations(out: Path) -> dict:
    return json.loads((out / 'annotations.json').read_text())


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file grow beyond so many bytes, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def refused(capsys: pytest.CaptureFixture, *args: object) -> str:
    """Run a wrong call; return its error."""
    with pytest.raises(SystemExit) as info:
        run(*args)
    assert info.value.code == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith(('error: ', 'vlpose: error: '))
    return error


@pytest.mark.fast
def test_the_help_fits_a_screen(capsys) -> None:
    with pytest.raises(SystemExit) as info:
        main(['--help'])
    lines = capsys.readouterr().out.splitlines()
    assert info.value.code == 0
    assert len(lines) <= 24 and max(map(len, lines)) <= 80
    assert '\n'.join(lines) in (ROOT / 'docs/cli.md').read_text(encoding='utf-8')


@pytest.mark.fast
def test_a_folder_is_done_as_the_scenario_says(images, out, capsys) -> None:
    assert run(images, '--scenario', 'stained glass', '--out', out) == 0
    printed, progress = capsys.readouterr()
    assert 'Inference' in progress and '100%' in progress
    assert printed.splitlines() == [
        '2 images with 2 instances: 2 tuned, 0 original.',
        f'Written to {out}: annotations.json and drawings.',
    ]
    texts = {record['text_prompt'] for record in annotations(out)['images']}
    assert texts == {'a stained glass picture of a person'}
    assert len(list((out / 'drawings').iterdir())) == 2


def test_what_is_skipped_is_counted_and_named(images, out, capsys) -> None:
    (images / 'logo.svg').write_text('<svg/>')
    (images / 'notes.txt').write_text('Ours.')
    assert run(images, '--no-drawings', '--out', out) == 0
    said = '2 files (logo.svg, notes.txt) skipped, neither an image nor a video.'
    printed, log = capsys.readouterr()
    assert said in printed.splitlines() and said in log
    assert not (out / 'failed.txt').exists()


def test_several_inputs_take_a_text_prompt_and_a_video_a_route(
    images, out, tmp_path, monkeypatch, capsys
) -> None:
    first, second = sorted(map(str, images.iterdir()))
    args = (first, f'{second[:-5]}*', '--no-drawings', '--batch-size', 1, '--out', out)
    assert run(*args, '--prompt', 'a fresco of a saint') == 0
    assert annotations(out)['images'][0]['text_prompt'] == 'a fresco of a saint'
    printed = capsys.readouterr().out
    assert printed.startswith('2 images') and printed.endswith('annotations.json.\n')
    read_as = annotations(out)['images'][0]['read_as']
    assert next(iter(read_as)) == 'a mural of a person'
    said = "'a fresco of a saint' was read as 'a mural of a person' ("
    assert any(line.startswith(said) for line in printed.splitlines())
    assert not (out / 'drawings').exists()
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / 'clip.mp4', [cv2.imread(first)] * 4)
    assert run('clip.mp4', '--route', 'original') == 0
    assert capsys.readouterr().out.startswith('4 images')
    assert annotations(tmp_path / 'vlpose_out')['images'][0]['route'] == 'original'
    assert (tmp_path / 'vlpose_out/videos/clip.mp4').is_file()


def test_bboxes_come_from_a_file_or_a_detector(
    mini_data, images, out, tmp_path, capsys
) -> None:
    truth = mini_data / 'HumanArt/annotations/validation_humanart.json'
    mural = mini_data / 'HumanArt/images/2D_virtual_human/mural/0000005*.jpg'
    assert run(mural, '--bboxes', truth, '--out', out) == 0
    (image,) = annotations(out)['images']
    known = {each['id']: each for each in json.loads(truth.read_text())['images']}
    assert known[image['id']]['file_name'].endswith(image['file_name'])
    weights = write_weights(tmp_path, bias=-20)
    args = ('--det-model', 'rtmdet-nano', '--det-weights', weights)
    assert run(images, *args, '--out', out / 'detected') == 0
    assert 'There are no instances on 2 images.' in capsys.readouterr().out


def test_a_config_takes_weights_and_those_of_its_base(
    small_config, images, out, tmp_path, capsys
) -> None:
    assert run(images, '--model', small_config, *WHOLE, '--out', out / 'base') == 0
    assert 'there are no tuned weights (--weights)' in capsys.readouterr().out
    state = MODELS.build(Config.fromfile(small_config).model).state_dict()
    torch.save(dict(state_dict=adapter.extract(state)), tmp_path / 'tuned.pth')
    base = {k: v for k, v in state.items() if k.startswith(('backbone.', 'head.'))}
    torch.save(dict(state_dict=base), tmp_path / 'base.pth')
    args = ('--model', small_config, '--weights', tmp_path / 'tuned.pth')
    args += ('--base-weights', tmp_path / 'base.pth', '--device', 'cpu', *WHOLE)
    assert run(images, *args, '--route', 'tuned', '--out', out / 'tuned') == 0
    assert annotations(out / 'tuned')['images'][0]['route'] == 'tuned'


def test_failures_exit_with_1_or_3_and_resume_does_what_is_missing(
    images, out, capsys
) -> None:
    for number in range(12):
        (images / f'bad{number:02}.jpg').write_bytes(b'')
    assert run(images, '--out', out) == 1
    printed = capsys.readouterr().out
    assert '12 images failed:\n  bad00.jpg: ' in printed
    assert 'and 2 more, see failed.txt' in printed
    assert len((out / 'failed.txt').read_text().splitlines()) == 12
    assert run(images / 'bad00.jpg', '--out', out / 'bad') == 3
    content = next(path for path in images.iterdir() if path.stat().st_size).read_bytes()
    for path in images.glob('bad*'):
        path.write_bytes(content)
    assert 'holds the results of another run' in refused(capsys, images, '--out', out)
    assert run(images, '--out', out, '--resume') == 0
    assert '2 images had been done before.' in capsys.readouterr().out
    assert len(annotations(out)['images']) == 14


@pytest.mark.parametrize(
    'args, message',
    [
        ([], 'name an image, a folder'),
        (['nowhere/'], 'There is no file or folder nowhere/'),
        (['nowhere/*.jpg'], 'No file matches'),
        (['.', '--scenario', 'oil paintin'], "did you mean 'oil_painting'"),
        (['.', '--text-prompt', ' '], 'The text prompt is blank'),
        (['.', '--route', 'best'], "invalid choice: 'best'"),
        (['.', '--batch-size', '0'], '--batch-size must be at least 1'),
        (['.', '--model', 'vlpose'], "Unknown model 'vlpose'"),
        (['.', '--weights', 'none.pth'], 'There is no file none.pth'),
        (['.', '--base-weights', 'none.pth'], 'There is no file none.pth'),
        (['.', '--det-model', 'somebody'], "Unknown detector 'somebody'"),
        (['.', '--bboxes', 'none.json'], 'There is no file none.json'),
        (['.', '--out', ''], '--out: No such file or directory'),
        (['\x1b[31m'], 'No file matches \\x1b[31m.'),
        (['.', '--det-weights', 'x.pth'], '--det-weights needs a detector'),
        ('. --det-weights x.pth --det-model whole_image'.split(), 'needs a detector'),
        (['.', '--device', 'tpu9'], "Cannot run on 'tpu9'"),
        (['.', '--device', 'cuda:99'], "Cannot run on 'cuda:99'"),
        (['.', '--color'], 'unrecognized arguments: --color'),
    ],
)
def test_a_wrong_call_is_refused_in_one_line(
    args, message, images, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(images)
    assert message in refused(capsys, *args)
    assert sorted(os.listdir('.')) == sorted(p.name for p in images.glob('*.jpg'))


def test_a_folder_that_cannot_be_written_is_named(images, tmp_path, capsys) -> None:
    path = tmp_path / 'file'
    path.touch()
    assert f'{path}: File exists' in refused(capsys, images, '--out', path)
    with pytest.raises(SystemExit):
        main(['demo', '--out', str(path)])
    assert f'{path}: File exists' in capsys.readouterr().err


def test_a_full_disk_ends_the_run_in_one_line(images, out, capsys) -> None:
    with largest_file(1000):
        error = refused(capsys, images, '--out', out)
    assert error.startswith(f'error: {out}') and error.endswith('File too large')
    assert not [path for path in out.rglob('*') if path.name.startswith('.')]
    assert run(images, '--out', out, '--resume') == 0
    assert len(annotations(out)['images']) == 2


def test_the_people_of_a_video_are_numbered(images, out, tmp_path) -> None:
    image = cv2.imread(str(next(images.iterdir())))
    path = write_video(tmp_path / 'clip.mp4', [image] * 3)
    assert run(path, '--scenario', 'sketch', '--smooth', '--out', out) == 0
    ids = [each['track_id'] for each in annotations(out)['annotations']]
    assert ids == [0, 0, 0]


def test_a_video_that_does_not_fit_is_done_again(images, out, tmp_path, capsys) -> None:
    image = cv2.imread(str(next(images.iterdir())))
    path = write_video(tmp_path / 'clip.mp4', [image, 255 - image] * 10)
    with largest_file(60_000):
        assert run(path, '--out', out) == 1
    assert 'clip.mp4: Cannot write the video ' in capsys.readouterr().out
    assert list((out / 'videos').iterdir()) == []
    assert run(path, '--out', out, '--resume') == 0
    capture = cv2.VideoCapture(str(out / 'videos/clip.mp4'))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 20


def test_an_interrupt_before_the_first_image(images, out, monkeypatch, capsys) -> None:
    def interrupt(*args: object, **kwargs: object) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(predict, 'build_inferencer', interrupt)
    assert run(images, '--out', out) == 130
    assert capsys.readouterr().out == 'Interrupted; nothing is done yet.\n'


@pytest.mark.slow
def test_an_interrupted_run_keeps_what_is_done(images, out) -> None:
    image = cv2.imread(str(next(images.iterdir())))
    for number in range(100):
        cv2.imwrite(str(images / f'{number}.png'), image)
    process = subprocess.Popen(
        [sys.executable, '-c', SCRIPT, images, '--model', 'mini-drawn', '--out', out],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=dict(os.environ, OMP_NUM_THREADS='1', PYTHONPATH=str(ROOT)),
    )
    progress = out / 'progress.jsonl'
    while not progress.exists() or progress.read_bytes().count(b'\n') < 10:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=120)
    assert process.returncode == 130 and '--resume does the rest' in printed
    done = len(annotations(out)['images'])
    assert 9 <= done < 102
    assert not list(out.rglob('.*'))
    assert run(images, '--out', out, '--resume') == 0
    assert len(annotations(out)['images']) == 102
