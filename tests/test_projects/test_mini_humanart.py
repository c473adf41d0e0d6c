"""projects/mini_humanart: drawn data in the real layout, base weights, and the demo."""

import contextlib
import hashlib
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import repeat
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmpose.registry import DATASETS, METRICS

from projects.mini_humanart.demo import format_report, make_report
from projects.mini_humanart.runs import Results
from tests.conftest import ROOT
from vlpose_mm.datasets.scenarios import GROUPS, SCENARIOS, scenario_name

GENERATE = (sys.executable, '-m', 'projects.mini_humanart.generate')
ANN = 'HumanArt/annotations/validation_humanart.json'
BBOXES = (
    'HumanArt/person_detection_results/HumanArt_validation_detections_AP_H_56_person.json'
)


def generate(out: Path, *args: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [*GENERATE, '--out', out, *args], cwd=ROOT, capture_output=True, text=True
    )


def read(path: Path) -> dict:
    return json.loads(path.read_text())


def test_holds_every_scenario_in_human_arts_layout(mini_data: Path) -> None:
    whole = read(mini_data / ANN)
    folders = [Path(image['file_name']).parts for image in whole['images']]
    assert {parts[:2] for parts in folders} == {('HumanArt', 'images')}
    groups = {name: scenario.group for name, scenario in SCENARIOS.items()}
    assert {parts[3]: parts[2] for parts in folders} == groups
    sizes, counts = {}, Counter(person['image_id'] for person in whole['annotations'])
    for image, parts in zip(whole['images'], folders, strict=True):
        assert scenario_name(image['category']) == parts[3]
        assert '_' not in image['category'] and len(image['description']) > 10
        pixels = cv2.imread(str(mini_data / image['file_name']))
        assert pixels.shape == (image['height'], image['width'], 3)
        sizes[image['id']] = image['width'], image['height']
        assert 1 <= counts[image['id']] <= 3

    fields = {'keypoints', 'keypoints_21', 'self_contact', 'num_keypoints', 'area', 'bbox'}
    fields |= {'num_keypoints_21', 'iscrowd', 'image_id', 'category_id', 'id', 'annotator'}
    seen = set()
    for person in whole['annotations']:
        assert set(person) == fields
        points = np.array(person['keypoints']).reshape(17, 3)
        assert person['keypoints_21'][:51] == person['keypoints']
        assert len(person['keypoints_21']) == 63
        labeled = points[:, 2] > 0
        assert person['num_keypoints'] == labeled.sum() > 0
        inside = (points[:, :2] >= 0) & (points[:, :2] < sizes[person['image_id']])
        assert inside[labeled].all()
        seen |= {*points[:, 2].astype(int)}
    assert seen == {0, 1, 2}


def test_mmposes_datasets_read_the_files(mini_data: Path) -> None:
    def size(**cfg) -> int:
        return len(DATASETS.build(dict(data_root=str(mini_data), pipeline=[], **cfg)))

    people = len(read(mini_data / ANN)['annotations'])
    assert size(type='HumanArtDataset', ann_file=ANN) == people
    assert size(type='HumanArt21Dataset', ann_file=ANN) == people
    detected = dict(bbox_file=str(mini_data / BBOXES), test_mode=True)
    assert size(type='HumanArtDataset', ann_file=ANN, **detected) == len(
        read(mini_data / BBOXES)
    )
    photos = read(mini_data / 'coco/annotations/person_keypoints_val2017.json')
    ann_file = 'coco/annotations/person_keypoints_val2017.json'
    assert size(type='CocoDataset', ann_file=ann_file) == len(photos['annotations'])
    both = 'HumanArt/annotations/validation_humanart_coco.json'
    union = people + len(photos['annotations'])
    assert size(type='HumanArtVLDataset', ann_file=both) == union


def test_same_seed_same_bytes_whatever_the_workers(tmp_path: Path) -> None:
    counts = '--photos-train=1 --photos-val=1 --art-train=0 --art-val=1'.split()

    def draw(name: str, *args: str) -> dict[str, str]:
        out = tmp_path / name
        assert generate(out, *counts, *args).returncode == 0
        return {
            path.relative_to(out).as_posix(): hashlib.sha1(path.read_bytes()).hexdigest()
            for path in sorted(out.rglob('*'))
            if path.is_file()
        }

    one = draw('one', '--workers=1')
    assert one == draw('two', '--workers=2')
    other = draw('other', '--seed=1')
    images = [name for name in one if name.endswith('.jpg')]
    assert len(images) == 21
    assert all(one[name] != other[name] for name in images)


