"""Group the images of an annotation file by scenario, group and domain."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from vlpose_mm.datasets.image_names import Id
from vlpose_mm.datasets.scenarios import GROUPS, REAL, SCENARIOS, find_scenario

PHOTOS = 'photos'
OTHER = 'other'
ALL, NATURAL, ARTIFICIAL = 'all', 'natural', 'artificial'
DOMAINS = (NATURAL, ARTIFICIAL)
MEANS = ('scenario_mean', 'group_mean')
GAP = 'gap'
RESERVED = (PHOTOS, OTHER, ALL, *DOMAINS, *MEANS, GAP, *GROUPS)


class ImageGroups(NamedTuple):
    """Image ids by scenario, group and domain.

    Attributes:
        scenarios (dict[str, list[int | str]]): Human-Art's, others by name, and
            ``'photos'``.
        groups (dict[str, list[int | str]]): Human-Art's, ``'other'`` and ``'photos'``.
        domains (dict[str, list[int | str]]): ``'natural'``, photos of real humans, and
            ``'artificial'``, the rest.
    """

    scenarios: dict[str, list[Id]]
    groups: dict[str, list[Id]]
    domains: dict[str, list[Id]]


def group_images(records: Iterable[Mapping]) -> ImageGroups:
    """Group COCO-format image records.

    Raises:
        ValueError: If a ``category`` is not text, or is a reserved name.
    """
    scenarios: dict[str, list[Id]] = {}
    groups: dict[str, list[Id]] = {}
    domains: dict[str, list[Id]] = {domain: [] for domain in DOMAINS}
    for record in records:
        scenario, group = scenario_of(record)
        domain = NATURAL if group in (PHOTOS, REAL) else ARTIFICIAL
        for table, name in ((scenarios, scenario), (groups, group), (domains, domain)):
            table.setdefault(name, []).append(record['id'])
    others = sorted(name for name in scenarios if name not in (*SCENARIOS, PHOTOS))
    scenario_order = (*SCENARIOS, *others, PHOTOS)
    group_order = (*GROUPS, OTHER, PHOTOS)
    return ImageGroups(
        {name: scenarios[name] for name in scenario_order if name in scenarios},
        {name: groups[name] for name in group_order if name in groups},
        domains,
    )


def scenario_of(record: Mapping) -> tuple[str, str]:
    """Return the scenario and the group of an image, as ``AssignTextPrompt`` finds them.

    Both are ``'photos'`` if there is no scenario.

    Raises:
        ValueError: If its ``category`` is not text, or is a reserved name.
    """
    name, group = find_scenario(record, 'file_name')
    if name in RESERVED:
        raise ValueError(
            f'image {record["id"]}: {name!r} is not a name for a scenario; omit the '
            'category of photos, and rename it otherwise.'
        )
    return (PHOTOS, PHOTOS) if name is None else (name, group or OTHER)
