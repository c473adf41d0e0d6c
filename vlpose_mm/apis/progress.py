"""What of a run is done, in a file that a later run goes on from."""

import json
import os
from collections.abc import Iterator, Sequence

from vlpose_mm.apis.inputs import Item
from vlpose_mm.checkpoint.io import replace_file

PROGRESS = 'progress.jsonl'


class Progress:
    """The file that says what is done: a line of settings, then one of each image.

    Args:
        path (str): The file.
        settings (dict): What all its images have in common.
        resume (bool): Whether to go on with it.
        items (Sequence[Item]): What is to be done.

    Raises:
        OSError: If it cannot be written.
        ValueError: If it is there and must not be, is none, has other settings, or is about
            another image of the same name.
    """

    def __init__(
        self, path: str, settings: dict, resume: bool, items: Sequence[Item]
    ) -> None:
        self.path = path
        self._items = {item.name: item for item in items}
        #: Keys of images and videos that are done.
        self.done: set[str] = set()
        #: How many images and frames these are.
        self.count = 0
        if not os.path.exists(path):
            self._write(dict(settings=settings))
            return
        folder = os.path.dirname(path)
        if not resume:
            raise ValueError(
                f'{folder} holds the results of another run; go on with them (--resume, '
                'resume=True), or name another folder.'
            )
        before = next(self._lines(), {}).get('settings')
        if not isinstance(before, dict):
            raise ValueError(f'{path} does not say what it is about; name another folder.')
        changed = [k for k in settings if before.get(k) != settings[k]]
        changed += [key for key in before if key not in settings]
        if changed:
            key = changed[0]
            raise ValueError(
                f'{folder} was made with {key}={before.get(key)!r}, not '
                f'{settings.get(key)!r}; go on with the former, or name another folder.'
            )
        for line in self._lines():
            if 'video' in line or ('image' in line and 'video' not in line['image']):
                item = self._items.get(line['item'])
                if item is not None and item.told_place != line['place']:
                    raise ValueError(
                        f'{folder} holds the results of another {item.name}, that of '
                        f'{line["place"]}; name another folder.'
                    )
                self.done.add(line['key'])
        self._tidy()

    def add(self, name: str, image_id: int | None, image: dict, people: list[dict]) -> None:
        """Note that an image of an item is done."""
        self._note(name, dict(image_id=image_id, image=image, people=people))

    def end_video(self, name: str) -> None:
        """Note that all frames of a video are done."""
        self._note(name, dict(video=name))

    def images(self) -> Iterator[dict]:
        """Yield what was noted of each image."""
        return (line for line in self._lines() if 'image' in line)

    def _tidy(self) -> None:
        """Drop what is done again: a line that was broken off, videos, changed images."""
        with replace_file(self.path) as file:
            for line in self._lines():
                item = self._items.get(line.get('item'))
                is_old = item is not None and item.key != line['key']
                if 'settings' in line or (line['key'] in self.done and not is_old):
                    self.count += 'image' in line
                    file.write(f'{json.dumps(line)}\n'.encode())

    def _note(self, name: str, line: dict) -> None:
        item = self._items[name]
        self._write(dict(item=name, place=item.told_place, key=item.key, **line))

    def _write(self, line: dict) -> None:
        with open(self.path, 'a', encoding='utf-8') as file:
            file.write(f'{json.dumps(line)}\n')

    def _lines(self) -> Iterator[dict]:
        with open(self.path, encoding='utf-8', errors='replace') as file:
            for number, line in enumerate(file, 1):
                # Nothing but the last line can lack its end: the run was killed.
                if line.endswith('\n'):
                    try:
                        read = json.loads(line)
                        if 'settings' not in read:
                            read['item'], read['place'], read['key']
                            'video' in read or (read['image']['file_name'], read['people'])
                        yield read
                    except (ValueError, LookupError, TypeError) as error:
                        raise ValueError(
                            f'{self.path} is damaged in line {number}; name another folder.'
                        ) from error
