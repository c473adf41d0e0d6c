"""The plots of the report."""

from collections.abc import Callable, Sequence

import numpy as np

from projects.domain_gap_report import svg
from projects.domain_gap_report.svg import WIDTH
from projects.domain_gap_report.tables import Row

ROW = 19
LANES = 7
LABEL_LINE = 14


def dot_plot(names: Sequence[str], groups: Sequence[tuple[str, Sequence[Row]]]) -> str:
    """Show the AP of every scenario, models side by side.

    Args:
        names (Sequence[str]): The models.
        groups (Sequence[tuple[str, Sequence[Row]]]): Groups, each with a row of AP in
            points for each of its scenarios.

    Returns:
        str: ``svg`` element.
    """
    left, right = 112.0, WIDTH - 12.0
    values = [v for _, rows in groups for row in rows for v in row.values if v is not None]
    marks = svg.ticks(0, max([*values, 10]))
    place = _scale(marks, left, right)
    parts, top = svg.legend(names)
    parts, y = [parts], top + 14
    below = top + 14 + sum(ROW * (1 + len(rows)) for _, rows in groups)
    for mark in marks:
        parts += [svg.line(place(mark), top + 8, place(mark), below)]
        parts += [svg.text(place(mark), below + 15, f'{mark:g}', 'middle', 'soft')]
    for group, rows in groups:
        parts += [svg.text(6, y + 6, group, kind='head')]
        y += ROW
        for row in rows:
            shown = [(i, v) for i, v in enumerate(row.values) if v is not None]
            parts += [svg.text(left - 8, y + 4, svg.shortened(row.name, 17), 'end')]
            if shown:
                parts += [
                    svg.line(
                        place(min(v for _, v in shown)),
                        y,
                        place(max(v for _, v in shown)),
                        y,
                    )
                ]
            for i, v in shown:
                told = f'{names[i]}, {row.name}: {v:.1f}'
                parts += [svg.marker(i, place(v), y + _lane(i, len(names)), told)]
            y += ROW
    parts += [svg.text((left + right) / 2, below + 30, 'AP, in points', 'middle', 'soft')]
    return svg.plot('AP of every scenario', below + 38, parts)


def trade_off(
    names: Sequence[str],
    points: Sequence[tuple[float, float] | None],
    x_label: str,
    y_label: str,
) -> str:
    """Show what models lose on photos for what they gain on art.

    Args:
        names (Sequence[str]): The models.
        points (Sequence[tuple[float, float] | None]): AP on both, in points; ``None`` for a
            model that was not tested on both.
        x_label (str): What the first number is of.
        y_label (str): What the second number is of.

    Returns:
        str: ``svg`` element, with an arrow from the first model to each other one.
    """
    shown = {i: point for i, point in enumerate(points) if point is not None}
    heading, top = svg.legend(names)
    left, right, top, bottom = 40.0, WIDTH - 16.0, top + 22, top + 270
    marks = [_range([p[axis] for p in shown.values()]) for axis in (0, 1)]
    place_x = _scale(marks[0], left, right)
    place_y = _scale(marks[1], bottom, top)
    parts = [heading, svg.text(6, top - 9, f'{y_label}, AP', kind='soft')]
    for mark in marks[0]:
        parts += [svg.line(place_x(mark), top, place_x(mark), bottom)]
        parts += [svg.text(place_x(mark), bottom + 15, f'{mark:g}', 'middle', 'soft')]
    for mark in marks[1]:
        parts += [svg.line(left, place_y(mark), right, place_y(mark))]
        parts += [svg.text(left - 7, place_y(mark) + 4, f'{mark:g}', 'end', 'soft')]
    parts += [svg.text(right, bottom + 31, f'{x_label}, AP', 'end', 'soft')]
    at = {i: (place_x(x), place_y(y)) for i, (x, y) in shown.items()}
    if 0 in at:
        parts += [svg.arrow(i, at[0], at[i]) for i in at if i]
    for i, (x, y) in at.items():
        told = f'{names[i]}: {shown[i][0]:.1f} on {x_label}, {shown[i][1]:.1f} on {y_label}'
        parts += [svg.marker(i, x, y, told)]
    parts += _labels(names, at, left, right, top, bottom)
    title = f'{y_label} against {x_label}'
    return svg.plot(title, bottom + 40, parts)


