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
from tests.test_inference.conftest import write_video
from vlpose_mm.inference.detectors import find_detector
from vlpose_mm.shell import command, main
from vlpose_mm.weights import tuned


@pytest.fixture
def pictures(mini_data: Path, tmp_path: Path) -> Path:
    """A folder of two drawn pictures, whose name tells nothing."""
    folder = tmp_path / 'pictures'
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
    """The one sentence with which a call is refused."""
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
    assert '\n'.join(lines) in (ROOT / 'docs/shell.md').read_text(encoding='utf-8')


def test_a_folder_is_done_as_the_scenario_says(pictures, out, capsys) -> None:
    args = [str(pictures), '--scenario', 'stained glass', '--out', str(out)]
    assert main(args) == 0
    printed, progress = capsys.readouterr()
    assert 'Poses' in progress and '100%' in progress
    assert printed.startswith('2 pictures with 2 people: 2 tuned, 0 original.')
    assert f'Written to {out}' in printed and len(printed.splitlines()) == 2
    images = annotations(out)['images']
    assert {image['text_prompt'] for image in images} == {
        'a stained glass picture of a person'
    }
    assert len(list((out / 'drawings').iterdir())) == 2


def test_a_prompt_is_read_and_a_route_taken(pictures, out) -> None:
    main([str(pictures), '--prompt', 'a fresco of a saint', '--out', str(out / 'a')])
    assert annotations(out / 'a')['images'][0]['text_prompt'] == 'a fresco of a saint'
    main([str(pictures), '--route', 'original', '--out', str(out / 'b')])
    assert annotations(out / 'b')['images'][0]['route'] == 'original'


def test_several_inputs_and_no_drawings(pictures, out, capsys) -> None:
    first, second = sorted(map(str, pictures.iterdir()))
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
    assert printed.startswith('2 pictures') and printed.endswith('annotations.json.\n')
    assert not (out / 'drawings').exists()


