"""Draw what a model predicted: a sheet each of photos, paintings and other art."""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from rich.progress import track

from projects.domain_gap_report.skeletons import SkeletonPainter
from projects.real_images.predictions import CONSOLE
from projects.real_images.scores import pck
from vlpose_mm.datasets.image_io import read_image
from vlpose_mm.evaluation.functional.coco_files import read_json
from vlpose_mm.tools.errors import command

KINDS = ('photos', 'paintings', 'drawings')
COLUMNS = 5
TILE, CAPTION, GAP = 320, 22, 6


class Drawing:
    """An image with its annotations and what was predicted."""

    def __init__(self, image: dict, instances: list[dict], results: list[dict]) -> None:
        self.image = image
        self.results = results
        shares = [pck(each, results) for each in instances if each['num_keypoints']]
        self.set_name, _, file_name = image['file_name'].partition('/')
        self.caption = f'{self.set_name} {Path(file_name).stem}'
        if shares:
            # First, as long captions are cut.
            self.caption = f'PCK {np.mean(shares):.2f} {self.caption}'

    @property
    def kind(self) -> str:
        """str: One of :data:`KINDS`."""
        if not self.image.get('category'):
            return 'photos'
        return 'paintings' if self.image.get('style') else 'drawings'


def read_drawings(out: Path, run: str) -> list[Drawing]:
    """Read the predictions of a run on all sets.

    Raises:
        FileNotFoundError: If there are none.
    """
    folder = out / 'predictions' / run
    files = sorted(folder.glob('*.keypoints.json'))
    if not files:
        runs = sorted(
            str(file.relative_to(out / 'predictions'))
            for file in (out / 'predictions').glob('*/*')
        )
        raise FileNotFoundError(f'{folder} has no predictions; the runs are {runs}.')
    drawings = []
    for file in files:
        name = file.name.removesuffix('.keypoints.json')
        truth = read_json(out / 'annotations' / f'{name}.json')
        instances = _by_image(truth['annotations'])
        results = _by_image(json.loads(file.read_text()))
        drawings += [
            Drawing(image, instances.get(image['id'], []), results[image['id']])
            for image in truth['images']
            if image['id'] in results
        ]
    return drawings


def choose(drawings: Sequence[Drawing], count: int) -> list[Drawing]:
    """Choose some drawings, as many of each set as there are and evenly spread over it."""
    by_set = {}
    for drawing in drawings:
        by_set.setdefault(drawing.set_name, []).append(drawing)
    chosen = []
    # The smallest first, so that the others take what it lacks.
    for i, mine in enumerate(sorted(by_set.values(), key=len)):
        share = min(len(mine), (count - len(chosen)) // (len(by_set) - i))
        chosen += [mine[row] for row in np.linspace(0, len(mine) - 1, share).astype(int)]
    return chosen


def make_sheet(drawings: Sequence[Drawing], root: Path) -> np.ndarray:
    """Lay drawings out in rows, in BGR."""
    painter = SkeletonPainter()
    tiles = []
    for drawing in track(drawings, drawings[0].kind, console=CONSOLE):
        image = read_image(str(root / drawing.image['file_name']))[..., ::-1]
        scale = TILE / max(image.shape[:2])
        painted = painter.paint(np.ascontiguousarray(image), drawing.results, scale)
        tile = np.full((TILE + CAPTION, TILE, 3), 255, np.uint8)
        height, width = painted.shape[:2]
        left = (TILE - width) // 2
        tile[CAPTION : CAPTION + height, left : left + width] = painted[..., ::-1]
        font = cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(tile, drawing.caption, (2, 15), font, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
        tiles.append(np.pad(tile, ((0, GAP), (0, GAP), (0, 0)), constant_values=255))
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % COLUMNS)
    rows = [np.hstack(tiles[i : i + COLUMNS]) for i in range(0, len(tiles), COLUMNS)]
    return np.vstack(rows)


@command
def main(args: Sequence[str] | None = None) -> None:
    """Run the command; by default with the arguments of the command line."""
    parser = argparse.ArgumentParser(
        prog='python -m projects.real_images.contact_sheets',
        description='Draw what a model predicted: a sheet each of photos, paintings and '
        'other art, spread over the sets and their images.',
    )
    add = parser.add_argument
    add('root', type=Path, help='folder of the sets')
    add('run', metavar='MODEL/ROUTE_BBOXES', help='such as vlpose/auto_true')
    add('--out', type=Path, default=Path('work_dirs/real_images'), metavar='DIR')
    add('--count', type=int, default=20, metavar='N', help='images of each kind')
    options = parser.parse_args(args)
    drawings = read_drawings(options.out, options.run)
    folder = options.out / 'sheets' / options.run
    folder.mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        mine = [drawing for drawing in drawings if drawing.kind == kind]
        if mine:
            path = folder / f'{kind}.jpg'
            cv2.imwrite(str(path), make_sheet(choose(mine, options.count), options.root))
            print(path)


def _by_image(records: Sequence[Mapping]) -> dict[int, list[Mapping]]:
    """Group records by image."""
    grouped = {}
    for record in records:
        grouped.setdefault(record['image_id'], []).append(record)
    return grouped


if __name__ == '__main__':
    main()
