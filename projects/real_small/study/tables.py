"""The tables of the study."""

from projects.mini_humanart.markdown_table import align
from projects.mini_humanart.study.tables import spread
from projects.real_small.study.scores import PARTS

ORIGINAL = 'original'
ARMS = {
    ORIGINAL: 'original (ViTPose, photos only)',
    'full': 'full fine-tuning',
    'paper': "VLPose, the paper's model",
    'lora': 'VLPose, low-rank updates',
    'joint': '... with photos as well',
}


def table(results: dict[str, list[dict]], measure: str) -> str:
    """Lay out one measure of all arms by part."""
    some = next(runs[0] for runs in results.values() if runs)
    parts = [part for part in PARTS if part in some]
    lines = [['', *parts]]
    for arm, runs in results.items():
        if runs:
            cells = [spread([run[part][measure] for run in runs]) for part in parts]
            lines.append([ARMS[arm], *cells])
    return align(lines)


def make_page(results: dict[str, list[dict]], steps: int) -> str:
    """Make the page of all results: each arm's scores, one a seed."""
    seeds = {len(runs) for arm, runs in results.items() if arm != ORIGINAL and runs}
    counts = ' or '.join(map(str, sorted(seeds or {0})))
    return '\n\n'.join(
        [
            '# Tuned on other kinds of images',
            f'`python -m projects.real_small.study` with {steps} steps of 32 images and '
            f'{counts} seeds: means and standard deviations on held-out images, with true '
            'bboxes, without flip test. All arms start from the ViTPose of '
            'the first row. Photos are on the tuned weights here; on the original '
            'route they are as in the first row.',
            f'AP, in points:\n\n{table(results, "AP")}',
            'PCK, in percent, of instances with at least 8 keypoints:\n\n'
            f'{table(results, "PCK")}\n',
        ]
    )