def test_a_whole_set_is_left_alone_and_bad_settings_are_refused(tmp_path: Path) -> None:
    counts = '--photos-train=0 --photos-val=1 --art-train=0 --art-val=0'.split()
    assert generate(tmp_path / 'a', *counts).returncode == 0
    image = next((tmp_path / 'a').rglob('*.jpg'))
    image.write_bytes(b'mine')
    assert generate(tmp_path / 'a', *counts).returncode == 0
    assert image.read_bytes() == b'mine'
    (tmp_path / 'file').write_text('')
    for args in (['--photos-val=-1'], ['--out', tmp_path / 'file']):
        refused = generate(tmp_path / 'b', *args)
        assert refused.returncode == 2
        assert 'error: ' in refused.stderr and 'Traceback' not in refused.stderr


def as_results(people: list[dict], keypoints: Iterable, scores: Iterable) -> list[dict]:
    return [
        dict(
            image_id=person['image_id'],
            category_id=1,
            keypoints=np.ravel(points).tolist(),
            score=float(score),
        )
        for person, points, score in zip(people, keypoints, scores, strict=False)
    ]


def test_ap_of_some_images_is_that_of_their_own_annotation_file(
    mini_data: Path, tmp_path: Path
) -> None:
    people, rng = read(mini_data / ANN)['annotations'], np.random.default_rng(0)
    points = np.array([person['keypoints'] for person in people], float)
    points[:, 2::3] = 0
    points += rng.normal(0, 2, points.shape)
    found = as_results(people, points, rng.uniform(0.5, 1, len(people)))
    (tmp_path / 'found.json').write_text(json.dumps(found))
    results = Results(mini_data / ANN, tmp_path / 'found.json')
    for name in ('sketch', 'drama'):
        alone = mini_data / f'HumanArt/annotations/validation_humanart_{name}.json'
        img_ids = [image['id'] for image in read(alone)['images']]
        own = [result for result in found if result['image_id'] in img_ids]
        (tmp_path / 'alone.keypoints.json').write_text(json.dumps(own))
        metric = METRICS.build(dict(type='CocoMetric', ann_file=str(alone)))
        dataset = DATASETS.build(dict(type='HumanArtDataset', lazy_init=True))
        metric.dataset_meta = dataset.metainfo
        with contextlib.redirect_stdout(None):
            stats = dict(metric._do_python_keypoint_eval(str(tmp_path / 'alone')))
        assert results.ap(img_ids) == pytest.approx(stats['AP'])
        assert 0.05 < stats['AP'] < 1


def test_the_report_separates_artificial_from_natural(
    mini_data: Path, tmp_path: Path
) -> None:
    whole = read(mini_data / ANN)
    images = {image['id']: image for image in whole['images']}

    def results(name: str, wrong: tuple[str, ...]) -> Results:
        keypoints = []
        for person in whole['annotations']:
            scenario = scenario_name(images[person['image_id']]['category'])
            shift = 500 * (SCENARIOS[scenario].group in wrong)
            keypoints.append(np.array(person['keypoints']) + shift)
        found = as_results(whole['annotations'], keypoints, repeat(1))
        (tmp_path / name).write_text(json.dumps(found))
        return Results(mini_data / ANN, tmp_path / name)

    good, bad = results('good', ()), results('bad', GROUPS[1:])
    report = make_report(
        dict(original=bad, tuned=good), dict(original=good, routed=good), dict(draw=1.5)
    )
    assert report['artificial'] == dict(original=0.0, tuned=1.0)
    assert report['natural'] == dict(original=1.0, routed=1.0)
    assert report['scenarios'] == {
        name: dict(original=float(scenario.group == 'real_human'), tuned=1.0)
        for name, scenario in SCENARIOS.items()
    }
    assert re.search(r'all artificial +0\.0 +100\.0 +\+100\.0', format_report(report))


@pytest.mark.slow
def test_the_shipped_vitpose_reaches_its_ap_on_mini_photos(
    mmpose_tool: Callable, tmp_path: Path
) -> None:
    project = ROOT / 'projects/mini_humanart'
    weights = project / 'vitpose_mini_photos.pth'
    assert weights.stat().st_size < 5 << 20
    counts = '--photos-train=0 --photos-val=150 --art-train=0 --art-val=0'.split()
    assert generate(tmp_path / 'data/mini', *counts).returncode == 0
    config = project / 'configs/vitpose_mini_photos.py'
    output = mmpose_tool('test', config, weights, cwd=tmp_path)
    assert float(re.search(r'coco/AP: ([\d.]+)', output)[1]) > 0.55
