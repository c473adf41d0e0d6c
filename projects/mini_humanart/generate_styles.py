"""Draw images of many random styles, each with a description, in Human-Art's layout."""

import argparse
import time
from pathlib import Path

from projects.mini_humanart.drawing.contact_sheet import write_rows
from projects.mini_humanart.drawing.dataset import SPLITS, write_art
from projects.mini_humanart.drawing.style_space.dataset import (
    GROUP,
    StyleJob,
    draw_styled,
    style_jobs,
)
from projects.mini_humanart.generate import (
    begin_set,
    check_folder,
    count,
    draw_all,
    finish_set,
)

# raised whenever the same settings would give other files
VERSION = 1


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add('--out', type=Path, default=Path('data/styles'), help='folder to write to')
    add('--seed', type=count, default=0, help='same seed, same bytes')
    add('--styles', type=count, default=300, metavar='N', help='to train with')
    add('--val-styles', type=count, default=20, metavar='N', help='others, to test with')
    add('--images', type=count, default=4, metavar='N', help='per style')
    add('--workers', type=count, default=2, metavar='N', help='processes')
    add('--contact-sheet', type=Path, metavar='PATH', help='also write an overview')
    add('--force', action='store_true', help='draw again over an earlier set')
    return parser


def settings_of(args: argparse.Namespace) -> dict:
    """Everything that decides about the files' content."""
    names = ('seed', 'styles', 'val_styles', 'images')
    return {'styles_version': VERSION, **{name: getattr(args, name) for name in names}}


def list_jobs(args: argparse.Namespace) -> list[StyleJob]:
    """All images to draw, in the order of the annotation files."""
    return [
        job
        for split, styles in zip(SPLITS, (args.styles, args.val_styles), strict=True)
        for job in style_jobs(args.out, args.seed, split, styles, args.images)
    ]


def generate(args: argparse.Namespace) -> None:
    """Draw the whole set."""
    out, start, jobs = args.out, time.perf_counter(), list_jobs(args)
    begin_set(out, settings_of(args))
    for folder in ('annotations', 'person_detection_results'):
        (out / 'HumanArt' / folder).mkdir(parents=True)
    for kind in dict.fromkeys(job.kind for job in jobs):
        (out / 'HumanArt/images' / GROUP / kind).mkdir(parents=True)
    drawn = draw_all(jobs, args.workers, draw_styled)
    for split in SPLITS:
        mine = [d for d in drawn if d.job.split == split]
        write_art(out, mine, split)
        styles = len({d.job.kind for d in mine})
        people = sum(len(d.annotations) for d in mine)
        print(f'{split}: {styles} styles, {len(mine)} images, {people} instances')
    finish_set(out)
    print(f'wrote {out} in {time.perf_counter() - start:.0f} s')


def draw_contact_sheet(args: argparse.Namespace) -> None:
    """Show an image of each of the first 60 styles."""
    images = args.out / 'HumanArt/images' / GROUP
    kinds = list(dict.fromkeys(job.kind for job in list_jobs(args)))
    firsts = [min((images / kind).iterdir()) for kind in kinds[:60]]
    rows = [firsts[i : i + 10] for i in range(0, len(firsts), 10)]
    write_rows(args.contact_sheet, rows)


def main() -> None:
    """Run the command line."""
    parser = build_parser()
    args = parser.parse_args()
    sheet = args.contact_sheet
    if not list_jobs(args):
        parser.error('there is nothing to draw: --styles or --images is 0')
    if sheet and sheet.suffix not in ('.png', '.jpg'):
        parser.error('--contact-sheet is a .png or .jpg')
    try:
        if check_folder(args.out, settings_of(args), args.force, parser):
            print(f'{args.out} is up to date; draw again with --force')
        else:
            generate(args)
        if sheet:
            draw_contact_sheet(args)
            print(f'wrote {sheet}')
    except OSError as error:
        parser.error(f'cannot write: {error}')


if __name__ == '__main__':
    main()
