"""python -m vlpose_mm.tools.evaluate"""

import json
from pathlib import Path

import pytest

from tests.test_evaluation import synthetic
from vlpose_mm.evaluation import evaluate_file
from vlpose_mm.tools.evaluate import main

CONTENT = synthetic.annotations()


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Annotations, and results with detected and with true boxes."""
    return [
        synthetic.write(CONTENT, tmp_path / 'ann.json'),
        synthetic.write(synthetic.results(CONTENT, True), tmp_path / 'detected.json'),
        synthetic.write(synthetic.results(CONTENT, False), tmp_path / 'true.json'),
    ]


def test_prints_tables_of_every_result_file_and_writes_json(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    main([*files, '--json', str(tmp_path / 'out.json')])
    printed = capsys.readouterr().out
    assert [line for line in printed.splitlines() if line in files] == files[1:]
    rows = [line.split() for line in printed.splitlines()]
    rows = [row for row in rows if row[:1] == ['oil_painting']]
    expected = [evaluate_file(files[0], path).scores('oil_painting') for path in files[1:]]
    assert [row[1] for row in rows[::2]] == [f'{100 * s.AP:.1f}' for s in expected]
    assert [len(row) for row in rows] == [6, 18] * 2
    written = json.loads((tmp_path / 'out.json').read_text())
    assert written['annotations'] == files[0]
    for path, scores, found in zip(files[1:], expected, written['results'], strict=True):
        assert found['file'] == path
        assert found['parts']['oil_painting']['AP'] == scores.AP
        assert len(found['parts']['all']['keypoint_oks']) == 17


def test_the_standard_output_can_be_the_json(
    files: list[str], capsys: pytest.CaptureFixture
) -> None:
    main([*files[:2], '--json', '-'])
    assert len(json.loads(capsys.readouterr().out)['results']) == 1


@pytest.mark.parametrize(
    ('results', 'message'),
    [
        ('[]', 'holds no results in COCO format'),
        ('nonsense', 'is no JSON file'),
        (None, 'No such file'),
        (
            '[{"image_id": -1, "category_id": 1, "keypoints": [], "score": 1}]',
            '1 of its 1 values of image_id, such as -1, are not among the annotated ones',
        ),
    ],
)
def test_bad_input_gets_one_error_and_no_table(
    results: str | None,
    message: str,
    files: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
) -> None:
    bad = tmp_path / 'bad.json'
    if results is not None:
        bad.write_text(results)
    with pytest.raises(SystemExit):
        main([*files, str(bad)])
    printed = capsys.readouterr()
    assert printed.out == ''
    (error,) = [line for line in printed.err.splitlines() if 'error: ' in line]
    assert message in error and str(bad) in error


def test_a_place_that_cannot_be_written_is_named(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(SystemExit):
        main([*files, '--json', str(tmp_path / 'no/folder.json')])
    assert 'name a file in an existing folder' in capsys.readouterr().err
