"""What is found in folders, lists, tables and object stores, and what is refused."""

import os
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.test_ray.object_store import serve
from vlpose_mm.apis.inputs import find_items
from vlpose_mm.ray.collection import Collection, shown_url


def names(*inputs: str, column: str | None = None) -> list[str]:
    return [image.name for image in Collection(inputs, column).images]


def write(path: Path, /, **columns) -> str:
    parquet.write_table(pa.table(columns), path)
    return str(path)


@pytest.fixture
def folder(sketches, tmp_path) -> Path:
    """A folder with a folder, and with what is no image."""
    root = tmp_path / 'scans'
    (root / 'mural').mkdir(parents=True)
    for name in ('b.jpg', 'mural/a.jpg', 'z.jpg', '.hidden.jpg'):
        (root / name).write_bytes(Path(sketches[0]).read_bytes())
    (root / 'notes.csv').write_text('a,b')
    return root


@pytest.mark.fast
def test_a_folder_a_glob_and_a_list_have_the_images_that_vlpose_finds(folder) -> None:
    for place in (str(folder), f'{folder}/*.jpg', f'{folder}/**/*.jpg'):
        found = Collection([place])
        items = find_items(place)[0]
        assert [each.name for each in found.images] == [each.name for each in items]
        assert [each.place for each in found.images] == [each.place for each in items]
    assert Collection([str(folder)]).skipped == ['notes.csv']
    listed = folder.parent / 'list.txt'
    listed.write_text(f'{folder}/z.jpg\n\n{folder}/mural/a.jpg\n{folder}/gone.jpg\n')
    assert names(str(listed)) == ['z.jpg', 'mural/a.jpg', 'gone.jpg']


def test_an_object_store_has_the_order_and_the_names_of_a_folder(folder) -> None:
    objects = {
        f'museum/{path.relative_to(folder.parent).as_posix()}': path.read_bytes()
        for path in folder.rglob('*')
        if path.is_file()
    }
    with serve(objects) as options:
        url = f's3://user:secret@museum/scans?{options}'
        assert names(url) == names(str(folder)) == ['b.jpg', 'z.jpg', 'mural/a.jpg']
        assert names(url.replace('scans?', 'scans/mural/*.jpg?')) == ['a.jpg']
        found = Collection([url, url.replace('scans?', 'scans/z.jpg?')])
        assert found.skipped == ['notes.csv'] and found.images[-1].name == 'z.jpg (2)'
        assert len(found.systems) == 1
    assert shown_url(url) == 's3://museum/scans'
    assert names(f'file://{folder}') == names(str(folder))


def test_urls_with_percents_and_fragments_are_read_as_their_file_system_does(
    tmp_path,
) -> None:
    listed = tmp_path / 'list.txt'
    escaped = ['memory://museum/a%20b.jpg', 'memory://museum/c#1.jpg']
    for lines in (escaped, escaped[::-1]):
        listed.write_text('\n'.join([*lines, 'memory://museum/d.jpg', *lines]))
        found = [image.place for image in Collection([str(listed)]).images]
        first, second = (line.removeprefix('memory:/') for line in lines)
        assert found == [first, second, '/museum/d.jpg', first, second]


def test_a_table_has_paths_or_bytes_and_ids(folder, tmp_path) -> None:
    paths = [f'{folder}/z.jpg', f'{folder}/b.jpg']
    content = [Path(path).read_bytes() for path in paths]
    table = write(tmp_path / 'a.parquet', path=paths, image_id=['x', 'y'])
    found = Collection([table]).images
    assert [each.place for each in found] == paths
    assert [each.image_id for each in found] == ['x', 'y']
    write(tmp_path / 'b.parquet', scan=content)
    write(tmp_path / 'c.parquet', scan=[dict(bytes=each, path='') for each in content])
    found = Collection([f'{tmp_path}/[bc].parquet', f'{tmp_path}/b.parquet'], 'scan').images
    assert [each.row for each in found] == [0, 1] * 3
    first, second = ('b.parquet#000000000', 'c.parquet#000000001')
    assert [found[0].name, found[3].name, found[4].name] == [first, second, f'{first} (2)']


@pytest.mark.parametrize(
    ('columns', 'column', 'error'),
    [
        (
            dict(id=[1], url=['a']),
            None,
            'has no column path or image or bytes, but id, url',
        ),
        (dict(id=[1], url=['a']), 'file', 'has no column file, but id, url; name that'),
        (dict(path=[1]), None, 'has int64 in its column path; name one of paths'),
        (dict(path=['a', None]), None, 'has no path in row 1; fill or drop it.'),
    ],
)
def test_a_table_without_images_is_refused(columns, column, error, tmp_path) -> None:
    with pytest.raises(ValueError, match=f'a.parquet {error}'):
        Collection([write(tmp_path / 'a.parquet', **columns)], column)


def test_what_is_no_table_or_not_there_is_refused(tmp_path) -> None:
    broken = tmp_path / 'a.parquet'
    broken.write_bytes(b'PAR1 and no more')
    with pytest.raises(ValueError, match='a.parquet: '):
        Collection([str(broken)])
    for place in ('gone/', 'gone.txt', 'gone.parquet', 'file:///gone/'):
        with pytest.raises(FileNotFoundError, match='There is no '):
            Collection([place])


def test_an_object_store_that_refuses_is_named_without_its_secrets() -> None:
    with serve({}) as options, pytest.raises(OSError) as error:
        Collection([f's3://user:secret@closed/scans?{options}'])
    assert str(error.value).startswith('s3://closed/scans: ')
    assert 'ACCESS_DENIED' in str(error.value) and 'secret' not in str(error.value)
    for url, reason in (('foo://x/y', 'Protocol not known'), ('gcs2://x', '')):
        with pytest.raises(ValueError, match=f'{url}: .*{reason}'):
            Collection([url])


def test_names_that_are_not_text_are_escaped(sketches, tmp_path) -> None:
    path = os.fsencode(tmp_path) + b'/\xff.jpg'
    Path(os.fsdecode(path)).write_bytes(Path(sketches[0]).read_bytes())
    (image,) = Collection([str(tmp_path)]).images
    assert image.name == '\\udcff.jpg' and os.fsencode(image.place) == path
