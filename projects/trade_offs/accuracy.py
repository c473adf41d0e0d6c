"""Accuracy of a way to run a model, with and without flip test."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmpose.models.utils.tta import flip_heatmaps
from mmpose.registry import DATASETS, METRICS, MODELS
from mmpose.structures import PoseDataSample
from torch import Tensor

from projects.trade_offs.variants import Run
from vlpose_mm.analysis.base_model import base_config
from vlpose_mm.evaluation import evaluate_file

BATCH = 16


class Crops:
    """The instances of every ``every``-th test image of a config, cropped.

    Args:
        cfg (Config): The config.
        every (int): Which images, in the order of their ids.
    """

    def __init__(self, cfg: Config, every: int = 1) -> None:
        self.cfg = cfg
        self.dataset = DATASETS.build(cfg.test_dataloader.dataset)
        self.model = MODELS.build(base_config(cfg.model))
        ids = [
            self.dataset.get_data_info(row)['img_id'] for row in range(len(self.dataset))
        ]
        self.image_ids = sorted({*ids})[::every]
        wanted = {*self.image_ids}
        self.rows = [row for row, img_id in enumerate(ids) if img_id in wanted]

    def batches(self, size: int = BATCH) -> Iterator[tuple[Tensor, list[PoseDataSample]]]:
        """Crop the instances, to B x 3 x H x W, and return them with their samples."""
        for start in range(0, len(self.rows), size):
            rows = self.rows[start : start + size]
            packed = pseudo_collate([self.dataset[row] for row in rows])
            batch = self.model.data_preprocessor(packed)
            yield batch['inputs'], batch['data_samples']

    def score(self, run: Run) -> dict[str, dict[str, float]]:
        """Return AP in [0, 1] with (``'flip'``) and without flip test (``'plain'``).

        Of all images, natural and artificial ones, and of each scenario.
        """
        with TemporaryDirectory() as folder:
            metrics = {name: self._metric(folder, name) for name in ('flip', 'plain')}
            for crops, samples in self.batches():
                plain = run(crops, samples).float()
                mirrored = flip_heatmaps(
                    run(crops.flip(-1), samples).float(),
                    flip_indices=samples[0].metainfo['flip_indices'],
                    shift_heatmap=self.model.test_cfg.get('shift_heatmap', False),
                )
                self._add(metrics['plain'], plain, samples)
                self._add(metrics['flip'], (plain + mirrored) / 2, samples)
            for metric in metrics.values():
                metric.evaluate(len(self.rows))
            ann_file = self.cfg.test_evaluator.ann_file
            return {
                name: self._scores(Path(ann_file), Path(folder, f'{name}.keypoints.json'))
                for name in metrics
            }

    def _metric(self, folder: str, name: str):  # noqa: ANN202
        """Make what writes the results of a test as a file."""
        cfg = {**self.cfg.test_evaluator, 'format_only': True}
        metric = METRICS.build({**cfg, 'outfile_prefix': f'{folder}/{name}'})
        metric.dataset_meta = self.dataset.metainfo
        return metric

    def _add(self, metric, heatmaps: Tensor, samples: Sequence[PoseDataSample]) -> None:  # noqa: ANN001
        """Decode heatmaps and add what they show to the results."""
        found = self.model.head.decode(heatmaps)
        own = [sample.clone() for sample in samples]
        done = self.model.add_pred_to_datasample(found, None, own)
        metric.process({}, [sample.to_dict() for sample in done])

    def _scores(self, ann_file: Path, result_file: Path) -> dict[str, float]:
        """Return the AP of all of the images, and of each part of them."""
        evaluation = evaluate_file(ann_file, result_file)
        parts = dict(all=self.image_ids)
        wanted = {*self.image_ids}
        for name, ids in {**evaluation.domains, **evaluation.scenarios}.items():
            parts[name] = [img_id for img_id in ids if img_id in wanted]
        found = {name: evaluation.scores(ids) for name, ids in parts.items() if ids}
        return {name: own.AP for name, own in found.items() if own.instances}
