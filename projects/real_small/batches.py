"""Batches whose targets are stacked in the loader's workers.

MMPose moves the targets of each sample to the GPU alone, which takes longer there than the
training step of a small model.
"""

from collections.abc import Sequence

import torch
from mmengine.model.base_model.data_preprocessor import CastData
from mmengine.registry import FUNCTIONS
from mmengine.structures import InstanceData, PixelData
from mmpose.models.data_preprocessors import PoseDataPreprocessor
from mmpose.registry import MODELS

TARGETS = ('heatmaps', 'keypoint_weights')


@FUNCTIONS.register_module()
def stack_targets(batch: Sequence[dict]) -> dict:
    """Collate samples and stack their images and targets.

    Args:
        batch (Sequence[dict]): What :class:`PackPoseInputs` makes, of heatmaps.

    Returns:
        dict: ``inputs``, B x 3 x H x W; ``data_samples``, a list of metainfo alone;
        ``heatmaps``, B x K x h x w; and ``keypoint_weights``, B x 1 x K.
    """
    samples = [each['data_samples'] for each in batch]
    stacked = dict(
        inputs=torch.stack([each['inputs'] for each in batch]),
        heatmaps=torch.stack([each.gt_fields.heatmaps for each in samples]),
        keypoint_weights=torch.stack(
            [each.gt_instance_labels.keypoint_weights for each in samples]
        ),
    )
    for sample in samples:
        del sample.gt_fields, sample.gt_instance_labels, sample.gt_instances
    return dict(stacked, data_samples=samples)


@MODELS.register_module()
class StackedPoseDataPreprocessor(PoseDataPreprocessor):
    """Move the batches of :func:`stack_targets` as a whole; others as MMPose does."""

    def cast_data(self, data: CastData) -> CastData:
        """Move a batch to the device, and give the samples their targets back."""
        # MMEngine calls this for the parts of a batch, too.
        if not (isinstance(data, dict) and set(TARGETS) <= set(data)):
            return super().cast_data(data)
        samples = data['data_samples']
        moved = super().cast_data({key: data[key] for key in ('inputs', *TARGETS)})
        targets = zip(*(moved.pop(key) for key in TARGETS), strict=True)
        for sample, (heatmaps, weights) in zip(samples, targets, strict=True):
            sample.gt_fields = PixelData(heatmaps=heatmaps)
            sample.gt_instance_labels = InstanceData(keypoint_weights=weights)
        return dict(moved, data_samples=samples)
