"""From files to keypoints."""

from projects.benchmark.cases.end_to_end import measure
from projects.benchmark.conditions import Conditions


def test_images_come_from_files_with_and_without_workers(bench_cfg: dict) -> None:
    found = list(measure(bench_cfg, Conditions(rounds=1, batch_sizes=(2,))))
    assert [comparison['title'].split(', ')[1] for comparison in found] == [
        '0 workers',
        '1 worker',
        '2 workers',
    ]
    for comparison in found:
        names = [row['name'] for row in comparison['rows']]
        assert names == ['stock', 'original', 'tuned']
        assert all(row['images_per_second'] > 0 for row in comparison['rows'])
        assert comparison['note'].startswith('Loaded: 8 people; synthetic images')
