"""Convert PoPArt, Poses of People in Art."""

from collections.abc import Iterator, Mapping, Sequence

from vlpose_mm.datasets.image_names import path_parts
from vlpose_mm.tools.dataset_converters.keypoint_files import (
    KeypointFiles,
    add_coco_file,
    make_parser,
    split_of,
)
from vlpose_mm.tools.errors import command

# Folders that do not name a style.
FOLDERS = {'image', 'images', 'img', 'train', 'training', 'val', 'validation', 'test'}


@command
def main(args: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = make_parser(
        'Convert PoPArt, Poses of People in Art: paintings in 22 styles.',
        "folder with its annotations, JSON files in COCO's format, and its images",
    )
    options = parser.parse_args(args)
    files = KeypointFiles(options)
    remedy = "put its annotations, in COCO's format, and its images there."
    for path in files.inputs('*.json', remedy):
        add_coco_file(files, path, split=split_of(path), fields_of=style_fields)
    files.write()


def style_fields(image: Mapping) -> dict[str, str]:
    """Return the scenario and the text prompt of an image, by its style."""
    style = style_of(image)
    if style is None:
        return dict(category='painting', text_prompt='a painting of a person')
    article = 'an' if style[0].lower() in 'aeiou' else 'a'
    return dict(category=style, text_prompt=f'{article} {style} painting of a person')


def style_of(image: Mapping) -> str | None:
    """Return the first style in the metadata of an image, or else that of its folder."""
    for key, value in _entries(image):
        if 'style' not in key.lower():
            continue
        value = value[0] if isinstance(value, list) and value else value
        if isinstance(value, str) and value.strip():
            return _spelled(value.split(',')[0])
    folders = path_parts(image['file_name'])[:-1]
    if folders and folders[-1].lower() not in FOLDERS:
        return _spelled(folders[-1])
    return None


def _entries(record: Mapping) -> Iterator[tuple[str, object]]:
    """Yield the entries of a record and of records in it."""
    for key, value in record.items():
        yield key, value
        if isinstance(value, Mapping):
            yield from _entries(value)


def _spelled(style: str) -> str:
    return ' '.join(style.replace('_', ' ').split())


if __name__ == '__main__':
    main()
