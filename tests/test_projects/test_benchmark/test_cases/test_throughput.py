"""Images a second, of ours and of others with the same model."""

import json
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest

from projects.benchmark.throughput import main


@pytest.mark.slow
def test_all_contenders_do_all_images(tmp_path: Path) -> None:
    for number in range(3):
        cv2.imwrite(str(tmp_path / f'{number}.png'), np.full((90, 60, 3), 200, np.uint8))
    path = tmp_path / 'numbers.json'
    options = '--device cpu --count 5 --batch-size 2 --num-workers 0 1 --rounds 1'.split()
    main(['mini-drawn', *options, '--images', str(tmp_path), '--json', str(path)])
    speed, cpu, first, stages = json.loads(path.read_text())['cases']['throughput']
    names = ['MMPoseInferencer', 'rtmlib', 'transformers', 'ours, 0 workers']
    names += ['ours, 1 worker', 'ours, 1 worker, tuned', 'the model and its decoding']
    names += ['the model alone']
    if find_spec('rtmlib') is None:
        names.remove('rtmlib')
    for comparison in (speed, cpu, first):
        assert [row['name'] for row in comparison['rows']] == names
    assert all(row['images_per_second'] > 0 for row in speed['rows'])
    assert 'MMPoseInferencer 5' in speed['note']
    assert [row['name'] for row in stages['rows']] == [
        *('read', 'crop', 'model', 'decode', 'result')
    ]


def test_a_folder_without_images_is_refused(tmp_path: Path, capsys) -> None:
    (tmp_path / 'notes.txt').write_text('none')
    with pytest.raises(SystemExit, match='2'):
        main(['mini-drawn', '--images', str(tmp_path)])
    assert 'There are no images in' in capsys.readouterr().err
