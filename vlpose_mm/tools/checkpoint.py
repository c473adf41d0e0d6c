"""Extract the adapter from a checkpoint, merge it with its base, or describe a file."""

import argparse
import os
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table

from vlpose_mm.checkpoint import adapter
from vlpose_mm.checkpoint.io import read_file, state_dict_of, write_file
from vlpose_mm.checkpoint.metadata import metadata_of
from vlpose_mm.checkpoint.summary import describe_checkpoint
from vlpose_mm.checkpoint.text_features import encode_text_prompts, read_text_features
from vlpose_mm.models.text_encoders import PrecomputedTextEncoder
from vlpose_mm.tools.common import add_json_option, log_to_stderr, write_results
from vlpose_mm.tools.errors import command, errors_about

KINDS = {
    'full': 'a whole VLPose: base and adapter',
    'adapter': 'an adapter of a VLPose, without its base',
    'base': 'a pose estimator of MMPose',
    'text features': 'text features of precompute_text_features',
    'unknown': 'neither a VLPose nor a pose estimator of MMPose',
}


@command
def main(args: Sequence[str] | None = None) -> None:
    """Run the command, with arguments that replace the command line's."""
    parser = argparse.ArgumentParser(
        description='Extract the adapter from a checkpoint of a VLPose, merge it with a '
        'base, or describe what a file holds. No model is built.'
    )
    actions = parser.add_subparsers(dest='action', required=True)

    action = actions.add_parser('extract', help='extract the adapter')
    action.add_argument(
        'full',
        help='a whole checkpoint, or an adapter one whose training state is to be dropped',
    )
    action.add_argument('out', help='file to write, such as adapter.pth')
    action.add_argument(
        '--text',
        metavar='FILE',
        help='add the text features of a file of precompute_text_features; by default '
        'those that the checkpoint holds',
    )

    action = actions.add_parser('merge', help='merge an adapter with its base')
    action.add_argument('adapter', help='the adapter checkpoint')
    action.add_argument('base', help="MMPose's checkpoint or a whole VLPose; file or URL")
    action.add_argument('out', help='file to write, such as full.pth')
    action.add_argument(
        '--force', action='store_true', help='take another base than the one that was tuned'
    )

    action = actions.add_parser('info', help='describe what a file holds')
    action.add_argument('file', help='any file of weights; or a URL')
    add_json_option(action)
    options = parser.parse_args(args)
    run = dict(extract=extract, merge=merge, info=info)[options.action]
    with log_to_stderr():
        run(options)


def extract(options: argparse.Namespace) -> None:
    """Extract the adapter of ``full`` to ``out``, with the text features of ``text``."""
    content = read_file(options.full)
    weights = state_dict_of(content, options.full)
    with errors_about(options.full):
        if 'base' not in metadata_of(weights):
            weights = adapter.extract(weights)
    if options.text is not None:
        encoder = PrecomputedTextEncoder(options.text)
        content['text_features'] = encode_text_prompts(encoder, [*encoder.features])
    write(content, weights, options.out)


def merge(options: argparse.Namespace) -> None:
    """Merge ``adapter`` and ``base`` to ``out``; any base with ``force``."""
    content, base = read_file(options.adapter), read_file(options.base)
    weights = state_dict_of(content, options.adapter)
    with errors_about(f'{options.adapter} and {options.base}'):
        whole = adapter.merge(weights, state_dict_of(base, options.base), options.force)
    write(content, whole, options.out)


def info(options: argparse.Namespace) -> None:
    """Describe what ``file`` holds, as a table and as JSON."""
    content = read_file(options.file)
    with errors_about(options.file):
        summary = dict(file=options.file, **describe_checkpoint(content, options.file))
    write_results(summary, tables(summary), options.json)


def write(content: dict, weights: dict, path: str) -> None:
    """Write other weights with what describes them, and print what the file holds."""
    kept = {k: content[k] for k in ('meta', 'text_features') if k in content}
    text_prompts = 'no text features'
    if kept.get('text_features') is not None:
        count = len(read_text_features(kept['text_features'], 'The checkpoint'))
        text_prompts = f'{count} text prompts'
    write_file({**kept, 'state_dict': weights}, path)
    size = os.path.getsize(path) / 1e6
    print(f'{path}: {len(weights)} tensors and {text_prompts}, {size:.2f} MB')


def tables(summary: dict) -> Group:
    """Draw what :func:`describe_checkpoint` returns."""
    sizes = Table('part', box=SIMPLE_HEAD)
    sizes.add_column('tensors', justify='right')
    sizes.add_column('MB', justify='right')
    for part in [*summary['parts'], dict(name='total', **summary['total'])]:
        size = f'{part["bytes"] / 1e6:.2f}'
        sizes.add_row(part['name'], str(part['tensors']), size)
    for name, size in summary['further'].items():
        sizes.add_row(f'besides: {name}', '', f'{size / 1e6:.2f}')
    rows = {**summary['hyperparameters'], 'base (SHA-256)': summary['base_sha256']}
    rows = {k: v for k, v in {**rows, **summary['meta']}.items() if v is not None}
    settings = Table.grid(padding=(0, 2))
    for key, value in rows.items():
        settings.add_row(key, str(value))
    drawn = [f'{summary["file"]}: {KINDS[summary["kind"]]}', sizes, settings]
    text = summary['text']
    if text:
        drawn += [f'\n{len(text["text_prompts"])} text prompts, {text["width"]} wide']
        drawn += [f'  {text_prompt}' for text_prompt in text['text_prompts']]
    return Group(*drawn)


if __name__ == '__main__':
    main()
