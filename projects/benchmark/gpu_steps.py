"""Run the checks on a GPU side by side, then the benchmarks in turn, whatever fails."""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from projects.benchmark.report_table import report_table

CONFIG = 'body_2d_keypoint/vlpose/humanart/td-hm_VLPose-{}_8xb64-210e_humanart-256x192.py'
# For each device: what the configs call the paper's model and the low-rank recipe.
MODELS = dict(
    cuda=dict(paper='base', lora='lora-base'), cpu=dict(paper='small', lora='lora-small')
)
SIZES = dict(
    cuda='--batch-sizes 8 64 --train-batch-size 64 --rounds 5'.split(),
    cpu='--batch-sizes 2 --train-batch-size 2 --rounds 1'.split(),
)
CHECKS = ('routes', 'training', 'compile', 'export')
CHECK_COUNT = len(CHECKS) * len(MODELS['cuda'])
CASES = ('inference', 'training', 'memory', 'kernels')
# Not within the default time limit beside the others.
ONLY_WHEN_NAMED = ('lora-bf16', 'lora-float32', 'paper-bf16-compile')
ONLY_WHEN_NAMED += ('throughput-base', 'throughput-small', 'throughput-base-float32')
# Of a turn and of each contender, and in all.
THROUGHPUT = dict(
    cuda='--batch-size 64 --num-workers 0 4 8 14 --count 12800 --seconds 4'.split(),
    cpu='--batch-size 2 --num-workers 0 2 --count 8 --seconds 5'.split(),
)
PACKAGES = ('torch', 'torchvision', 'numpy', 'transformers', 'onnxruntime', 'mmpose')
# Of a failed step's output, what goes into the JSON.
TAIL = 4000


class Step(NamedTuple):
    """A command.

    Attributes:
        name (str): Its name, also of its log.
        seconds (float): Its time limit.
        args (Sequence[str]): Arguments after the interpreter's name.
        report (bool): Whether it is a benchmark, which writes JSON.
    """

    name: str
    seconds: float
    args: Sequence[str]
    report: bool = False


