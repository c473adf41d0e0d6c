"""``xtcocotools.coco`` on top of pycocotools."""

import json

import numpy as np
from pycocotools import coco


class COCO(coco.COCO):
    """Annotations or results in COCO format.

    Args:
        annotation_file (str, optional): Path of the annotation file.
        test_index (list[int], optional): Keypoints to keep; by default all.
        ann_data (dict, optional): Content of the annotation file, if it is read already.

    Attributes:
        anno_file (list[str | None]): Path of the annotation file, then the first argument
            of the first ``loadRes``.
    """

    def __init__(
        self,
        annotation_file: str | None = None,
        test_index: list[int] | None = None,
        ann_data: dict | None = None,
    ) -> None:
        super().__init__(annotation_file if ann_data is None else None)
        if ann_data is not None:
            self.dataset = ann_data
            self.createIndex()
        self.anno_file = [annotation_file]
        self.test_index = test_index
        for annotation in self.dataset.get('annotations', ()):
            annotation.setdefault('iscrowd', False)
            if test_index is not None:
                keypoints = np.reshape(annotation['keypoints'], (-1, 3))[test_index]
                annotation['keypoints'] = keypoints.flatten().tolist()

    def loadRes(
        self, resFile: str | list[dict] | np.ndarray, resData: list[dict] | None = None
    ) -> 'COCO':
        """Read results of these images.

        Args:
            resFile (str | list[dict] | np.ndarray): Path of the result file, or results.
            resData (list[dict], optional): Content of the file, if it is read already.

        Returns:
            COCO: The results.
        """
        if len(self.anno_file) == 1:
            self.anno_file.append(resFile)
        results = resFile if resData is None else resData
        if isinstance(results, str):
            with open(results) as file:
                results = json.load(file)
        if isinstance(results, list) and not results:  # pycocotools needs at least one
            return COCO(ann_data=dict(images=list(self.dataset['images']), annotations=[]))
        loaded = COCO()
        vars(loaded).update(vars(super().loadRes(results)))
        return loaded
