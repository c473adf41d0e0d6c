"""Files of results: whole or not there, and one result for each image."""

import pyarrow as pa
import pytest

from tests.test_ray.conftest import files_in
from tests.test_ray.object_store import serve
from vlpose_mm.ray.collection import Image
from vlpose_mm.ray.output import Output, poses_schema


def rows(*names: str, instances: int = 1) -> pa.Table:
    found = [dict(image=name, instance=n) for name in names for n in range(instances)]
    return pa.Table.from_pylist(found, poses_schema(pa.int64(), pa.int64()))


@pytest.fixture
def output(tmp_path) -> Output:
    output = Output(str(tmp_path))
    output.begin({}, resume=False)
    return output


@pytest.mark.fast
def test_the_same_images_written_again_replace_their_file(output, tmp_path) -> None:
    for first, names in ((0, 'ab'), (2, 'cd'), (0, 'ab')):
        output.add(first, rows(*names, instances=2))
    assert len(files_in(tmp_path)) == 2
    assert [*output.images()] == [*'abcd']


def test_an_image_with_two_results_and_a_broken_file_are_named(output, tmp_path) -> None:
    output.add(0, rows('a', 'b'))
    output.add(0, rows('b'))
    with pytest.raises(ValueError, match='has two results of b, in .*; delete one'):
        [*output.images()]
    path = tmp_path / 'poses' / files_in(tmp_path)[0]
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match=f'{path.name} is not a whole Parquet file'):
        [*output.images()]


def test_an_image_that_has_another_name_by_now_is_refused(output, tmp_path) -> None:
    places = {'a.jpg': '/scans/a.jpg', 'b.jpg': '/scans/b.jpg', 'b.jpg (2)': '/scans/b.jpg'}
    found = [dict(image=name, place=place) for name, place in places.items()]
    output.add(0, pa.Table.from_pylist(found, poses_schema(pa.int64(), pa.int64())))

    def done(**changes: str) -> dict[str, str]:
        return output.done([Image(*each) for each in (places | changes).items()])

    assert done() == done(**{'c.jpg': '/scans/c.jpg'}) == places
    assert done(**{'b.jpg (3)': '/scans/b.jpg'}) == places
    with pytest.raises(ValueError) as error:
        done(**{'a.jpg': '/murals/a.jpg'})
    assert str(error.value) == (
        f'{tmp_path} has /scans/a.jpg as a.jpg, but /murals/a.jpg is a.jpg in these '
        'inputs, so that its result would be missing or there twice; name another folder.'
    )
    grown = [Image('scans/a.jpg', '/scans/a.jpg'), Image('z.jpg', '/z.jpg')]
    with pytest.raises(ValueError, match=r'/scans/a\.jpg is scans/a\.jpg in these inputs'):
        output.done(grown)


def test_a_run_that_resumes_removes_what_was_being_written_alone(output, tmp_path) -> None:
    names = ['.0.parquet.01234567.tmp', '.0.parquet.tmp', 'notes.txt']
    for name in names:
        (tmp_path / 'poses' / name).touch()
    output.begin({}, resume=True)
    assert files_in(tmp_path) == names[1:] and [*output.images()] == []


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path) -> None:
    place = tmp_path / 'file'
    place.touch()
    with pytest.raises(OSError, match=str(place)):
        Output(str(place)).begin({}, resume=False)
    with serve({}) as options, pytest.raises(OSError, match='s3://closed/poses: '):
        Output(f's3://user:secret@closed/poses?{options}').begin({}, resume=False)
