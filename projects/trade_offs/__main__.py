"""Measure every way to run a tuned model, and write a table for a person who chooses."""

# First: it patches the stack that the other imports load.
import vlpose_mm  # noqa: F401

# isort: split
import argparse
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from mmengine.registry import init_default_scope
from rich import box
from rich.console import Group
from rich.table import Table

from projects.benchmark.comparison import compare
from projects.benchmark.timing import alternate
from projects.trade_offs.accuracy import Crops
from projects.trade_offs.variants import STOCK, TUNED, Variant, make_variants
from vlpose_mm.tools.common import (
    add_checkpoint,
    add_config_options,
    load_config,
    log_to_stderr,
    write_results,
)
from vlpose_mm.tools.errors import command

TIMED = (1, 8)


@command
def main(args: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_options(parser, 'test_dataloader.dataset.bbox_file=None')
    add_checkpoint(parser)
    add = parser.add_argument
    add('--student', metavar='FILE', help='what vlpose_mm.tools.distill made of it')
    text = 'score every N-th test image (default: all)'
    add('--every', type=int, default=1, metavar='N', help=text)
    add('--rounds', type=int, default=20, help='of timing (default: 20)')
    options = parser.parse_args(args)
    init_default_scope('mmpose')
    torch.set_num_threads(1)
    with log_to_stderr(), redirect_stdout(sys.stderr), TemporaryDirectory() as folder:
        cfg = load_config(options)
        # It chooses a route, and here each has its own row.
        cfg.model.scenario_classifier = None
        if options.base is not None:
            cfg.model.base_weights = options.base
        variants = [*make_variants(cfg, options.checkpoint, options.student, Path(folder))]
        found = measure(variants, options)
    found = dict(config=options.config, **found)
    write_results(found, Group(table(found), flip_table(found)), options.json)


def measure(variants: Sequence[Variant], options: argparse.Namespace) -> dict:
    """Score and time the variants.

    Returns:
        dict: ``instances``; ``AP`` by variant, see :meth:`Crops.score`; in ``time`` a
        comparison for each batch size.
    """
    sets: dict[int, Crops] = {}
    for variant in variants:
        if id(variant.cfg) not in sets:
            sets[id(variant.cfg)] = Crops(variant.cfg, options.every)
    first = sets[id(variants[0].cfg)]
    times = [time_batches(variants, sets, size, options.rounds) for size in TIMED]
    scores: dict[str, dict] = {}
    for variant in variants:
        if variant.same_as is not None:
            scores[variant.name] = scores[variant.same_as]
            continue
        start = time.time()
        scores[variant.name] = sets[id(variant.cfg)].score(variant.run)
        print(f'{variant.name}: {time.time() - start:.0f} s', flush=True)
    return dict(
        images=len(first.image_ids), instances=len(first.rows), AP=scores, time=times
    )


def time_batches(
    variants: Sequence[Variant], sets: dict[int, Crops], size: int, rounds: int
) -> dict:
    """Measure the CPU time of a batch from crops to heatmaps, in turns.

    Unlike the time that passes, it does not count what others run on the machine.
    """
    calls = {}
    for variant in variants:
        ((crops, samples),) = islice(sets[id(variant.cfg)].batches(size), 1)
        calls[variant.name] = lambda run=variant.run, own=(crops, samples): run(*own)
    seconds = alternate(calls, rounds, _cpu_seconds)
    samples = {name: [1000 * s / size for s in own] for name, own in seconds.items()}
    return compare(f'batch {size}', 'ms per image', samples)


def _cpu_seconds(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def table(found: dict) -> Table:
    """Lay out what was measured, in Markdown."""
    titles = ['']
    for way in ('with flip test', 'without'):
        titles += [f'time, {way}', 'photos', 'art']
    made = Table(*titles, box=box.MARKDOWN)
    by_batch = [{row['name']: row for row in own['rows']} for own in found['time']]
    for name, scores in found['AP'].items():
        # Of the largest batch.
        ratio = by_batch[-1][name]['ratio']
        ratio = 1.0 if ratio is None else ratio['median']
        cells = [name]
        for way, share in (('flip', 1), ('plain', 2)):
            cells.append(f'{ratio / share:.2f}')
            for domain in ('natural', 'artificial'):
                cells.append(f'{100 * scores[way][domain]:.1f}')
        made.add_row(*cells)
    return made


def flip_table(found: dict) -> Table:
    """Lay out what the flip test brings to each scenario, in Markdown."""
    titles = ['']
    for name in (STOCK, TUNED):
        titles += [f'{name}, with', 'without']
    made = Table(*titles, box=box.MARKDOWN)
    for scenario in found['AP'][STOCK]['flip']:
        scores = [
            found['AP'][name][way][scenario]
            for name in (STOCK, TUNED)
            for way in ('flip', 'plain')
        ]
        made.add_row(scenario, *(f'{100 * score:.1f}' for score in scores))
    return made


if __name__ == '__main__':
    main()
