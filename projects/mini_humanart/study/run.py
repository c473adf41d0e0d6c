"""Run the study on mini Human-Art and write its tables."""

import argparse
import json
import os
import sys
from pathlib import Path

from projects.mini_humanart.fingerprint import sum_up
from projects.mini_humanart.runs import BASE_WEIGHTS, ROOT, draw_data
from projects.mini_humanart.study.arms import ARMS, trainings
from projects.mini_humanart.study.cost import measure_all
from projects.mini_humanart.study.pool import run_all
from projects.mini_humanart.study.tables import tables_of, write_results
from projects.mini_humanart.study.training import train_and_test

RESULTS = ROOT / 'projects/mini_humanart' / 'results.json'
PAGE = ROOT / 'projects/mini_humanart' / 'RESULTS.md'


def positive(text: str) -> int:
    """A number from the command line."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'{text!r} is not a whole number from 1')
    return int(text)


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    configs = sorted({arm.config for arm in ARMS.values()})
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add_options(parser, 'study', RESULTS)
    add('--left-out-seeds', type=positive, default=3, metavar='N', help='14 runs each')
    add('--epochs', type=positive, default=12, metavar='N', help='33 steps each')
    add('--only', nargs='+', choices=configs, metavar='CONFIG', help='some arms; no page')
    return parser


def add_options(parser: argparse.ArgumentParser, name: str, results: Path) -> None:
    """Add the options that all studies here have."""
    add, out = parser.add_argument, ROOT / 'work_dirs' / name
    add('--seeds', type=positive, default=3, metavar='N', help='runs of every arm')
    add('--workers', type=positive, default=os.cpu_count(), metavar='N', help='processes')
    add('--out', type=Path, default=out, help='what is done so far')
    add('--data', type=Path, default=ROOT / 'data/mini', help='mini data; drawn if missing')
    add('--json', type=Path, default=results, help='raw results to write')
    add('--page', type=Path, default=PAGE, help='page whose tables to write')


def main() -> None:
    """Run the command."""
    parser = build_parser()
    args = parser.parse_args()
    data, out, raw, page = (
        path.resolve() for path in (args.data, args.out, args.json, args.page)
    )
    if not page.exists():
        parser.error(f'there is no page {page} to write tables into')
    out.mkdir(parents=True, exist_ok=True)
    os.chdir(ROOT)
    if not (data / 'mini.json').exists():
        draw_data(data)
    jobs = trainings(range(args.seeds), range(args.left_out_seeds))
    if args.only:
        jobs = [t for t in jobs if t.config in args.only and t.left_out is None]
    # The config that MMEngine resolves names the folder, so that a changed one runs again.
    results = {
        t: out / f'{t}_{sum_up(t.load(args.epochs), data, BASE_WEIGHTS)}.json' for t in jobs
    }
    left = [t for t in jobs if not results[t].exists()]
    print(f'{len(jobs)} runs: {len(left)} to do, the others are done.', flush=True)
    todo = {str(t): (t, args.epochs, data, results[t]) for t in left}
    failed = run_all(todo, train_and_test, out, args.workers)
    if failed:
        sys.exit(f'Not finished, see the logs in {out}: {", ".join(failed)}')
    if args.only:
        return
    costs = measure_all(data, out)
    content = dict(
        settings=dict(
            epochs=args.epochs, data=json.loads((data / 'mini.json').read_text())
        ),
        costs=costs,
        runs=[
            dict(
                config=t.config,
                seed=t.seed,
                shuffled=t.shuffled,
                left_out=t.left_out,
                **json.loads(path.read_text()),
            )
            for t, path in results.items()
        ],
    )
    write_results(content, tables_of, raw, page)
    print(f'Written: {raw}, {page}')


if __name__ == '__main__':
    main()
