"""Annotation files: what runs are compared with, and where their images lie."""

from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path

from xtcocotools.coco import COCO


def joined(truths: Sequence[COCO]) -> COCO:
    """Join annotation files; images that several have count once.

    Args:
        truths (Sequence[COCO]): Their contents.

    Returns:
        COCO: One of them all.

    Raises:
        ValueError: If two files have different images or people under the same id.
    """
    images: dict[int, dict] = {}
    people: list[dict] = []
    for i, truth in enumerate(truths):
        for other in truths[:i]:
            check_same(other, truth)
        new = [img_id for img_id in truth.imgs if img_id not in images]
        images |= {img_id: truth.imgs[img_id] for img_id in new}
        people += [person for img_id in new for person in truth.imgToAnns[img_id]]
    categories = {c['id']: c for truth in truths for c in truth.dataset['categories']}
    content = dict(
        images=list(images.values()),
        # Two files may number their people alike.
        annotations=[dict(person, id=i) for i, person in enumerate(people, 1)],
        categories=list(categories.values()),
    )
    name = ' and '.join(truth.anno_file[0] for truth in truths)
    with redirect_stdout(None):
        return COCO(name, ann_data=content)


def check_same(one: COCO, other: COCO) -> None:
    """Make sure that two annotation files say the same of the images that both have.

    Args:
        one (COCO): The first.
        other (COCO): The second.

    Raises:
        ValueError: If they do not.
    """
    for img_id in one.imgs.keys() & other.imgs.keys():
        images = [
            Path(truth.imgs[img_id].get('file_name', '')).name for truth in (one, other)
        ]
        people = [
            sorted(person['keypoints'] for person in truth.imgToAnns[img_id])
            for truth in (one, other)
        ]
        if images[0] != images[1] or people[0] != people[1]:
            raise ValueError(
                f'The annotation files disagree on image {img_id} ({images[0]} with '
                f'{len(people[0])} people, {images[1]} with {len(people[1])}); compare '
                'results on the same annotations.'
            )


class ImageFiles:
    """Finds the files of images.

    Args:
        roots (Sequence[Path]): Folders that ``file_name`` may start in.
        ann_files (Sequence[Path]): Annotation files, beside which images may lie in the
            layouts of COCO and Human-Art.
    """

    def __init__(self, roots: Sequence[Path], ann_files: Sequence[Path]) -> None:
        self.folders = list(roots)
        for ann_file in ann_files:
            above = [ann_file.absolute().parent, *ann_file.absolute().parent.parents][:3]
            # person_keypoints_val2017.json: val2017
            split = ann_file.stem.rsplit('_')[-1]
            self.folders += [*above, *(folder / split for folder in above)]
        self.folders = list(dict.fromkeys(self.folders))

    def find(self, file_name: str) -> Path | None:
        """Find an image.

        Args:
            file_name (str): As its record says.

        Returns:
            Path, optional: Its file, if there is one.
        """
        places = (folder / file_name for folder in self.folders)
        return next((place for place in places if place.is_file()), None)
