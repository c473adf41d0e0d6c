"""``vlpose demo``."""

import json
from pathlib import Path

import cv2
import pytest
from xtcocotools.coco import COCO

from vlpose_mm.cli import main


def test_the_demo_shows_all_kinds_of_images_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(2):  # The second one writes over the first.
        assert main(['demo']) == 0
        printed = capsys.readouterr().out
        assert 'stained_glass   tuned' in printed and 'photo           original' in printed
        assert 'Written to vlpose_demo: contact_sheet.png' in printed
    out = tmp_path / 'vlpose_demo'
    assert len(list(out.rglob('*.jpg'))) == 20
    coco = COCO(str(out / 'annotations.json'))
    assert len(coco.getImgIds()) == len(coco.getAnnIds()) == 20
    assert cv2.imread(str(out / 'contact_sheet.png')).shape[1] > 1000


def test_the_demo_spares_the_results_of_others(tmp_path: Path, capsys) -> None:
    progress = tmp_path / 'progress.jsonl'
    progress.write_text(json.dumps(dict(settings={})))
    with pytest.raises(SystemExit) as info:
        main(['demo', '--out', str(tmp_path)])
    assert info.value.code == 2 and list(tmp_path.iterdir()) == [progress]
    assert 'holds the results of another run' in capsys.readouterr().err
