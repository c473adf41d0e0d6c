"""The examples of the pages, run as a reader would run them.

As a program, ``python -m tests.test_docs.pages NAMES PAGE ...``, it runs those that need no
checkout, of each page in a copy of the folder ``NAMES``.
"""

import argparse
import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import yaml
from mim.cli import cli as mim
from mmengine.config import Config
from mmengine.runner import Runner

from tests.programs import run, run_script

ROOT = Path(__file__).parents[2]
# Commands and statements, by patterns of how they start, that only read their arguments and
# configs.
NOT_RUN = {
    'make ': 'takes minutes',
    'nox': 'makes environments of many GB',
    'pip ': 'needs a network; the tests of the packaging install',
    r'vlpose images/( --out out/)?$': 'downloads the published weights',
    r'VLPoseInferencer\(\)$': 'downloads the published weights',
    'vlpose images/ --det-model': 'downloads the published weights',
    'vlpose images/ --model hf:': 'needs the hub',
    r'vlpose push (?!.*--dry-run)': 'needs the hub; its tests have a stand-in',
    'vlpose web': 'serves until it is interrupted; the tests of the page start it',
    'python -m projects.ablations.run': 'takes hours',
    'python -m projects.benchmark': 'takes minutes',
    'python projects/onnx_runtime/benchmark.py': 'takes minutes',
    'python -m projects.mini_humanart.generate': 'takes a minute',
    'python -m projects.mini_humanart.study': 'takes hours',
    'python -m projects.mini_humanart.train_base': 'takes an hour',
    'python -m projects.real_images': 'needs the real images',
    'python -m projects.real_small': 'needs the real images',
    'python -m projects.trade_offs': 'takes minutes',
    'python -m vlpose_mm.tools.batch': 'starts a cluster; the tests of vlpose_mm.ray do',
    'summary = estimate_collection': 'starts a cluster; the tests of vlpose_mm.ray do',
    'assert not pd.read_parquet': 'needs what a cluster has written',
    'python -m zipfile': 'needs a downloaded package',
    'ray start': 'starts a cluster',
    'bash projects/benchmark/gpu.sh': 'needs a GPU',
    'mim train mmpose .* --launcher pytorch': 'needs GPUs',
    r'mim \w+ mmpose configs/\S+/(coco|humanart_coco)/': 'needs the data',
    'mim train mmpose projects/ablations/': 'needs Human-Art',
    r'mim train mm\w+ projects/real_small/': 'needs the real images',
    'mim test .*model.head.wiring=released': "needs the authors' weights",
    'python -m vlpose_mm.tools.convert_checkpoint': 'needs the files of others',
    r'python -m vlpose_mm.tools.dataset_converters.(?!cvat)': 'needs the data of others',
    'mim train mmpose my_custom.py': 'downloads the published weights',
    '<View>': 'is pasted into Label Studio',
    r'python -m vlpose_mm.tools.distill \S+/(mini_humanart|real_small)/': 'takes minutes',
    'python -m vlpose_mm.tools.fit_scenario_classifier my_auto.py': 'needs a tuned ViT-B',
    r'python -m vlpose_mm.tools.fit_scenario_classifier \S+/real_small/': 'needs data',
    'python -m vlpose_mm.tools.precompute_text_features': 'downloads BLIP',
    r"inferencer\('https:": 'needs a network',
    r'inferencer\(0\)': 'needs a webcam',
    'srun': 'needs Slurm',
    'torchrun': 'starts processes that train',
    r'server \{': 'nginx is not installed',
}
# Options that make a command shorter, which takes minutes.
SHORTENED = {
    'mim train mmpose my_art.py': [
        '--cfg-options',
        'train_cfg.max_epochs=1',
        'train_dataloader.dataset.indices=4',
    ],
}
# What follows a command on its page, but is the output of other data or takes.
OTHER_OUTPUT = {
    'vlpose images/ --model real-small --scenario': 'of a folder with broken files',
    'python -m projects.domain_gap_report': 'of photos and artworks',
    'vlpose images/ --model work_dirs/my_art': 'of other images',
    'vlpose museum/ --model real-small': 'of a larger folder',
}
# Every command reaches the handler; the shell itself runs assignments and ``export``.
SHELL = r"""
PATH=/nowhere
command_not_found_handle() { printf '%s\0' $(($# + 2)) "$line" "BASE=$BASE" "$@"; }
"""
VARIABLES = dict(CONFIG='vlpose.py', CHECKPOINT='whole.pth')


