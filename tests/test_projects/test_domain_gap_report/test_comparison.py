"""Scores of several runs on the same images."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from xtcocotools.coco import COCO
from xtcocotools.cocoeval import COCOeval

from projects.domain_gap_report.comparison import Comparison
from projects.domain_gap_report.runs import RunReader
from tests.test_projects.test_domain_gap_report.conftest import (
    ART,
    BOTH,
    read,
    results,
    write,
)
from vlpose_mm.datasets.scenarios import SCENARIOS


def test_scores_are_cocos_and_changes_those_of_the_images(
    compare: Callable, mini_data: Path
) -> None:
    comparison = compare(a=dict(art=3, photos=1), b=dict(art=1, photos=3))
    expected = {}
    with contextlib.redirect_stdout(None):
        coco_gt = COCO(str(mini_data / ART))
        coco_dt = coco_gt.loadRes(results(mini_data / ART, 3))
        evaluation = COCOeval(coco_gt, coco_dt, 'keypoints')
        for image in coco_gt.imgs.values():
            evaluation.params.imgIds = [image['id']]
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
            expected[image['category']] = 100 * evaluation.stats[0]
    scenario_rows = [row for _, rows in comparison.scenario_rows() for row in rows]
    names = [name.replace('_', ' ') for name in SCENARIOS]
    assert [row.name for row in scenario_rows] == [*names, 'photos']
    for row in scenario_rows[:-1]:
        assert row.values[0] == pytest.approx(expected[row.name])

    rows = {row.name: row for row in comparison.summary().rows}
    assert list(rows) == [
        *('real human', '2D virtual human', '3D virtual human', 'photos'),
        *('natural', 'artificial', 'gap', 'mean of scenarios', 'all'),
    ]
    for model in (0, 1):
        ap = {name: row.values[model] for name, row in rows.items()}
        assert ap['gap'] == pytest.approx(ap['natural'] - ap['artificial'])
        mean = np.mean([row.values[model] for row in scenario_rows])
        assert ap['mean of scenarios'] == pytest.approx(mean)
    assert rows['all'].more_is_better and not rows['gap'].more_is_better
    count = {name: row.instances for name, row in rows.items()}
    assert count['all'] == count['natural'] + count['artificial']
    assert count['natural'] == count['real human'] + count['photos']

    changes = comparison.changes(comparison.runs[1])
    gains = [c.after - c.before for c in changes]
    assert gains == sorted(gains, reverse=True)
    assert all((c.gain > 0) == (c.scenario != 'photos') for c in changes)
    before, after = (run.evaluation.image_oks() for run in comparison.runs)
    found = {c.img_id: (c.before, c.after) for c in changes}
    assert found == {img_id: (before[img_id], after[img_id]) for img_id in before}


def test_one_file_of_both_kinds_equals_two_files(compare: Callable) -> None:
    comparison = compare(two=dict(art=0, photos=0), one=dict(both=0))
    for row in comparison.summary().rows:
        assert row.values[0] == pytest.approx(row.values[1])
    assert comparison.notes() == []


def change_annotations(folder: Path, kind: str, content: dict) -> None:
    """Change the annotations of a run, and keep the results on their images."""
    path = write(folder / 'fewer.json', content)
    (folder / f'{kind}.py').write_text(f"test_evaluator = dict(ann_file='{path}')")
    img_ids = {image['id'] for image in content['images']}
    path = folder / f'{kind}.keypoints.json'
    write(path, [r for r in read(path) if r['image_id'] in img_ids])


def test_a_run_has_no_score_where_it_was_not_tested_on_all_images(
    compare: Callable, make_run: Callable, mini_data: Path
) -> None:
    comparison = compare(all=dict(art=3, photos=2), art=dict(art=1))
    rows = {row.name: row.values for row in comparison.summary().rows}
    for name in ('photos', 'natural', 'gap', 'mean of scenarios', 'all'):
        assert rows[name][0] is not None and rows[name][1] is None
    assert None not in rows['artificial'] + rows['real human']
    (note,) = comparison.notes()
    assert note.startswith('art was not tested on all images of photos; it has no score')

    whole, part = make_run('whole', both=1), make_run('part', both=1)
    content = read(mini_data / BOTH)
    photo = next(i['id'] for i in content['images'] if 'category' not in i)
    for key, field in (('images', 'id'), ('annotations', 'image_id')):
        content[key] = [r for r in content[key] if r[field] != photo]
    change_annotations(part, 'both', content)
    comparison = Comparison(RunReader().read([str(whole), str(part)]))
    assert 'all images of photos (only on some);' in comparison.notes()[0]
    rows = {row.name: row.values for row in comparison.summary().rows}
    assert rows['photos'][1] is None and rows['artificial'][1] is not None


def test_refuses_runs_without_a_common_scenario(compare: Callable) -> None:
    with pytest.raises(ValueError, match=r'share no scenario .*0 images in common'):
        compare(art=dict(art=1), photos=dict(photos=1))


def test_a_scenario_without_instances_has_no_score_and_is_not_in_the_mean(
    make_run: Callable, mini_data: Path
) -> None:
    folder, content = make_run('a', art=2), read(mini_data / ART)
    sketch = next(i['id'] for i in content['images'] if i['category'] == 'sketch')
    content['annotations'] = [a for a in content['annotations'] if a['image_id'] != sketch]
    change_annotations(folder, 'art', content)
    comparison = Comparison(RunReader().read([str(folder)]))
    rows = [row for _, rows in comparison.scenario_rows() for row in rows]
    scores = {row.name: row.values[0] for row in rows}
    assert scores.pop('sketch') is None and len(scores) == len(SCENARIOS) - 1
    mean = next(r for r in comparison.summary().rows if r.name == 'mean of scenarios')
    assert mean.values == [pytest.approx(np.mean(list(scores.values())))]
    assert sketch not in {c.img_id for c in comparison.changes(comparison.runs[0])}
