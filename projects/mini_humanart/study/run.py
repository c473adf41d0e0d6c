"""Run the study on mini Human-Art and write its tables."""

import argparse
import json
import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from projects.mini_humanart.fingerprint import sum_up
from projects.mini_humanart.runs import BASE_WEIGHTS, ROOT, draw_data
from projects.mini_humanart.study.arms import ARMS, Training, trainings
from projects.mini_humanart.study.cost import measure_all
from projects.mini_humanart.study.tables import write_results
from projects.mini_humanart.study.training import prepare, train_and_test

RESULTS = ROOT / 'projects/mini_humanart' / 'results.json'
PAGE = ROOT / 'projects/mini_humanart' / 'RESULTS.md'


def _positive(text: str) -> int:
    """A number from the command line."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'{text!r} is not a whole number from 1')
    return int(text)


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    configs = sorted({arm.config for arm in ARMS.values()})
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add('--seeds', type=_positive, default=3, metavar='N', help='runs of every arm')
    add('--left-out-seeds', type=_positive, default=3, metavar='N', help='14 runs each')
    add('--epochs', type=_positive, default=12, metavar='N', help='33 steps each')
    add('--workers', type=_positive, default=os.cpu_count(), metavar='N', help='processes')
    add('--out', type=Path, default=ROOT / 'work_dirs/study', help='what is done so far')
    add('--data', type=Path, default=ROOT / 'data/mini', help='mini data; drawn if missing')
    add('--only', nargs='+', choices=configs, metavar='CONFIG', help='some arms; no page')
    add('--json', type=Path, default=RESULTS, help='raw results to write')
    add('--page', type=Path, default=PAGE, help='page whose tables to write')
    return parser


def run_quietly(training: Training, epochs: int, data: Path, result: Path) -> dict:
    """Run a training in a process of its own; what it says goes to a log."""
    result.parent.mkdir(parents=True, exist_ok=True)
    with open(result.with_suffix('.log'), 'w') as log:
        with redirect_stdout(log), redirect_stderr(log):
            return train_and_test(training, training.load(epochs), data, result)


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
    failed = run_all(left, args, data, results)
    if failed:
        sys.exit(f'Not finished, see the logs in {out}: {", ".join(failed)}')
    if args.only:
        return
    costs = measure_all(data, out)
    found = {t: json.loads(path.read_text()) for t, path in results.items()}
    settings = dict(epochs=args.epochs, data=json.loads((data / 'mini.json').read_text()))
    write_results(found, costs, settings, raw, page)
    print(f'Written: {raw}, {page}')


def run_all(
    left: list[Training],
    args: argparse.Namespace,
    data: Path,
    results: dict[Training, Path],
) -> list[str]:
    """Run trainings, as many at once as there are workers.

    Return the names of what failed, or was not reached before an interruption.
    """
    start, done, failed = time.time(), 0, []
    threads = max(1, (os.cpu_count() or 1) // args.workers)
    # Set before torch is imported there.
    os.environ['OMP_NUM_THREADS'] = str(threads)
    pool = ProcessPoolExecutor(
        args.workers,
        multiprocessing.get_context('spawn'),
        initializer=prepare,
        initargs=(threads,),
    )
    futures = {pool.submit(run_quietly, t, args.epochs, data, results[t]): t for t in left}
    try:
        for future in as_completed(futures):
            name = str(futures[future])
            done += 1
            error = future.exception()
            if error is not None:
                failed.append(name)
                print(f'[{done}/{len(left)}] {name} FAILED: {error!r}', flush=True)
                continue
            rest = (time.time() - start) / done * (len(left) - done) / 60
            ap = 100 * future.result()['art']['artificial']
            print(
                f'[{done}/{len(left)}] {name}: artificial AP {ap:.1f} '
                f'(about {rest:.0f} min left)',
                flush=True,
            )
    except KeyboardInterrupt:
        failed.append(f'interrupted, {len(left) - done} left; the same command goes on')
        for process in pool._processes.values():
            process.kill()
    pool.shutdown(cancel_futures=True)
    return failed


if __name__ == '__main__':
    main()
