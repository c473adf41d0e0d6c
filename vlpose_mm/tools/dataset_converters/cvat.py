"""Convert what CVAT exports as COCO Keypoints 1.0."""

from collections.abc import Sequence

from vlpose_mm.tools.dataset_converters.keypoint_files import (
    KeypointFiles,
    add_coco_file,
    add_rename_option,
    make_parser,
    split_of,
)
from vlpose_mm.tools.errors import command


@command
def main(args: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = make_parser(
        'Convert a task or project that CVAT has exported as COCO Keypoints 1.0.',
        'unpacked export, with annotations/person_keypoints_*.json and the images',
    )
    add_rename_option(parser)
    options = parser.parse_args(args)
    files = KeypointFiles(options)
    remedy = 'export it from CVAT as COCO Keypoints 1.0, with images.'
    for path in files.inputs('person_keypoints_*.json', remedy):
        # By the subset; CVAT calls that of a task without one "default".
        add_coco_file(files, path, split=split_of(path), renamed=options.rename)
    files.write()


if __name__ == '__main__':
    main()
