"""Draw a small stand-in for COCO and Human-Art in their exact layout."""

import argparse
import json
import multiprocessing
import os
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import cv2

from projects.mini_humanart.drawing.contact_sheet import write_contact_sheet
from projects.mini_humanart.drawing.dataset import (
    SPLITS,
    Drawn,
    Job,
    draw,
    make_folders,
    write_coco,
    write_humanart,
    write_json,
)
from projects.mini_humanart.drawing.styles import SCENARIOS

# raised whenever the same settings would give other files
VERSION = 1
MANIFEST = 'mini.json'
UNFINISHED = 'mini.json.unfinished'


def count(text: str) -> int:
    """A number from the command line."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f'{text!r} is not a whole number from 0')
    return int(text)


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add('--out', type=Path, default=Path('data/mini'), help='folder to write to')
    add('--seed', type=count, default=0, help='same seed, same bytes')
    add('--photos-train', type=count, default=500, metavar='N')
    add('--photos-val', type=count, default=150, metavar='N')
    add('--art-train', type=count, default=38, metavar='N', help='per scenario')
    add('--art-val', type=count, default=12, metavar='N', help='per scenario')
    add('--workers', type=count, default=2, metavar='N', help='processes')
    add('--contact-sheet', type=Path, metavar='PATH', help='also write an overview')
    add('--force', action='store_true', help='draw again over an earlier set')
    return parser


def settings_of(args: argparse.Namespace) -> dict:
    """Everything that decides about the files' content."""
    names = ('seed', 'photos_train', 'photos_val', 'art_train', 'art_val')
    return {'version': VERSION, **{name: getattr(args, name) for name in names}}


def check_folder(
    out: Path, settings: dict, force: bool, parser: argparse.ArgumentParser
) -> bool:
    """Say whether the images are already there, or end with an error.

    Only a folder that this generator began is ever overwritten: ``--out data``
    next to the real COCO must not delete it.
    """
    if out.exists() and not out.is_dir():
        parser.error(f'--out is a file: {out}')
    manifest = out / MANIFEST
    if manifest.is_file():
        if force:
            return False
        found = manifest.read_text()
        if found == json.dumps(settings):
            return True
        parser.error(
            f'{out} holds images with other settings {found}; '
            'choose another --out, or draw over them with --force'
        )
    if out.is_dir() and any(out.iterdir()) and not (out / UNFINISHED).is_file():
        parser.error(f'{out} holds other files; choose an empty --out')
    return False


def list_jobs(args: argparse.Namespace) -> list[Job]:
    """All images to draw, in the order of the annotation files."""
    jobs = []
    for split in SPLITS:
        photos = getattr(args, f'photos_{split}')
        art = getattr(args, f'art_{split}')
        for kind, number in [('photo', photos), *((name, art) for name in SCENARIOS)]:
            jobs += [Job(args.out, args.seed, kind, split, i) for i in range(number)]
    return jobs


def report_progress(results: Iterable[Drawn], total: int) -> list[Drawn]:
    """Collect results and print a line for about every tenth of them."""
    begin, drawn, step = time.perf_counter(), [], max(1, total // 10)
    for item in results:
        drawn.append(item)
        if len(drawn) % step == 0 or len(drawn) == total:
            seconds = time.perf_counter() - begin
            share = 100 * len(drawn) // total
            print(f'{share:4d}%  {len(drawn)}/{total} images, {seconds:.0f} s', flush=True)
    return drawn


def draw_all(
    jobs: list[Job], workers: int, draw: Callable[[Job], Drawn] = draw
) -> list[Drawn]:
    """Draw every image; the result does not depend on ``workers``."""
    if workers < 2:
        cv2.setNumThreads(1)
        return report_progress(map(draw, jobs), len(jobs))
    with multiprocessing.Pool(workers, cv2.setNumThreads, (1,)) as pool:
        return report_progress(pool.imap(draw, jobs, chunksize=8), len(jobs))


def begin_set(out: Path, settings: dict) -> None:
    """Remove an earlier set, and note that another is being drawn."""
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / UNFINISHED, settings)
    (out / MANIFEST).unlink(missing_ok=True)
    for old in ('coco', 'HumanArt'):
        shutil.rmtree(out / old, ignore_errors=True)


def finish_set(out: Path) -> None:
    """Write the manifest, which comes last."""
    os.replace(out / UNFINISHED, out / MANIFEST)


def generate(args: argparse.Namespace) -> None:
    """Draw the whole set."""
    out, start = args.out, time.perf_counter()
    begin_set(out, settings_of(args))
    make_folders(out)
    drawn = draw_all(list_jobs(args), args.workers)
    for split in SPLITS:
        mine = [d for d in drawn if d.job.split == split]
        photos = [d for d in mine if d.job.kind == 'photo']
        art = [d for d in mine if d.job.kind != 'photo']
        write_coco(out, photos, split)
        write_humanart(out, art, photos, split)
        people = sum(len(d.annotations) for d in mine)
        print(f'{split}: {len(photos)} photos, {len(art)} artworks, {people} instances')
    finish_set(out)
    print(f'wrote {out} in {time.perf_counter() - start:.0f} s')


def main() -> None:
    """Run the command line."""
    parser = build_parser()
    args = parser.parse_args()
    sheet = args.contact_sheet
    if sheet and (sheet.suffix not in ('.png', '.jpg') or not list_jobs(args)):
        parser.error('--contact-sheet is a .png or .jpg and needs images to show')
    try:
        if check_folder(args.out, settings_of(args), args.force, parser):
            print(f'{args.out} is up to date; draw again with --force')
        else:
            generate(args)
        if sheet:
            write_contact_sheet(args.out, sheet)
            print(f'wrote {sheet}')
    except OSError as error:
        parser.error(f'cannot write: {error}')


if __name__ == '__main__':
    main()
