"""Marks of the plots: SVG whose text stays text and whose colors follow the theme.

A plot is 360 units wide, as wide as a phone, and is shown at one to one and a third times
that, so that its text is about as large as the page's.
"""

import math
from collections.abc import Sequence
from html import escape

WIDTH = 360
# About the width of a character at the plots' font size, in units.
CHARACTER = 6.4
LEGEND_LINE = 17
SHAPES = ('circle', 'square', 'diamond', 'triangle', 'wedge', 'cross', 'plus')
DASHES = ('', '7 2', '10 2 2 2', '2 2', '5 2 2 2 2 2', '12 4', '1 3')

# Of Okabe and Ito's palette, darkened or lightened to stand out from the page. The first
# model is what the others are compared with, and is gray.
LIGHT = ('#59616c', '#0072b2', '#d55e00', '#00805d', '#b0578d', '#9a6700', '#0c8599')
DARK = ('#aeb6c1', '#56b4e9', '#ff8c4d', '#2fc79b', '#e79ac8', '#e6b13a', '#7bdff2')


def _colors(palette: Sequence[str]) -> str:
    """Write a palette as CSS variables."""
    return ''.join(f'--m{i}:{color};' for i, color in enumerate(palette))


THEME = (
    ':root{color-scheme:light dark;--page:#fff;--ink:#1c2430;--soft:#5a6472;--line:#dfe3e8;'
    f'--panel:#f5f7f9;--good:#00704f;--bad:#b3400b;{_colors(LIGHT)}}}\n'
    f'@media(prefers-color-scheme:dark){{:root{{--page:#14181d;--ink:#e8ebef;--soft:#a3adb9;'
    f'--line:#343c46;--panel:#1c2229;--good:#43cf9f;--bad:#ff9763;{_colors(DARK)}}}}}\n'
)
STYLE = (
    '.plot text{font:11px system-ui,sans-serif;fill:var(--ink);'
    'font-variant-numeric:tabular-nums}'
    '.plot .soft{fill:var(--soft)}.plot .head{font-weight:600}'
    '.plot .grid{stroke:var(--line);stroke-width:1}'
    '.plot .halo{paint-order:stroke;stroke:var(--page);stroke-width:3px}\n'
)


def color(model: int) -> str:
    """Name the color of a model.

    Args:
        model (int): Its place among the models, from 0.

    Returns:
        str: CSS color.
    """
    return f'var(--m{model % len(LIGHT)})'


def text(x: float, y: float, words: str, anchor: str = 'start', kind: str = '') -> str:
    """Write words.

    Args:
        x (float): Where, in units.
        y (float): Base line, in units.
        words (str): What.
        anchor (str): ``'start'``, ``'middle'`` or ``'end'`` lies at ``x``.
        kind (str): CSS classes.

    Returns:
        str: The element.
    """
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">'
        f'{escape(words)}</text>'
    )


