"""MMPose's tools refuse broken annotations before the first batch."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

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
