"""Runs compared."""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from xtcocotools.coco import COCO
from xtcocotools.cocoeval import COCOeval

from projects.domain_gap_report.comparison import Comparison
from projects.domain_gap_report.runs import RunReader
from tests.test_projects.test_domain_gap_report.conftest import ART, BOTH, results
from vlpose_mm.datasets.scenarios import SCENARIOS


def compare(*folders: Path) -> Comparison:
    return Comparison(RunReader().read([str(folder) for folder in folders]))


def test_scores_are_cocos_on_the_same_images(make_run: Callable, mini_data: Path) -> None:
    comparison = compare(make_run('a', art=3, photos=2), make_run('b', art=1, photos=2))
    found = results(mini_data / ART, 3)
    with contextlib.redirect_stdout(None):
        truth = COCO(str(mini_data / ART))
        evaluation = COCOeval(truth, truth.loadRes(found), 'keypoints')
        rows = {}
        for image in truth.imgs.values():
            evaluation.params.imgIds = [image['id']]
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
            rows[image['category']] = 100 * evaluation.stats[0]
    tables = [row for _, rows in comparison.scenario_rows() for row in rows]
    assert [row.name for row in tables] == [
        *(name.replace('_', ' ') for name in SCENARIOS),
        'photos',
    ]
    for row in tables[:-1]:
        assert row.values[0] == pytest.approx(rows[row.name])
    assert tables[-1].values[0] == tables[-1].values[1]


def test_the_summary_has_groups_sides_the_gap_and_means(make_run: Callable) -> None:
    comparison = compare(make_run('a', art=3, photos=2), make_run('b', art=1, photos=2))
    rows = {row.name: row for row in comparison.summary().rows}
    assert list(rows) == [
        'real human',
        '2D virtual human',
        '3D virtual human',
        'photos',
        'natural',
        'artificial',
        'gap',
        'mean of scenarios',
        'all',
    ]
    for model in (0, 1):
        natural, artificial = (
            rows['natural'].values[model],
            rows['artificial'].values[model],
        )
        assert rows['gap'].values[model] == pytest.approx(natural - artificial)
        scenarios = [r.values[model] for _, rs in comparison.scenario_rows() for r in rs]
        assert rows['mean of scenarios'].values[model] == pytest.approx(np.mean(scenarios))
    assert rows['all'].judged and not rows['gap'].judged
    people = {name: row.people for name, row in rows.items()}
    assert people['all'] == people['natural'] + people['artificial']
    assert people['natural'] == people['real human'] + people['photos']


def test_one_file_with_both_equals_two_files(make_run: Callable) -> None:
    comparison = compare(make_run('two', art=0, photos=0), make_run('one', both=0))
    for row in comparison.summary().rows:
        assert row.values[0] == pytest.approx(row.values[1])
    assert comparison.notes() == []


def test_a_run_has_no_number_for_what_it_was_not_tested_on(make_run: Callable) -> None:
    comparison = compare(make_run('all', art=3, photos=2), make_run('art', art=1))
    rows = {row.name: row for row in comparison.summary().rows}
    for name in ('photos', 'natural', 'gap', 'mean of scenarios', 'all'):
        assert rows[name].values[0] is not None and rows[name].values[1] is None
    for name in ('real human', 'artificial'):
        assert None not in rows[name].values
    assert comparison.notes() == [
        'art was not tested on all images of photos: it has no number for what they are '
        'part of.'
    ]


def test_runs_without_a_scenario_in_common_are_refused(make_run: Callable) -> None:
    with pytest.raises(ValueError, match=r'share no scenario .*0 images in common'):
        compare(make_run('art', art=1), make_run('photos', photos=1))


def test_a_part_of_a_scenario_is_not_compared_with_all_of_it(
    make_run: Callable, mini_data: Path
) -> None:
    whole, part = make_run('whole', both=1), make_run('part', both=1)
    content = json.loads((mini_data / BOTH).read_text())
    photo = next(i['id'] for i in content['images'] if 'category' not in i)
    for kind in ('images', 'annotations'):
        key = 'id' if kind == 'images' else 'image_id'
        content[kind] = [r for r in content[kind] if r[key] != photo]
    (part / 'fewer.json').write_text(json.dumps(content))
    found = json.loads((part / 'both.keypoints.json').read_text())
    found = [r for r in found if r['image_id'] != photo]
    (part / 'both.keypoints.json').write_text(json.dumps(found))
    (part / 'both.py').write_text(
        f"test_evaluator = dict(ann_file='{part / 'fewer.json'}')"
    )
    comparison = compare(whole, part)
    assert comparison.notes()[0].startswith(
        'part was not tested on all images of photos (only on some)'
    )
    rows = {row.name: row.values for row in comparison.summary().rows}
    assert rows['photos'][1] is None and rows['artificial'][1] is not None


def test_a_scenario_without_people_has_no_score_and_no_say_in_the_mean(
    make_run: Callable, mini_data: Path
) -> None:
    folder = make_run('a', art=2)
    content = json.loads((mini_data / ART).read_text())
    sketch = next(i['id'] for i in content['images'] if i['category'] == 'sketch')
    content['annotations'] = [a for a in content['annotations'] if a['image_id'] != sketch]
    (folder / 'nobody.json').write_text(json.dumps(content))
    (folder / 'art.py').write_text(
        f"test_evaluator = dict(ann_file='{folder / 'nobody.json'}')"
    )
    comparison = compare(folder)
    rows = [row for _, rows in comparison.scenario_rows() for row in rows]
    scores = {row.name: row.values[0] for row in rows}
    assert scores['sketch'] is None
    others = [score for score in scores.values() if score is not None]
    assert len(others) == len(SCENARIOS) - 1
    mean = next(r for r in comparison.summary().rows if r.name == 'mean of scenarios')
    assert mean.values == [pytest.approx(np.mean(others))]
    assert sketch not in {c.img_id for c in comparison.changes(comparison.runs[0])}


def test_changes_are_sorted_by_gain(make_run: Callable) -> None:
    comparison = compare(make_run('a', art=3, photos=1), make_run('b', art=1, photos=3))
    changes = comparison.changes(comparison.runs[1])
    gains = [c.after - c.before for c in changes]
    assert gains == sorted(gains, reverse=True)
    assert all((c.gain > 0) == (c.scenario != 'photos') for c in changes)
    first, other = (run.evaluation.image_oks() for run in comparison.runs)
    assert {c.img_id: (c.before, c.after) for c in changes} == {
        img_id: (first[img_id], other[img_id]) for img_id in first
    }
