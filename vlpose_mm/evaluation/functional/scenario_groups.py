"""Which scenario, group and side the images of an annotation file are of."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from vlpose_mm.datasets.scenarios import GROUPS, REAL, SCENARIOS, find_scenario

PHOTOS = 'photos'
OTHER = 'other'
ALL, NATURAL, ARTIFICIAL = 'all', 'natural', 'artificial'
SIDES = (NATURAL, ARTIFICIAL)
MEANS = ('scenario_mean', 'group_mean')
GAP = 'gap'
RESERVED = (PHOTOS, OTHER, ALL, *SIDES, *MEANS, GAP, *GROUPS)


class Parts(NamedTuple):
    """Images by what they are.

    Attributes:
        scenarios (dict[str, list[int]]): Scenario -> image ids; in the order of the table,
            then further ones, then ``'photos'``: images without scenario.
        groups (dict[str, list[int]]): Group -> image ids; Human-Art's, then ``'other'``:
            of further scenarios whose folder tells none, then ``'photos'``.
        sides (dict[str, list[int]]): ``'natural'``, photos of people, and
            ``'artificial'``, all else -> image ids.
    """

    scenarios: dict[str, list[int]]
    groups: dict[str, list[int]]
    sides: dict[str, list[int]]


def sort_images(records: Iterable[Mapping]) -> Parts:
    """Sort the images of an annotation file.

    Args:
        records (Iterable[Mapping]): Image records.

    Returns:
        Parts: Their ids.

    Raises:
        ValueError: If a record's ``category`` is no text, or the name of a part that is no
            scenario.
    """
    scenarios, groups = {}, {}
    sides = {side: [] for side in SIDES}
    for record in records:
        scenario, group = scenario_of(record)
        natural = group in (PHOTOS, REAL)
        scenarios.setdefault(scenario, []).append(record['id'])
        groups.setdefault(group, []).append(record['id'])
        sides[NATURAL if natural else ARTIFICIAL].append(record['id'])
    further = sorted(name for name in scenarios if name not in (*SCENARIOS, PHOTOS))
    return Parts(
        _in_order(scenarios, (*SCENARIOS, *further, PHOTOS)),
        _in_order(groups, (*GROUPS, OTHER, PHOTOS)),
        sides,
    )


def scenario_of(record: Mapping) -> tuple[str, str]:
    """Tell the scenario and the group of an image, as ``AssignTextPrompt`` does.

    Args:
        record (Mapping): Image record; its ``category`` counts, else its folder.

    Returns:
        tuple[str, str]: Scenario, ``'photos'`` if it has none, and group.

    Raises:
        ValueError: See :func:`sort_images`.
    """
    name, group = find_scenario(record, 'file_name')
    if name in RESERVED:
        raise ValueError(
            f'image {record["id"]}: {name!r} is no name for a scenario; leave it out of '
            'the category for photos, and rename it otherwise.'
        )
    return (PHOTOS, PHOTOS) if name is None else (name, group or OTHER)


def _in_order(parts: dict[str, list[int]], names: Iterable[str]) -> dict[str, list[int]]:
    """Order parts by name, without those that have no images."""
    return {name: parts[name] for name in names if name in parts}
