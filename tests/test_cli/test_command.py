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
from vlpose_mm.apis.detectors import find_detector
from vlpose_mm.checkpoint import adapter
from vlpose_mm.cli import command, main


@pytest.fixture
def images(mini_data: Path, tmp_path: Path) -> Path:
    """A folder of two drawn images, whose name tells nothing."""
    folder = tmp_path / 'images'
    folder.mkdir()
    for path in (mini_data / 'HumanArt/images').glob('*/mural/*.jpg'):
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / 'out'


def annotations(out: Path) -> dict:
    return json.loads((out / 'annotations.json').read_text())


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file grow beyond so many bytes, which is as good as a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def refused(capsys: pytest.CaptureFixture, *args: object) -> str:
    """The one text prompt with which a call is refused."""
    with pytest.raises(SystemExit) as info:
        main(list(map(str, args)))
    assert info.value.code == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith('vlpose')
    return error


def test_help_fits_a_screen(capsys) -> None:
    with pytest.raises(SystemExit) as info:
        main(['--help'])
    lines = capsys.readouterr().out.splitlines()
    assert info.value.code == 0
    assert len(lines) <= 24 and max(map(len, lines)) <= 80
    assert '\n'.join(lines) in (ROOT / 'docs/cli.md').read_text(encoding='utf-8')


def test_a_folder_is_done_as_the_scenario_says(images, out, capsys) -> None:
    args = [str(images), '--scenario', 'stained glass', '--out', str(out)]
    assert main(args) == 0
    printed, progress = capsys.readouterr()
    assert 'Poses' in progress and '100%' in progress
    assert printed.startswith('2 images with 2 people: 2 tuned, 0 original.')
    assert f'Written to {out}' in printed and len(printed.splitlines()) == 2
    records = annotations(out)['images']
    assert {record['text_prompt'] for record in records} == {
        'a stained glass picture of a person'
    }
    assert len(list((out / 'drawings').iterdir())) == 2


def test_a_prompt_is_read_and_a_route_taken(images, out) -> None:
    main([str(images), '--prompt', 'a fresco of a saint', '--out', str(out / 'a')])
    assert annotations(out / 'a')['images'][0]['text_prompt'] == 'a fresco of a saint'
    main([str(images), '--route', 'original', '--out', str(out / 'b')])
    assert annotations(out / 'b')['images'][0]['route'] == 'original'


def test_several_inputs_and_no_drawings(images, out, capsys) -> None:
    first, second = sorted(map(str, images.iterdir()))
    args = [
        first,
        f'{second[:-5]}*',
        '--no-drawings',
        '--batch-size',
        '1',
        '--out',
        str(out),
    ]
    assert main(args) == 0
    printed = capsys.readouterr().out
    assert printed.startswith('2 images') and printed.endswith('annotations.json.\n')
    assert not (out / 'drawings').exists()


