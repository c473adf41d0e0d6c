"""Run many jobs, as many at once as there are workers."""

import multiprocessing
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from projects.mini_humanart.study.training import prepare


def run_all(
    jobs: Mapping[str, tuple], work: Callable[..., float], logs: Path, workers: int
) -> list[str]:
    """Call ``work`` with the arguments of each job, in processes.

    Args:
        jobs (Mapping[str, tuple]): Name -> arguments.
        work (Callable): Returns an AP in [0, 1], for show.
        logs (Path): Folder of what jobs print, ``NAME.log``.
        workers (int): How many processes there are.

    Returns:
        list[str]: Names of what failed, or was not reached before an interruption.
    """
    start, done, failed = time.time(), 0, []
    threads = max(1, (os.cpu_count() or 1) // workers)
    # Set before torch is imported there.
    os.environ['OMP_NUM_THREADS'] = str(threads)
    pool = ProcessPoolExecutor(
        workers,
        multiprocessing.get_context('spawn'),
        initializer=prepare,
        initargs=(threads,),
    )
    futures = {
        pool.submit(_quietly, logs / f'{name}.log', work, *args): name
        for name, args in jobs.items()
    }
    try:
        for future in as_completed(futures):
            name = futures[future]
            done += 1
            error = future.exception()
            if error is not None:
                failed.append(name)
                print(f'[{done}/{len(jobs)}] {name} FAILED: {error!r}', flush=True)
                continue
            rest = (time.time() - start) / done * (len(jobs) - done) / 60
            print(
                f'[{done}/{len(jobs)}] {name}: AP {100 * future.result():.1f} '
                f'(about {rest:.0f} min left)',
                flush=True,
            )
    except KeyboardInterrupt:
        failed.append(f'interrupted, {len(jobs) - done} left; the same command goes on')
        for process in pool._processes.values():
            process.kill()
    pool.shutdown(cancel_futures=True)
    return failed


def _quietly(log: Path, work: Callable[..., float], *args: object) -> float:
    """Do a job whose output goes to a log."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, 'w') as file, redirect_stdout(file), redirect_stderr(file):
        return work(*args)
