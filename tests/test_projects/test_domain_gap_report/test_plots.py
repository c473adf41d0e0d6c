"""Plots: positions, names and colors."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from projects.domain_gap_report.plots import (
    COLORS,
    Plot,
    plot_precision_recall,
    plot_scenarios,
    plot_trade_off,
    standalone,
)
from projects.domain_gap_report.tables import Row

SVG = '{http://www.w3.org/2000/svg}'
HREF = '{http://www.w3.org/1999/xlink}href'


def elements(plot: Plot, tag: str, model: int | None = None) -> list[ElementTree.Element]:
    """Elements of a plot, of all models or in the color of one; without the legend."""
    found = ElementTree.fromstring(plot.svg).iter(f'{SVG}{tag}')
    color = '' if model is None else COLORS[model]
    return [e for e in found if color in e.get('style', '') and 'style' in e.attrib]


def dots(plot: Plot, model: int) -> list[tuple[float, float]]:
    *shown, _ = elements(plot, 'use', model)  # the last one is in the legend
    return [(float(e.get('x')), float(e.get('y'))) for e in shown]


def texts(plot: Plot) -> dict[str, tuple[float, float]]:
    return {e.text: (float(e.get('x')), float(e.get('y'))) for e in elements(plot, 'text')}


def marker(plot: Plot, index: int) -> tuple[str, str]:
    """Color and shape of a model in the legend."""
    root = ElementTree.fromstring(plot.svg)
    use = list(root.iter(f'{SVG}use'))[-len(COLORS) * 4 :][index]
    shape = next(e for e in root.iter() if e.get('id') == use.get(HREF)[1:])
    return use.get('style'), shape.get('d')


@pytest.mark.fast
def test_dots_are_where_the_axis_says_and_equal_scores_do_not_overlap() -> None:
    rows = [Row('sketch', [10.0, 40.0, 40.0]), Row('mural', [None, 25.0, 30.0])]
    plot = plot_scenarios(['a', 'b', 'c'], [('2D', rows)])
    axis = texts(plot)
    zero, ten = axis['0'][0], axis['10'][0]
    for model, values in enumerate(([10], [40, 25], [40, 30])):
        x = [zero + (ten - zero) * value / 10 for value in values]
        assert [dot[0] for dot in dots(plot, model)] == pytest.approx(x, abs=0.2)
    heights = [dots(plot, model)[0][1] for model in range(3)]
    assert np.diff(heights).min() > 2 and heights[2] < dots(plot, 1)[1][1]
    assert {'sketch', 'mural', '2D', 'a', 'b', 'c', 'AP, in points'} <= axis.keys()


def test_the_trade_off_has_arrows_from_the_first_model() -> None:
    scores = [(60, 20), (55, 40), None]
    plot = plot_trade_off(['a', 'b', 'c'], scores, 'photos', 'art')
    (first,), (second,) = dots(plot, 0), dots(plot, 1)
    assert second[0] < first[0] and second[1] < first[1]
    assert dots(plot, 2) == [] and {'photos, AP', 'art, AP'} <= texts(plot).keys()
    arrows = [e for e in elements(plot, 'path', 1) if 'stroke-linecap' in e.get('style')]
    assert len(arrows) == 2  # its line and its tip
    same = plot_trade_off([f'm{i}' for i in range(6)], [(60.0, 20.0)] * 6, 'x', 'y')
    assert {f'm{i}' for i in range(6)} <= texts(same).keys()


def test_curves_end_at_the_recall_that_a_model_reaches() -> None:
    recall = np.linspace(0, 1, 101)
    precision = np.where(recall <= 0.5, 1.0 - recall, 0.0)
    plot = plot_precision_recall(['a', 'b'], [(recall, precision), None], 'pr', 'art')
    (curve, _), _ = (elements(plot, 'path', model) for model in (0, 1))
    x = [float(x) for x in re.findall(r'[ML] ([\d.]+)', curve.get('d'))]
    labels = [e for e in elements(plot, 'text') if 'middle' in e.get('style')]
    axis = {e.text: float(e.get('x')) for e in labels}
    assert x[-1] == pytest.approx((axis['40'] + axis['60']) / 2, abs=0.3)
    assert x[0] == pytest.approx(axis['0'], abs=0.3)


def test_names_are_not_markup() -> None:
    name = '<script>&"\'$x$ _y'
    for plot in (
        plot_scenarios([name], [(name, [Row(name, [10.0])])]),
        plot_trade_off([name], [(1.0, 2.0)], name, name),
        plot_precision_recall([f'_{name}'], [None], 'pr', name),
    ):
        assert '<script' not in plot.svg and 'id="figure' not in plot.svg
        assert name in texts(plot) and {name, f'_{name}'} & texts(plot).keys()


def test_models_differ_and_colors_have_the_contrast_of_graphics_in_both_themes() -> None:
    models = [str(i) for i in range(28)]
    plot = plot_trade_off(models, [(float(i), 1.0) for i in range(28)], 'x', 'y')
    assert len({marker(plot, i) for i in range(28)}) == 28

    def luminance(color: str) -> float:
        rgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    for color in COLORS:
        for page in ('#ffffff', '#14181d'):
            dark, bright = sorted((luminance(color), luminance(page)))
            assert (bright + 0.05) / (dark + 0.05) >= 3  # WCAG


def test_text_has_the_color_of_the_page_and_a_file_has_its_own_page() -> None:
    plot = plot_scenarios(['a'], [('g', [Row('s', [1.0])])])
    assert all('fill: currentColor' in e.get('style') for e in elements(plot, 'text'))
    assert '<style>' not in plot.svg
    style = ElementTree.fromstring(standalone(plot)).find(f'{SVG}style').text
    assert 'prefers-color-scheme:dark' in style
