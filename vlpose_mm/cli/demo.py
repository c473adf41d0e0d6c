"""Run the model of drawn figures on the drawn images in the package."""

import argparse
import json
import os
from functools import partial

import cv2
import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from transformers.utils import logging

from vlpose_mm.apis import VLPoseInferencer, to_coco
from vlpose_mm.apis.model_zoo import demo_images
from vlpose_mm.apis.progress import PROGRESS
from vlpose_mm.apis.writers import ANNOTATIONS, drawing_path
from vlpose_mm.checkpoint.io import replace_file
from vlpose_mm.datasets.image_io import read_image
from vlpose_mm.names import MINI_DRAWN
from vlpose_mm.tools.common import log_and_prints_to_stderr
from vlpose_mm.visualization.captions import BLACK, GRAY, caption, save_image

SHEET = 'contact_sheet.png'
# In pixels: height of an image, and width of both with their margin.
HEIGHT, WIDTH, COLUMNS = 240, 410, 4


def main(options: argparse.Namespace) -> None:
    """Run the command."""
    out = options.out
    if os.path.exists(os.path.join(out, PROGRESS)):
        raise ValueError(f'{out} holds the results of another run; name another folder.')
    os.makedirs(out, exist_ok=True)
    with log_and_prints_to_stderr():
        logging.disable_progress_bar()
        inferencer = VLPoseInferencer(MINI_DRAWN)
        run = partial(inferencer, demo_images(), return_datasamples=True, batch_size=8)
        pairs = list(zip(run(route='original'), run(), strict=True))
        _write(inferencer, pairs, out)
    Console(width=100, highlight=False).print(_table(pairs))
    print(f'Written to {out}: {SHEET}, {ANNOTATIONS} and drawings/')


def _write(inferencer: VLPoseInferencer, pairs: list[tuple[dict, dict]], out: str) -> None:
    """Write annotations, drawings, and a sheet of both skeletons of each image."""
    tiles = []
    for pair in pairs:
        image = read_image(demo_images() / pair[1]['name'])
        samples = [result['predictions'][0] for result in pair]
        path = drawing_path(pair[1]['name'], os.path.join(out, 'drawings'))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        save_image(inferencer.draw(image, samples[1]), path)
        scale = min(HEIGHT / image.shape[0], (WIDTH - 10) / (2 * image.shape[1]))
        tile = np.hstack([inferencer.draw(image, each, scale) for each in samples])
        sides = (0, HEIGHT - tile.shape[0], 0, WIDTH - tile.shape[1])
        tile = cv2.copyMakeBorder(tile, *sides, cv2.BORDER_CONSTANT, value=(255,) * 3)
        scenario = (pair[1]['scenario'] or 'photo').replace('_', ' ')
        routes = f'original, {pair[1]["route"]}'
        text = caption(WIDTH, (scenario, BLACK), (routes, GRAY))
        tiles.append(np.vstack([text, tile]))
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % COLUMNS)
    rows = [np.hstack(tiles[i : i + COLUMNS]) for i in range(0, len(tiles), COLUMNS)]
    save_image(np.vstack(rows), os.path.join(out, SHEET))
    coco = to_coco([result for _, result in pairs], inferencer.model.dataset_meta)
    with replace_file(os.path.join(out, ANNOTATIONS)) as file:
        file.write(json.dumps(coco).encode())


def _table(pairs: list[tuple[dict, dict]]) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column('scenario')
    table.add_column('route')
    table.add_column('mean score', justify='right')
    table.add_column('original', justify='right')
    table.add_column('text prompt')
    for original, result in pairs:
        scores = (each['predictions'][0].pred_instances for each in (result, original))
        table.add_row(
            result['scenario'] or 'photo',
            result['route'],
            *(f'{each.keypoint_scores.mean():.2f}' for each in scores),
            result['text_prompt'],
        )
    return table
