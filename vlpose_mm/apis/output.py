"""Draw, show and write predictions as MMPose's inferencer does."""

import os

import cv2
import numpy as np
from mmpose.apis.inferencers import Pose2DInferencer
from mmpose.structures import PoseDataSample
from mmpose.visualization import PoseLocalVisualizer

from vlpose_mm.apis.batches import Prepared
from vlpose_mm.apis.video_writer import writable_fps
from vlpose_mm.apis.videos import Video

# Containers of the codec that MMPose writes; it would write none into others.
MPEG4 = ('.avi', '.m4v', '.mkv', '.mov', '.mp4')


def draw_instances(
    visualizer: PoseLocalVisualizer,
    image: np.ndarray,
    sample: PoseDataSample,
    scale: float = 1.0,
    kpt_thr: float = 0.3,
    draw_bbox: bool = False,
) -> np.ndarray:
    """Draw the instances on an image."""
    sample = sample.new()
    instances = sample.pred_instances = sample.pred_instances.clone()
    if scale != 1:
        mode = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
        height, width = (max(1, round(n * scale)) for n in image.shape[:2])
        image = cv2.resize(image, (width, height), interpolation=mode)
        instances.keypoints = instances.keypoints * scale
        instances.bboxes = instances.bboxes * scale
    thickness = max(1, round(min(image.shape[:2]) / 300))
    visualizer.radius, visualizer.line_width = 2 * thickness, thickness
    drawing = visualizer.add_datasample(
        'instances',
        np.ascontiguousarray(image[..., ::-1]),
        sample,
        draw_gt=False,
        draw_bbox=draw_bbox,
        kpt_thr=kpt_thr,
    )
    for track_id, bbox in zip(
        instances.get('track_id', ()), instances.bboxes, strict=False
    ):
        _draw_id(drawing, track_id, bbox, thickness)
    return drawing


def _draw_id(image: np.ndarray, track_id: int, bbox: np.ndarray, thickness: int) -> None:
    """Write the number of a track into the corner of a bbox, white on black."""
    place = round(float(bbox[0])) + 3 * thickness, round(float(bbox[1])) + 20 * thickness
    font = cv2.FONT_HERSHEY_SIMPLEX, 0.6 * thickness
    for color, width in (((0, 0, 0), 4 * thickness), ((255, 255, 255), 2 * thickness)):
        cv2.putText(image, str(track_id), place, *font, color, width, cv2.LINE_AA)


class MMPoseOutput:
    """Makes the result dicts of a call."""

    def __init__(
        self, inferencer: Pose2DInferencer, visualize: dict, postprocess: dict
    ) -> None:
        self.inferencer = inferencer
        self.visualize = visualize
        self.postprocess = postprocess
        self._video: Video | None = None
        self._info: dict | None = None

    def add(self, prepared: Prepared, samples: list[PoseDataSample]) -> dict:
        """Return the result of an image, and write its files."""
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
        result = inferencer.postprocess(samples, drawings, **self.postprocess)
        if not self.postprocess['return_datasamples']:
            # MMPose's dicts have keypoints, bboxes and their scores alone.
            for instances, sample in zip(result['predictions'], samples, strict=True):
                ids = sample.pred_instances.get('track_id', ())
                for instance, track_id in zip(instances, ids, strict=False):
                    instance['track_id'] = int(track_id)
        return result

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
    stem, suffix = os.path.splitext(os.path.basename(video.name))
    if video.is_live or suffix.lower() not in MPEG4:
        suffix = '.mp4'
    return dict(
        name=f'{"webcam" if video.is_live else stem}{suffix}',
        fps=writable_fps(video.fps),
        width=width,
        height=height,
        writer=None,
        predictions=[],
    )
