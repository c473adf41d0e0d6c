"""What stands in the report, before it is laid out as Markdown or HTML."""

from collections.abc import Sequence
from typing import NamedTuple

from projects.domain_gap_report.annotations import ImageFiles
from projects.domain_gap_report.comparison import Comparison
from projects.domain_gap_report.plots import dot_plot, precision_recall, trade_off
from projects.domain_gap_report.qualitative_examples import Changed, ChangedImages
from projects.domain_gap_report.runs import Run
from projects.domain_gap_report.tables import Row, Table, signed
from vlpose_mm.evaluation.functional.scenario_groups import PHOTOS

TITLE = 'The domain gap'
IMAGES = (
    'The number is the OKS of the best that the model found, the mean over the people of '
    'the image. All keypoints are drawn, sure or not, for all of them count.'
)


class Plot(NamedTuple):
    """A plot.

    Attributes:
        name (str): Of its file.
        title (str): What it shows.
        svg (str): ``svg`` element.
    """

    name: str
    title: str
    svg: str


class Contents(NamedTuple):
    """All of the report.

    Attributes:
        models (list[str]): The models; the others are compared with the first.
        headlines (list[str]): What the numbers say.
        notes (list[str]): What is missing.
        key (str): How to read the tables.
        sources (list[tuple[str, str]]): Model, and what was read of it.
        summary (Table): Groups and sides.
        scenarios (Table): Scenarios.
        details (list[Table]): Other scores.
        plots (list[Plot]): The plots.
        changed (list[Changed]): Images by model.
    """

    models: list[str]
    headlines: list[str]
    notes: list[str]
    key: str
    sources: list[tuple[str, str]]
    summary: Table
    scenarios: Table
    details: list[Table]
    plots: list[Plot]
    changed: list[Changed]


def make_contents(comparison: Comparison, images: ImageFiles) -> Contents:
    """Put the report together.

    Args:
        comparison (Comparison): The runs.
        images (ImageFiles): Where their images lie.

    Returns:
        Contents: The report.
    """
    groups = comparison.scenario_rows()
    summary = comparison.summary()
    painter = ChangedImages(comparison, images)
    changed = [painter.of(i) for i in range(1, len(comparison.runs))]
    notes = comparison.notes()
    if painter.missing:
        notes += [
            f'{len(painter.missing)} images that changed are not shown, for their files '
            f'are not there, such as {painter.missing[0]}; give --img-root, the folder in '
            'which these names start.'
        ]
    plots = [Plot('ap_per_scenario', 'AP per scenario', dot_plot(comparison.names, groups))]
    plots += _trade_off(comparison)
    if len(plots) == 1:
        notes += ['There is no trade-off plot, for no run has photos and art.']
    return Contents(
        models=comparison.names,
        headlines=_headlines(summary),
        notes=notes,
        key=_key(comparison.names),
        sources=[(run.name, _source(run)) for run in comparison.runs],
        summary=summary,
        scenarios=Table(
            'AP per scenario, in points',
            comparison.names,
            [row for _, rows in groups for row in rows],
        ),
        details=comparison.details(),
        plots=[*plots, *_precision_recall(comparison)],
        changed=changed,
    )


def _trade_off(comparison: Comparison) -> list[Plot]:
    """Plot COCO's photos and Human-Art, or else natural and artificial images."""
    photos = comparison.groups.get(PHOTOS, [])
    sides = (photos, comparison.human_art)
    labels = ('photos (COCO)', 'Human-Art')
    if not photos:
        sides = comparison.sides.values()
        labels = ('natural images', 'artificial images')
    x, y = (comparison.row('', side).values for side in sides)
    points = [None if a is None or b is None else (a, b) for a, b in zip(x, y, strict=True)]
    if not any(points):
        return []
    title = f'{labels[1]} against {labels[0]}'
    return [Plot('trade_off', title, trade_off(comparison.names, points, *labels))]


def _precision_recall(comparison: Comparison) -> list[Plot]:
    """Plot precision over recall for natural and artificial images."""
    plots = []
    for side, images in comparison.sides.items():
        for oks in (0.5, 0.75):
            tested = comparison.row('', images).values
            curves = [
                None if ap is None else run.evaluation.precision_recall(images, oks)
                for ap, run in zip(tested, comparison.runs, strict=True)
            ]
            if any(curve is not None for curve in curves):
                title = f'{side} images, OKS of {oks:.2f} or more'
                name = f'precision_recall_{side}_{100 * oks:.0f}'
                svg = precision_recall(comparison.names, curves, title)
                plots.append(Plot(name, title, svg))
    return plots


def _key(names: Sequence[str]) -> str:
    """Explain the tables."""
    key = (
        'AP is the average precision over OKS thresholds of 0.50 to 0.95. natural: photos '
        'of COCO and of real humans in Human-Art; artificial: the rest; gap: natural less '
        'artificial; mean of scenarios: every scenario counts the same. –: not tested on '
        'all of these images, or nobody is on them.'
    )
    if len(names) > 1:
        key += f' Bold: the best. With a sign: the difference to {names[0]}.'
    return key


def _headlines(summary: Table) -> list[str]:
    """Say in a text prompt for each model what it gains where."""
    rows = {row.name: row for row in summary.rows}
    sides = [rows[name] for name in ('artificial', 'natural') if name in rows]
    lines = []
    for i, model in enumerate(summary.models):
        parts = [_side(row, i) for row in sides if row.values[i] is not None]
        if parts:
            lines += [f'{model}: {"; ".join(parts)}']
    return lines


def _side(row: Row, model: int) -> str:
    """Say what a model has on a side, and what it gains."""
    gain = row.gains()[model]
    against = '' if not model or gain is None else f' ({signed(gain)})'
    return f'{row.values[model]:.1f} AP on {row.name} images{against}'


def _source(run: Run) -> str:
    """Say what was read of a run."""
    files = ', '.join(path.name for path in run.result_files)
    people = sum(map(len, run.truth.imgToAnns.values()))
    return f'{files}: {len(run.truth.imgs)} images, {people} people'
