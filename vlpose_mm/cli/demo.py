"""Show the small model on drawn images."""

import argparse
import json
import os
from collections.abc import Sequence

import cv2
import numpy as np

from vlpose_mm.apis import PoseResult, VLPoseInferencer
from vlpose_mm.apis.model_zoo import demo_images
from vlpose_mm.apis.progress import PROGRESS
from vlpose_mm.apis.writers import ANNOTATIONS, drawing_path
from vlpose_mm.checkpoint.io import replace_file
from vlpose_mm.cli.loading import results_alone, text_prompt
from vlpose_mm.visualization.captions import BLACK, GRAY, caption, save_image

SHEET = 'contact_sheet.png'
# In pixels: of an image, and of both with their margin.
HEIGHT, WIDTH, COLUMNS = 240, 410, 4


def main(args: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        args (Sequence[str], optional): Arguments instead of the command line's.

    Returns:
        int: 0, or 130 if it was interrupted.
    """
    parser = argparse.ArgumentParser(
        prog='vlpose demo',
        description='Find poses on the drawn images that come with the package, with the '
        'original and with the tuned weights of a small model. Needs no network.',
    )
    parser.add_argument(
        '--out', metavar='DIR', default='vlpose_demo', help='(default: %(default)s)'
    )
    options = parser.parse_args(args)
    try:
        with results_alone():
            pairs = _run(options.out)
    except (OSError, ValueError) as error:
        parser.error(text_prompt(error, options.out))
    except KeyboardInterrupt:
        print('Interrupted.')
        return 130
    print(_table(pairs))
    print(f'\nWritten to {options.out}: {SHEET}, {ANNOTATIONS} and drawings/')
    return 0


def _run(out: str) -> list[tuple[PoseResult, PoseResult]]:
    """Find the poses and write them; original and tuned, or original twice."""
    if os.path.exists(os.path.join(out, PROGRESS)):
        raise ValueError(f'{out} holds the results of another run; name another folder.')
    os.makedirs(out, exist_ok=True)
    inferencer = VLPoseInferencer()
    images = demo_images()
    found = list(inferencer(images))
    pairs = list(zip(inferencer(images, route='original'), found, strict=True))
    for number, result in enumerate(found, 1):
        result.image_id = number
        path = drawing_path(result.name, os.path.join(out, 'drawings'))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        result.save(path)
    files = [result.coco() for result in found]
    people = [record for file in files for record in file['annotations']]
    whole = dict(
        images=[file['images'][0] for file in files],
        annotations=[{**record, 'id': row} for row, record in enumerate(people, 1)],
        categories=files[0]['categories'],
    )
    with replace_file(os.path.join(out, ANNOTATIONS)) as file:
        file.write(json.dumps(whole).encode())
    save_image(_sheet(pairs), os.path.join(out, SHEET))
    return pairs


def _sheet(pairs: list[tuple[PoseResult, PoseResult]]) -> np.ndarray:
    """Draw all images with both skeletons, in RGB."""
    tiles = []
    for pair in pairs:
        drawn = [each.scaled(HEIGHT / each.image.shape[0]).draw() for each in pair]
        tile = np.hstack(drawn)[..., ::-1]
        factor = min(1, (WIDTH - 10) / tile.shape[1])
        tile = cv2.resize(tile, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        sides = (0, HEIGHT - tile.shape[0], 0, WIDTH - tile.shape[1])
        tile = cv2.copyMakeBorder(tile, *sides, cv2.BORDER_CONSTANT, value=(255,) * 3)
        told = pair[1].scenario or 'photo'
        above = caption(
            WIDTH, (told.replace('_', ' '), BLACK), (f'original, {pair[1].route}', GRAY)
        )
        tiles.append(np.vstack([above, tile]))
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % COLUMNS)
    rows = [np.hstack(tiles[i : i + COLUMNS]) for i in range(0, len(tiles), COLUMNS)]
    return np.vstack(rows)


def _table(pairs: list[tuple[PoseResult, PoseResult]]) -> str:
    """Lay the results out for people."""
    header = f'{"":<16}{"route":<10}{"mean score":>12}{"original":>10}  text prompt'
    lines = [header, '-' * 78]
    for original, found in pairs:
        lines.append(
            f'{found.scenario or "photo":<16}{found.route:<10}'
            f'{found.scores.mean():>12.2f}{original.scores.mean():>10.2f}  '
            f'{found.prompt or ""}'.rstrip()
        )
    return '\n'.join(lines)
