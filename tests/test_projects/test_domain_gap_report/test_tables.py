"""Tables in HTML and Markdown."""

from html.parser import HTMLParser

from projects.domain_gap_report.tables import Row, Table, html_table, markdown_table, points


def test_points_are_hundredths_and_nobody_has_none() -> None:
    assert points(0.25) == 25
    assert points(0.0) == 0
    assert points(-1) is None


def test_the_best_is_what_a_reader_takes_for_it() -> None:
    assert Row('', [1.0, 3.0, 2.0]).best() == [False, True, False]
    assert Row('', [1.0, 3.0], judged=False).best() == [False, False]
    assert Row('', [3.04, 3.01, 1.0]).best() == [True, True, False]
    assert Row('', [3.04, 3.01]).best() == [False, False]
    assert Row('', [None, 2.0, 1.0]).best() == [False, True, False]
    assert Row('', [None, 2.0]).best() == [False, False]
    assert Row('', [2.0]).best() == [False]


def test_gains_are_differences_of_the_shown_numbers() -> None:
    # 10.0 and 10.1 are shown.
    assert Row('', [10.04, 10.06, None]).gains() == [0.0, 0.1, None]
    assert Row('', [None, 10.0]).gains() == [None, None]


TABLE = Table(
    'AP',
    ['first', '<b>|x*'],
    [
        Row('sketch', [10.0, 12.5], 3),
        Row('nobody', [None, None], 0),
        Row('photos', [50.0, 49.0], 20),
        Row('gap', [40.0, 36.5], judged=False),
        Row('equal', [1.0, 1.0], 2),
    ],
)


def test_markdown_is_aligned_and_escaped() -> None:
    lines = markdown_table(TABLE).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[0].replace('\\|', '').count('|') == 5
    assert '&lt;b&gt;\\|x\\*' in lines[0]
    cells = [[c.strip() for c in line.split(' | ')] for line in lines[2:]]
    assert cells[0] == ['| sketch', '3', '10.0', '**12.5** (+2.5) |']
    assert cells[1] == ['| nobody', '0', '–', '– |']
    assert cells[2] == ['| photos', '20', '**50.0**', '49.0 (−1.0) |']
    assert cells[3] == ['| gap', '', '40.0', '36.5 (−3.5) |']
    assert cells[4] == ['| equal', '2', '1.0', '1.0 (±0.0) |']


def test_html_says_the_same() -> None:
    class Cells(HTMLParser):
        cells: list[str] = []
        kinds: list[str] = []

        def handle_starttag(self, tag: str, attrs: list) -> None:
            if tag in ('td', 'th'):
                self.cells.append('')
            elif tag == 'b':
                self.cells[-1] += '*'
            elif tag == 'small':
                self.kinds.append(dict(attrs)['class'])

        def handle_data(self, data: str) -> None:
            if self.cells:
                self.cells[-1] += data

    parser = Cells()
    parser.feed(html_table(TABLE))
    cells = [cell.strip() for cell in parser.cells]
    assert cells[:4] == ['', 'people', 'first', '<b>|x*']
    assert cells[4:8] == ['sketch', '3', '10.0', '*12.5 +2.5']
    assert cells[8:12] == ['nobody', '0', '–', '–']
    assert cells[12:16] == ['photos', '20', '*50.0', '49.0 −1.0']
    assert cells[16:20] == ['gap', '', '40.0', '36.5 −3.5']
    assert cells[20:] == ['equal', '2', '1.0', '1.0 ±0.0']
    assert parser.kinds == ['good', 'bad', 'soft', 'soft']


def test_a_single_model_has_nothing_to_be_compared_with() -> None:
    table = Table('AP', ['only'], [Row('sketch', [10.0], 3)])
    assert markdown_table(table).splitlines()[2] == '| sketch |      3 | 10.0 |'
    assert '<small' not in html_table(table) and '<b>' not in html_table(table)
