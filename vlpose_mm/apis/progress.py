"""Record which inputs are done, so that a later run can resume."""

import json
import os
from collections.abc import Iterator, Sequence

from vlpose_mm.apis.inputs import Item
from vlpose_mm.checkpoint.io import replace_file

PROGRESS = 'progress.jsonl'


class Progress:
    """A file with one line of settings, then one line per image that is done."""

    def __init__(
        self, path: str, settings: dict, resume: bool, items: Sequence[Item]
    ) -> None:
        self.path = path
        self._items = {item.name: item for item in items}
        #: Keys of the images and videos that are done.
        self.done: set[str] = set()
        #: Number of these images and frames.
        self.count = 0
        if not os.path.exists(path):
            self._write(dict(settings=settings))
            return
        folder = os.path.dirname(path)
        if not resume:
            raise ValueError(
                f'{folder} holds the results of another run; continue it (--resume, '
                'resume=True), or name another folder.'
            )
        before = next(self._lines(), {}).get('settings')
        if not isinstance(before, dict):
            raise ValueError(f'{path} has no settings; name another folder.')
        check_settings(folder, before, settings)
        for line in self._lines():
            if 'video' in line or ('image' in line and 'video' not in line['image']):
                item = self._items.get(line['item'])
                if item is not None and item.location != line['place']:
                    raise ValueError(
                        f'{folder} holds the results of another {item.name}, '
                        f'{line["place"]}; name another folder.'
                    )
                self.done.add(line['key'])
        self._drop_outdated()

    def add(
        self, name: str, image_id: int | None, image: dict, instances: list[dict]
    ) -> None:
        """Record that an image of an item is done."""
        self._record(name, dict(image_id=image_id, image=image, instances=instances))

    def end_video(self, name: str) -> None:
        """Record that all frames of a video are done."""
        self._record(name, dict(video=name))

    def images(self) -> Iterator[dict]:
        """Yield the line of each image."""
        return (line for line in self._lines() if 'image' in line)

    def _drop_outdated(self) -> None:
        """Drop a line that was cut off, unfinished videos and changed images."""
        with replace_file(self.path) as file:
            for line in self._lines():
                item = self._items.get(line.get('item'))
                is_outdated = item is not None and item.key != line['key']
                if 'settings' in line or (line['key'] in self.done and not is_outdated):
                    self.count += 'image' in line
                    file.write(f'{json.dumps(line)}\n'.encode())

    def _record(self, name: str, line: dict) -> None:
        item = self._items[name]
        self._write(dict(item=name, place=item.location, key=item.key, **line))

    def _write(self, line: dict) -> None:
        with open(self.path, 'a', encoding='utf-8') as file:
            file.write(f'{json.dumps(line)}\n')

    def _lines(self) -> Iterator[dict]:
        with open(self.path, encoding='utf-8', errors='replace') as file:
            for number, text in enumerate(file, 1):
                # Only the last line can lack its end: the run was killed.
                if not text.endswith('\n'):
                    continue
                try:
                    line = json.loads(text)
                    if 'settings' not in line:
                        line['item'], line['place'], line['key']
                        'video' in line or (line['image']['file_name'], line['instances'])
                    yield line
                except (ValueError, LookupError, TypeError) as error:
                    raise ValueError(
                        f'{self.path} is damaged in line {number}; name another folder.'
                    ) from error


def check_settings(folder: str, before: dict, settings: dict) -> None:
    """Raise a ``ValueError`` unless a folder was made with the same settings."""
    for key in dict.fromkeys([*settings, *before]):
        if before.get(key) != settings.get(key):
            raise ValueError(
                f'{folder} was made with {key}={before.get(key)!r}, not '
                f'{settings.get(key)!r}; use the former, or name another folder.'
            )
