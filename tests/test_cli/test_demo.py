"""``vlpose demo``."""

import json
from pathlib import Path

import cv2
import pytest
from xtcocotools.coco import COCO

from vlpose_mm.cli.main import main


def test_the_demo_shows_all_scenarios_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    out = tmp_path / 'vlpose_demo'
    out.mkdir()
    (out / 'annotations.json').write_text('of an earlier demo')
    assert main(['demo']) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    (glass,) = [row for row in rows if row[:1] == ['stained_glass']]
    assert glass[1] == 'tuned' and ' '.join(glass[4:]).startswith('a stained glass')
    assert ['photo', 'original'] in [row[:2] for row in rows]
    assert rows[-1][:4] == ['Written', 'to', 'vlpose_demo:', 'contact_sheet.png,']
    assert len(list(out.rglob('*.jpg'))) == 20
    coco = COCO(str(out / 'annotations.json'))
    assert len(coco.getImgIds()) == len(coco.getAnnIds()) == 20
    assert cv2.imread(str(out / 'contact_sheet.png')).shape[1] > 1000


def test_the_demo_keeps_the_results_of_another_run(tmp_path: Path, capsys) -> None:
    progress = tmp_path / 'progress.jsonl'
    progress.write_text(json.dumps(dict(settings={})))
    with pytest.raises(SystemExit) as info:
        main(['demo', '--out', str(tmp_path)])
    assert info.value.code == 2 and list(tmp_path.iterdir()) == [progress]
    assert 'holds the results of another run' in capsys.readouterr().err
