"""python -m projects.domain_gap_report"""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from projects.domain_gap_report.__main__ import main
from tests.test_projects.test_domain_gap_report.conftest import ART, PHOTOS


class Page(HTMLParser):
    """Headings, sources and text of a page; fails if elements are not closed."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.open: list[str] = []
        self.headings: list[str] = []
        self.sources: list[str] = []
        self.tags: set[str] = set()
        self.text = ''
        self.feed(path.read_text())
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.sources += [v for k, v in attrs if k in ('src', 'href')]
        self.tags.add(tag)
        self.open += [tag] if tag not in ('meta', 'img') else []
        self.headings += [''] if tag in ('h1', 'h2', 'h3') else []

    def handle_startendtag(self, tag: str, attrs: list) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ('h1', 'h2', 'h3'):
            self.headings[-1] += data
        self.text += data if 'style' not in self.open else ''


def report(out: Path, *args: object) -> tuple[str, Page]:
    assert main([*map(str, args), '--out', str(out)]) == 0
    return (out / 'report.md').read_text(), Page(out / 'report.html')


@pytest.mark.fast
def test_two_runs_fill_a_page_that_needs_no_other_file(
    make_run: Callable, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    runs = make_run('ViTPose', art=3, photos=1), make_run('VLPose', art=1, photos=1)
    markdown, page = report(tmp_path / 'out', *runs)
    headings = 'The domain gap|Natural and artificial images|Scenarios|Precision and recall'
    headings += '|Qualitative examples|VLPose, compared with ViTPose|Runs'
    assert page.headings == headings.split('|')
    assert re.findall(r'^#+ (.*)$', markdown, re.MULTILINE) == page.headings
    assert len(page.sources) == 4 and 'svg' in page.tags and 'script' not in page.tags
    assert all(source.startswith('data:image/jpeg;base64,') for source in page.sources)
    assert not re.search(r'url\((?!#)|@import', (tmp_path / 'out/report.html').read_text())
    line = r'VLPose: \d+\.\d AP on artificial images \(\+\d+\.\d\); .* \(\+\d+\.\d\)$'
    assert re.search(line, page.text, re.M) and re.search(line, markdown, re.M)
    files = re.findall(r'\]\((report_files/[^)]+)\)', markdown)
    assert len(files) == len(set(files)) == 2 + 4 + 4
    assert all((tmp_path / 'out' / name).stat().st_size for name in files)
    printed = capsys.readouterr().out.splitlines()
    assert any(re.match(r'\s+artificial .*\(\+\d', row) for row in printed)
    assert printed[-1].startswith('Written: ')


def test_names_that_look_like_markup_are_escaped(
    make_run: Callable, tmp_path: Path
) -> None:
    names = ['<b>one</b>', 'two & three', '|x|', '*y*', '"quoted"', 'plain']
    runs = [f'{n}={make_run(str(i), art=i + 1)}' for i, n in enumerate(names)]
    markdown, page = report(tmp_path / 'out', *runs)
    for name in names:
        assert page.text.count(name) > 5
    rows = [line for line in markdown.splitlines() if line.startswith('|')]
    assert {len(re.findall(r'(?<!\\)\|', row)) for row in rows} == {8, 9}
    assert '<b>' not in markdown


@pytest.mark.parametrize('kind', ['art', 'photos'])
def test_runs_on_one_kind_of_images(
    kind: str, make_run: Callable, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    runs = [make_run('a', **{kind: 3}), make_run('b', **{kind: 1})]
    markdown, page = report(tmp_path / 'out', *runs)
    note = 'There is no trade-off plot, since no run has photos and art.'
    assert (note in page.text) == (note in capsys.readouterr().out) == (kind == 'photos')
    # Human-Art has its own photos.
    assert ('artificial images against natural images' in markdown) == (kind == 'art')
    assert ('2D virtual human' in page.text) == (kind == 'art')
    assert ('| gap' in markdown) == (kind == 'art')


def test_missing_images_are_reported_and_old_files_removed(
    make_run: Callable, tmp_path: Path, mini_data: Path, capsys: pytest.CaptureFixture
) -> None:
    ann_file = tmp_path / 'annotations/ann.json'
    ann_file.parent.mkdir()
    ann_file.write_bytes((mini_data / ART).read_bytes())
    args = (make_run('a', art=3), make_run('b', art=1), '--ann', ann_file)
    _, page = report(tmp_path / 'out', *args)
    assert page.sources == []
    note = re.compile(r'4 qualitative examples are not shown, .* HumanArt/.*--img-root')
    assert note.search(page.text) and note.search(capsys.readouterr().out)
    _, page = report(tmp_path / 'out', *args, '--img-root', mini_data)
    assert len(page.sources) == 4 and not note.search(page.text)
    # One run is not compared.
    markdown, page = report(tmp_path / 'out', args[0], *args[2:])
    assert 'Qualitative examples' not in page.headings
    assert 'Bold' not in page.text and '**' not in markdown
    assert not list((tmp_path / 'out/report_files').glob('*.jpg'))


def test_bad_input_gets_one_line(
    make_run: Callable, tmp_path: Path, mini_data: Path, capsys: pytest.CaptureFixture
) -> None:
    art, photos = make_run('art', art=1), make_run('photos', photos=1)
    (tmp_path / 'file').touch()
    out = ['--out', tmp_path / 'out']
    for args, message in (
        ([tmp_path / 'nowhere', *out], 'There is no file or folder'),
        ([art, photos, *out], 'share no scenario'),
        ([art, '--ann', mini_data / PHOTOS, *out], 'belongs to none of'),
        ([art, '--out', tmp_path / 'file'], 'file'),
        ([art], '--out'),
    ):
        with pytest.raises(SystemExit) as error:
            main(list(map(str, args)))
        assert error.value.code == 2
        last = capsys.readouterr().err.strip().splitlines()[-1]
        assert 'error: ' in last and message in last
    assert not (tmp_path / 'out').exists()
