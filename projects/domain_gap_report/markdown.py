"""The report as a Markdown file with plots and images beside it."""

from pathlib import PurePath

from projects.domain_gap_report.comparison import spaced
from projects.domain_gap_report.contents import IMAGES, TITLE, Contents
from projects.domain_gap_report.qualitative_examples import Shown
from projects.domain_gap_report.tables import markdown_table, plain

# Folder of the plots and images, beside the file.
FILES = 'report_files'


def markdown_page(contents: Contents) -> str:
    """Lay the report out for readers of Markdown.

    Args:
        contents (Contents): The report.

    Returns:
        str: Markdown, whose images are in :data:`FILES`.
    """
    plots = {
        plot.name: f'![{plain(plot.title)}]({FILES}/{plot.name}.svg)'
        for plot in contents.plots
    }
    parts = [
        f'# {TITLE}',
        _list(contents.headlines),
        *(f'> {plain(note)}' for note in contents.notes),
        '## Natural and artificial images',
        plain(contents.key),
        plain(contents.summary.title),
        markdown_table(contents.summary),
        plots.pop('trade_off', ''),
        '## Scenarios',
        plain(contents.scenarios.title),
        markdown_table(contents.scenarios),
        plots.pop('ap_per_scenario'),
        '## Precision and recall',
    ]
    for table in contents.details:
        parts += [plain(table.title), markdown_table(table)]
    parts += list(plots.values())
    if contents.changed:
        parts += ['## Images that changed most', IMAGES]
    for changed in contents.changed:
        parts += [f'### {plain(changed.model)}, against {plain(contents.models[0])}']
        parts += [plain(changed.note)]
        for kind, shown in (('Gained', changed.gained), ('Lost', changed.lost)):
            parts += [f'**{kind}**'] if shown else []
            for image in shown:
                parts += [_image(contents.models[0], changed.model, image)]
    parts += ['## What was compared', _list([': '.join(s) for s in contents.sources])]
    return '\n\n'.join(filter(None, parts)) + '\n'


def _image(first: str, model: str, shown: Shown) -> str:
    """Show an image twice, with the skeletons of both models."""
    change = shown.change
    words = (
        f'{spaced(change.scenario)}, {PurePath(shown.file_name).name}: '
        f'{first} {change.before:.2f} (left), {model} {change.after:.2f} (right)'
    )
    return f'{plain(words)}\n\n![{plain(words)}]({FILES}/{shown.name}.jpg)'


def _list(lines: list[str]) -> str:
    """Write a list."""
    return '\n'.join(f'- {plain(line)}' for line in lines)
