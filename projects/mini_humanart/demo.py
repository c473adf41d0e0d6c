"""Tune VLPose on mini Human-Art with MMPose's own tools and show what it brings."""

# First: it patches the stack that the other imports load.
import vlpose_mm  # noqa: F401

# isort: split
import argparse
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from projects.domain_gap_report.skeletons import SkeletonPainter
from projects.mini_humanart.runs import (
    BASE_WEIGHTS,
    CONFIGS,
    ROOT,
    Results,
    draw_data,
    mmpose_tool,
)

DATA = ROOT / 'data/mini'
OUT = ROOT / 'work_dirs/demo'
ART_ANN = DATA / 'HumanArt/annotations/validation_humanart.json'
PHOTO_ANN = DATA / 'coco/annotations/person_keypoints_val2017.json'
VITPOSE = CONFIGS / 'vitpose_mini_photos.py'
VLPOSE = CONFIGS / 'vlpose_mini_humanart.py'
VLPOSE_PHOTOS = CONFIGS / 'vlpose_mini_photos.py'
SHOWN = (
    'sketch',
    'stained_glass',
    'sculpture',
    'cartoon',
    'shadow_play',
    'ukiyoe',
    'kids_drawing',
    'oil_painting',
)


class Stopwatch:
    """Seconds spent in named stages."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Announce and time a stage."""
        print(f'\n== {name}', flush=True)
        start = time.time()
        yield
        self.seconds[name] = round(time.time() - start, 1)


def test(name: str, config: Path, checkpoint: Path, ann_file: Path, *options) -> Results:
    """Test a model with MMPose's ``tools/test.py``."""
    prefix = OUT / name
    mmpose_tool(
        'test',
        config,
        checkpoint,
        *('--work-dir', OUT / 'test' / name),
        *('--cfg-options', f'test_evaluator.outfile_prefix={prefix}', *options),
    )
    return Results(ann_file, Path(f'{prefix}.keypoints.json'))


def make_report(
    art: dict[str, Results], photos: dict[str, Results], seconds: dict[str, float]
) -> dict:
    """Compare the original model with VLPose: AP in [0, 1] by kind of image."""
    return dict(
        artificial={k: r.ap('artificial') for k, r in art.items()},
        natural={k: r.ap() for k, r in photos.items()},
        scenarios={
            name: {k: r.ap(name) for k, r in art.items()}
            for name in art['original'].evaluation.scenarios
        },
        seconds=seconds,
    )


def format_report(report: dict) -> str:
    """Lay the report out as a table for the terminal."""
    rule = '-' * 48
    lines = [f'{"AP, in points":24}{"original":>8}{"VLPose":>8}{"gain":>8}', rule]

    def row(name: str, scores: dict[str, float]) -> str:
        before, after = (100 * score for score in scores.values())
        return f'{name:24}{before:8.1f}{after:8.1f}{after - before:+8.1f}'

    lines += [row(name, scores) for name, scores in report['scenarios'].items()]
    lines += [rule, row('all artificial', report['artificial'])]
    lines += [row('photos (original route)', report['natural'])]
    return '\n'.join(lines)


def caption(image: np.ndarray, text: str) -> np.ndarray:
    """Put a line of text above an image."""
    strip = np.full((26, image.shape[1], 3), 255, np.uint8)
    cv2.putText(
        strip, text, (6, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.48, (40, 40, 40), 1, cv2.LINE_AA
    )
    return np.vstack([strip, image])


def draw_comparison(art: dict[str, Results], path: Path) -> None:
    """Draw images of several scenarios, original and tuned side by side.

    Of each scenario the image is shown that gained most, with its OKS before and after.
    """
    height, tiles = 300, []
    painter = SkeletonPainter()
    oks = {key: results.oks() for key, results in art.items()}
    truth = art['tuned'].truth
    for name in SHOWN:
        best = max(
            (
                img_id
                for img_id in art['tuned'].evaluation.scenarios[name]
                if truth.imgs[img_id]['width'] <= truth.imgs[img_id]['height']
            ),
            key=lambda img_id: oks['tuned'][img_id] - oks['original'][img_id],
        )
        image = cv2.imread(str(DATA / truth.imgs[best]['file_name']))[..., ::-1]
        scale = height / image.shape[0]
        pair = []
        for key, results in art.items():
            # The other detected bboxes are false positives.
            instances = sorted(results.detected.imgToAnns[best], key=lambda r: -r['score'])
            drawn = painter.paint(image, instances[: len(truth.imgToAnns[best])], scale)
            pair.append(caption(drawn, f'{key}, OKS {oks[key][best]:.2f}'))
        tiles.append(caption(np.hstack(pair), name.replace('_', ' ')))
    width = max(tile.shape[1] for tile in tiles)
    tiles = [
        cv2.copyMakeBorder(
            t, 8, 8, 8, 8 + width - t.shape[1], cv2.BORDER_CONSTANT, value=(255,) * 3
        )
        for t in tiles
    ]
    rows = [np.hstack(tiles[i : i + 2]) for i in range(0, len(tiles), 2)]
    cv2.imwrite(str(path), np.vstack(rows)[..., ::-1])


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--seed', type=int, default=0, help='seed of the training')
    options = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    watch = Stopwatch()

    with watch.stage('draw mini COCO and mini Human-Art'):
        draw_data(DATA)
    with watch.stage('tune VLPose on mini Human-Art'):
        mmpose_tool(
            'train',
            VLPOSE,
            *('--work-dir', OUT, '--no-validate'),
            *('--cfg-options', f'randomness.seed={options.seed}'),
            'default_hooks.checkpoint.type=AdapterCheckpointHook',
        )
    tuned = Path((OUT / 'last_checkpoint').read_text())
    with watch.stage('test on mini Human-Art: original and tuned'):
        art = dict(
            original=test(
                'art_original', VLPOSE, tuned, ART_ANN, 'model.test_cfg.route=original'
            ),
            tuned=test('art_tuned', VLPOSE, tuned, ART_ANN),
        )
    with watch.stage('test on mini photos: ViTPose, and VLPose on its original route'):
        photos = dict(
            original=test('photos_original', VITPOSE, BASE_WEIGHTS, PHOTO_ANN),
            routed=test('photos_routed', VLPOSE_PHOTOS, tuned, PHOTO_ANN),
        )

    report = make_report(art, photos, watch.seconds)
    (OUT / 'report.json').write_text(json.dumps(report, indent=1) + '\n')
    draw_comparison(art, OUT / 'comparison.png')
    same = photos['original'].found == photos['routed'].found
    print(f'\n{format_report(report)}\n')
    print(
        f'Photos: every keypoint of all {len(photos["routed"].found)} instances is '
        f'{"exactly that of" if same else "NOT that of"} the base model.'
    )
    print(f'{sum(watch.seconds.values()):.0f} seconds. Written to {OUT.relative_to(ROOT)}:')
    print('  report.json         these numbers')
    print('  comparison.png      images with both skeletons')
    print(f'  {tuned.name}  the adapter, to resume from')
    if not same:
        raise SystemExit('The original route differs from the base model.')
    gain = report['artificial']['tuned'] - report['artificial']['original']
    if options.seed == 0 and gain < 0.05:
        raise SystemExit('Tuning gained less than 5 points on artificial images.')


if __name__ == '__main__':
    main()
