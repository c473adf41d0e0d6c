"""MMPose's metric of COCO, scenario by scenario."""

from mmengine.logging import print_log
from mmpose.evaluation.metrics import CocoMetric
from mmpose.registry import METRICS

from vlpose_mm.evaluation.functional.scenario_evaluation import (
    IOU_TYPES,
    ScenarioEvaluation,
)
from vlpose_mm.evaluation.functional.scenario_groups import sort_images
from vlpose_mm.evaluation.functional.score_tables import keypoint_table, score_table

# What CocoMetric calls COCO's numbers.
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
    """COCO's metric that also tells where a model does well.

    Beside the numbers of :class:`mmpose.evaluation.CocoMetric`, it gives for every
    scenario, group and side of the annotation file ``NAME/AP``, ``NAME/AP50``,
    ``NAME/AP75``, ``NAME/AR`` and ``NAME/people``, such as ``coco/oil_painting/AP``;
    ``scenario_mean`` and ``group_mean`` of the scores, in which each counts the same; and
    ``coco/gap/AP``, natural minus artificial AP. A scenario without people has -1 and does
    not count in means. The log gets them as a table, and another one of the OKS of each
    keypoint. Everything comes from one matching pass.

    ``save_best`` can use any of these keys with a ``rule``: ``'less'`` for
    ``coco/gap/AP``, else ``'greater'``.

    Args:
        *args: Passed to :class:`mmpose.evaluation.CocoMetric`.
        **kwargs: Passed to :class:`mmpose.evaluation.CocoMetric`.

    Raises:
        ValueError: If ``iou_type`` is none of CocoMetric's.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if self.iou_type not in IOU_TYPES:
            raise ValueError(f'iou_type is one of {IOU_TYPES}, got {self.iou_type!r}.')

    @property
    def dataset_meta(self) -> dict | None:
        """dict, optional: Meta information of the dataset."""
        return self._dataset_meta

    @dataset_meta.setter
    def dataset_meta(self, dataset_meta: dict) -> None:
        """Take the meta information; check, before anything runs, that there are scenarios.

        Args:
            dataset_meta (dict): Meta information of the dataset.

        Raises:
            ValueError: If there is no annotation file, or a ``category`` in it is no name
                for a scenario.
        """
        CocoMetric.dataset_meta.fset(self, dataset_meta)
        if self.format_only:
            return
        if self.coco is None:
            raise ValueError(
                'ScenarioCocoMetric reads the scenarios from the annotation file; give it '
                'ann_file, or use CocoMetric.'
            )
        sort_images(self.coco.imgs.values())

    def _do_python_keypoint_eval(self, outfile_prefix: str) -> list[tuple[str, float]]:
        """Evaluate a result file.

        Args:
            outfile_prefix (str): Path of the file without ``.keypoints.json``.

        Returns:
            list[tuple[str, float]]: Names and values.
        """
        evaluation = ScenarioEvaluation(
            self.coco,
            self.coco.loadRes(f'{outfile_prefix}.keypoints.json'),
            self.dataset_meta['sigmas'],
            self.iou_type,
            self.use_area,
        )
        stats = zip(STATS[self.iou_type], evaluation.summarize(), strict=True)
        tables = (score_table(evaluation), keypoint_table(evaluation, self._names()))
        for table in tables:
            print_log(f'\n{table}', 'current')
        return [*stats, *evaluation.metrics().items()]

    def _names(self) -> list[str]:
        """Name the keypoints, or number them where a converter made others."""
        names = self.dataset_meta.get('keypoint_id2name', {})
        size = len(self.dataset_meta['sigmas'])
        return [names[i] if len(names) == size else str(i) for i in range(size)]
