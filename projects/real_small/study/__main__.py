"""Tune in several ways with MMPose's own tools, and write the tables of all results."""

import argparse
import json
from pathlib import Path

from projects.mini_humanart.runs import ROOT, mmpose_tool
from projects.real_small.study.scores import score
from projects.real_small.study.tables import ARMS, ORIGINAL, make_page
from vlpose_mm.checkpoint.io import replace_file

PROJECT = ROOT / 'projects/real_small'
CONFIGS = PROJECT / 'study/configs'
BASE_WEIGHTS = PROJECT / 'vitpose_real_small.pth'
ANN_FILE = ROOT / 'data/real_small/annotations/test.json'
# Whole models; the others are adapters.
WHOLE = (ORIGINAL, 'full')
# So that a test takes minutes on a CPU.
QUICK = ('model.test_cfg.flip_test=False',)


def train(arm: str, seed: int, steps: int, folder: Path) -> Path:
    """Train an arm, or resume its training, and return the checkpoint."""
    options = [
        f'randomness.seed={seed}',
        f'train_cfg.max_iters={steps}',
        f'param_scheduler.1.T_max={steps}',
    ]
    if arm not in WHOLE:
        options.append('default_hooks.checkpoint.type=AdapterCheckpointHook')
    # It makes MMPose forget ``load_from``.
    resume = ['--resume'] if (folder / 'last_checkpoint').exists() else []
    mmpose_tool(
        'train',
        CONFIGS / f'{arm}.py',
        *('--work-dir', folder, *resume, '--no-validate', '--cfg-options', *options),
    )
    return Path((folder / 'last_checkpoint').read_text())


def test(arm: str, checkpoint: Path, folder: Path, *options: str) -> Path:
    """Test a model on all held-out images, and return the file of its predictions."""
    prefix = folder / 'found'
    mmpose_tool(
        'test',
        CONFIGS / f'{arm}.py',
        checkpoint,
        *('--work-dir', folder / 'test'),
        *('--cfg-options', f'test_evaluator.outfile_prefix={prefix}', *QUICK, *options),
    )
    return Path(f'{prefix}.keypoints.json')


def run(arm: str, seed: int, steps: int, folder: Path) -> Path:
    """Train and test an arm unless that is done, and return the file of its scores."""
    result = folder / 'scores.json'
    if not result.exists():
        folder.mkdir(parents=True, exist_ok=True)
        checkpoint = BASE_WEIGHTS
        if arm != ORIGINAL:
            checkpoint = train(arm, seed, steps, folder)
        scores = score(ANN_FILE, test(arm, checkpoint, folder))
        with replace_file(str(result)) as file:
            file.write(json.dumps(scores, indent=1).encode())
    return result


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add('--arms', nargs='+', choices=ARMS, default=[*ARMS], help='all by default')
    add('--seeds', nargs='+', type=int, default=[0, 1, 2], metavar='SEED')
    add('--steps', type=int, default=200, metavar='N', help='steps of 32 images')
    add('--out', type=Path, default=ROOT / 'work_dirs/real_small_study')
    add('--page', type=Path, default=PROJECT / 'RESULTS.md', help='to write')
    options = parser.parse_args()
    out = options.out.resolve() / f'{options.steps}_steps'
    for seed in options.seeds:
        for arm in options.arms:
            # A seed decides about nothing where nothing is trained.
            if arm != ORIGINAL or seed == options.seeds[0]:
                run(arm, seed, options.steps, out / arm / f'seed_{seed}')
    results = {
        arm: [json.loads(file.read_text()) for file in out.glob(f'{arm}/*/scores.json')]
        for arm in ARMS
    }
    page = make_page(results, options.steps)
    # Other studies have sections there.
    before = options.page.read_text() if options.page.exists() else ''
    _, heading, sections = before.partition('\n## ')
    options.page.write_text(page + heading + sections)
    options.page.with_suffix('.json').write_text(json.dumps(results, indent=1) + '\n')
    print(page)


if __name__ == '__main__':
    main()
