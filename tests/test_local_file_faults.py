"""Generated files have one kind, whatever they hold and are called."""

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.generated import examples
from vlpose_mm.local_files import ALIKE, KINDS, content_kind, find_files, kind_of

SUFFIXES = st.sampled_from([*KINDS, *ALIKE, '.txt', '.svg', '.ts', ''])
STARTS = [b'\xff\xd8\xff', b'\x89PNG\r\n\x1a\n', b'GIF89a', b'RIFF', b'II*\0', b'BM', b'P6']
STARTS += [
    b'\0\0\0\x1cftyp',
    b'\x1a\x45\xdf\xa3',
    b'FLV\x01',
    b'\0\0\x01\xba',
    b'G',
    b'OggS',
]
CONTENTS = st.builds(bytes.__add__, st.sampled_from([*STARTS, b'']), st.binary(max_size=99))
SETTINGS = examples(300)


@SETTINGS
@given(CONTENTS, SUFFIXES)
def test_the_name_counts_only_where_the_content_does_not(content, suffix) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f'a{suffix}')
        path.write_bytes(content)
        found = kind_of(str(path))
        _, kinds, others = find_files(folder)
    known = content_kind(content)
    if known is None:
        assert found == KINDS.get(suffix)
    else:
        assert found == known or known == ALIKE[suffix]
    # None is lost.
    assert {**kinds, **dict.fromkeys(others)} == {str(path): found}


@SETTINGS
@given(st.text(st.characters(exclude_characters='\0'), max_size=700))
def test_no_text_is_an_image_or_a_video(text: str) -> None:
    assert content_kind(text.encode('utf-8', 'surrogatepass')) is None
