"""Write the report's files."""

from pathlib import Path

from projects.domain_gap_report.contents import Contents
from projects.domain_gap_report.markdown import FILES, markdown_page
from projects.domain_gap_report.page import html_page
from projects.domain_gap_report.svg import standalone
from vlpose_mm.checkpoint.io import replace_file


def write_report(contents: Contents, folder: Path) -> list[Path]:
    """Write ``report.md`` and ``report.html``.

    Args:
        contents (Contents): The report.
        folder (Path): Where to. What an earlier report left there is replaced.

    Returns:
        list[Path]: The two files.

    Raises:
        OSError: If they cannot be written.
    """
    files = {f'{plot.name}.svg': standalone(plot.svg).encode() for plot in contents.plots}
    for changed in contents.changed:
        for shown in (*changed.gained, *changed.lost):
            files[f'{shown.name}.jpg'] = shown.jpeg
    beside = folder / FILES
    beside.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        _write(beside / name, content)
    pages = {
        folder / 'report.md': markdown_page(contents),
        folder / 'report.html': html_page(contents),
    }
    for path, text in pages.items():
        _write(path, text.encode())
    # Images of an earlier report that no page shows any more.
    for path in [*beside.glob('*.svg'), *beside.glob('model_*.jpg')]:
        if path.name not in files:
            path.unlink()
    return list(pages)


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    with replace_file(str(path)) as file:
        file.write(content)
