import json
from pathlib import Path

import numpy as np
import pytest

from projects.real_small.label import complete, main

LEFT = [5, 7, 9, 11, 13, 15]
RIGHT = [6, 8, 10, 12, 14, 16]


@pytest.fixture
def found() -> np.ndarray:
    """What MoveNet finds of a person of 100 pixels, sure of all of it."""
    rng = np.random.default_rng(0)
    return np.column_stack([rng.uniform(0, 100, (17, 2)), np.full(17, 0.9)])


def instance(keypoints: np.ndarray) -> dict:
    keypoints = np.column_stack([keypoints[:, :2], np.full(17, 2)])
    keypoints[:5] = 0
    flat = keypoints.ravel().tolist()
    return dict(keypoints=flat, bbox=[0, 0, 100, 100], num_keypoints=12)


def test_points_of_the_face_are_added_where_the_rest_agrees(found: np.ndarray) -> None:
    labeled = instance(found)

    done = complete(labeled, found)

    keypoints = np.reshape(labeled['keypoints'], (-1, 3))
    np.testing.assert_allclose(keypoints[:, :2], found[:, :2], atol=0.01)
    assert labeled['num_keypoints'] == 17
    assert done['faces'] == 1


def test_nothing_is_added_where_the_rest_disagrees(found: np.ndarray) -> None:
    labeled = instance(found + [40, 40, 0])

    complete(labeled, found)

    assert labeled['num_keypoints'] == 12


def test_swapped_sides_are_swapped_back(found: np.ndarray) -> None:
    swapped = found.copy()
    swapped[LEFT + RIGHT] = found[RIGHT + LEFT]
    labeled = instance(swapped)

    done = complete(labeled, found)

    keypoints = np.reshape(labeled['keypoints'], (-1, 3))
    np.testing.assert_allclose(keypoints[5:, :2], found[5:, :2], atol=0.01)
    assert (done['arms'], done['legs']) == (1, 1)


def test_person_without_keypoints_gets_those_that_are_sure(found: np.ndarray) -> None:
    found[10:, 2] = 0.1
    labeled = instance(found) | dict(keypoints=[0] * 51, num_keypoints=0)

    complete(labeled, found)

    assert labeled['num_keypoints'] == 10


def test_command_keeps_the_people_for_training(
    found: np.ndarray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    annotations, movenet, out = (
        tmp_path / name for name in ('lspet/annotations.json', 'movenet.json', 'out.json')
    )
    annotations.parent.mkdir()
    names = {1: '1.webp', 9500: '9500.webp'}
    images = [dict(id=i, file_name=n, category='real_human/x') for i, n in names.items()]
    people = [instance(found) | dict(id=i, image_id=i, iscrowd=0) for i in (1, 9500)]
    annotations.write_text(json.dumps(dict(images=images, annotations=people)))
    keypoints = found.ravel().tolist()
    movenet.write_text(json.dumps([dict(id=i, keypoints=keypoints) for i in (1, 9500)]))

    monkeypatch.setattr('sys.argv', ['label', str(annotations), str(movenet), str(out)])
    main()

    written = json.loads(out.read_text())
    assert [each['image_id'] for each in written['annotations']] == [1]
    # A photo has no scenario.
    assert written['images'] == [dict(id=1, file_name='1.webp')]
    assert 'face points added to 1' in capsys.readouterr().out
