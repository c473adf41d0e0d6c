"""Show and write predictions as MMPose's inferencer does, for several videos in a call."""

import os

import numpy as np
from mmpose.apis.inferencers import Pose2DInferencer
from mmpose.structures import PoseDataSample

from vlpose_mm.apis.batches import Prepared
from vlpose_mm.apis.videos import Video


class MMPoseOutput:
    """Makes the result dicts of a call.

    Args:
        inferencer (Pose2DInferencer): Its ``visualize`` and ``postprocess`` are used.
        visualize (dict): Arguments of ``visualize``.
        postprocess (dict): Arguments of ``postprocess``.
    """

    def __init__(
        self, inferencer: Pose2DInferencer, visualize: dict, postprocess: dict
    ) -> None:
        self.inferencer = inferencer
        self.visualize = visualize
        self.postprocess = postprocess
        self._video: Video | None = None
        self._info: dict | None = None

    def add(self, prepared: Prepared, samples: list[PoseDataSample]) -> dict:
        """Return the result of an image, and write its files.

        Args:
            prepared (Prepared): The image.
            samples (list[PoseDataSample]): Its predictions.
        """
        if prepared.source.video != self._video:
            self.close()
            self._video = prepared.source.video
            self._info = _video_info(self._video, prepared.image)
        inferencer = self.inferencer
        inferencer._video_input = self._info is not None
        inferencer.video_info = self._info
        style = self.visualize['skeleton_style']
        inferencer.visualizer.set_dataset_meta(inferencer.model.dataset_meta, style)
        name = self._info['name'] if self._info else ''
        drawings = inferencer.visualize(
            [prepared.image], samples, window_name=name, **self.visualize
        )
        return inferencer.postprocess(samples, drawings, **self.postprocess)

    def close(self) -> None:
        """Finish the files of the current video, if any."""
        if self._info is not None:
            self.inferencer.video_info = self._info
            pred_out_dir = self.postprocess.get('pred_out_dir', '')
            self.inferencer._finalize_video_processing(pred_out_dir)
        self._video = self._info = None


def _video_info(video: Video | None, image: np.ndarray) -> dict | None:
    """Return what MMPose's inferencer stores about a video."""
    if video is None:
        return None
    height, width = image.shape[:2]
    return dict(
        name='webcam.mp4' if video.is_live else os.path.basename(video.name),
        fps=video.fps,
        width=width,
        height=height,
        writer=None,
        predictions=[],
    )
