"""COCO metric by scenario."""

from mmengine.logging import print_log
from mmpose.evaluation.metrics import CocoMetric
from mmpose.registry import METRICS

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

    Args:
        *args, **kwargs: Passed to :class:`mmpose.evaluation.CocoMetric`.

    Raises:
        ValueError: If ``iou_type`` is not one of CocoMetric's, there is no annotation
            file, or a ``category`` in it is not a name for a scenario.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if self.iou_type not in IOU_TYPES:
            raise ValueError(f'iou_type is one of {IOU_TYPES}, got {self.iou_type!r}.')

    @property
    def dataset_meta(self) -> dict | None:
        """Meta information of the dataset."""
        return self._dataset_meta

    @dataset_meta.setter
    def dataset_meta(self, dataset_meta: dict) -> None:
        """Set the meta information, and check the scenarios before anything runs."""
        CocoMetric.dataset_meta.fset(self, dataset_meta)
        if self.format_only:
            return
        if self.coco is None:
            raise ValueError(
                'ScenarioCocoMetric reads the scenarios from the annotation file; set '
                'ann_file, or use CocoMetric.'
            )
        group_images(self.coco.imgs.values())

    def _do_python_keypoint_eval(self, outfile_prefix: str) -> list[tuple[str, float]]:
        """Evaluate ``outfile_prefix + '.keypoints.json'``; return names and values."""
        evaluation = ScenarioEvaluation(
            self.coco,
            self.coco.loadRes(f'{outfile_prefix}.keypoints.json'),
            self.dataset_meta['sigmas'],
            self.iou_type,
            self.use_area,
        )
        stats = zip(STATS[self.iou_type], evaluation.summarize(), strict=True)
        # Numbers if a converter changed the keypoints.
        names = self.dataset_meta.get('keypoint_id2name', {})
        size = len(self.dataset_meta['sigmas'])
        names = [names[i] if len(names) == size else str(i) for i in range(size)]
        tables = as_text(score_table(evaluation), keypoint_table(evaluation, names))
        print_log(f'\n{tables}', 'current')
        return [*stats, *evaluation.metrics().items()]
