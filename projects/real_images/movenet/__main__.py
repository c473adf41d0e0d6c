"""Write what MoveNet Thunder finds in the bboxes of an annotation file."""

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
from rich.progress import track

from projects.real_images.movenet import crop, estimate

PADDING = 1.25


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('annotations', type=Path, help="file in COCO's keypoint format")
    parser.add_argument('out', type=Path, help="predictions to write, in COCO's format")
    parser.add_argument('--images', type=Path, help='folder of the images')
    options = parser.parse_args()

    data = json.loads(options.annotations.read_text())
    images = {image['id']: image for image in data['images']}
    instances = sorted(data['annotations'], key=lambda instance: instance['image_id'])
    matrices = []

    def crops():
        path = None
        for instance in instances:
            wanted = options.images / images[instance['image_id']]['file_name']
            if wanted != path:
                path, image = wanted, cv2.imread(str(wanted))[..., ::-1]
            found, matrix = crop(np.ascontiguousarray(image), instance['bbox'], PADDING)
            matrices.append(matrix)
            yield found

    predictions = []
    for i, found in enumerate(track(estimate(crops()), total=len(instances))):
        x = np.column_stack([found[:, :2], np.ones(len(found))]) @ matrices[i].T
        matrices[i] = None
        predictions.append(
            dict(
                image_id=instances[i]['image_id'],
                category_id=1,
                id=instances[i]['id'],
                bbox=instances[i]['bbox'],
                keypoints=np.column_stack([x, found[:, 2]]).round(3).ravel().tolist(),
                score=round(float(found[:, 2].mean()), 4),
            )
        )
    options.out.write_text(json.dumps(predictions))


if __name__ == '__main__':
    main()