def precision_recall(
    names: Sequence[str],
    curves: Sequence[tuple[np.ndarray, np.ndarray] | None],
    title: str,
) -> str:
    """Show precision over recall.

    Args:
        names (Sequence[str]): The models.
        curves (Sequence[tuple[np.ndarray, np.ndarray] | None]): Recall and precision, both
            in [0, 1]; ``None`` for a model that was not tested on these images.
        title (str): Which images, and which OKS counts as found.

    Returns:
        str: ``svg`` element.
    """
    heading, top = svg.legend(names, lines=True)
    left, right, top, bottom = 40.0, WIDTH - 16.0, top + 36, top + 250
    marks = [0, 20, 40, 60, 80, 100]
    place_x, place_y = _scale(marks, left, right), _scale(marks, bottom, top)
    parts = [heading, svg.text(6, top - 24, title, kind='head')]
    parts += [svg.text(6, top - 9, 'precision, in %', kind='soft')]
    for mark in marks:
        parts += [svg.line(place_x(mark), top, place_x(mark), bottom)]
        parts += [svg.line(left, place_y(mark), right, place_y(mark))]
        parts += [svg.text(place_x(mark), bottom + 15, f'{mark}', 'middle', 'soft')]
        parts += [svg.text(left - 7, place_y(mark) + 4, f'{mark}', 'end', 'soft')]
    parts += [svg.text(right, bottom + 31, 'recall, in %', 'end', 'soft')]
    for i, found in enumerate(curves):
        if found is not None:
            recall, precision = found
            # Beyond what a model finds at all, its precision counts as 0.
            reached = precision > 0
            points = zip(100 * recall[reached], 100 * precision[reached], strict=True)
            parts += [svg.curve(i, [(place_x(r), place_y(p)) for r, p in points])]
    return svg.plot(f'Precision over recall, {title}', bottom + 40, parts)


def _lane(model: int, count: int) -> float:
    """Move marks apart, in units, so that equal scores do not hide each other."""
    return 0.0 if model == 0 or count < 3 else LANES * ((model - 1) / (count - 2) - 0.5)


def _scale(marks: Sequence[float], start: float, end: float) -> Callable[[float], float]:
    """Map an axis that runs from its first mark to its last onto units."""
    low, high = marks[0], marks[-1]
    return lambda value: start + (value - low) / (high - low) * (end - start)


def _range(values: Sequence[float]) -> list[float]:
    """Choose the marks of an axis around some points, with room beside them."""
    low, high = min(values), max(values)
    room = max(0.15 * (high - low), 1.0)
    return svg.ticks(max(low - room, 0), min(high + room, 100))


def _labels(
    names: Sequence[str],
    at: dict[int, tuple[float, float]],
    left: float,
    right: float,
    top: float,
    bottom: float,
) -> list[str]:
    """Name points where there is room, and lead to those whose name had to move."""
    parts, taken = [], [(y, x - 6, x + 6) for x, y in at.values()]
    for i, (x, y) in sorted(at.items(), key=lambda item: item[1][1]):
        words = svg.shortened(names[i], 22)
        wide = svg.CHARACTER * len(words)
        to_right = x + 10 + wide <= right or x - left < right - x
        start = x + 10 if to_right else x - 10 - wide
        start = max(left, min(start, right - wide))
        shifts = (sign * LABEL_LINE * n / 2 for n in range(40) for sign in (1, -1))
        spot = next(
            (
                y + shift
                for shift in shifts
                if top + 4 < y + shift < bottom - 4
                and not any(
                    abs(y + shift - other) < LABEL_LINE
                    and start < other_end
                    and other_start < start + wide
                    for other, other_start, other_end in taken
                )
            ),
            y,
        )
        taken.append((spot, start, start + wide))
        if abs(spot - y) > LABEL_LINE / 2:
            near = start - 2 if to_right else start + wide + 2
            parts += [svg.line(x, y, near, spot)]
        x, anchor = (start, 'start') if to_right else (start + wide, 'end')
        parts += [svg.text(x, spot + 4, words, anchor, 'halo')]
    return parts
