"""The frames of a video share the classifier's decision."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.test_apis.conftest import write_video
from vlpose_mm.apis.predictor import CLIP_FRAMES


@pytest.fixture
def images(art: Path, demo) -> list[np.ndarray]:
    """Images of one size: two of one scenario to the classifier, and one of another."""
    paths = (next(art.glob(f'*/{name}/*.jpg')) for name in ('mural', 'sketch'))
    mural, sketch = (cv2.resize(cv2.imread(str(path)), (160, 192)) for path in paths)
    found = [result['scenario'] for result in demo([mural, sketch])]
    assert found[0] != found[1]
    return [mural, sketch]


def decisions(results: list[dict]) -> set[tuple]:
    return {(each['scenario'], each['route'], each['text_prompt']) for each in results}


def test_the_frames_of_a_video_share_a_decision_and_those_of_others_do_not(
    demo, images, tmp_path
) -> None:
    mural, sketch = images
    # The first and some later ones are outvoted.
    mixed = [sketch, *[mural] * 4, sketch, *[mural] * 2]
    clip = write_video(tmp_path / 'mixed.mp4', mixed, 1)
    other = write_video(tmp_path / 'other.mp4', [sketch] * 2, 1)
    expected = [decisions(demo([image])) for image in images]
    for batch_size in (1, 3, 16):
        results = list(demo([clip, other], batch_size=batch_size))
        assert decisions(results[:8]) == expected[0]
        assert decisions(results[8:]) == expected[1]


def test_the_classifier_runs_on_a_few_frames_of_a_video_only(
    demo, images, tmp_path
) -> None:
    clip = write_video(tmp_path / 'clip.mp4', images[:1] * 40, 3)
    short = write_video(tmp_path / 'short.mp4', images[:1] * 5, 25)
    counts = []
    handle = demo.model.scenario_classifier.register_forward_hook(
        lambda module, args, output: counts.append(len(output))
    )
    list(demo([clip, short]))
    assert counts == [CLIP_FRAMES, 1]
    list(demo(dict(image=clip, scenario='mural')))
    list(demo(clip, route='original'))
    handle.remove()
    assert len(counts) == 2


def test_a_webcam_keeps_the_decision_of_its_first_frame(demo, images, webcam) -> None:
    expected = decisions(demo(images[:1]))
    webcam([images[0], *[images[1]] * 3])
    results = demo(0)
    assert decisions([next(results) for _ in range(4)]) == expected


def test_a_video_that_breaks_off_is_decided_on_as_far_as_it_goes(
    demo, images, tmp_path
) -> None:
    whole = write_video(tmp_path / 'clip.avi', images * 12, 1).read_bytes()
    path = tmp_path / 'clip.avi'
    path.write_bytes(whole[: len(whole) // 3])
    results = []
    with pytest.raises(OSError, match='breaks off'):
        for result in demo(path):
            results.append(result)
    assert len(results) < CLIP_FRAMES and len(decisions(results)) == 1
