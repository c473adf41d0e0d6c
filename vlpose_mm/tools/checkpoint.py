"""Take the tuned part out of a checkpoint, put it back, and print what a file holds."""

import argparse
import os
from collections.abc import Sequence

from vlpose_mm.checkpoint import adapter
from vlpose_mm.checkpoint.io import (
    read_file,
    state_dict_of,
    write_file,
)
from vlpose_mm.checkpoint.metadata import metadata_of
from vlpose_mm.checkpoint.summary import describe_checkpoint
from vlpose_mm.checkpoint.text_features import (
    encode_text_prompts,
    read_text_features,
)
from vlpose_mm.compat import log_to_stderr
from vlpose_mm.models.text_encoders import PrecomputedTextEncoder
from vlpose_mm.tools.common import (
    add_json_option,
    command,
    errors_about,
    write_results,
)

KINDS = {
    'full': 'a whole VLPose: base and tuning',
    'adapter': 'the tuning of a VLPose, without its base',
    'base': 'a pose estimator of MMPose',
    'text features': 'text features of precompute_text_features',
    'unknown': 'neither a VLPose nor a pose estimator of MMPose',
}


@command
def main(args: Sequence[str] | None = None) -> None:
    """Run the command.

    Args:
        args (Sequence[str], optional): Arguments instead of the command line's.
    """
    parser = argparse.ArgumentParser(
        description='Take the tuned part out of a checkpoint of a VLPose, put it together '
        'with a base, or print what a file holds. No model is built.'
    )
    actions = parser.add_subparsers(dest='action', required=True)

    action = actions.add_parser('extract', help='take the tuned part out')
    action.add_argument(
        'full',
        help='a whole checkpoint, or an adapter one of which only the state of the '
        'training is to be left out',
    )
    action.add_argument('out', help='file to write, such as tuned.pth')
    action.add_argument(
        '--text',
        metavar='FILE',
        help='put in the text features of a file of precompute_text_features; by default those that '
        'the checkpoint holds',
    )

    action = actions.add_parser('merge', help='put an adapter one and its base together')
    action.add_argument('tuned', help='the adapter checkpoint')
    action.add_argument('base', help='a stock checkpoint or a whole VLPose; file or URL')
    action.add_argument('out', help='file to write, such as full.pth')
    action.add_argument(
        '--force', action='store_true', help='take another base than the one that was tuned'
    )

    action = actions.add_parser('info', help='print what a file holds')
    action.add_argument('file', help='any file of weights; or a URL')
    add_json_option(action)
    options = parser.parse_args(args)
    run = dict(extract=extract, merge=merge, info=info)[options.action]
    with log_to_stderr():
        run(options)


def extract(options: argparse.Namespace) -> None:
    """Take the tuned part out of a checkpoint.

    Args:
        options (argparse.Namespace): ``full``, ``out`` and ``text``.
    """
    content = read_file(options.full)
    weights = state_dict_of(content, options.full)
    with errors_about(options.full):
        if 'base' not in metadata_of(weights):
            weights = adapter.extract(weights)
    kept = {k: content[k] for k in ('meta', 'text_features') if k in content}
    if options.text is not None:
        encoder = PrecomputedTextEncoder(options.text)
        kept['text_features'] = encode_text_prompts(encoder, [*encoder.features])
    write({**kept, 'state_dict': weights}, options.out)


def merge(options: argparse.Namespace) -> None:
    """Put an adapter checkpoint and its base together.

    Args:
        options (argparse.Namespace): ``tuned``, ``base``, ``out`` and ``force``.
    """
    content, base = read_file(options.tuned), read_file(options.base)
    given = state_dict_of(content, options.tuned)
    with errors_about(f'{options.tuned} and {options.base}'):
        weights = adapter.merge(given, state_dict_of(base, options.base), options.force)
    kept = {k: content[k] for k in ('meta', 'text_features') if k in content}
    write({**kept, 'state_dict': weights}, options.out)


def info(options: argparse.Namespace) -> None:
    """Print what a file holds.

    Args:
        options (argparse.Namespace): ``file`` and ``json``.
    """
    content = read_file(options.file)
    with errors_about(options.file):
        summary = dict(file=options.file, **describe_checkpoint(content, options.file))
    write_results(summary, table(summary), options.json)


def write(content: dict, path: str) -> None:
    """Write a file and say what it holds.

    Args:
        content (dict): What to write.
        path (str): The file.
    """
    text = content.get('text_features')
    text_prompts = 'no text features'
    if text is not None:
        text_prompts = f'{len(read_text_features(text, "The checkpoint"))} text prompts'
    write_file(content, path)
    print(
        f'{path}: {len(content["state_dict"])} tensors and {text_prompts}, '
        f'{os.path.getsize(path) / 1e6:.2f} MB'
    )


def table(summary: dict) -> str:
    """Lay out what a file holds for people.

    Args:
        summary (dict): See :func:`describe_checkpoint`.

    Returns:
        str: Lines.
    """
    lines = [f'{summary["file"]}: {KINDS[summary["kind"]]}', '']
    lines += [f'{"part":<34}{"tensors":>8}{"MB":>11}']
    parts = [*summary['parts'], dict(name='total', **summary['total'])]
    for part in parts:
        size = f'{part["bytes"] / 1e6:.2f}'
        lines += [f'{part["name"]:<34}{part["tensors"]:>8}{size:>11}']
    for name, size in summary['further'].items():
        lines += [f'{f"besides: {name}":<42}{size / 1e6:>11.2f}']
    rows = {**summary['hyperparameters'], 'base (SHA-256)': summary['base_sha256']}
    rows = {k: v for k, v in {**rows, **summary['meta']}.items() if v is not None}
    if rows:
        lines += ['', *(f'{key:<28}{value}' for key, value in rows.items())]
    text = summary['text']
    if text:
        lines += ['', f'{len(text["text_prompts"])} text prompts, {text["width"]} wide']
        lines += [f'  {text_prompt}' for text_prompt in text['text_prompts']]
    return '\n'.join(lines)


if __name__ == '__main__':
    main()
