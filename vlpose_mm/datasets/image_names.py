"""Find the images of annotations by the ids and names that other tools write."""

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

Id = int | str


def path_parts(path: str) -> tuple[str, ...]:
    """Split a path of any system into its folders and its name."""
    return PurePosixPath(path.replace('\\', '/')).parts


class ImageNames:
    """Images by id, by name and by stem.

    An id of another tool may be that of the annotations, as number or as text, a file name
    with or without folders, or one without its extension. Where several images have the
    name, the folders before it decide.

    Args:
        names (Mapping[int | str, str]): Id -> file name.
    """

    def __init__(self, names: Mapping[Id, str]) -> None:
        self._ids = {str(image_id): image_id for image_id in names}
        # By name first, so that one lookup finds the few candidates.
        self._by_key: dict[tuple[str, str | int], list[Id]] = {}
        self._parts = {image_id: path_parts(name) for image_id, name in names.items()}
        for image_id, parts in self._parts.items():
            for key in _keys(parts[-1] if parts else ''):
                self._by_key.setdefault(key, []).append(image_id)

    def of_id(self, value: Id) -> Id | None:
        """Return the image that an id of another tool means, if it is only one."""
        found = self._ids.get(str(value))
        return self.of_path(str(value)) if found is None else found

    def of_path(self, path: str) -> Id | None:
        """Return the image of a path, if it is only one."""
        parts = path_parts(path)
        for key in _keys(parts[-1] if parts else ''):
            candidates = self._by_key.get(key, [])
            if not candidates:
                continue
            same = [_common(self._parts[each][:-1], parts[:-1]) for each in candidates]
            best = [
                each
                for each, count in zip(candidates, same, strict=True)
                if count == max(same)
            ]
            return best[0] if len(best) == 1 else None
        return None

    def like(self) -> str:
        """Show what the names look like, for errors."""
        return ', '.join(map(repr, ['/'.join(p) for p in list(self._parts.values())[:2]]))


def _keys(name: str) -> Iterable[tuple[str, str | int]]:
    """A name, its stem, and the number that the stem is, the surest first."""
    yield 'name', name
    stem = PurePosixPath(name).stem
    yield 'stem', stem
    if name != stem:  # or it has no extension
        yield 'stem', name
    if stem.isdecimal():
        yield 'number', int(stem)


def _common(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """Count the last folders that two paths have in common."""
    count = 0
    for a, b in zip(reversed(one), reversed(other), strict=False):
        if a != b:
            break
        count += 1
    return count
