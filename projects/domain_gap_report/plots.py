"""Plots as SVG: text stays text, in the color of the page around it."""

import io
import re
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from projects.domain_gap_report.tables import Row

# Legible on the light and on the dark page. The first model is the baseline.
COLORS = ('#808080', '#1a86c8', '#d9641a', '#0f9170', '#bf69a2', '#a37a10', '#7a72e0')
MARKERS = 'osD^vXP'
LINE_STYLES = ('-', '--', '-.', ':', (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 3)))
INK = '#010203'  # becomes currentColor
WIDTH = 5  # inches; 360 points, as wide as a phone
STYLE = {
    'svg.fonttype': 'none',
    'text.parse_math': False,
    'font.size': 9.5,
    'font.sans-serif': ['DejaVu Sans'],
    'axes.spines.top': False,
    'axes.spines.right': False,
    'axes.grid': True,
    'axes.axisbelow': True,
    'grid.alpha': 0.15,
    'grid.color': INK,
    'legend.frameon': False,
    **dict.fromkeys(('text.color', 'axes.edgecolor', 'axes.labelcolor'), INK),
    **dict.fromkeys(('xtick.color', 'ytick.color'), INK),
}
STANDALONE_STYLE = (
    '<style>svg{color:#1c2430;background:#fff}@media(prefers-color-scheme:dark)'
    '{svg{color:#e8ebef;background:#14181d}}</style>'
)


class Plot(NamedTuple):
    """A plot: name for its file, what it shows, and the ``svg`` element."""

    name: str
    title: str
    svg: str


def plot_scenarios(models: Sequence[str], groups: Sequence[tuple[str, list[Row]]]) -> Plot:
    """Plot the AP of every scenario as dots, by group."""
    lines = sum(([(name, None), *((r.name, r) for r in rows)] for name, rows in groups), [])
    with rc_context(STYLE):
        figure, axes = _figure(0.2 * len(lines) + 0.7, models, 'AP, in points')
        offsets = np.linspace(-0.2, 0.2, max(len(models), 2))
        for y, (_, row) in enumerate(lines):
            values = [] if row is None else [v for v in row.values if v is not None]
            if values:
                axes.hlines(y, min(values), max(values), color=INK, alpha=0.3, lw=1)
            for i, value in enumerate(row.values if values else ()):
                if value is not None:
                    shift = offsets[i] if len(models) > 2 else 0
                    axes.plot(value, y + shift, **_marker(i))
        axes.set_yticks(range(len(lines)), [_shorten(name, 24) for name, _ in lines])
        for label, (_, row) in zip(axes.get_yticklabels(), lines, strict=True):
            label.set_fontweight('normal' if row else 'bold')
        axes.tick_params(axis='y', length=0)
        axes.grid(False, axis='y')
        axes.spines['left'].set_visible(False)
        axes.set_ylim(len(lines) - 0.4, -0.6)
        axes.set_xlim(left=0)
        return _plot('ap_per_scenario', 'AP per scenario', figure)


def plot_trade_off(
    models: Sequence[str],
    scores: Sequence[tuple[float, float] | None],
    x_label: str,
    y_label: str,
) -> Plot:
    """Plot the AP on two sets of images, with arrows from the first model to the others.

    ``scores`` are the APs on both sets, in points; ``None`` for a model that was not tested
    on both.
    """
    with rc_context(STYLE):
        figure, axes = _figure(3.5, models, f'{x_label}, AP', f'{y_label}, AP')
        for i, score in enumerate(scores):
            if score is None:
                continue
            axes.plot(*score, **_marker(i))
            if i and scores[0] is not None:
                arrow = dict(arrowstyle='->', color=COLORS[i % len(COLORS)], shrinkB=6)
                axes.annotate('', score, scores[0], arrowprops=arrow)
        axes.margins(0.15)
        return _plot('trade_off', f'{y_label} against {x_label}', figure)


def plot_precision_recall(
    models: Sequence[str],
    curves: Sequence[tuple[np.ndarray, np.ndarray] | None],
    name: str,
    title: str,
) -> Plot:
    """Plot precision over recall, in [0, 1].

    ``curves`` are ``None`` for a model that was not tested on these images; ``title`` says
    which images, and which OKS is a match.
    """
    with rc_context(STYLE):
        figure, axes = _figure(3.2, models, 'recall, in %', 'precision, in %', lines=True)
        for i, curve in enumerate(curves):
            if curve is not None:
                recall, precision = (100 * values for values in curve)
                found = precision > 0  # recall that the model reaches
                axes.plot(recall[found], precision[found], **_line(i))
        axes.set(xlim=(0, 100), ylim=(0, 102), title=title)
        return _plot(name, f'Precision over recall, {title}', figure)


def standalone(plot: Plot) -> str:
    """Return the SVG file of a plot, with its own colors."""
    head, body = plot.svg.split('>', 1)
    return f'{head}>{STANDALONE_STYLE}{body}\n'


def _figure(
    height: float,
    models: Sequence[str],
    x_label: str,
    y_label: str = '',
    lines: bool = False,
) -> tuple[Figure, Axes]:
    """Create a figure with a legend of the models above the axes."""
    names = [_shorten(name, 44) for name in models]
    columns = max(1, min(len(names), int(58 / (max(map(len, names)) + 6))))
    figure = Figure((WIDTH, height + 0.2 * -(-len(names) // columns)), layout='constrained')
    axes = figure.subplots()
    axes.set(xlabel=x_label, ylabel=y_label)
    handles = [
        Line2D([], [], **(_line(i) if lines else _marker(i))) for i in range(len(names))
    ]
    figure.legend(
        handles,
        names,
        loc='outside upper left',
        ncols=columns,
        handlelength=2.5 * lines + 1,
    )
    return figure, axes


def _marker(model: int) -> dict:
    """Style of a model's dots: a ring for the first, which is seen around others."""
    color = COLORS[model % len(COLORS)]
    # In the second round of colors, each has another shape.
    marker = MARKERS[(model + model // len(COLORS)) % len(MARKERS)]
    face = color if model else 'none'
    size = 5 if model else 8.5
    return dict(color=color, marker=marker, mfc=face, ms=size, ls='none', mew=1.4)


def _line(model: int) -> dict:
    """Style of a model's curve."""
    style = LINE_STYLES[(model + model // len(COLORS)) % len(LINE_STYLES)]
    return dict(color=COLORS[model % len(COLORS)], ls=style, lw=1.6)


def _shorten(text: str, length: int) -> str:
    return text if len(text) <= length else f'{text[: length - 1]}…'


def _plot(name: str, title: str, figure: Figure) -> Plot:
    """Render a figure as an ``svg`` element without background and external names."""
    buffer = io.StringIO()
    with rc_context({**STYLE, 'svg.hashsalt': name}):
        metadata = dict.fromkeys(('Creator', 'Date', 'Format', 'Type'))
        figure.savefig(buffer, format='svg', transparent=True, metadata=metadata)
    svg = buffer.getvalue()
    svg = svg[svg.index('<svg') :].replace(INK, 'currentColor').strip()
    svg = re.sub(r' id="[\w.]+_\d+"', '', svg)  # not unique in a page with several plots
    label = f'<svg class="plot" role="img" aria-label="{escape(title)}"'
    return Plot(name, title, svg.replace('<svg', label, 1))
