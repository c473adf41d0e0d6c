"""Collect the contents of the report, and write it as HTML and as Markdown."""

from base64 import b64encode
from pathlib import Path, PurePath
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from projects.domain_gap_report.annotations import ImageFinder
from projects.domain_gap_report.comparison import Comparison, spaced
from projects.domain_gap_report.plots import (
    COLORS,
    Plot,
    plot_precision_recall,
    plot_scenarios,
    plot_trade_off,
    standalone,
)
from projects.domain_gap_report.qualitative_examples import ExamplePainter, Examples
from projects.domain_gap_report.runs import Run
from projects.domain_gap_report.tables import (
    Row,
    Table,
    escape_markdown,
    markdown_table,
    signed,
)
from vlpose_mm.checkpoint.io import replace_file
from vlpose_mm.evaluation.functional.scenario_groups import PHOTOS

TEMPLATES = Path(__file__).parent / 'templates'
FILES = 'report_files'  # folder of plots and images, beside the Markdown page


class Report(NamedTuple):
    """Contents of the report; the first model is the baseline."""

    models: list[str]
    headlines: list[str]
    notes: list[str]
    summary: Table
    scenarios: Table
    details: list[Table]
    trade_off: list[Plot]  # at most one
    scenario_plot: Plot
    curves: list[Plot]
    examples: list[Examples]
    sources: list[str]


def make_report(comparison: Comparison, images: ImageFinder) -> Report:
    """Collect the contents of the report."""
    models = comparison.names
    groups = comparison.scenario_rows()
    summary = comparison.summary()
    painter = ExamplePainter(comparison, images)
    examples = [painter.paint(i) for i in range(1, len(models))]
    trade_off = _trade_off(comparison)
    notes = comparison.notes()
    if painter.missing:
        notes += [
            f'{len(painter.missing)} qualitative examples are not shown, since their files '
            f'were not found, such as {painter.missing[0]}; set --img-root to the folder '
            'that these names are relative to.'
        ]
    if not trade_off:
        notes += ['There is no trade-off plot, since no run has photos and art.']
    rows = [row for _, rows in groups for row in rows]
    return Report(
        models=models,
        headlines=_headlines(summary),
        notes=notes,
        summary=summary,
        scenarios=Table('AP per scenario, in points', models, rows),
        details=comparison.details(),
        trade_off=trade_off,
        scenario_plot=plot_scenarios(models, groups),
        curves=_curves(comparison),
        examples=examples,
        sources=[_source(run) for run in comparison.runs],
    )


def write_report(report: Report, folder: Path) -> list[Path]:
    """Write ``report.md`` and ``report.html``, and replace those of an earlier report."""
    plots = [*report.trade_off, report.scenario_plot, *report.curves]
    files = {f'{plot.name}.svg': standalone(plot).encode() for plot in plots}
    for examples in report.examples:
        for example in (*examples.gained, *examples.lost):
            files[f'{example.name}.jpg'] = example.jpeg
    assets = folder / FILES
    assets.mkdir(parents=True, exist_ok=True)
    pages = [folder / 'report.md', folder / 'report.html']
    contents = {assets / name: content for name, content in files.items()}
    contents |= {page: _render(report, page.name).encode() for page in pages}
    for path, content in contents.items():
        with replace_file(str(path)) as file:
            file.write(content)
    for path in [*assets.glob('*.svg'), *assets.glob('model_*.jpg')]:
        if path.name not in files:  # of an earlier report
            path.unlink()
    return pages


def _render(report: Report, template: str) -> str:
    """Fill in a page."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(['html']),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        base64=lambda content: b64encode(content).decode(),
        markdown=escape_markdown,
        markdown_table=markdown_table,
        file_name=lambda path: PurePath(path).name,
        spaced=spaced,
    )
    return environment.get_template(template).render(
        report._asdict(), baseline=report.models[0], colors=COLORS, folder=FILES
    )


def _trade_off(comparison: Comparison) -> list[Plot]:
    """Plot Human-Art against COCO's photos, or else artificial against natural images."""
    photos = comparison.groups.get(PHOTOS, [])
    subsets, labels = (photos, comparison.human_art), ('photos (COCO)', 'Human-Art')
    if not photos:
        subsets = comparison.domains.values()
        labels = ('natural images', 'artificial images')
    x, y = (comparison.row('', img_ids).values for img_ids in subsets)
    scores = [None if None in pair else pair for pair in zip(x, y, strict=True)]
    return [plot_trade_off(comparison.names, scores, *labels)] if any(scores) else []


def _curves(comparison: Comparison) -> list[Plot]:
    """Plot precision over recall of natural and artificial images at two thresholds."""
    plots = []
    for domain, img_ids in comparison.domains.items():
        tested = [ap is not None for ap in comparison.row('', img_ids).values]
        for oks in (0.5, 0.75) if any(tested) else ():
            curves = [
                run.evaluation.precision_recall(img_ids, oks) if is_tested else None
                for is_tested, run in zip(tested, comparison.runs, strict=True)
            ]
            title = f'{domain} images, OKS of {oks:.2f} or more'
            name = f'precision_recall_{domain}_{100 * oks:.0f}'
            plots.append(plot_precision_recall(comparison.names, curves, name, title))
    return plots


def _headlines(summary: Table) -> list[str]:
    """Return a line for each model with its AP and gains on both domains."""
    rows = {row.name: row for row in summary.rows}
    domains = [rows[name] for name in ('artificial', 'natural') if name in rows]
    headlines = []
    for i, model in enumerate(summary.models):
        parts = [_ap_text(row, i) for row in domains if row.values[i] is not None]
        if parts:
            headlines.append(f'{model}: {"; ".join(parts)}')
    return headlines


def _ap_text(row: Row, model: int) -> str:
    gain = row.gains()[model]
    against = '' if not model or gain is None else f' ({signed(gain)})'
    return f'{row.values[model]:.1f} AP on {row.name} images{against}'


def _source(run: Run) -> str:
    files = ', '.join(path.name for path in run.result_files)
    instances = sum(map(len, run.coco_gt.imgToAnns.values()))
    return f'{run.name}: {files}: {len(run.coco_gt.imgs)} images, {instances} instances'
