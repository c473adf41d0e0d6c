"""Join annotation files, and find their images."""

from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path

from xtcocotools.coco import COCO


def join_annotations(cocos: Sequence[COCO]) -> COCO:
    """Join annotation files that agree; an image that is in several counts once."""
    images: dict[int, dict] = {}
    instances: list[dict] = []
    for i, coco in enumerate(cocos):
        for other in cocos[:i]:
            check_agreement(other, coco)
        new = [img_id for img_id in coco.imgs if img_id not in images]
        images |= {img_id: coco.imgs[img_id] for img_id in new}
        instances += [a for img_id in new for a in coco.imgToAnns[img_id]]
    categories = {c['id']: c for coco in cocos for c in coco.dataset['categories']}
    content = dict(
        images=list(images.values()),
        # Two files may use the same ids.
        annotations=[dict(a, id=i) for i, a in enumerate(instances, 1)],
        categories=list(categories.values()),
    )
    name = ' and '.join(coco.anno_file[0] for coco in cocos)
    with redirect_stdout(None):
        return COCO(name, ann_data=content)


def check_agreement(one: COCO, other: COCO) -> None:
    """Raise a ``ValueError`` if two annotation files disagree on an image of both."""
    for img_id in one.imgs.keys() & other.imgs.keys():
        names, keypoints = [], []
        for coco in (one, other):
            names += [Path(coco.imgs[img_id].get('file_name', '')).name]
            keypoints += [sorted(a['keypoints'] for a in coco.imgToAnns[img_id])]
        if names[0] != names[1] or keypoints[0] != keypoints[1]:
            raise ValueError(
                f'The annotation files disagree on image {img_id} ({names[0]} with '
                f'{len(keypoints[0])} instances, {names[1]} with {len(keypoints[1])}); '
                'compare results on the same annotations.'
            )


class ImageFinder:
    """Find image files in folders, and near annotation files as in COCO and Human-Art."""

    def __init__(self, roots: Sequence[Path], ann_files: Sequence[Path]) -> None:
        folders = list(roots)
        for ann_file in ann_files:
            parents = list(ann_file.absolute().parents)[:3]
            split = ann_file.stem.rsplit('_')[-1]  # person_keypoints_val2017: val2017
            folders += [*parents, *(folder / split for folder in parents)]
        self.folders = list(dict.fromkeys(folders))

    def find(self, file_name: str) -> Path | None:
        """Return the path of an image, if it exists."""
        paths = (folder / file_name for folder in self.folders)
        return next((path for path in paths if path.is_file()), None)
