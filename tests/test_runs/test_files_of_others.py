"""MMPose's tools score the annotations of others right, or refuse them at the start."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

DETECTIONS = 'person_detection_results/HumanArt_validation_*.json'
ANNOTATIONS = 'HumanArt/annotations/validation_humanart.json'


@pytest.mark.slow
@pytest.mark.parametrize('fault', ['duplicate ids', 'no area'])
@pytest.mark.parametrize('tool', ['train', 'test'])
def test_a_tool_stops_before_the_first_batch(
    tool: str,
    fault: str,
    mmpose_tool: Callable,
    small_config: Path,
    mini_data: Path,
    tmp_path: Path,
) -> None:
    content = json.loads((mini_data / ANNOTATIONS).read_text())
    broken = content['annotations'][-1]
    if fault == 'no area':
        broken['area'] = None
    else:
        broken['id'] = content['annotations'][0]['id']
    (tmp_path / 'ann.json').write_text(json.dumps(content))
    weights = (small_config.with_name('vitpose.pth'),) if tool == 'test' else ()
    split = 'test' if tool == 'test' else 'val'
    output = mmpose_tool(
        tool,
        small_config,
        *weights,
        '--cfg-options',
        f'{split}_dataloader.dataset.ann_file={tmp_path}/ann.json',
        f'{split}_evaluator.ann_file={tmp_path}/ann.json',
        cwd=tmp_path,
        fails=True,
    )
    (last,) = output.strip().splitlines()[-1:]
    said = 'two annotations with the id' if fault == 'duplicate ids' else 'has no area'
    assert 'ValueError' in last and f'{tmp_path}/ann.json' in last and said in last
    assert 'Epoch(' not in output
    assert not [*tmp_path.rglob('*.pth')]


@pytest.mark.slow
def test_other_ids_and_categories_score_the_same_and_are_in_the_results(
    mmpose_tool: Callable, small_config: Path, mini_data: Path, tmp_path: Path
) -> None:
    content = json.loads((mini_data / ANNOTATIONS).read_text())
    detections = json.loads(next(mini_data.glob(f'HumanArt/{DETECTIONS}')).read_text())
    files = dict(ann=content, found=detections)
    results = []
    for change in (False, True):
        if change:
            content['categories'] = [dict(id=1, name='dog'), dict(id='h', name='person')]
            for record in content['images']:
                record['id'] = f'image {record["id"]}'
            for record in (*content['annotations'], *detections):
                record['image_id'] = f'image {record["image_id"]}'
            for record in content['annotations']:
                record.update(category_id='h', id=2**60 + record['id'])
            for record in detections:
                record['category_id'] = 0
        for name, each in files.items():
            (tmp_path / f'{name}.json').write_text(json.dumps(each))
        output = mmpose_tool(
            'test',
            small_config,
            small_config.with_name('vitpose.pth'),
            '--cfg-options',
            'model.test_cfg.route=original',
            f'test_dataloader.dataset.ann_file={tmp_path}/ann.json',
            f'test_dataloader.dataset.bbox_file={tmp_path}/found.json',
            f'test_evaluator.ann_file={tmp_path}/ann.json',
            f'test_evaluator.outfile_prefix={tmp_path}/results',
            cwd=tmp_path,
        )
        (scores,) = re.findall(r'coco/AP: \S+ .*coco/gap/AP: \S+', output)
        written = json.loads((tmp_path / 'results.keypoints.json').read_text())
        results.append((scores, [each['keypoints'] for each in written]))
    assert results[0] == results[1]
    assert {each['category_id'] for each in written} == {'h'}
    assert {each['image_id'] for each in written} <= {i['id'] for i in content['images']}