def test_without_out_it_goes_to_vlpose_out(pictures, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(['pictures', '--no-drawings']) == 0
    assert (tmp_path / 'vlpose_out/annotations.json').is_file()


def test_a_video_becomes_a_video(pictures, out, tmp_path, capsys) -> None:
    picture = cv2.imread(str(next(pictures.iterdir())))
    path = write_video(tmp_path / 'clip.mp4', [picture] * 4)
    assert main([str(path), '--scenario', 'mural', '--out', str(out)]) == 0
    assert capsys.readouterr().out.startswith('4 pictures')
    assert (out / 'videos/clip.mp4').is_file()


def test_people_come_from_a_file_of_boxes(mini_data, out) -> None:
    truth = mini_data / 'HumanArt/annotations/validation_humanart.json'
    folder = mini_data / 'HumanArt/images/2D_virtual_human/mural/0000005*.jpg'
    assert main([str(folder), '--people', str(truth), '--out', str(out)]) == 0
    (image,) = annotations(out)['images']
    known = {each['id']: each for each in json.loads(truth.read_text())['images']}
    assert known[image['id']]['file_name'].endswith(image['file_name'])


def test_people_come_from_a_detector(pictures, out, tmp_path, capsys) -> None:
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
    assert main([str(pictures), *args]) == 0
    assert 'Nobody was found on 2 pictures.' in capsys.readouterr().out


def test_a_config_takes_weights_and_a_base(small_config, pictures, out, tmp_path) -> None:
    cfg = Config.fromfile(small_config)
    state = MODELS.build(cfg.model).state_dict()
    torch.save(dict(state_dict=tuned.extract(state)), tmp_path / 'tuned.pth')
    base = {k: v for k, v in state.items() if k.startswith(('backbone.', 'head.'))}
    torch.save(dict(state_dict=base), tmp_path / 'base.pth')
    args = ['--model', str(small_config), '--weights', str(tmp_path / 'tuned.pth')]
    args += ['--base', str(tmp_path / 'base.pth'), '--device', 'cpu']
    assert main([str(pictures), *args, '--route', 'tuned', '--out', str(out)]) == 0
    assert annotations(out)['images'][0]['route'] == 'tuned'


def test_base_weights_alone_are_said_to_be_alone(
    small_config, pictures, out, capsys
) -> None:
    assert main([str(pictures), '--model', str(small_config), '--out', str(out)]) == 0
    assert 'there are no others (--weights)' in capsys.readouterr().out


def test_some_failures_are_named_and_exit_with_1(pictures, out, capsys) -> None:
    for number in range(12):
        (pictures / f'bad{number:02}.jpg').write_bytes(b'')
    assert main([str(pictures), '--out', str(out)]) == 1
    printed = capsys.readouterr().out
    assert '12 pictures failed:\n  bad00.jpg: ' in printed
    assert 'and 2 more, see failed.txt' in printed
    assert len((out / 'failed.txt').read_text().splitlines()) == 12


def test_nothing_but_failures_exits_with_3(tmp_path, out, capsys) -> None:
    (tmp_path / 'bad.jpg').write_bytes(b'x')
    assert main([str(tmp_path / 'bad.jpg'), '--out', str(out)]) == 3
    assert 'bad.jpg is no picture' in capsys.readouterr().out


def test_resume_does_what_is_missing(pictures, out, capsys) -> None:
    first, second = sorted(pictures.iterdir())
    moved = second.rename(pictures.parent / second.name)
    assert main([str(pictures), '--out', str(out)]) == 0
    moved.rename(second)
    assert 'holds the results of another run' in refused(capsys, pictures, '--out', out)
    assert main([str(pictures), '--out', str(out), '--resume']) == 0
    assert '1 picture had been done before.' in capsys.readouterr().out
    assert len(annotations(out)['images']) == 2
    error = refused(capsys, pictures, '--out', out, '--resume', '--scenario', 'mural')
    assert "made with scenario=None, not 'mural'" in error


@pytest.mark.parametrize(
    'args, message',
    [
        ([], 'name a picture, a folder'),
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
        (['.', '--colour'], 'unrecognized arguments: --colour'),
    ],
)
def test_a_wrong_call_is_refused_in_one_sentence(
    args, message, pictures, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(pictures)
    assert message in refused(capsys, *args)
    assert sorted(os.listdir('.')) == sorted(p.name for p in pictures.glob('*.jpg'))


def test_where_nothing_can_be_written_is_named(pictures, tmp_path, capsys) -> None:
    path = tmp_path / 'file'
    path.touch()
    for args in ([pictures], ['demo']):
        assert f'{path}: File exists' in refused(capsys, *args, '--out', path)


def test_a_full_disk_ends_it_in_one_sentence(pictures, out, capsys) -> None:
    with largest_file(1000):
        error = refused(capsys, pictures, '--out', out)
    assert error.startswith(f'vlpose: error: {out}') and error.endswith('File too large')
    assert not [path for path in out.rglob('*') if path.name.startswith('.')]
    assert main([str(pictures), '--out', str(out), '--resume']) == 0
    assert len(annotations(out)['images']) == 2


def test_a_video_that_does_not_fit_is_not_taken_for_done(
    pictures, out, tmp_path, capsys
) -> None:
    picture = cv2.imread(str(next(pictures.iterdir())))
    path = write_video(tmp_path / 'clip.mp4', [picture, 255 - picture] * 10)
    with largest_file(60_000):
        assert 'clip.mp4; the disk may be full.' in refused(capsys, path, '--out', out)
    assert list((out / 'videos').iterdir()) == []
    assert main([str(path), '--out', str(out), '--resume']) == 0
    assert (
        cv2.VideoCapture(str(out / 'videos/clip.mp4')).get(cv2.CAP_PROP_FRAME_COUNT) == 20
    )


def test_what_is_interrupted_before_it_begins_says_so(
    pictures, out, monkeypatch, capsys
) -> None:
    interrupt = lambda options: signal.raise_signal(signal.SIGINT)  # noqa: E731
    monkeypatch.setattr(command, 'load_inferencer', interrupt)
    assert main([str(pictures), '--out', str(out)]) == 130
    assert capsys.readouterr().out == 'Interrupted; nothing is done yet.\n'


def test_models_lists_what_goes_by_name(capsys) -> None:
    assert main(['models']) == 0
    printed = capsys.readouterr().out.splitlines()
    assert '  td-hm_VLPose-base_8xb64-210e_humanart-256x192' in printed
    assert '  demo' in printed and '  yolox-s-humanart' in printed


@pytest.mark.slow
def test_an_interrupted_run_keeps_what_is_done(pictures, out) -> None:
    picture = cv2.imread(str(next(pictures.iterdir())))
    for number in range(200):
        cv2.imwrite(str(pictures / f'{number}.png'), picture)
    program = Path(sys.executable).with_name('vlpose')
    assert program.is_file(), 'The package is not installed as it is now: make env.'
    process = subprocess.Popen(
        [program, pictures, '--out', out],
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
    assert main([str(pictures), '--out', str(out), '--resume']) == 0
    assert len(annotations(out)['images']) == 202
