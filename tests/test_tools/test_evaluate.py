"""python -m vlpose_mm.tools.evaluate"""

import json
from pathlib import Path

import pytest

from tests.test_evaluation import synthetic
from tests.test_tools.as_program import json_output
from vlpose_mm.evaluation import evaluate_file
from vlpose_mm.tools.evaluate import main

CONTENT = synthetic.annotations()


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Annotations, and results with detected and with ground-truth bboxes."""
    return [
        synthetic.write(CONTENT, tmp_path / 'ann.json'),
        synthetic.write(synthetic.results(CONTENT, True), tmp_path / 'detected.json'),
        synthetic.write(synthetic.results(CONTENT, False), tmp_path / 'true.json'),
    ]


@pytest.mark.fast
def test_prints_tables_of_every_result_file_and_writes_json(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    main([*files, '--json', str(tmp_path / 'out.json')])
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line in files] == files[1:]
    rows = [row for row in map(str.split, lines) if row[:1] == ['oil_painting']]
    expected = [evaluate_file(files[0], path).scores('oil_painting') for path in files[1:]]
    assert [row[1] for row in rows[::2]] == [f'{100 * s.AP:.1f}' for s in expected]
    assert [len(row) for row in rows] == [6, 18] * 2
    written = json.loads((tmp_path / 'out.json').read_text())
    assert written['ann_file'] == files[0]
    for path, scores, result in zip(files[1:], expected, written['results'], strict=True):
        assert result['result_file'] == path
        assert result['subsets']['oil_painting']['AP'] == scores.AP
        assert len(result['subsets']['all']['keypoint_oks']) == 17
    assert len(json_output('evaluate', files[:2], capsys)['results']) == 1


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (['empty.json'], 'empty.json has no results in COCO format'),
        (['text.json'], 'text.json is not a JSON file'),
        (['gone.json'], 'gone.json: No such file'),
        (
            ['other.json'],
            'other.json: a record has the image_id -1, which is not among the images of',
        ),
        (['--json', 'no/folder.json'], 'name a file in an existing folder'),
    ],
)
def test_bad_input_gets_one_error_and_no_table(
    args: list[str],
    message: str,
    files: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path('empty.json').write_text('[]')
    Path('text.json').write_text('nonsense')
    other = dict(image_id=-1, category_id=1, keypoints=[], score=1)
    synthetic.write([other], Path('other.json'))
    with pytest.raises(SystemExit):
        main([*files, *args])
    printed = capsys.readouterr()
    assert printed.out == '' or '--json' in args
    (error,) = [line for line in printed.err.splitlines() if 'error: ' in line]
    assert message in error
