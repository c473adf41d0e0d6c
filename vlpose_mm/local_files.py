"""Files that are named by path, folder or glob; imports nothing large."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

IMAGES = (
    'apng avif avifs bmp dib gif heic heif hif ico j2c j2k jfif jp2 jpc jpe jpeg jpf jpg '
    'jpx jxl mpo pbm pcx pgm png pnm ppm sgi tga tif tiff webp'
)
# Not .ts and .mts, which are TypeScript as well; their content tells.
VIDEOS = (
    '3g2 3gp asf avi divx f4v flv m1v m2ts m2v m4v mkv mov mp4 mpe mpeg mpg mxf ogm ogv qt '
    'rm rmvb vob webm wmv y4m'
)
#: Kind of a file by its extension, on every machine the same.
KINDS = {
    **{f'.{suffix}': 'image' for suffix in IMAGES.split()},
    **{f'.{suffix}': 'video' for suffix in VIDEOS.split()},
}
# What an extension is not, although its content begins like it: raw photos are TIFFs of a
# thumbnail, and sound has the containers of videos.
ALIKE = {
    **dict.fromkeys(
        '.3fr .arw .cr2 .dcr .dng .erf .iiq .kdc .mef .mos .nef .nrw .pef .rwl .sr2 .srf '
        '.srw'.split(),
        'image',
    ),
    **dict.fromkeys('.m4a .m4b .m4r .mka .oga .ogg .opus .weba .wma'.split(), 'video'),
}
# How files begin. Of the others (ICO, PCX, PPM, TGA, ...) only the extension tells.
IMAGE_START = re.compile(
    rb"""\xff\xd8\xff                                            # JPEG
    |\x89PNG\r\n\x1a\n|GIF8[79]a|RIFF.{4}WEBP
    |II[*+]\0|MM\0[*+]                                           # TIFF
    |BM.{4}\0{4}.{4}[\x0c\x28\x34\x38\x40\x6c\x7c]\0{3}          # BMP
    |\0\0\0\x0c(jP\ \ |JXL\ )\r\n\x87\n|\xff\x4f\xff\x51         # JPEG 2000, JPEG XL
    |\0\0..ftyp(avi[fs]|hei[cmsx]|hev[cmsx]|mif[12]|msf1)        # AVIF, HEIC
    """,
    re.DOTALL | re.VERBOSE,
)
VIDEO_START = re.compile(
    rb"""\0\0..ftyp(?!M4[ABP]\ |F4A\ |crx\ )                     # MP4, QuickTime
    |\0.{3}(moov|mdat|free|skip|wide|pnot)
    |\x1a\x45\xdf\xa3                                            # Matroska, WebM
    |RIFF.{4}AVI\ |FLV\x01|\.RMF\0|YUV4MPEG2\                    # AVI, ...
    |\x30\x26\xb2\x75\x8e\x66\xcf\x11                            # WMV
    |\0\0\x01[\xb3\xba]|\x47(.{187}\x47){3}|.{4}\x47(.{191}\x47){3}  # MPEG
    |OggS.{,200}\x80theora
    |\x06\x0e\x2b\x34\x02\x05\x01\x01                            # MXF
    """,
    re.DOTALL | re.VERBOSE,
)
# Bytes that decide.
START = 600
# What begins the address of a repository on the Hugging Face hub.
HUB = 'hf://'
# The files of a folder that holds an adapter, named as peft's.
ADAPTER_CONFIG, ADAPTER_WEIGHTS = 'adapter_config.json', 'adapter_model.safetensors'
# Names that a message shows.
MAX_SHOWN = 10


def read_argument(text: str) -> str:
    """Return the text of an option, which is UTF-8 if it can be, whatever the locale."""
    try:
        return os.fsencode(text).decode()
    except UnicodeError:  # typed in the encoding of the locale
        return text


def is_url(place: str) -> bool:
    """Return whether a place is an address of the web."""
    return place.lower().startswith(('http://', 'https://'))


def is_adapter_folder(path: str) -> bool:
    """Return whether a path is that of a folder with a file of an adapter."""
    names = ADAPTER_CONFIG, ADAPTER_WEIGHTS
    return any(os.path.isfile(os.path.join(path, name)) for name in names)


def check_weights(place: str) -> None:
    """Raise a ``FileNotFoundError`` unless a place can be that of a checkpoint."""
    if not is_url(place) and not place.startswith(HUB) and not is_adapter_folder(place):
        check_file(place)


def check_file(path: str) -> None:
    """Raise a ``FileNotFoundError`` unless a path is that of a file."""
    if not os.path.isfile(path):
        raise FileNotFoundError(f'There is no file {path}.')


def check_place(place: str) -> None:
    """Raise the reason for which there is nothing at a path or glob."""
    if not os.path.exists(place) and not any(glob.iglob(place, recursive=True)):
        refuse(place)


def refuse(place: str, skipped: Sequence[str] = ()) -> None:
    """Raise the reason for which no images and videos were found."""
    others = f', but {shown(skipped)} that are neither' if skipped else ''
    if os.path.isdir(place):
        raise ValueError(f'The folder {place} holds no images and no videos{others}.')
    if _is_glob(place) and skipped:
        raise ValueError(f'{place} matches no image and no video{others}.')
    if _is_glob(place):
        raise ValueError(f'No file matches {place}.')
    raise FileNotFoundError(f'There is no file or folder {place}.')


def find_files(place: str) -> tuple[str, dict[str, str | None], list[str]]:
    """Find images and videos.

    Returns:
        tuple[str, dict[str, str | None], list[str]]: The folder that names are relative to,
        the kind of each file, and what a folder or glob has besides: files that are
        neither.
    """
    if os.path.isdir(place):
        root, paths = place, _walk(place)
    elif _is_glob(place):
        root, paths = _expand(place)
    else:
        kinds = {place: kind_of(place)} if os.path.exists(place) else {}
        return os.path.dirname(place), kinds, []
    kinds = {path: kind_of(path) for path in paths}
    others = [path for path, kind in kinds.items() if kind is None]
    return root, {path: kind for path, kind in kinds.items() if kind}, others


def kind_of(place: Any) -> str | None:
    """Return ``'image'``, ``'video'``, or ``None`` for a file that is neither.

    The content decides where it is known, else the extension does, as of URLs.
    """
    if not isinstance(place, str):
        return None
    path = place.split('?')[0].split('#')[0] if is_url(place) else place
    suffix = Path(path).suffix.lower()
    # Opening a pipe would block.
    if not is_url(place) and os.path.isfile(place):
        try:
            with open(place, 'rb') as file:
                kind = content_kind(file.read(START))
        except OSError:
            kind = None
        if kind is not None:
            return None if kind == ALIKE.get(suffix) else kind
    return KINDS.get(suffix)


def content_kind(content: bytes) -> str | None:
    """Return the kind of a file by its first bytes, ``None`` where they are not known."""
    if IMAGE_START.match(content):
        return 'image'
    return 'video' if VIDEO_START.match(content) else None


def shown(names: Sequence[str]) -> str:
    """Return how many files there are, and the names of the first."""
    count = len(names)
    some = ', '.join(printable(name) for name in names[:MAX_SHOWN])
    more = f' and {count - MAX_SHOWN} more' if count > MAX_SHOWN else ''
    return f'{count} {"file" if count == 1 else "files"} ({some}{more})'


def printable(text: str) -> str:
    """Escape what would break a line or cannot be encoded; file names may hold anything."""
    return ''.join(
        c if c.isprintable() else c.encode('unicode_escape').decode() for c in text
    )


def _is_glob(place: str) -> bool:
    return glob.has_magic(place) and not os.path.exists(place)


def _walk(folder: str) -> list[str]:
    """Files in a folder and its subfolders, except hidden ones."""
    files = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith('.'))
        files += [os.path.join(parent, n) for n in sorted(names) if not n.startswith('.')]
    return files


def _expand(place: str) -> tuple[str, list[str]]:
    """Return the folder that the matches of a glob are in, and the files."""
    fixed = Path(place)
    while glob.has_magic(str(fixed)):
        fixed = fixed.parent
    files = []
    for path in sorted(glob.glob(place, recursive=True)):
        if not os.path.isdir(path):
            files.append(path)
        elif '**' not in place:
            files += _walk(path)
    return str(fixed), files
