"""Instances are followed through videos, and their keypoints smoothed."""

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample

from tests.test_apis.conftest import write_video
from vlpose_mm.apis.inputs import Source
from vlpose_mm.apis.tracking import Tracker
from vlpose_mm.apis.videos import Video
from vlpose_mm.requirements import RequirementError

FPS = 25
CLIP = Video('clip.mp4', FPS, is_live=False)


def sample_at(places: Sequence[float], keypoints: np.ndarray | None = None):
    """Return a sample of instances of 100 x 100 pixels at these places from the left."""
    bboxes = np.array([[x, 0, x + 100, 100] for x in places], np.float32).reshape(-1, 4)
    if keypoints is None:
        keypoints = np.zeros((len(bboxes), 17, 2), np.float32)
    instances = InstanceData(bboxes=bboxes, keypoints=keypoints)
    return PoseDataSample(pred_instances=instances)


def track(
    tracker: Tracker, frame: int, places: Sequence[float], video: Video | None = CLIP
) -> list[int]:
    source = Source('', '', {}, lambda: None, video, frame, frame / FPS)
    sample = sample_at(places)
    tracker.update(source, [sample])
    return sample.pred_instances.get('track_id', np.array([])).tolist()


@pytest.mark.fast
def test_instances_keep_their_ids_in_any_order_and_new_ones_get_new_ids() -> None:
    tracker = Tracker()
    for frame in range(10):
        assert track(tracker, frame, [10 * frame, 500 - 10 * frame]) == [0, 1]
    assert track(tracker, 10, [400, 800, 100]) == [1, 2, 0]


def test_an_instance_that_is_missed_for_a_moment_keeps_its_id() -> None:
    tracker = Tracker()
    assert track(tracker, 0, [0, 300]) == [0, 1]
    for frame in range(1, 20):
        assert track(tracker, frame, [300]) == [1]
    assert track(tracker, 20, [300, 0]) == [1, 0]
    assert track(tracker, 30, []) == []
    assert track(tracker, 60, [300, 0]) == [2, 3]


def test_each_video_begins_at_0_and_images_have_no_ids() -> None:
    tracker = Tracker()
    assert track(tracker, 0, [0, 300]) == [0, 1]
    assert track(tracker, 0, [300], video=None) == []
    assert track(tracker, 0, [300], video=CLIP._replace(name='other.mp4')) == [0]


@pytest.mark.parametrize('fps', [10, 25, 60])
def test_smoothing_takes_jitter_and_lags_less_than_a_frame(fps: float) -> None:
    video, rng = CLIP._replace(fps=fps), np.random.default_rng(0)
    speed = 30  # Pixels a second.
    tracker, jitter, lags = Tracker(smooth=True), [], []
    for frame in range(8 * fps):
        time = frame / fps
        # A figure that stands, with noise, and one that moves, without.
        truth = np.zeros((2, 17, 2))
        truth[1, :, 0] = speed * time
        noise = rng.normal(0, 1, (17, 2))
        keypoints = truth.astype(np.float32)
        keypoints[0] += noise
        sample = sample_at([0, 300], keypoints)
        tracker.update(Source('', '', {}, lambda: None, video, frame, time), [sample])
        jitter.append((sample.pred_instances.keypoints[0], noise))
        lags.append((truth - sample.pred_instances.keypoints)[1, :, 0].mean() / speed)
    smoothed, raw = (np.diff(each, axis=0).std() for each in zip(*jitter, strict=True))
    assert smoothed < 0.7 * raw
    assert 0 <= np.mean(lags[fps:]) < 1 / fps


def test_smoothing_without_its_package_names_the_remedy(monkeypatch) -> None:
    monkeypatch.setattr('vlpose_mm.requirements._find', lambda name: (name, None))
    with pytest.raises(RequirementError, match='pip install "oneeurofilter>=0.2.1"'):
        Tracker(smooth=True)
    Tracker()


@pytest.fixture
def clip(sketches: list[str], tmp_path: Path) -> Path:
    """A noisy video of a figure that stands."""
    image, rng = cv2.imread(sketches[0]).astype(float), np.random.default_rng(0)
    images = [image + rng.normal(0, 20, image.shape) for _ in range(12)]
    images = [each.clip(0, 255).astype(np.uint8) for each in images]
    return write_video(tmp_path / 'clip.mp4', images, FPS)


def test_ids_are_in_results_files_and_drawings(demo, clip, sketches, tmp_path) -> None:
    bboxes = [[0, 0, 60, 90], [60, 20, 120, 120]]
    options = dict(scenario='sketch', bboxes=bboxes)
    results = list(demo([clip, sketches[0]], track=True, **options))
    for result in results[:-1]:
        assert [each['track_id'] for each in result['predictions'][0]] == [0, 1]
    assert 'track_id' not in results[-1]['predictions'][0][0]
    drawings = []
    for track_option in (False, True):
        (sample,) = next(demo(clip, True, track=track_option, **options))['predictions']
        drawings.append(demo.draw(np.zeros((120, 120, 3), np.uint8), sample))
    assert not np.array_equal(*drawings)
    out = tmp_path / 'out'
    demo.save([clip, sketches[0]], out, track=True, **options)
    content = json.loads((out / 'annotations.json').read_text())
    ids = [each.get('track_id') for each in content['annotations']]
    assert ids == [0, 1] * 12 + [None] * 2
    with pytest.raises(ValueError, match='was made with track=True, not None'):
        demo.save([clip, sketches[0]], out, resume=True, **options)


def test_smoothed_results_are_steadier_and_do_not_depend_on_batches(demo, clip) -> None:
    def run(batch_size: int, smooth: bool) -> np.ndarray:
        results = demo(clip, True, batch_size, scenario='sketch', smooth=smooth)
        samples = [result['predictions'][0].pred_instances for result in results]
        assert all(('track_id' in each) == smooth for each in samples)
        return np.array([each.keypoints[0] for each in samples])

    raw, smoothed = run(4, False), run(4, True)
    assert np.diff(smoothed, axis=0).std() < 0.7 * np.diff(raw, axis=0).std()
    assert np.array_equal(raw[0], smoothed[0])
    assert np.allclose(smoothed, run(5, True), atol=0.05)
