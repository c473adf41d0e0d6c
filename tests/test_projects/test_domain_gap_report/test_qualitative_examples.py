"""Images that changed most."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from projects.domain_gap_report.annotations import ImageFiles
from projects.domain_gap_report.comparison import Comparison
from projects.domain_gap_report.qualitative_examples import ChangedImages
from projects.domain_gap_report.runs import RunReader


def compare(*folders: Path) -> Comparison:
    return Comparison(RunReader().read([str(folder) for folder in folders]))


def test_shows_the_greatest_gains_and_losses_with_both_skeletons(
    make_run: Callable, mini_data: Path
) -> None:
    comparison = compare(make_run('a', both=3), make_run('b', both=1))
    painter = ChangedImages(comparison, ImageFiles([mini_data], []))
    changed = painter.of(1)
    changes = comparison.changes(comparison.runs[1])
    assert [s.change for s in changed.gained] == changes[:4]
    assert changed.lost == [] and painter.missing == []
    assert changed.note == (
        f'Of {len(changes)} images with people, {len(changes)} gained, 0 lost and 0 '
        'stayed as they were.'
    )
    for shown in changed.gained:
        drawn = cv2.imdecode(np.frombuffer(shown.jpeg, np.uint8), cv2.IMREAD_COLOR)
        half = (drawn.shape[1] - 8) // 2
        # White between two halves that are the same but for the skeletons.
        assert drawn[:, half + 2 : half + 6].mean() > 240
        assert (drawn[:, :half] != drawn[:, -half:]).any()

    back = ChangedImages(Comparison(comparison.runs[::-1]), ImageFiles([mini_data], [])).of(
        1
    )
    worst = [s.change for s in back.lost]
    assert [c.gain for c in worst] == [-c.gain for c in changes[:4]]
    assert back.gained == []


def test_images_that_are_not_there_are_left_out(make_run: Callable, tmp_path: Path) -> None:
    painter = ChangedImages(
        compare(make_run('a', art=3), make_run('b', art=1)), ImageFiles([tmp_path], [])
    )
    assert painter.of(1).gained == []
    assert len(painter.missing) == 4


def test_equal_results_change_no_image(make_run: Callable, mini_data: Path) -> None:
    comparison = compare(make_run('a', art=1), make_run('b', art=1))
    changed = ChangedImages(comparison, ImageFiles([mini_data], [])).of(1)
    assert changed.gained == changed.lost == []
    assert '19 stayed as they were' in changed.note
