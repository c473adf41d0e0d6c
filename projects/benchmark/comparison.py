"""Comparisons of what was measured, ready for JSON."""

from collections.abc import Mapping, Sequence

import numpy as np


def compare(
    title: str,
    unit: str,
    samples: Mapping[str, Sequence[float]],
    flops: Mapping[str, int] | None = None,
    per_image: bool = False,
    note: str | None = None,
) -> dict:
    """Compare what was measured with the first row.

    The ratio to the first is that of each round, so that what slows a whole round cancels
    out. Their FLOPs have a ratio as well: the floor, which the measured one would be if
    all arithmetic took the same time and nothing else any. Samples are those of each row,
    round by round; with ``per_image`` they are milliseconds per image and get a rate. The
    rows have ``name``, ``samples``, their ``median``, ``lower`` and ``upper`` quartile;
    ``ratio`` to the first row, with the same four; ``flops``, ``floor`` and ``to_floor``,
    the median ratio divided by it; ``images_per_second``. What does not apply is ``None``.
    """
    first = next(iter(samples))
    rows = []
    for name, own in samples.items():
        row = dict(name=name, **_spread(own), ratio=None, flops=None, floor=None)
        row.update(to_floor=None, images_per_second=None)
        if name != first:
            pairs = zip(own, samples[first], strict=True)
            row['ratio'] = _spread([a / b for a, b in pairs])
        if flops is not None:
            row['flops'] = flops[name]
            row['floor'] = flops[name] / flops[first]
            if name != first:
                row['to_floor'] = row['ratio']['median'] / row['floor']
        if per_image:
            row['images_per_second'] = 1000 / row['median']
        rows.append(row)
    return dict(title=title, unit=unit, note=note, rows=rows)


def _spread(samples: Sequence[float]) -> dict:
    """Return the samples with their median and quartiles."""
    lower, median, upper = np.percentile(samples, [25, 50, 75]).tolist()
    return dict(samples=[*samples], median=median, lower=lower, upper=upper)