class Block(NamedTuple):
    """A fenced block of a page."""

    section: int
    line: int
    language: str  # Empty: output.
    text: str


class Command(NamedTuple):
    """A command of the shell."""

    argv: list[str]
    environment: dict[str, str]


def copy_names(names: str | Path, target: Path) -> Path:
    """Copy what the pages' names stand for, which the examples change, but downloads."""
    return shutil.copytree(
        names, target, symlinks=True, ignore=shutil.ignore_patterns('hub')
    )


def read_blocks(page: Path) -> list[Block]:
    """Read the fenced blocks of a page, but those that are directives of the site."""
    text = page.read_text(encoding='utf-8')
    fences = re.finditer(r'^```([\w{}-]*)\n(.*?)^```$', text, re.M | re.S)
    blocks = []
    for fence in fences:
        if fence[1].startswith('{'):
            continue
        before = text[: fence.start()]
        section = len(re.findall('^##', before, re.M))
        blocks.append(Block(section, before.count('\n') + 1, fence[1], fence[2]))
    return blocks


def read_commands(blocks: list[Block], cwd: Path) -> dict[int, list[Command]]:
    """Let the shell expand the commands of a page, by the line of their block."""
    shown = [f'line={b.line}\n{b.text}' for b in blocks if b.language == 'bash']
    script = SHELL + ''.join(shown)
    env = dict(os.environ, **VARIABLES, MMPOSE=mmpose_folder())
    env.pop('BASE', None)
    done = subprocess.run(
        ['bash', '--norc', '-c', script], cwd=cwd, env=env, capture_output=True, text=True
    )
    assert not done.stderr, done.stderr
    words = iter(done.stdout.split('\0')[:-1])
    commands = {}
    for count in words:
        line, base, *argv = (next(words) for _ in range(int(count)))
        environment = dict([base.split('=', 1)]) if base != 'BASE=' else {}
        commands.setdefault(int(line), []).append(Command(argv, environment))
    return commands


def mmpose_folder() -> str:
    """The folder with MMPose's tools and demos."""
    return str(Path(find_spec('mmpose').submodule_search_locations[0]) / '.mim')


def statements(block: Block) -> Iterator[tuple[str, ast.stmt]]:
    """The statements of a block of Python, and their sources."""
    for statement in ast.parse(block.text).body:
        yield ast.get_source_segment(block.text, statement), statement


def reason(table: dict[str, str], source: str) -> str | None:
    """The pattern of a table that a command or a statement starts with."""
    return next((key for key in table if re.match(key, source)), None)


def run_page(page: Path, folder: Path, checkout: bool) -> list[Block]:
    """Run every example of a page in a folder.

    Args:
        page (Path): The page.
        folder (Path): What the page's names stand for.
        checkout (bool): Whether to run what needs a checkout.

    Returns:
        list[Block]: The examples that ran, or were read where they are not to be run.

    Raises:
        AssertionError: If one fails, or prints other lines than those of the page.
    """
    blocks = read_blocks(page)
    commands = read_commands(blocks, folder)
    names, done = {}, []
    for block, following in zip(blocks, [*blocks[1:], None], strict=True):
        where = f'{page}, line {block.line}'
        printed, complete, reached = '', True, bool(block.language)
        if block.language == 'bash':
            here = commands.get(block.line, [])
            reached = bool(here)
            for command in here:
                if checkout or not needs_checkout(command):
                    output, ran = run_command(command, folder, where)
                    printed, complete = printed + output, complete and ran
                else:
                    complete = reached = False
        elif is_file(block):
            run_file(block, folder, where)
        elif block.language == 'python':
            printed = run_python(block, names, folder, where)
        elif block.language:
            assert reason(NOT_RUN, block.text), f'{where}: nothing runs {block.language}'
        follows = following and not following.language
        if follows and following.section == block.section and block.language and complete:
            check_output(following, printed, f'{where}\n{printed}')
        done += [block] * reached
    return done


def needs_checkout(command: Command) -> bool:
    """Whether a command is for a checkout."""
    return bool(re.search(r'^make |\bprojects[./]|\bconfigs/', ' '.join(command.argv)))