def test_without_out_it_goes_to_vlpose_out(images, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(['images', '--no-drawings']) == 0
    assert (tmp_path / 'vlpose_out/annotations.json').is_file()


def test_a_video_becomes_a_video(images, out, tmp_path, capsys) -> None:
    image = cv2.imread(str(next(images.iterdir())))
    path = write_video(tmp_path / 'clip.mp4', [image] * 4)
    assert main([str(path), '--scenario', 'mural', '--out', str(out)]) == 0
    assert capsys.readouterr().out.startswith('4 images')
    assert (out / 'videos/clip.mp4').is_file()


def test_people_come_from_a_file_of_boxes(mini_data, out) -> None:
    truth = mini_data / 'HumanArt/annotations/validation_humanart.json'
    folder = mini_data / 'HumanArt/images/2D_virtual_human/mural/0000005*.jpg'
    assert main([str(folder), '--people', str(truth), '--out', str(out)]) == 0
    (image,) = annotations(out)['images']
    known = {each['id']: each for each in json.loads(truth.read_text())['images']}
    assert known[image['id']]['file_name'].endswith(image['file_name'])


def test_people_come_from_a_detector(images, out, tmp_path, capsys) -> None:
    weights = tmp_path / 'detector.pth'
    weights.touch()
    model = find_detector('rtmdet-nano', weights).cfg.model
    from mmdet.registry import MODELS as DETECTORS
    from mmengine.registry import DefaultScope

    with DefaultScope.overwrite_default_scope('mmdet'):
        state = DETECTORS.build(model).state_dict()
    meta = dict(dataset_meta=dict(classes=['person']))
    torch.save(dict(state_dict=state, meta=meta), weights)
    args = ['--people', 'rtmdet-nano', '--det-weights', str(weights), '--out', str(out)]
    # With random weights it is sure of nothing.
    assert main([str(images), *args]) == 0
    assert 'Nobody was found on 2 images.' in capsys.readouterr().out


def test_a_config_takes_weights_and_a_base(small_config, images, out, tmp_path) -> None:
    cfg = Config.fromfile(small_config)
    state = MODELS.build(cfg.model).state_dict()
    torch.save(dict(state_dict=adapter.extract(state)), tmp_path / 'tuned.pth')
    base = {k: v for k, v in state.items() if k.startswith(('backbone.', 'head.'))}
    torch.save(dict(state_dict=base), tmp_path / 'base.pth')
    args = ['--model', str(small_config), '--weights', str(tmp_path / 'tuned.pth')]
    args += ['--base', str(tmp_path / 'base.pth'), '--device', 'cpu']
    assert main([str(images), *args, '--route', 'tuned', '--out', str(out)]) == 0
    assert annotations(out)['images'][0]['route'] == 'tuned'


def test_base_weights_alone_are_said_to_be_alone(small_config, images, out, capsys) -> None:
    assert main([str(images), '--model', str(small_config), '--out', str(out)]) == 0
    assert 'there are no others (--weights)' in capsys.readouterr().out


def test_some_failures_are_named_and_exit_with_1(images, out, capsys) -> None:
    for number in range(12):
        (images / f'bad{number:02}.jpg').write_bytes(b'')
    assert main([str(images), '--out', str(out)]) == 1
    printed = capsys.readouterr().out
    assert '12 images failed:\n  bad00.jpg: ' in printed
    assert 'and 2 more, see failed.txt' in printed
    assert len((out / 'failed.txt').read_text().splitlines()) == 12


def test_nothing_but_failures_exits_with_3(tmp_path, out, capsys) -> None:
    (tmp_path / 'bad.jpg').write_bytes(b'x')
    assert main([str(tmp_path / 'bad.jpg'), '--out', str(out)]) == 3
    assert 'bad.jpg is no image' in capsys.readouterr().out


def test_resume_does_what_is_missing(images, out, capsys) -> None:
    first, second = sorted(images.iterdir())
    moved = second.rename(images.parent / second.name)
    assert main([str(images), '--out', str(out)]) == 0
    moved.rename(second)
    assert 'holds the results of another run' in refused(capsys, images, '--out', out)
    assert main([str(images), '--out', str(out), '--resume']) == 0
    assert '1 image had been done before.' in capsys.readouterr().out
    assert len(annotations(out)['images']) == 2
    error = refused(capsys, images, '--out', out, '--resume', '--scenario', 'mural')
    assert "made with scenario=None, not 'mural'" in error


@pytest.mark.parametrize(
    'args, message',
    [
        ([], 'name an image, a folder'),
        (['nowhere/'], 'There is no file or folder nowhere/'),
        (['nowhere/*.jpg'], 'No file matches'),
        (['.', '--scenario', 'oil paintin'], "did you mean 'oil_painting'"),
        (['.', '--prompt', ' '], 'The prompt is blank'),
        (['.', '--route', 'best'], "invalid choice: 'best'"),
        (['.', '--batch-size', '0'], 'batch_size must be at least 1'),
        (['.', '--model', 'vlpose'], "Unknown model 'vlpose'"),
        (['.', '--weights', 'none.pth'], 'There is no file none.pth'),
        (['.', '--base', 'none.pth'], 'there is no file none.pth, where its base'),
        (['.', '--people', 'somebody'], "Unknown detector 'somebody'"),
        (['.', '--people', 'none.json'], 'Cannot read none.json'),
        (['.', '--people', 'NONE.JSON'], 'Cannot read NONE.JSON'),
        (['.', '--out', ''], '--out: No such file or directory'),
        (['\x1b[31m'], 'No file matches \\x1b[31m.'),
        (['.', '--det-weights', 'x.pth'], '--det-weights are of a detector'),
        (['.', '--device', 'tpu9'], "Cannot run on 'tpu9'"),
        (['.', '--device', 'cuda:99'], "Cannot run on 'cuda:99'"),
        (['.', '--color'], 'unrecognized arguments: --color'),
    ],
)
def test_a_wrong_call_is_refused_in_one_text_prompt(
    args, message, images, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(images)
    assert message in refused(capsys, *args)
    assert sorted(os.listdir('.')) == sorted(p.name for p in images.glob('*.jpg'))


def test_where_nothing_can_be_written_is_named(images, tmp_path, capsys) -> None:
    path = tmp_path / 'file'
    path.touch()
    for args in ([images], ['demo']):
        assert f'{path}: File exists' in refused(capsys, *args, '--out', path)


def test_a_full_disk_ends_it_in_one_text_prompt(images, out, capsys) -> None:
    with largest_file(1000):
        error = refused(capsys, images, '--out', out)
    assert error.startswith(f'vlpose: error: {out}') and error.endswith('File too large')
    assert not [path for path in out.rglob('*') if path.name.startswith('.')]
    assert main([str(images), '--out', str(out), '--resume']) == 0
    assert len(annotations(out)['images']) == 2


def test_a_video_that_does_not_fit_is_not_taken_for_done(
    images, out, tmp_path, capsys
) -> None:
    image = cv2.imread(str(next(images.iterdir())))
    path = write_video(tmp_path / 'clip.mp4', [image, 255 - image] * 10)
    with largest_file(60_000):
        assert 'clip.mp4; the disk may be full.' in refused(capsys, path, '--out', out)
    assert list((out / 'videos').iterdir()) == []
    assert main([str(path), '--out', str(out), '--resume']) == 0
    assert (
        cv2.VideoCapture(str(out / 'videos/clip.mp4')).get(cv2.CAP_PROP_FRAME_COUNT) == 20
    )


def test_what_is_interrupted_before_it_begins_says_so(
    images, out, monkeypatch, capsys
) -> None:
    interrupt = lambda options: signal.raise_signal(signal.SIGINT)  # noqa: E731
    monkeypatch.setattr(command, 'load_inferencer', interrupt)
    assert main([str(images), '--out', str(out)]) == 130
    assert capsys.readouterr().out == 'Interrupted; nothing is done yet.\n'


def test_models_lists_what_goes_by_name(capsys) -> None:
    assert main(['models']) == 0
    printed = capsys.readouterr().out.splitlines()
    assert '  td-hm_VLPose-base_8xb64-210e_humanart-256x192' in printed
    assert '  demo' in printed and '  yolox-s-humanart' in printed


@pytest.mark.slow
def test_an_interrupted_run_keeps_what_is_done(images, out) -> None:
    image = cv2.imread(str(next(images.iterdir())))
    for number in range(200):
        cv2.imwrite(str(images / f'{number}.png'), image)
    program = Path(sys.executable).with_name('vlpose')
    assert program.is_file(), 'The package is not installed as it is now: make env.'
    process = subprocess.Popen(
        [program, images, '--out', out],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=dict(os.environ, OMP_NUM_THREADS='1'),
    )
    progress = out / 'progress.jsonl'
    while not progress.exists() or progress.read_bytes().count(b'\n') < 20:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 130 and '--resume does the rest' in printed
    done = len(annotations(out)['images'])
    assert 19 <= done < 202
    assert not list(out.rglob('.*'))
    assert main([str(images), '--out', str(out), '--resume']) == 0
    assert len(annotations(out)['images']) == 202