def main(args: Sequence[str] | None = None) -> int:
    """Run the command; return 1 if a step failed, else 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'steps',
        nargs='*',
        metavar='STEP',
        help=f'only these, not all but {ONLY_WHEN_NAMED}',
    )
    parser.add_argument('--device', choices=('cuda', 'cpu'), default='cuda')
    parser.add_argument(
        '--out', type=Path, default=Path(os.environ.get('OUT', 'work_dirs/gpu'))
    )
    parser.add_argument('--minutes', type=float, default=8, help='limit of all steps')
    text = 'measure only this, all that are given'
    parser.add_argument('--case', choices=CASES, action='append', default=[], help=text)
    text = 'predict only so many images at once'
    parser.add_argument('--batch-size', type=int, metavar='N', help=text)
    text = 'how often each is measured'
    parser.add_argument('--rounds', type=int, metavar='N', help=text)
    options = parser.parse_args(args)
    options.out.mkdir(parents=True, exist_ok=True)
    steps = list_steps(options.device, options.out, _overrides(options))
    unknown = set(options.steps) - {step.name for step in steps}
    if unknown:
        parser.error(f'unknown steps {sorted(unknown)}; known: {[s.name for s in steps]}')
    steps = [
        step
        for step in steps
        if step.name in options.steps
        or (not options.steps and step.name not in ONLY_WHEN_NAMED)
    ]
    deadline = time.monotonic() + 60 * options.minutes
    results = dict(
        device=options.device,
        python=platform.python_version(),
        versions={name: _version(name) for name in PACKAGES},
        steps={},
    )

    def record(step: Step) -> None:
        result = run(step, options.out, deadline)
        results['steps'][step.name] = result
        print(f'{step.name}: {result["outcome"]}, {result["seconds"]:.0f} s', flush=True)
        # After each, so that an end from outside loses one step.
        (options.out / 'gpu.json').write_text(json.dumps(dict(results), indent=1))

    # Checks share the device; what is timed has it alone.
    with ThreadPoolExecutor(len(steps)) as pool:
        list(pool.map(record, [step for step in steps if not step.report]))
    for step in steps:
        if step.report:
            record(step)
    summarize(results)
    return int(any(one['outcome'] != 'passed' for one in results['steps'].values()))


def _overrides(options: argparse.Namespace) -> list[str]:
    """Arguments of the benchmarks that count instead of those before them."""
    args = ['--only', *options.case] if options.case else []
    if options.batch_size:
        args += ['--batch-sizes', str(options.batch_size)]
    if options.rounds:
        args += ['--rounds', str(options.rounds)]
    return args


def list_steps(device: str, out: Path, overrides: Sequence[str] = ()) -> list[Step]:
    """List the steps: the checks, then the benchmarks, the most telling ones first."""

    def check(name: str, seconds: float, config: str) -> Step:
        options = ('-q', '--device', device, '--durations=0', '-p', 'no:cacheprovider')
        file = f'tests/gpu/test_{name}.py'
        return Step(
            f'{name}-{config}', seconds, ('-m', 'pytest', file, '-k', config, *options)
        )

    def measure(
        config: str, dtype: str, *cases: str, compiled: bool = False, seconds: float = 200
    ) -> Step:
        name = f'{config}-{dtype}{"-compile" * compiled}'
        args = [CONFIG.format(MODELS[device][config]), '--text-dims', '768']
        args += ['--device', device, *SIZES[device], '--dtype', dtype]
        args += ['--only', *cases, '--json', str(out / f'{name}.json')]
        args += ['--compile'] * compiled
        args += overrides
        return Step(name, seconds, ('-m', 'projects.benchmark', *args), report=True)

    def throughput(size: str, dtype: str, name: str) -> Step:
        args = [CONFIG.format(size), '--text-dims', '768', '--device', device]
        args += [*THROUGHPUT[device], '--dtype', dtype, '--rounds', '1']
        args += ['--json', str(out / f'{name}.json')]
        args = ('-m', 'projects.benchmark.throughput', *args)
        return Step(name, 170, args, report=True)

    return [
        *(check(name, 240, config) for name in CHECKS for config in MODELS[device]),
        measure('paper', 'float32', *CASES),
        measure('paper', 'bf16', *CASES),
        measure('lora', 'bf16', *CASES),
        measure('lora', 'float32', *CASES),
        measure('paper', 'bf16', 'training', 'inference', compiled=True, seconds=420),
        throughput('base', 'bf16', 'throughput-base'),
        throughput('small', 'bf16', 'throughput-small'),
        throughput('base', 'float32', 'throughput-base-float32'),
    ]


def run(step: Step, out: Path, deadline: float) -> dict:
    """Run a step, with its output in a log.

    ``deadline`` is on the monotonic clock. Return ``outcome``, ``seconds``, the ``tail`` of
    the output unless it passed, and the ``report`` of a benchmark.
    """
    left = min(step.seconds, deadline - time.monotonic())
    if left <= 0:
        return dict(outcome='not run: out of time', seconds=0.0)
    log = out / f'{step.name}.log'
    env = dict(os.environ)
    if not step.report:
        # Checks run side by side; with all cores for each they would slow each other down.
        env['OMP_NUM_THREADS'] = str(max(1, (os.cpu_count() or 1) // CHECK_COUNT))
    start = time.monotonic()
    with open(log, 'w') as file:
        process = subprocess.Popen(
            [sys.executable, *step.args],
            stdout=file,
            stderr=subprocess.STDOUT,
            env=env,
            start_new_session=True,
        )
        try:
            code = process.wait(left)
            outcome = 'passed' if code == 0 else f'failed ({code})'
        except subprocess.TimeoutExpired:
            # With all that it started, which would slow the next step.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            outcome = f'stopped after {left:.0f} s'
    result = dict(outcome=outcome, seconds=time.monotonic() - start)
    if outcome != 'passed':
        result['tail'] = log.read_text(errors='replace')[-TAIL:]
    elif step.report:
        result['report'] = json.loads((out / f'{step.name}.json').read_text())
    return result


def summarize(results: dict) -> None:
    """Print the benchmarks' tables, the ends of failed steps, and a table of the steps."""
    console = Console(width=160, markup=False, highlight=False)
    for name, result in results['steps'].items():
        if 'report' in result:
            console.print(f'\n{name}', report_table(result['report']))
        elif result.get('tail'):
            print(f'\n{name}: {result["outcome"]}\n{result["tail"][-1500:]}')
    versions = ', '.join(f'{k} {v}' for k, v in results['versions'].items())
    table = Table('step', 'outcome', 'seconds', title=versions)
    for name, result in results['steps'].items():
        table.add_row(name, result['outcome'], f'{result["seconds"]:.0f}')
    console.print(table)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


if __name__ == '__main__':
    sys.exit(main())
