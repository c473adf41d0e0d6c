"""Compare runs on photos and art: tables, plots and images on a page."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path

from projects.domain_gap_report.annotations import ImageFiles
from projects.domain_gap_report.comparison import Comparison
from projects.domain_gap_report.contents import make_contents
from projects.domain_gap_report.runs import RunReader
from projects.domain_gap_report.writing import write_report
from vlpose_mm.compat import log_to_stderr


def main(args: Sequence[str] | None = None) -> None:
    """Run the command.

    Args:
        args (Sequence[str], optional): Arguments instead of the command line's.
    """
    parser = argparse.ArgumentParser(
        description='Compare runs on photos and art, scenario by scenario, and write '
        'report.md and report.html with tables, plots, and the images that changed most.'
    )
    parser.add_argument(
        'runs',
        nargs='+',
        metavar='[NAME=]RUN',
        help='COCO-format result file, or folder with some (*.keypoints.json) that '
        "MMPose's tools wrote; the others are compared with the first. Files that are "
        'given the same name are one run',
    )
    parser.add_argument('--out', required=True, metavar='DIR', help='folder to write to')
    parser.add_argument(
        '--ann',
        nargs='+',
        default=[],
        metavar='FILE',
        help='annotation files; each result file belongs to the one that has its images '
        '(default: those of the config that lies beside it)',
    )
    parser.add_argument(
        '--img-root',
        metavar='DIR',
        help='folder in which the names of images start (default: that of the config, or '
        'one near the annotation file)',
    )
    options = parser.parse_args(args)

    # The readers of annotations print as well.
    with log_to_stderr(), redirect_stdout(sys.stderr):
        try:
            reader = RunReader([Path(path) for path in options.ann])
            comparison = Comparison(reader.read(options.runs))
            roots = [options.img_root] if options.img_root else reader.image_roots
            images = ImageFiles([Path(root) for root in roots], reader.ann_files)
            contents = make_contents(comparison, images)
            written = write_report(contents, Path(options.out))
        except (OSError, ValueError) as error:
            parser.error(str(error))
    for line in (*contents.headlines, *contents.notes):
        print(line)
    print('Written:', *written)


if __name__ == '__main__':
    main()