def run_command(command: Command, folder: Path, where: str) -> tuple[str, bool]:
    """Run a command, or only read it; return what it prints and whether it ran."""
    source = ' '.join(command.argv)
    # Where several commands of a page write by default.
    shutil.rmtree(folder / 'vlpose_out', ignore_errors=True)
    runs = reason(NOT_RUN, source) is None
    with mock.patch.dict(os.environ, command.environment):
        if command.argv[0] == 'make':
            done = subprocess.run(
                ['make', '--dry-run', *command.argv[1:]], cwd=ROOT, capture_output=True
            )
            failed, printed = done.returncode != 0, str(done.stderr)
        elif command.argv[0] in ('pip', 'nox', 'bash', 'ray', 'srun', 'torchrun'):
            scripts = [arg for arg in command.argv if arg.endswith('.sh')]
            failed, printed = not all((folder / arg).is_file() for arg in scripts), ''
        else:
            argv = program([*command.argv, *SHORTENED.get(source, [])], folder)
            if runs:
                failed, printed = run_script(argv, folder)
            else:
                failed, printed = read_only(argv, folder)
    assert not failed, f'{where}: {source}\n{printed}'
    return printed, runs and not reason(OTHER_OUTPUT, source)


def program(argv: list[str], folder: Path) -> list[str]:
    """What Python runs for a command."""
    name, *args = argv
    if name == 'python':
        return args
    if name == 'vlpose':
        return ['-m', 'vlpose_mm.cli', *args]
    if name == 'mim':
        # It starts MMPose's tools.
        with (
            mock.patch('subprocess.check_output', return_value=b''),
            mock.patch('subprocess.check_call', return_value=0) as start,
        ):
            failed, printed = run(lambda: mim(args), folder, argv)
        assert not failed, printed
        return start.call_args.args[0][1:]
    raise AssertionError(f'cannot run {name}')


def read_only(argv: list[str], folder: Path) -> tuple[bool, str]:
    """Start a program, up to where it has read its arguments, or MMPose's its config."""
    if argv[:2] == ['-m', 'torch.distributed.launch']:
        # Then the number of processes and the port.
        argv = argv[4:]
    if f'{mmpose_folder()}/tools/' in argv[0]:
        patch = mock.patch.object(Runner, 'from_cfg', side_effect=SystemExit)
    else:
        parse = argparse.ArgumentParser.parse_args

        def parse_and_stop(*args: object) -> None:
            parse(*args)
            raise SystemExit

        patch = mock.patch.object(argparse.ArgumentParser, 'parse_args', parse_and_stop)
    with patch:
        return run_script(argv, folder)


def is_file(block: Block) -> bool:
    """Whether a block shows a file, whose name is in its first line."""
    return re.match(r'# \S+\.(py|yml)\n', block.text) is not None


def run_file(block: Block, folder: Path, where: str) -> None:
    """Write the file, and read it as what it is."""
    name, content = block.text.split('\n', 1)
    name = name.removeprefix('# ')
    if '/' in name:
        # One of ours.
        assert content.strip() in (ROOT / name).read_text(encoding='utf-8'), where
        return
    (folder / name).write_text(content)
    if name.endswith('.yml'):
        assert isinstance(yaml.safe_load(content), dict), where
    else:
        failed, printed = run(lambda: Config.fromfile(name), folder, [name])
        assert not failed, f'{where}\n{printed}'


def run_python(block: Block, names: dict, folder: Path, where: str) -> str:
    """Run the statements of a block; iterators run to their end."""

    def call() -> None:
        for source, statement in statements(block):
            if reason(NOT_RUN, source):
                continue
            if not isinstance(statement, ast.Expr):
                exec(source, names)
                continue
            value = eval(source, names)
            if isinstance(value, Iterator):
                list(value)

    failed, printed = run(call, folder, [''])
    assert not failed, f'{where}\n{printed}'
    return printed


def check_output(block: Block, printed: str, where: str) -> None:
    """Check that every line of a page's output is printed, up to numbers and spaces."""
    found = {without_numbers(line) for line in printed.splitlines()}
    lines = [without_numbers(line) for line in block.text.splitlines()]
    missing = [line for line in lines if line not in (*found, '', '...')]
    assert not missing, f'{where}\nnot printed: {missing}'


def without_numbers(line: str) -> str:
    """A line of output without what differs: numbers, spaces, and rules of a table."""
    return ' '.join(re.sub(r'[-+±−]?\d[\d.,]*(e-?\d+)?', '#', line).strip('-─ ').split())


if __name__ == '__main__':
    import vlpose_mm

    print(vlpose_mm.__file__)
    for i, name in enumerate(sys.argv[2:]):
        run_page(Path(name), copy_names(sys.argv[1], Path.cwd() / str(i)), checkout=False)
