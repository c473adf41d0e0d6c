"""Real sets of a few small images of noise."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

CATEGORY = dict(id=1, name='person')


class Root:
    """A folder of sets."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rng = np.random.default_rng(0)

    def write(self, name: str, images: list[dict], people: int = 1) -> None:
        """Write images with some people each: 12 of 17 keypoints in the whole image."""
        records, instances = [], []
        for i, image in enumerate(images, 1):
            file = f'{name}/{image.get("file", f"images/{i}.png")}'
            record = dict(id=i, width=48, height=64) | image
            records.append(record | dict(file_name=file))
            path = self.path / file
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), self.rng.integers(0, 255, (64, 48, 3), np.uint8))
            for _ in range(people):
                points = self.rng.uniform([4, 4], [44, 60], (17, 2)).round(1)
                points[:5] = 0
                flags = np.where(np.arange(17) < 5, 0, 2)
                instances.append(
                    dict(
                        id=len(instances) + 1,
                        image_id=record['id'],
                        category_id=1,
                        bbox=[2, 2, 44, 60],
                        area=1500.0,
                        iscrowd=0,
                        keypoints=np.column_stack([points, flags]).ravel().tolist(),
                        num_keypoints=12,
                    )
                )
        content = dict(images=records, annotations=instances, categories=[CATEGORY])
        self.file(name).write_text(json.dumps(content))

    def file(self, name: str) -> Path:
        return self.path / name / 'annotations.json'

    def edit(self, name: str, change: Callable[[dict], None]) -> None:
        """Change the annotations of a set."""
        content = json.loads(self.file(name).read_text())
        change(content)
        self.file(name).write_text(json.dumps(content))


@pytest.fixture
def root(tmp_path: Path) -> Root:
    """Photos, paintings of some, and drawings; some of each are for training."""
    root = Root(tmp_path / 'real')
    photo, painting = dict(category='real_human/coco'), '2D_virtual_human/neural_painting_'
    lspet = dict(category='real_human/lspet')
    root.write('lspet', [lspet | dict(id=i) for i in (5, 9001, 9002)])
    splits = 'val2017', 'train2017', 'val2017'
    files = [dict(split=s, file=f'images/{s}/{i}.png') for i, s in enumerate(splits)]
    root.write('coco_subset', [photo | file for file in files], people=2)
    styles = [
        dict(style=style, category=painting + style, split='val2017', source=file['file'])
        for style, file in (('wave', files[0]), ('scream', files[2]))
    ]
    root.write('coco_painted', styles[:1], people=2)
    drawing = dict(category='2D_virtual_human/sketch')
    poses = [drawing | dict(pose=f'{pose}F_Sitting') for pose in (1, 3, 6)]
    root.write('pose_depot', poses)
    return root