def line(x1: float, y1: float, x2: float, y2: float) -> str:
    """Draw a line of the grid; coordinates in units."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="grid"/>'


def marker(model: int, x: float, y: float, title: str = '') -> str:
    """Draw the mark of a model, which differs in shape as well as in color.

    Args:
        model (int): Its place among the models, from 0.
        x (float): Center, in units.
        y (float): Center, in units.
        title (str): What a pointer that rests on it shows.

    Returns:
        str: The element.
    """
    title = f'<title>{escape(title)}</title>' if title else ''
    if model == 0:
        # A ring, so that what lies on it is seen.
        return (
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5.2" fill="none" stroke="{color(0)}" '
            f'stroke-width="2" pointer-events="all">{title}</circle>'
        )
    paths = dict(
        circle='M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z',
        square='M-3.5-3.5h7v7h-7z',
        diamond='M0-4.8L4.8 0L0 4.8L-4.8 0z',
        triangle='M0-4.6L4.4 3.4H-4.4z',
        wedge='M0 4.6L4.4-3.4H-4.4z',
        cross='M-4-2.4L-2.4-4L0-1.6L2.4-4L4-2.4L1.6 0L4 2.4L2.4 4L0 1.6L-2.4 4L-4 2.4'
        'L-1.6 0z',
        plus='M-1.3-4.6h2.6v3.3h3.3v2.6h-3.3v3.3h-2.6v-3.3h-3.3v-2.6h3.3z',
    )
    # The second time round the colors, a color has another shape.
    shape = SHAPES[(model + (model - 1) // len(LIGHT)) % len(SHAPES)]
    return (
        f'<path d="{paths[shape]}" transform="translate({x:.1f} {y:.1f})" '
        f'fill="{color(model)}" stroke="var(--page)" stroke-width=".8">{title}</path>'
    )


def curve(model: int, points: Sequence[tuple[float, float]]) -> str:
    """Draw the curve of a model.

    Args:
        model (int): Its place among the models, from 0.
        points (Sequence[tuple[float, float]]): x and y in units.

    Returns:
        str: The element.
    """
    path = ' '.join(f'{x:.1f},{y:.1f}' for x, y in points)
    return (
        f'<polyline points="{path}" fill="none" stroke="{color(model)}" '
        f'stroke-width="1.9" stroke-linejoin="round" '
        f'stroke-dasharray="{DASHES[model % len(DASHES)]}"/>'
    )


def arrow(model: int, start: tuple[float, float], end: tuple[float, float]) -> str:
    """Draw an arrow to the mark of a model, or nothing where the marks touch.

    Args:
        model (int): Its place among the models, from 0.
        start (tuple[float, float]): Center of the mark that it comes from, in units.
        end (tuple[float, float]): Center of the mark that it leads to, in units.

    Returns:
        str: The elements.
    """
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = math.hypot(dx, dy)
    if length < 20:
        return ''
    ux, uy = dx / length, dy / length
    (x1, y1), (x2, y2) = (
        (start[0] + 7 * ux, start[1] + 7 * uy),
        (end[0] - 7 * ux, end[1] - 7 * uy),
    )
    tip = (
        f'{x2:.1f},{y2:.1f} {x2 - 6 * ux + 3 * uy:.1f},{y2 - 6 * uy - 3 * ux:.1f} '
        f'{x2 - 6 * ux - 3 * uy:.1f},{y2 - 6 * uy + 3 * ux:.1f}'
    )
    return (
        f'<g opacity=".65"><line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
        f'stroke="{color(model)}" stroke-width="1.4"/>'
        f'<polygon points="{tip}" fill="{color(model)}"/></g>'
    )


def shortened(words: str, length: int) -> str:
    """Cut what has no room.

    Args:
        words (str): What.
        length (int): Number of characters that there is room for.

    Returns:
        str: At most so many.
    """
    return words if len(words) <= length else f'{words[: length - 1]}…'


def legend(names: Sequence[str], lines: bool = False) -> tuple[str, float]:
    """Name the marks.

    Args:
        names (Sequence[str]): The models.
        lines (bool): Whether models are shown by curves.

    Returns:
        tuple[str, float]: The elements, and the height that they take, in units.
    """
    parts, x, y = [], 6.0, 12.0
    for model, name in enumerate(names):
        words, room = shortened(name, 44), 30 if lines else 15
        wide = room + 9 + CHARACTER * len(words)
        if x > 6 and x + wide > WIDTH:
            x, y = 6.0, y + LEGEND_LINE
        ends = [(x, y - 4), (x + 24, y - 4)]
        parts += [curve(model, ends) if lines else marker(model, x + 5, y - 4)]
        parts += [text(x + room, y, words)]
        x += wide
    return ''.join(parts), y + 8


def ticks(low: float, high: float) -> list[float]:
    """Choose round numbers for an axis.

    Args:
        low (float): Least value to show.
        high (float): Largest value to show.

    Returns:
        list[float]: Two to eight evenly spaced numbers; the first is at most ``low``, the
        last at least ``high``.
    """
    span = max(high - low, 0.1)
    power = 10 ** math.floor(math.log10(span / 4))
    step = next(s * power for s in (1, 2, 5, 10) if span / (s * power) <= 6)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 10) for i in range(first, max(last, first + 1) + 1)]


def plot(title: str, height: float, parts: Sequence[str]) -> str:
    """Put a plot together.

    Args:
        title (str): What it shows, for those who cannot see it.
        height (float): In units.
        parts (Sequence[str]): Its elements.

    Returns:
        str: The ``svg`` element, for a page that has :data:`THEME` and :data:`STYLE`.
    """
    label = escape(title)
    return (
        f'<svg class="plot" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} '
        f'{height:.0f}" role="img" aria-label="{label}">{"".join(parts)}</svg>'
    )


def standalone(svg: str) -> str:
    """Make a file of a plot.

    Args:
        svg (str): See :func:`plot`.

    Returns:
        str: The same with its colors and its background.
    """
    head, body = svg.split('>', 1)
    return (
        f'{head} width="{4 * WIDTH // 3}">\n<style>{THEME}{STYLE}</style>'
        f'<rect width="100%" height="100%" fill="var(--page)"/>{body}\n'
    )
