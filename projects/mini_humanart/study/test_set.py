"""Test a model on one set of images, with one text prompt after the other."""

import copy
import hashlib
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path

import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope
from mmpose.evaluation.metrics import CocoMetric
from mmpose.models.pose_estimators.base import BasePoseEstimator
from mmpose.registry import DATASETS

from vlpose_mm.evaluation import evaluate_file


class TestSet:
    """The crops of a data set, which are prepared once.

    Args:
        dataloader (dict): Config of a test data loader.
        ann_file (Path): Annotations to test on, in place of the config's.
        image_ids (Collection[int], optional): Images to test on; by default all.
    """

    __test__ = False  # not a test of pytest

    def __init__(
        self, dataloader: dict, ann_file: Path, image_ids: Collection[int] | None = None
    ) -> None:
        self.ann_file = ann_file
        DefaultScope.get_instance('study', scope_name='mmpose')
        cfg = {**copy.deepcopy(dataloader['dataset']), 'ann_file': str(ann_file)}
        dataset = DATASETS.build(cfg)
        self.meta = dataset.metainfo
        rows = [
            row
            for row in range(len(dataset))
            if image_ids is None or dataset.get_data_info(row)['img_id'] in image_ids
        ]
        size = dataloader['batch_size']
        self.batches = [
            pseudo_collate([dataset[row] for row in rows[start : start + size]])
            for start in range(0, len(rows), size)
        ]

    def test(
        self, model: BasePoseEstimator, text_prompts: Mapping[int, str] | None = None
    ) -> tuple[dict[str, float], str]:
        """Test on detected bboxes, with other text prompts by image id if they are given.

        Return AP of the domains and of every scenario, in [0, 1], and the SHA-256 of what
        was found.
        """
        with tempfile.TemporaryDirectory() as folder:
            file = self.find(model, Path(folder), text_prompts)
            evaluation = evaluate_file(self.ann_file, file)
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
        parts = [part for part in ('natural', 'artificial') if evaluation.images(part)]
        scores = {p: evaluation.scores(p).AP for p in [*parts, *evaluation.scenarios]}
        return scores, digest

    @torch.no_grad()
    def find(
        self,
        model: BasePoseEstimator,
        folder: Path,
        text_prompts: Mapping[int, str] | None = None,
    ) -> Path:
        """Find keypoints, and return a new file of them in a folder, in COCO's format."""
        model.eval()
        metric = CocoMetric(
            str(self.ann_file), outfile_prefix=str(folder / 'found'), format_only=True
        )
        metric.dataset_meta = self.meta
        count = 0
        for batch in self.batches:
            # Testing adds to the samples.
            samples = [sample.clone() for sample in batch['data_samples']]
            for sample in samples if text_prompts is not None else ():
                sample.set_metainfo(dict(text_prompt=text_prompts[sample.img_id]))
            found = model.test_step(dict(inputs=batch['inputs'], data_samples=samples))
            metric.process(batch, [sample.to_dict() for sample in found])
            count += len(found)
        metric.evaluate(count)
        return folder / 'found.keypoints.json'
