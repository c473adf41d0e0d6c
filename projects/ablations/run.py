"""Run rows of the ablations on mini data and write their tables."""

import argparse
import fcntl
import os
import signal
import sys
from pathlib import Path

import transformers
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope

from projects.ablations.ablations import Ablations
from projects.ablations.rows import Places, choose_rows, find_rows
from projects.mini_humanart.runs import ROOT, draw_data


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'{text!r} is not a whole number from 1')
    return int(text)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add('names', nargs='*', metavar='STUDY[/ROW]', help='what to run; all by default')
    add('--seeds', type=_positive, default=3, metavar='N', help='runs of every row')
    add('--epochs', type=_positive, metavar='N', help='instead of those of the configs')
    add('--out', type=Path, default=ROOT / 'work_dirs/ablations', help='folder to write to')
    add('--data', type=Path, default=ROOT / 'data/mini', help='mini data; drawn if missing')
    add('--list', action='store_true', help='list all rows and exit')
    args = parser.parse_args()
    if args.list:
        for study, rows in find_rows().items():
            print(f'{study}: {", ".join(row.name for row in rows)}')
        return
    try:
        rows = choose_rows(args.names)
    except ValueError as error:
        parser.error(str(error))

    # Terminated or without terminal, it ends its training as when interrupted.
    for ending in (signal.SIGTERM, signal.SIGHUP):
        # nohup ignores SIGHUP.
        if signal.getsignal(ending) is not signal.SIG_IGN:
            signal.signal(ending, signal.default_int_handler)
    # The log of a training has its warnings.
    MMLogger.get_current_instance().setLevel('ERROR')
    transformers.logging.set_verbosity_error()
    init_default_scope('mmpose')
    places = Places(args.data.resolve(), args.out.resolve())
    places.out.mkdir(parents=True, exist_ok=True)
    with open(places.out / 'lock', 'w') as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            parser.error(
                f'{places.out} is in use; wait for that command, or choose another --out'
            )
        if not (places.data / 'mini.json').exists():
            draw_data(places.data)
        ablations = Ablations(rows, args.seeds, args.epochs, places)
        try:
            ablations.run()
        except KeyboardInterrupt:
            ablations.failures.append('interrupted; the same command resumes')
        print(f'\n{ablations.write()}')
    print(f'Written to {os.path.relpath(places.out)}: table.md, results.json')
    if ablations.failures:
        sys.exit('Not finished: ' + '; '.join(ablations.failures))


if __name__ == '__main__':
    main()
