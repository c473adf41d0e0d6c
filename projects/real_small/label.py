"""Complete and correct the keypoints of the training photos with those of MoveNet Thunder.

LSPET has no face points and in about a tenth of its people left and right are swapped; COCO
has people without keypoints.
"""

import argparse
import json
from collections import Counter
from pathlib import Path

import numpy as np

from projects.real_small.splits import is_train

# COCO's left and right arm, and leg.
LIMBS = (np.array([[5, 7, 9], [6, 8, 10]]), np.array([[11, 13, 15], [12, 14, 16]]))
FACE = np.arange(5)
# Distances are over the long side of the bbox; scores are MoveNet's, in [0, 1].
NEAR, FAR = 0.08, 0.15
SURE, VERY_SURE = 0.4, 0.5
MIN_KEYPOINTS = 8


def distances(keypoints: np.ndarray, found: np.ndarray, side: float) -> np.ndarray:
    """Distances where both are known, NaN elsewhere, over ``side``; both K x 3."""
    known = (keypoints[:, 2] > 0) & (found[:, 2] > SURE)
    distance = np.linalg.norm(keypoints[:, :2] - found[:, :2], axis=1) / side
    return np.where(known, distance, np.nan)


def swap_sides(keypoints: np.ndarray, found: np.ndarray, side: float) -> list[str]:
    """Swap, in place, left and right of arms and legs where MoveNet finds them so."""
    swapped = []
    for name, (left, right) in zip(('arms', 'legs'), LIMBS, strict=True):
        limbs = np.concatenate([left, right])
        others = keypoints[np.concatenate([right, left])]
        as_is = distances(keypoints[limbs], found[limbs], side)
        other = distances(others, found[limbs], side)
        both = ~np.isnan(as_is) & ~np.isnan(other)
        if both.sum() >= 4 and as_is[both].mean() > FAR and other[both].mean() < NEAR:
            keypoints[limbs] = others
            swapped.append(name)
    return swapped


def complete(instance: dict, found: np.ndarray) -> Counter:
    """Correct and complete the keypoints of an instance in place.

    Args:
        instance (dict): An annotation in COCO's format.
        found (np.ndarray): MoveNet's keypoints, 17 x (x, y, score), in pixels.

    Returns:
        Counter: What was done.
    """
    keypoints = np.array(instance['keypoints'], float).reshape(-1, 3)
    side = max(instance['bbox'][2:])
    done = Counter()
    if (keypoints[:, 2] > 0).any():
        done.update(swap_sides(keypoints, found, side))
        distance = distances(keypoints, found, side)
        agree = (distance < FAR).sum() >= 4 and np.nanmedian(distance) < NEAR
        added = (keypoints[:, 2] == 0) & (found[:, 2] > VERY_SURE) & agree
    else:
        # Only people of whom most is found.
        added = found[:, 2] > VERY_SURE
        added &= added.sum() >= MIN_KEYPOINTS
    keypoints[added] = np.column_stack([found[added, :2], np.full(added.sum(), 2)])
    done.update(faces=int(added[FACE].any()), others=int(added[5:].any()))
    instance['keypoints'] = keypoints.round(2).ravel().tolist()
    instance['num_keypoints'] = int((keypoints[:, 2] > 0).sum())
    return done


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('annotations', type=Path, help="file in COCO's keypoint format")
    parser.add_argument(
        'movenet', type=Path, help='its predictions of projects.real_images.movenet'
    )
    parser.add_argument('out', type=Path, help='file to write')
    options = parser.parse_args()

    data = json.loads(options.annotations.read_text())
    predictions = json.loads(options.movenet.read_text())
    found = {each['id']: np.reshape(each['keypoints'], (-1, 3)) for each in predictions}
    dataset = options.annotations.parent.name
    data['images'] = [image for image in data['images'] if is_train(dataset, image)]
    for image in data['images']:
        # Of a photo it would be read as a scenario.
        image.pop('category', None)
    ids = {image['id'] for image in data['images']}
    done = Counter()
    instances = []
    for instance in data['annotations']:
        if instance['image_id'] in ids and not instance['iscrowd']:
            done += complete(instance, found[instance['id']])
            if instance['num_keypoints']:
                instances.append(instance)
    data['annotations'] = instances
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(data))
    print(
        f'{options.out}: {len(instances)} people; left and right swapped of the arms of '
        f'{done["arms"]} and the legs of {done["legs"]}; face points added to '
        f'{done["faces"]}, other points to {done["others"]}'
    )


if __name__ == '__main__':
    main()
