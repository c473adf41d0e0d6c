"""Measure what language brings on real images, and write the tables."""

import argparse
import json
import os
import sys
from pathlib import Path

from projects.mini_humanart.runs import ROOT
from projects.mini_humanart.study.pool import run_all
from projects.mini_humanart.study.tables import write_results
from projects.real_small.study.language_runs import SIZE, runs, train_and_test
from projects.real_small.study.language_tables import HEADING, SECTION, tables_of

PROJECT = ROOT / 'projects/real_small'


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add('--seeds', nargs='+', type=int, default=[0, 1], metavar='SEED', help='28 runs each')
    add('--steps', type=int, default=100, metavar='N', help='steps of 32 images')
    add('--workers', type=int, default=os.cpu_count(), metavar='N', help='processes')
    add('--out', type=Path, default=ROOT / 'work_dirs/real_small_language')
    add('--data', type=Path, default=ROOT / 'data', help='folder of the real sets')
    add('--json', type=Path, default=PROJECT / 'language.json', help='raw results to write')
    add('--page', type=Path, default=PROJECT / 'RESULTS.md', help='whose tables to write')
    args = parser.parse_args()
    page = args.page.read_text()
    data = args.data.resolve()
    out = args.out.resolve() / f'{args.steps}_steps'
    files = {run: out / f'{run}.json' for run in runs(args.seeds)}
    jobs = {
        str(run): (run, args.steps, data, file)
        for run, file in files.items()
        if not file.exists()
    }
    print(f'{len(files)} runs: {len(jobs)} to do, the others are done.', flush=True)
    failed = run_all(jobs, train_and_test, out, args.workers)
    found = [
        dict(
            arm=run.arm,
            seed=run.seed,
            left_out=run.left_out,
            tests=json.loads(file.read_text()),
        )
        for run, file in files.items()
        if file.exists()
    ]
    settings = dict(steps=args.steps, size='x'.join(map(str, reversed(SIZE))))
    if HEADING not in page:
        args.page.write_text(page + SECTION)
    write_results(dict(settings=settings, runs=found), tables_of, args.json, args.page)
    print(f'Written: {args.json}, {args.page}')
    if failed:
        sys.exit(f'Not finished, see the logs in {out}: {", ".join(failed)}')


if __name__ == '__main__':
    main()
