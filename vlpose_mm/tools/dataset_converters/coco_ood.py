"""Convert COCO-OOD, repainted photos of COCO."""

import re
from collections.abc import Sequence
from pathlib import Path

from vlpose_mm.tools.dataset_converters.keypoint_files import (
    KeypointFiles,
    add_coco_file,
    make_parser,
)
from vlpose_mm.tools.errors import command

ANNOTATIONS = 'person_keypoints_val2017.json'
# Of an image of COCO.
NUMBER = re.compile(r'\d{12}')


@command
def main(args: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = make_parser(
        'Convert COCO-OOD, or other repainted photos of COCO, for testing.',
        "folder with the images, whose names have the number of COCO's",
    )
    parser.add_argument(
        '--annotations',
        type=Path,
        metavar='FILE',
        help=f"COCO's own, by default {ANNOTATIONS} below SRC",
    )
    options = parser.parse_args(args)
    files = KeypointFiles(options)
    path = options.annotations
    if path is None:
        path = files.inputs(ANNOTATIONS, 'name it: --annotations FILE.')[0]
    images: dict[str, Path] = {}
    for image in files.images:
        if match := NUMBER.search(image.stem):
            other = images.setdefault(match[0], image)
            if other != image:
                raise ValueError(
                    f'{other} and {image} are both of photo {match[0]}; keep the repainted '
                    'ones alone there.'
                )
    add_coco_file(
        files,
        path,
        split='test',
        fields_of=lambda image: dict(category='oil painting'),
        find=lambda name: images.get(Path(name).stem, name),
        # Those of detections.
        keep_ids=True,
    )
    files.write()


if __name__ == '__main__':
    main()
