"""Lay scores out as tables in Markdown."""

from collections.abc import Callable, Sequence

from projects.mini_humanart.markdown_table import align
from projects.real_images.predictions import TRUE, WHOLE
from projects.real_images.sets import PAINTED

PHOTOS, PAINTINGS = 'coco_subset', 'coco_painted'


def make_page(rows: Sequence[dict], command: str) -> str:
    """Make the page of all results.

    Args:
        rows (Sequence[dict]): As of :func:`score`.
        command (str): The command that made them.
    """
    parts = [
        '# Results on real images',
        f'```bash\n{command}\n```',
        'Only held-out images count (`projects/real_small/splits.py`). AP and AR, in '
        'points, are of all instances. PCK counts keypoints within 0.1 of the long side of '
        'the bbox; it and the mean OKS are of instances with at least 8 labeled keypoints, '
        'against the nearest prediction on the image.',
    ]
    kinds = dict.fromkeys(row['bboxes'] for row in rows if row['bboxes'] != WHOLE)
    for kind in kinds:
        title = 'True bboxes' if kind == TRUE else f'Bboxes of {kind}'
        mine = [row for row in rows if row['bboxes'] == kind]
        parts += [f'## {title}', 'AP / PCK:', set_table(mine, ap_pck)]
        parts += ['AR / mean OKS:', set_table(mine, ar_oks)]
    if [*kinds] == [TRUE]:
        parts.append('No detector was used: all bboxes are the annotated ones.')
    true = [row for row in rows if row['bboxes'] == TRUE]
    table = subset_table(true)
    if table:
        parts += ['## Scenarios, styles, themes and characters', 'AP / PCK:', table]
    table = gap_table(true)
    if table:
        parts += [
            '## Paintings of photos',
            'PCK on paintings, and on the photos that were painted. `closed` is the part '
            'of the gap between the two that tuning closes.',
            table,
        ]
    table = domain_table(rows)
    if table:
        parts += [
            '## What `auto` decides',
            'Share of the images, in percent, that take the route of their domain: '
            'original for photos, tuned for the others. It is told nothing about an image.',
            table,
        ]
    lines = identical_predictions(true)
    if lines:
        parts += ['## Identical predictions', '\n'.join(lines)]
    return '\n\n'.join(parts) + '\n'


def set_table(rows: Sequence[dict], cell: Callable[[dict], str]) -> str:
    """Make a table of a row per model and route, and a column per set."""
    sets = list(dict.fromkeys(row['set'] for row in rows))
    lines = [['', *sets]]
    counts = {row['set']: row['subsets']['all']['instances'] for row in rows}
    lines.append(['instances', *(str(counts[name]) for name in sets)])
    for run, mine in _by_run(rows).items():
        cells = {row['set']: cell(row['subsets']['all']) for row in mine}
        lines.append([run, *(cells.get(name, '') for name in sets)])
    return align(lines)


def subset_table(rows: Sequence[dict]) -> str:
    """Make a table of a row per subset of a set, and a column per model and route."""
    runs = _by_run(rows)
    cells, counts = {}, {}
    for run, mine in runs.items():
        for row in mine:
            for name, scores in row['subsets'].items():
                if name not in ('all', PAINTED):
                    key = row['set'], name
                    cells.setdefault(key, {})[run] = ap_pck(scores)
                    counts[key] = scores['instances']
    lines = [['set', 'subset', 'instances', *runs]]
    for key, mine in cells.items():
        lines.append([*key, str(counts[key]), *(mine.get(run, '') for run in runs)])
    return align(lines) if cells else ''


def gap_table(rows: Sequence[dict]) -> str:
    """Make a table of what tuning brings on paintings of photos."""
    found: dict[str, dict[tuple[str, str], float]] = {}
    for row in rows:
        subset = PAINTED if row['set'] == PHOTOS else 'all'
        scores = row['subsets'].get(subset) or row['subsets']['all']
        if row['set'] in (PHOTOS, PAINTINGS) and scores['PCK'] is not None:
            found.setdefault(row['model'], {})[row['set'], row['route']] = scores['PCK']
    lines = [['', 'photos', 'paintings, original', 'paintings, tuned', 'closed']]
    for model, pck in found.items():
        keys = (PHOTOS, 'original'), (PAINTINGS, 'original'), (PAINTINGS, 'tuned')
        if all(key in pck for key in keys[:2]):
            photo, before = pck[keys[0]], pck[keys[1]]
            after = pck.get(keys[2])
            cells = [_share(photo), _share(before), _share(after)]
            is_closed = after is not None and photo > before
            closed = (
                f'{100 * (after - before) / (photo - before):.0f} %' if is_closed else ''
            )
            lines.append([model, *cells, closed])
    return align(lines) if len(lines) > 1 else ''


def domain_table(rows: Sequence[dict]) -> str:
    """Make a table of what classifiers decide about the domain of images."""
    rows = [row for row in rows if row['route'] == 'auto']
    sets = list(dict.fromkeys(row['set'] for row in rows))
    by_kind: dict[tuple[str, str], dict[str, float]] = {}
    counts: dict[str, int] = {}
    for row in rows:
        kind = {WHOLE: 'whole images', TRUE: 'true bboxes'}.get(
            row['bboxes'], row['bboxes']
        )
        by_kind.setdefault((row['model'], kind), {})[row['set']] = row['right_domain']
        counts[row['set']] = max(row['images'], counts.get(row['set'], 0))
    lines = [['', 'what it sees', *sets, 'all images']]
    for key, right in by_kind.items():
        total = sum(counts[name] for name in right)
        whole = sum(counts[name] * share for name, share in right.items()) / total
        cells = [_points(right.get(name)) for name in sets]
        lines.append([*key, *cells, _points(whole)])
    return align(lines) if by_kind else ''


def identical_predictions(rows: Sequence[dict]) -> list[str]:
    """List the models and routes whose predictions on a set are the same to the last
    bit."""
    by_digest: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        by_digest.setdefault((row['set'], row['sha256']), []).append(_run(row))
    sets: dict[tuple[str, ...], list[str]] = {}
    for (name, _), runs in by_digest.items():
        if len(runs) > 1:
            sets.setdefault(tuple(runs), []).append(name)
    return [f'- {", ".join(names)}: {" = ".join(runs)}' for runs, names in sets.items()]


def ap_pck(scores: dict) -> str:
    """Format AP, in points, and PCK."""
    return f'{_points(scores["AP"])} / {_share(scores["PCK"])}'


def ar_oks(scores: dict) -> str:
    """Format AR, in points, and mean OKS."""
    return f'{_points(scores["AR"])} / {_share(scores["OKS"])}'


def _by_run(rows: Sequence[dict]) -> dict[str, list[dict]]:
    """Group rows by model and route."""
    runs = {}
    for row in rows:
        runs.setdefault(_run(row), []).append(row)
    return runs


def _run(row: dict) -> str:
    return f'{row["model"]}, {row["route"]}'


def _points(value: float | None) -> str:
    return '-' if value is None or value < 0 else f'{100 * value:.1f}'


def _share(value: float | None) -> str:
    return '-' if value is None else f'{value:.3f}'.removeprefix('0')
