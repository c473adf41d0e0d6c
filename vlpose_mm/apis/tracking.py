"""Follow instances through a video, and smooth their keypoints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from mmengine.structures import InstanceData
from mmpose.apis import _track_by_iou
from mmpose.structures import PoseDataSample

from vlpose_mm.apis.inputs import Source
from vlpose_mm.apis.videos import Video
from vlpose_mm.requirements import check_requirement

# The least IoU of an instance with itself in the frame before, MMPose's ``tracking_thr``.
IOU_THR = 0.3
# A track without instances ends after so many seconds.
RETAIN = 1.0
# Of the One Euro filter: Hz, and Hz for each bbox size a second. Drawn figures keep 0.4 of
# their jitter; half of BETA leaves 0.3, and takes a point of AP from those that move.
MIN_CUTOFF, BETA = 1.0, 40.0


class Track(NamedTuple):
    """An instance that is followed."""

    track_id: int
    #: Its last one.
    pred_instances: InstanceData
    #: When that was.
    timestamp: float
    #: Smooth its keypoints at a time, if that is wanted.
    smooth: Callable[[np.ndarray, float], np.ndarray] | None


class Tracker:
    """Adds a ``track_id`` to the instances of videos, from 0 on in each.

    An instance goes on the track whose last one overlaps it most, by MMPose's function.
    Unlike there, a track may miss some frames.

    Args:
        smooth (bool): Whether to smooth the keypoints of each track, by One Euro filters.

    Raises:
        RequirementError: If these are not installed.
    """

    def __init__(self, smooth: bool = False) -> None:
        if smooth:
            check_requirement('oneeurofilter')
        self.smooth = smooth
        self._video: Video | None = None
        self._tracks: list[Track] = []
        self._count = 0

    def update(self, source: Source, samples: Sequence[PoseDataSample]) -> None:
        """Follow the instances of an image; those of an image file are left as they are."""
        video, now = source.video, source.timestamp
        if video != self._video:
            self._video, self._tracks, self._count = video, [], 0
        if video is None:
            return
        free = [each for each in self._tracks if now - each.timestamp <= RETAIN]
        followed = []
        for sample in samples:
            instances = sample.pred_instances
            ids = []
            for row in range(len(instances)):
                own = PoseDataSample(pred_instances=instances[row])
                # It takes the track off the list.
                _, free, match = _track_by_iou(own, free, IOU_THR)
                track = match or self._begin(instances[row])
                if track.smooth is not None:
                    keypoints = track.smooth(instances.keypoints[row], now)
                    instances.keypoints[row] = keypoints
                followed.append(
                    track._replace(pred_instances=instances[row], timestamp=now)
                )
                ids.append(track.track_id)
            instances.track_id = np.array(ids, int)
        self._tracks = [*free, *followed]

    def _begin(self, instance: InstanceData) -> Track:
        """Begin a track."""
        self._count += 1
        smooth = None
        if self.smooth:
            x1, y1, x2, y2 = instance.bboxes[0]
            size = max(float((x2 - x1) * (y2 - y1)) ** 0.5, 1.0)
            smooth = _smoother(instance.keypoints[0].size, size, self._video.fps)
        return Track(self._count - 1, instance, 0.0, smooth)


def _smoother(
    count: int, size: float, fps: float
) -> Callable[[np.ndarray, float], np.ndarray]:
    """Return what smooths so many coordinates of an instance of a size in pixels."""
    from OneEuroFilter import OneEuroFilter

    # A fast figure is smoothed less, so that it does not lag.
    filters = [OneEuroFilter(fps, MIN_CUTOFF, BETA / size) for _ in range(count)]

    def smooth(keypoints: np.ndarray, timestamp: float) -> np.ndarray:
        # It takes 0 for no time.
        values = [
            each(value, timestamp + 1)
            for each, value in zip(filters, keypoints.ravel().tolist(), strict=True)
        ]
        return np.reshape(values, keypoints.shape)

    return smooth
