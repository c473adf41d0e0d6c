"""Measure what language brings on mini Human-Art, and write the tables."""

import argparse
import dataclasses
import json
import os
import sys
from pathlib import Path

from projects.mini_humanart.fingerprint import sum_up
from projects.mini_humanart.runs import BASE_WEIGHTS, ROOT, draw_data
from projects.mini_humanart.study.language_runs import (
    PARTS,
    conditions,
    runs,
    train_and_test,
)
from projects.mini_humanart.study.language_tables import tables_of
from projects.mini_humanart.study.pool import run_all
from projects.mini_humanart.study.run import RESULTS as STUDY
from projects.mini_humanart.study.run import add_options, positive
from projects.mini_humanart.study.tables import write_results

RESULTS = ROOT / 'projects/mini_humanart' / 'language.json'


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add_options(parser, 'language', RESULTS)
    add('--left-out-seeds', type=positive, default=1, metavar='N', help='56 runs each')
    add('--styles', type=Path, default=ROOT / 'data/styles', help='drawn if missing')
    add(
        '--only', nargs='*', choices=PARTS, default=PARTS, metavar='PART', help='to run now'
    )
    return parser


def main() -> None:
    """Run the command."""
    parser = build_parser()
    args = parser.parse_args()
    out, raw, page = (path.resolve() for path in (args.out, args.json, args.page))
    data = dict(mini=args.data.resolve(), styles=args.styles.resolve())
    if not page.exists():
        parser.error(f'there is no page {page} to write tables into')
    os.chdir(ROOT)
    for name, command in (('mini', 'generate'), ('styles', 'generate_styles')):
        if not (data[name] / 'mini.json').exists():
            draw_data(data[name], command=command)
    settings = {n: json.loads((d / 'mini.json').read_text()) for n, d in data.items()}
    study = json.loads(STUDY.read_text())
    if settings['mini'] != study['settings']['data']:
        parser.error(f'{STUDY} is of other data than {data["mini"]}; run the study there')
    # What a training depends on names its files, so that a changed one runs again.
    files = {}
    for run in runs(PARTS, args.seeds, args.left_out_seeds):
        digest = sum_up(
            run.training.load(run.epochs), data[run.training.data], BASE_WEIGHTS
        )
        files[run] = out / f'{run}_{digest}.json'
    mine = [run for run in files if run.part in args.only]
    jobs = {
        str(run): (run, data, files[run])
        for run in mine
        if not {*map(str, conditions(run))} <= {*_read(files[run])}
    }
    print(f'{len(mine)} runs: {len(jobs)} to do, the others are done.', flush=True)
    failed = run_all(jobs, train_and_test, out, args.workers)
    found = [
        dict(part=run.part, **dataclasses.asdict(run.training), tests=_read(path))
        for run, path in files.items()
        if path.exists()
    ]
    content = dict(settings=settings, runs=found)
    write_results(content, lambda results: tables_of(results, study), raw, page)
    print(f'Written: {raw}, {page}')
    if failed:
        sys.exit(f'Not finished, see the logs in {out}: {", ".join(failed)}')


def _read(path: Path) -> dict:
    """What a run was tested with so far."""
    return json.loads(path.read_text()) if path.exists() else {}


if __name__ == '__main__':
    main()
