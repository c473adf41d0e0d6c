"""Compare runs on photos and art: tables, plots and qualitative examples on a page."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from projects.domain_gap_report.annotations import ImageFinder
from projects.domain_gap_report.comparison import Comparison
from projects.domain_gap_report.report import make_report, write_report
from projects.domain_gap_report.runs import RunReader
from projects.domain_gap_report.tables import rich_table
from vlpose_mm.tools.common import log_and_prints_to_stderr
from vlpose_mm.tools.errors import command


@command
def main(args: Sequence[str] | None = None) -> None:
    """Run the command; by default with the arguments of the command line."""
    parser = argparse.ArgumentParser(
        prog='python -m projects.domain_gap_report',
        description='Compare runs on photos and art by scenario, and write report.md and '
        'report.html with tables, plots and qualitative examples.',
    )
    parser.add_argument(
        'runs',
        nargs='+',
        metavar='[NAME=]RUN',
        help='COCO-format result file, or folder with some (*.keypoints.json) written by '
        "MMPose's tools; the first run is the baseline. Files of one NAME are one run",
    )
    parser.add_argument('--out', required=True, metavar='DIR', help='output folder')
    parser.add_argument(
        '--ann',
        nargs='+',
        default=[],
        metavar='FILE',
        help='annotation files; each result file is evaluated on the one that has its '
        'images (default: those in the config beside it)',
    )
    parser.add_argument(
        '--img-root',
        metavar='DIR',
        help='folder that file_name of images is relative to (default: that of the config, '
        'or one near the annotation file)',
    )
    options = parser.parse_args(args)

    with log_and_prints_to_stderr():
        reader = RunReader([Path(path) for path in options.ann])
        comparison = Comparison(reader.read(options.runs))
        roots = [options.img_root] if options.img_root else reader.image_roots
        images = ImageFinder([Path(root) for root in roots], reader.ann_files)
        report = make_report(comparison, images)
        paths = write_report(report, Path(options.out))
    console = Console(width=160, markup=False, emoji=False, highlight=False)
    console.print(rich_table(report.summary))
    for note in report.notes:
        console.print(note, soft_wrap=True)
    console.print('Written:', *paths, soft_wrap=True)


if __name__ == '__main__':
    main()
