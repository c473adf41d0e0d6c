"""python -m projects.domain_gap_report"""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from projects.domain_gap_report.__main__ import main
from tests.test_projects.test_domain_gap_report.conftest import ART, PHOTOS

VOID = {'meta', 'img', 'circle', 'path', 'line', 'rect', 'polyline', 'polygon', 'br'}


class Page(HTMLParser):
    """Headings, links and text of a page; fails where elements are not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.headings: list[str] = []
        self.sources: list[str] = []
        self.words = ''
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.sources += [v for k, v in attrs if k in ('src', 'href', 'xlink:href')]
        if tag not in VOID:
            self.open.append(tag)
        if tag in ('h1', 'h2', 'h3'):
            self.headings.append('')

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ('h1', 'h2', 'h3'):
            self.headings[-1] += data
        if self.open and self.open[-1] != 'style':
            self.words += data


def report(out: Path, *args: object) -> tuple[str, Page]:
    main([*map(str, args), '--out', str(out)])
    page = (out / 'report.html').read_text()
    return (out / 'report.md').read_text(), Page(page)


def test_two_runs_fill_the_page(
    make_run: Callable,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
) -> None:
    a, b = make_run('ViTPose', art=3, photos=1), make_run('VLPose', art=1, photos=1)
    markdown, page = report(tmp_path / 'out', a, b)
    assert page.headings == [
        'The domain gap',
        'Natural and artificial images',
        'Scenarios',
        'Precision and recall',
        'Images that changed most',
        'VLPose, against ViTPose',
        'What was compared',
    ]
    headings = re.findall(r'^#+ (.*)$', markdown, re.MULTILINE)
    assert headings == page.headings
    # Nothing is fetched: every image is inside.
    assert len(page.sources) == 4
    assert all(source.startswith('data:image/jpeg;base64,') for source in page.sources)
    assert 'url(' not in (tmp_path / 'out/report.html').read_text()
    files = re.findall(r'\]\((report_files/[^)]+)\)', markdown)
    assert len(files) == len(set(files)) == 2 + 4 + 4
    assert all((tmp_path / 'out' / name).stat().st_size for name in files)
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith('ViTPose: ') and out[1].startswith('VLPose: ')
    assert re.search(r'AP on artificial images \(\+\d+\.\d\); .* \(\+\d+\.\d\)$', out[1])
    assert out[-1].startswith('Written: ')


def test_one_run_is_compared_with_nothing(make_run: Callable, tmp_path: Path) -> None:
    markdown, page = report(tmp_path / 'out', make_run('a', art=1, photos=1))
    assert 'Images that changed most' not in page.headings
    assert 'Bold' not in page.words and '**' not in markdown


def test_six_runs_with_names_that_look_like_markup(
    make_run: Callable,
    tmp_path: Path,
) -> None:
    names = ['<b>one</b>', 'two & three', '|x|', '*y*', '"quoted"', 'plain']
    runs = [f'{n}={make_run(str(i), art=i + 1)}' for i, n in enumerate(names)]
    markdown, page = report(tmp_path / 'out', *runs)
    for name in names:
        assert page.words.count(name) > 5
    rows = [line for line in markdown.splitlines() if line.startswith('|')]
    assert {len(re.findall(r'(?<!\\)\|', row)) for row in rows} == {8, 9}
    assert '<b>' not in markdown


@pytest.mark.parametrize('kind', ['art', 'photos'])
def test_runs_on_one_kind_of_images(
    kind: str,
    make_run: Callable,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
) -> None:
    runs = [make_run('a', **{kind: 3}), make_run('b', **{kind: 1})]
    markdown, page = report(tmp_path / 'out', *runs)
    told = 'There is no trade-off plot, for no run has photos and art.'
    assert (told in page.words) == (told in capsys.readouterr().out) == (kind == 'photos')
    # Human-Art has photos of its own.
    other = 'artificial images against natural images'
    assert (other in markdown) == (kind == 'art')
    if kind == 'photos':
        assert (
            '2D virtual human' not in page.words and 'gap' not in markdown.split('| ')[4:]
        )


def test_goes_on_without_images_and_says_so(
    make_run: Callable,
    tmp_path: Path,
    mini_data: Path,
    capsys: pytest.CaptureFixture,
) -> None:
    elsewhere = tmp_path / 'annotations/ann.json'
    elsewhere.parent.mkdir()
    elsewhere.write_bytes((mini_data / ART).read_bytes())
    runs = [make_run('a', art=3), make_run('b', art=1)]
    args = (*runs, '--ann', elsewhere)
    _, page = report(tmp_path / 'out', *args)
    assert page.sources == []
    told = re.compile(
        r'4 images that changed are not shown, .* such as HumanArt/.*--img-root'
    )
    assert told.search(page.words) and told.search(capsys.readouterr().out)
    _, page = report(tmp_path / 'out', *args, '--img-root', mini_data)
    assert len(page.sources) == 4
    assert not told.search(page.words)
    # What an earlier report showed and this one does not is gone.
    report(tmp_path / 'out', runs[0], '--ann', elsewhere)
    assert not list((tmp_path / 'out/report_files').glob('*.jpg'))


def test_bad_input_gets_one_line(
    make_run: Callable,
    tmp_path: Path,
    mini_data: Path,
    capsys: pytest.CaptureFixture,
) -> None:
    art, photos = make_run('art', art=1), make_run('photos', photos=1)
    (tmp_path / 'file').write_text('')
    out = ['--out', str(tmp_path / 'out')]
    for args, message in (
        ([str(tmp_path / 'nowhere'), *out], 'There is no file or folder'),
        ([str(art), str(photos), *out], 'share no scenario'),
        ([str(art), '--ann', str(mini_data / PHOTOS), *out], 'belongs to none of'),
        ([str(art), '--out', str(tmp_path / 'file')], 'file'),
        ([str(art)], '--out'),
    ):
        with pytest.raises(SystemExit) as error:
            main(args)
        assert error.value.code == 2
        last = capsys.readouterr().err.strip().splitlines()[-1]
        assert 'error: ' in last and message in last
    assert not (tmp_path / 'out').exists()
