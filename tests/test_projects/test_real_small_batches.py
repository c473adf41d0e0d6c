import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmpose.datasets.transforms import PackPoseInputs
from mmpose.models.data_preprocessors import PoseDataPreprocessor

from projects.real_small.batches import StackedPoseDataPreprocessor, stack_targets

SETTINGS = dict(mean=[120.0] * 3, std=[60.0] * 3, bgr_to_rgb=True)


def batch() -> list[dict]:
    """What a pipeline makes of two samples."""
    generator = np.random.default_rng(0)

    def pack(number: int) -> dict:
        results = dict(
            img=generator.integers(0, 255, (8, 6, 3), np.uint8),
            img_id=number,
            bbox=np.array([[0, 0, 6, 8]], np.float32),
            bbox_score=np.ones(1, np.float32),
            keypoints=np.zeros((1, 17, 2), np.float32),
            keypoints_visible=np.ones((1, 17), np.float32),
            keypoint_weights=generator.random((1, 17), np.float32),
            heatmaps=generator.random((17, 2, 2), np.float32),
        )
        return PackPoseInputs(meta_keys=('img_id',))(results)

    return [pack(number) for number in range(2)]


def test_a_stacked_batch_trains_as_one_of_mmpose_does() -> None:
    wanted = PoseDataPreprocessor(**SETTINGS)(pseudo_collate(batch()), training=True)
    found = StackedPoseDataPreprocessor(**SETTINGS)(stack_targets(batch()), training=True)

    torch.testing.assert_close(found['inputs'], wanted['inputs'], rtol=0, atol=0)
    for ours, theirs in zip(found['data_samples'], wanted['data_samples'], strict=True):
        assert ours.img_id == theirs.img_id
        torch.testing.assert_close(ours.gt_fields.heatmaps, theirs.gt_fields.heatmaps)
        torch.testing.assert_close(
            ours.gt_instance_labels.keypoint_weights,
            theirs.gt_instance_labels.keypoint_weights,
        )


def test_a_batch_that_is_not_stacked_is_preprocessed_as_by_mmpose() -> None:
    found = StackedPoseDataPreprocessor(**SETTINGS)(pseudo_collate(batch()))

    assert [len(sample.gt_instances) for sample in found['data_samples']] == [1, 1]
