"""COCO metric by scenario."""

from itertools import chain
from typing import Any

from mmengine.logging import MessageHub, print_log
from mmpose.evaluation.metrics import CocoMetric
from mmpose.registry import METRICS

from vlpose_mm.datasets.annotations import KEYPOINTS, Annotations
from vlpose_mm.evaluation.functional.coco_files import read_results
from vlpose_mm.evaluation.functional.scenario_evaluation import (
    IOU_TYPES,
    ScenarioEvaluation,
)
from vlpose_mm.evaluation.functional.scenario_groups import group_images
from vlpose_mm.evaluation.functional.score_tables import (
    as_text,
    keypoint_table,
    score_table,
)

# CocoMetric's names of COCO's numbers.
STATS = dict(
    keypoints=(
        *('AP', 'AP .5', 'AP .75', 'AP (M)', 'AP (L)'),
        *('AR', 'AR .5', 'AR .75', 'AR (M)', 'AR (L)'),
    ),
    keypoints_crowd=(
        *('AP', 'AP .5', 'AP .75', 'AR', 'AR .5', 'AR .75'),
        *('AP(E)', 'AP(M)', 'AP(H)'),
    ),
)


@METRICS.register_module()
class ScenarioCocoMetric(CocoMetric):
    """COCO metric that also scores each scenario, group and domain.

    In addition to the metrics of :class:`mmpose.evaluation.CocoMetric`, it reports
    ``NAME/AP``, ``NAME/AP50``, ``NAME/AP75``, ``NAME/AR`` and ``NAME/instances`` for every
    scenario, group and domain of the annotation file, such as ``coco/oil_painting/AP``;
    their unweighted means ``scenario_mean`` and ``group_mean``; and ``coco/gap/AP``,
    natural minus artificial AP. A scenario without instances has -1 and is not part of the
    means. Tables of the scores and of the OKS of each keypoint go to the log. A single
    matching pass computes everything.

    ``save_best`` accepts any of these keys with a ``rule``: ``'less'`` for
    ``coco/gap/AP``, else ``'greater'``.

    The annotations are checked when the metric is built, see :class:`Annotations`; their
    ids may be integers or text. Results are written with these ids and the file's category
    of people.

    Args:
        ann_file (str, optional): COCO-format annotation file; by default that of the
            dataset.
        keypoints_key (str): See :class:`Annotations`.
        *args: Passed to :class:`mmpose.evaluation.CocoMetric`.
        **kwargs: Passed to it as well.

    Raises:
        ValueError: If ``iou_type`` is not one of CocoMetric's, there is no annotation
            file, results cannot be scored with it, or a ``category`` in it is not a name
            for a scenario.
    """

    def __init__(
        self,
        ann_file: str | None = None,
        *args: Any,
        keypoints_key: str = KEYPOINTS,
        **kwargs: Any,
    ) -> None:
        super().__init__(None, *args, **kwargs)
        self.keypoints_key = keypoints_key
        if self.iou_type not in IOU_TYPES:
            raise ValueError(f'iou_type is one of {IOU_TYPES}, got {self.iou_type!r}.')
        self.ann_file = ann_file
        if ann_file is not None:
            self._read(ann_file)

    @property
    def dataset_meta(self) -> dict:
        """Meta information of the dataset."""
        return self._dataset_meta

    @dataset_meta.setter
    def dataset_meta(self, dataset_meta: dict) -> None:
        """Set the meta information, and check the scenarios before anything runs."""
        if self.coco is None:
            # MMPose's datasets tell it.
            key = f'{dataset_meta["dataset_name"]}_ann_file'
            ann_file = MessageHub.get_current_instance().get_info(key, None)
            if ann_file is not None:
                self._read(ann_file)
        if self.coco is not None:
            self.coco.check_num_keypoints(dataset_meta['num_keypoints'])
        CocoMetric.dataset_meta.fset(self, dataset_meta)
        if self.format_only:
            return
        if self.coco is None:
            raise ValueError(
                'ScenarioCocoMetric reads the scenarios from the annotation file; set '
                'ann_file, or use CocoMetric.'
            )
        group_images(self.coco.imgs.values())

    def results2json(self, keypoints: dict, outfile_prefix: str) -> None:
        """Write results; see :class:`mmpose.evaluation.CocoMetric`."""
        if self.coco is not None:
            for instance in chain.from_iterable(keypoints.values()):
                instance['category_id'] = self.coco.person_id
        super().results2json(keypoints, outfile_prefix)

    def _read(self, ann_file: str) -> None:
        """Read and check the annotations."""
        is_labeled = not self.format_only
        self.coco = Annotations(ann_file, is_labeled, self.keypoints_key)
        if not self.format_only:
            is_crowd_pose = self.iou_type == 'keypoints_crowd'
            self.coco.check_scorable(self.use_area, is_crowd_pose)

    def _do_python_keypoint_eval(self, outfile_prefix: str) -> list[tuple[str, float]]:
        """Evaluate ``outfile_prefix + '.keypoints.json'``; return names and values."""
        size = len(self.dataset_meta['sigmas'])
        evaluation = ScenarioEvaluation(
            self.coco,
            read_results(f'{outfile_prefix}.keypoints.json', self.coco, size),
            self.dataset_meta['sigmas'],
            self.iou_type,
            self.use_area,
        )
        stats = zip(STATS[self.iou_type], evaluation.summarize(), strict=True)
        # Numbers if a converter changed the keypoints.
        names = self.dataset_meta.get('keypoint_id2name', {})
        names = [names[i] if len(names) == size else str(i) for i in range(size)]
        tables = as_text(score_table(evaluation), keypoint_table(evaluation, names))
        print_log(f'\n{tables}', 'current')
        return [*stats, *evaluation.metrics().items()]
