"""Samples of the layouts of data sets: one or a few images, all with the same person."""

import json
from pathlib import Path

import numpy as np
import yaml
from PIL import Image
from scipy.io import savemat

from vlpose_mm.tools.dataset_converters.keypoint_files import KEYPOINTS
from vlpose_mm.tools.dataset_converters.lsp import JOINTS

SIZE = (100, 140)
#: Of COCO's keypoints in pixels: 17 x 2.
POINTS = np.column_stack([20 + 3 * np.arange(17), 30 + 5 * np.arange(17)]).astype(float)
BBOX = [15.0, 25.0, 60.0, 95.0]
FLAT = np.column_stack([POINTS, np.full(17, 2)]).ravel().tolist()


def joint(name: str) -> list[float]:
    """Where a joint is, of COCO's or another."""
    return POINTS[KEYPOINTS.index(name)].tolist() if name in KEYPOINTS else [50.0, 20.0]


def image(path: Path, size: tuple[int, int] = SIZE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new('RGB', size, 'gray').save(path)


def person(image_id: int = 1, annotation_id: int = 1, **others: object) -> dict:
    return dict(
        id=annotation_id,
        image_id=image_id,
        category_id=1,
        bbox=BBOX,
        area=1000.0,
        iscrowd=0,
        keypoints=FLAT,
        num_keypoints=17,
    ) | dict(others)


def coco_file(path: Path, images: list[dict], people: list[dict], names: list[str]) -> None:
    """Write a file in COCO's format; images lack their size."""
    width, height = SIZE
    content = dict(
        images=[dict(width=width, height=height) | each for each in images],
        annotations=people,
        categories=[dict(id=1, name='person', keypoints=names, skeleton=[])],
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def lsp(folder: Path) -> None:
    """1000 images for training and one for testing, of which most are the same file."""
    joints = np.array([[*joint(name), 0] for name in JOINTS])  # 14, 3
    image(folder / 'images/im0001.jpg')
    for number in range(2, 1002):
        (folder / f'images/im{number:04}.jpg').symlink_to('im0001.jpg')
    image(folder / 'visualized/im0001.jpg')
    savemat(folder / 'joints.mat', dict(joints=np.repeat(joints.T[..., None], 1001, 2)))


def lspet(folder: Path) -> None:
    """Two images; of the second one the right ankle is not labeled."""
    joints = np.array([[[*joint(name), 1] for name in JOINTS]] * 2)  # 2, 14, 3
    joints[1, 0] = -5, 3, 0
    for number in (1, 2):
        image(folder / f'images/im{number:05}.jpg')
    savemat(folder / 'joints.mat', dict(joints=joints.transpose(1, 2, 0)))


def animated_drawings(folder: Path) -> None:
    """Two characters as the tool writes them, which are no larger than their texture."""
    names = 'root hip torso neck'.split()
    for side in ('right', 'left'):
        names += [f'{side}_{part}' for part in 'shoulder elbow hand hip knee foot'.split()]
    coco = dict(hand='wrist', foot='ankle')
    skeleton = []
    for name in names:
        side, _, part = name.partition('_')
        loc = joint(f'{side}_{coco.get(part, part)}')
        skeleton.append(dict(loc=[round(v) for v in loc], name=name, parent=None))
    width, height = SIZE
    content = dict(height=height, skeleton=skeleton, width=width)
    for name in ('char1', 'char2'):
        image(folder / name / 'texture.png')
        image(folder / name / 'mask.png')
        (folder / name / 'char_cfg.yaml').write_text(yaml.safe_dump(content))


def popart(folder: Path) -> None:
    """A painting of each split, whose style is in its metadata, its folder or nowhere."""
    records = dict(
        train=dict(file_name='a.jpg', wikiart=dict(styles=['Art Nouveau (Modern)', 'x'])),
        val=dict(file_name='Early_Renaissance/b.jpg'),
        test=dict(file_name='images/c.jpg'),
    )
    for split, record in records.items():
        image(folder / 'images' / record['file_name'].removeprefix('images/'))
        # Boxes alone beyond four people.
        people = [person(), dict(id=2, image_id=1, category_id=1, bbox=[1, 1, 20, 50])]
        path = folder / f'annotations/person_keypoints_{split}.json'
        coco_file(path, [dict(id=1, **record)], people, KEYPOINTS)


def coco_ood(folder: Path) -> None:
    """A repainted photo at half the size of the photo."""
    image(folder / 'images/000000000139_fake_B.png', (SIZE[0] // 2, SIZE[1] // 2))
    outlined = person(139, segmentation=[[0, 0, 9, 0, 9, 9]])
    path = folder / 'annotations/person_keypoints_val2017.json'
    coco_file(path, [dict(id=139, file_name='000000000139.jpg')], [outlined], KEYPOINTS)


def custom(folder: Path) -> None:
    """An export of CVAT: two images; a skeleton's bbox is that of its keypoints."""
    images = [dict(id=i, file_name=f'{i}.jpg') for i in (1, 2)]
    bbox = [*POINTS[0], *(POINTS[-1] - POINTS[0])]
    people = [person(i, i, bbox=bbox, segmentation=[]) for i in (1, 2)]
    for each in images:
        image(folder / 'images/default' / each['file_name'])
    path = folder / 'annotations/person_keypoints_default.json'
    coco_file(path, images, people, KEYPOINTS)


#: By the folder below ``data`` that the config of a data set has.
LAYOUTS = dict(
    animated_drawings=animated_drawings,
    coco_ood=coco_ood,
    custom=custom,
    lsp=lsp,
    lspet=lspet,
    popart=popart,
)
