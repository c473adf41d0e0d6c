"""Images with the largest gains and losses."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from projects.domain_gap_report.annotations import ImageFinder
from projects.domain_gap_report.comparison import Comparison
from projects.domain_gap_report.qualitative_examples import GAP, ExamplePainter


def test_paints_the_largest_gains_and_losses_of_images_that_exist(
    compare: Callable, mini_data: Path
) -> None:
    comparison = compare(a=dict(both=3), b=dict(both=1), c=dict(both=3))
    painter = ExamplePainter(comparison, ImageFinder([mini_data], []))
    examples = painter.paint(1)
    changes = comparison.changes(comparison.runs[1])
    count = len(changes)
    assert [e.change for e in examples.gained] == changes[:4]
    assert examples.lost == [] and painter.missing == []
    assert examples.note == (
        f'Of {count} images with instances, {count} gained, 0 lost and 0 did not change.'
    )
    for example in examples.gained:
        drawn = cv2.imdecode(np.frombuffer(example.jpeg, np.uint8), cv2.IMREAD_COLOR)
        half = (drawn.shape[1] - GAP) // 2
        assert drawn[:, half + 2 : half + 6].mean() > 240
        assert (drawn[:, :half] != drawn[:, -half:]).any()

    reverse = Comparison(comparison.runs[1::-1])
    examples = ExamplePainter(reverse, ImageFinder([mini_data], [])).paint(1)
    assert [-e.change.gain for e in examples.lost] == [c.gain for c in changes[:4]]
    assert examples.gained == []

    equal = painter.paint(2)
    assert equal.gained == equal.lost == [] and f'{count} did not change' in equal.note
    painter = ExamplePainter(comparison, ImageFinder([], []))
    assert painter.paint(1).gained == [] and len(painter.missing) == 4
