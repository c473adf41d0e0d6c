"""The notebook in the docs."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import ROOT


@pytest.mark.slow
def test_the_notebook_runs_from_top_to_bottom(tmp_path: Path) -> None:
    notebook = nbformat.read(ROOT / 'docs/tour.ipynb', as_version=4)
    resources = dict(metadata=dict(path=str(tmp_path)))
    NotebookClient(notebook, timeout=200, resources=resources).execute()
    (scores,) = [
        output.data['text/plain']
        for cell in notebook.cells
        for output in cell.get('outputs', [])
        if 'original' in getattr(output, 'data', {}).get('text/plain', '')
        and 'AP' in cell.source
    ]
    original, tuned = (float(part.split(':')[1].strip(' }')) for part in scores.split(','))
    assert tuned > original


def test_its_outputs_hold_no_path_of_a_machine() -> None:
    content = (ROOT / 'docs/tour.ipynb').read_text(encoding='utf-8')
    assert str(ROOT) not in content and '/tmp' not in content
