"""Plots: what stands where."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from projects.domain_gap_report import svg
from projects.domain_gap_report.plots import dot_plot, precision_recall, trade_off
from projects.domain_gap_report.tables import Row

SVG = '{http://www.w3.org/2000/svg}'


def parse(drawn: str) -> ElementTree.Element:
    return ElementTree.fromstring(drawn)


def marks(root: ElementTree.Element) -> dict[str, tuple[float, float]]:
    """Centers of the marks by what a pointer shows."""
    found = {}
    for element in root.iter():
        title = element.find(f'{SVG}title')
        if title is None:
            continue
        if element.tag == f'{SVG}circle':
            found[title.text] = (float(element.get('cx')), float(element.get('cy')))
        else:
            x, y = re.findall(r'[-\d.]+', element.get('transform'))
            found[title.text] = (float(x), float(y))
    return found


def words(root: ElementTree.Element) -> dict[str, tuple[float, float]]:
    return {
        element.text: (float(element.get('x')), float(element.get('y')))
        for element in root.iter(f'{SVG}text')
    }


def test_dots_lie_where_the_axis_says() -> None:
    rows = [Row('sketch', [10.0, 40.0]), Row('mural', [None, 25.0])]
    root = parse(dot_plot(['a', 'b'], [('2D', rows)]))
    at, axis = marks(root), words(root)
    zero, ten = axis['0'][0], axis['10'][0]
    for told, value in (
        ('a, sketch: 10.0', 10),
        ('b, sketch: 40.0', 40),
        ('b, mural: 25.0', 25),
    ):
        assert at[told][0] == pytest.approx(zero + (ten - zero) * value / 10, abs=0.2)
    assert at['a, sketch: 10.0'][1] == at['b, sketch: 40.0'][1] < at['b, mural: 25.0'][1]
    assert len(at) == 3


def test_the_trade_off_has_photos_across_and_art_upwards_and_arrows_from_the_first() -> (
    None
):
    drawn = trade_off(['a', 'b', 'c'], [(60, 20), (55, 40), None], 'photos', 'art')
    at = list(marks(parse(drawn)).values())
    assert at[1][0] < at[0][0] and at[1][1] < at[0][1]
    assert len(at) == 2 and drawn.count('<polygon') == 1


def test_models_with_the_same_scores_keep_readable_names() -> None:
    names = [f'model {i}' for i in range(6)]
    root = parse(trade_off(names, [(60.0, 20.0)] * 6, 'photos', 'art'))
    # The legend names them, too.
    spots = [
        (float(e.get('x')), float(e.get('y')))
        for e in root.iter(f'{SVG}text')
        if e.get('class') == 'halo'
    ]
    heights = sorted(y for _, y in spots)
    assert len(heights) == 6 and np.diff(heights).min() >= 11


def test_curves_end_where_a_model_finds_no_more() -> None:
    recall = np.linspace(0, 1, 101)
    precision = np.where(recall <= 0.5, 1.0 - recall, 0.0)
    root = parse(precision_recall(['a', 'b'], [(recall, precision), None], 'art'))
    curves = [e for e in root.iter(f'{SVG}polyline') if len(e.get('points').split()) > 2]
    assert len(curves) == 1
    points = [tuple(map(float, p.split(','))) for p in curves[0].get('points').split()]
    assert len(points) == 51
    forty, sixty = (
        max(float(e.get('x')) for e in root.iter(f'{SVG}text') if e.text == mark)
        for mark in ('40', '60')
    )
    assert points[-1][0] == pytest.approx((forty + sixty) / 2, abs=0.2)
    assert points[0][1] < points[-1][1]


@pytest.mark.parametrize(('low', 'high'), [(0, 100), (17.2, 18.9), (0, 0), (61.7, 61.7)])
def test_ticks_are_even_and_span_the_values(low: float, high: float) -> None:
    found = svg.ticks(low, high)
    assert found[0] <= low and found[-1] >= high
    assert 2 <= len(found) <= 9
    assert np.allclose(np.diff(found), found[1] - found[0])


def test_names_are_no_markup() -> None:
    name = '<script>&"\''
    rows = [Row(name, [10.0])]
    for drawn in (
        dot_plot([name], [(name, rows)]),
        trade_off([name], [(1.0, 2.0)], name, name),
        precision_recall([name], [None], name),
    ):
        root = parse(drawn)
        assert root.find(f'.//{SVG}script') is None
        assert name in words(root)


def test_models_differ_in_color_or_shape() -> None:
    drawn = [re.sub(r'<title.*?/title>', '', svg.marker(i, 0, 0)) for i in range(14)]
    assert len(set(drawn[1:])) == 13


def test_colors_stand_out_from_the_page_in_both_themes() -> None:
    def luminance(color: str) -> float:
        rgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    for palette, page in ((svg.LIGHT, '#ffffff'), (svg.DARK, '#14181d')):
        for color in palette:
            dark, bright = sorted((luminance(color), luminance(page)))
            # What WCAG asks of graphics.
            assert (bright + 0.05) / (dark + 0.05) >= 3


def test_a_plot_in_a_file_of_its_own_brings_its_colors() -> None:
    alone = svg.standalone(dot_plot(['a'], [('g', [Row('s', [1.0])])]))
    assert alone.count('--m0:') == 2
    assert parse(alone).find(f'{SVG}style') is not None


def test_equal_scores_do_not_hide_each_other() -> None:
    rows = [Row('sketch', [10.0, 20.0, 20.0, 20.0])]
    at = marks(parse(dot_plot(['a', 'b', 'c', 'd'], [('2D', rows)])))
    heights = [y for _, y in at.values()]
    assert len({x for x, _ in at.values()}) == 2
    assert np.diff(heights[1:]).min() > 3
    assert max(np.abs(np.array(heights) - heights[0])) < 6
