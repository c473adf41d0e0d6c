"""List what can be named."""

import re
from collections.abc import Iterable
from pathlib import Path

from vlpose_mm.names import (
    CROPPED,
    DEFAULT_DETECTOR,
    DEFAULT_MODEL,
    DETECTORS,
    NON_COMMERCIAL,
    PACKAGED,
    PACKAGED_DETECTORS,
    WHOLE_IMAGE,
    published_models,
    vlpose_models,
)

# Of MMPose's models, whose index does not have them, in millions.
PARAMS = {
    'td-hm_ViTPose-small_8xb64-210e_humanart-256x192': 24.3,
    'td-hm_ViTPose-base_8xb64-210e_humanart-256x192': 90.0,
    'td-hm_ViTPose-large_8xb64-210e_humanart-256x192': 308.5,
    'td-hm_ViTPose-huge_8xb64-210e_humanart-256x192': 637.2,
    'rtmpose-t_8xb256-420e_humanart-256x192': 3.3,
    'rtmpose-s_8xb256-420e_humanart-256x192': 5.5,
    'rtmpose-m_8xb256-420e_humanart-256x192': 13.6,
    'rtmpose-l_8xb256-420e_humanart-256x192': 27.7,
    'td-hm_hrnet-w32_8xb64-210e_humanart-256x192': 28.5,
    'td-hm_hrnet-w48_8xb32-210e_humanart-256x192': 63.6,
}
NOTES = f"""\
AP in points, as published: of poses on Human-Art with detected bboxes and with ground-truth
ones (gt) and on COCO, and of bboxes on Human-Art. Without --model and --det-model,
{DEFAULT_MODEL} and {DEFAULT_DETECTOR} run.
{', '.join([*PACKAGED, *PACKAGED_DETECTORS])}: in the package, without network;
mini-drawn knows drawn figures only.
{WHOLE_IMAGE}: each image is one person; {CROPPED}: the same, and it is not padded.
Terms of the data: Human-Art is for non-commercial, Objects365 for academic use.
Besides these, --model takes any top-down model of MMPose by name, alias or config, and
--det-model any detector of MMDetection."""


def main() -> None:
    """Run the command."""
    published = {each['Name']: each for each in published_models()}
    rows = [
        (name, found.params, '', '', '', found.terms) for name, found in PACKAGED.items()
    ]
    for name in sorted(published, key=[*PARAMS, *published].index):
        scores = _scores(published[name])
        rows.append((name, PARAMS.get(name, ''), *scores, NON_COMMERCIAL))
    _print_table(('--model', 'M params', 'Human-Art', 'gt', 'COCO', 'terms'), rows)
    rows = [(each['Name'], _base(each['Weights'])) for each in vlpose_models()]
    _print_table(('--model, with tuned --weights', 'base'), rows)
    rows = [(name, '', '', '') for name in (WHOLE_IMAGE, CROPPED)]
    for name, found in PACKAGED_DETECTORS.items():
        rows.append((name, found.params, '', found.terms))
    for name, found in DETECTORS.items():
        rows.append((name, found.params, found.ap or '', found.terms))
    _print_table(('--det-model', 'M params', 'Human-Art', 'terms'), rows)
    print(NOTES)


def _scores(entry: dict) -> list[float]:
    """Return the AP on Human-Art, also with ground-truth bboxes, and on COCO, in points."""
    found = {each['Dataset']: each['Metrics']['AP'] for each in entry['Results']}
    return [round(100 * found[name], 1) for name in ('Human-Art', 'Human-Art(GT)', 'COCO')]


def _base(url: str) -> str:
    """Return model and data of published weights: ``'ViTPose-base_coco'``."""
    return re.sub(
        r'td-hm_|_8xb\d+-210e|[-_]256x192.*|_p4_w7', '', Path(url).name.partition('.')[0]
    )


def _print_table(head: tuple[str, ...], rows: Iterable[tuple]) -> None:
    """Print a table: names and terms to the left, numbers to the right."""
    rows = [tuple(map(str, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for i, row in enumerate((head, *rows)):
        cells = [
            cell.rjust(width) if 0 < j < len(row) - 1 else cell.ljust(width)
            for j, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print(('' if i == 0 else '  ') + '  '.join(cells).rstrip())
    print()
