"""projects/benchmark/data_loading: each command runs, here on a few images, and reports."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.mark.slow
@pytest.mark.parametrize(
    ('script', 'args', 'told'),
    [
        (
            'annotation_loading',
            ('--images=80', '--rounds=1'),
            (
                '80 images of 20 scenarios',
                'reading, s',
                'first batch of 64, 2 workers, s',
            ),
        ),
        (
            'annotation_loading',
            ('--images=80', '--profile'),
            ('MMPose:', 'ours:', 'function calls'),
        ),
        (
            'sample_loading',
            ('--people=2',),
            ('train_pipeline, 2 people', 'val_pipeline', 'AssignTextPrompt', 'ViTPose-B'),
        ),
        (
            'evaluation_growth',
            ('--images', '40', '80'),
            ('JSON of the results', "COCO's matching", 'ms each'),
        ),
        (
            'scenario_coco_metric',
            ('--images=40', '--rounds=2'),
            ('40 images of 20 scenarios', 'round 2: CocoMetric', 'ratio of medians'),
        ),
    ],
)
def test_a_benchmark_tells_what_it_measured(
    script: str, args: tuple[str, ...], told: tuple[str, ...]
) -> None:
    command = [sys.executable, ROOT / f'projects/benchmark/data_loading/{script}.py', *args]
    env = dict(os.environ, PYTHONWARNINGS='ignore', OMP_NUM_THREADS='1')
    result = subprocess.run(command, env=env, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-6000:]
    assert all(text in result.stdout for text in told), result.stdout
