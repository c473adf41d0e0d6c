"""Write what MoveNet Thunder finds in the bboxes of an annotation file."""

import argparse
import json
from pathlib import Path

from rich.progress import track

from projects.real_images.movenet import find


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
    predictions = []
    wanted = [
        (options.images / images[each['image_id']]['file_name'], each['bbox'])
        for each in instances
    ]
    found = track(find(wanted), total=len(instances))
    for instance, keypoints in zip(instances, found, strict=True):
        predictions.append(
            dict(
                image_id=instance['image_id'],
                category_id=1,
                id=instance['id'],
                bbox=instance['bbox'],
                keypoints=keypoints.round(3).ravel().tolist(),
                score=round(float(keypoints[:, 2].mean()), 4),
            )
        )
    options.out.write_text(json.dumps(predictions))


if __name__ == '__main__':
    main()
