"""Print the parameters, FLOPs and checkpoint sizes of the model of a config."""

import argparse
from collections.abc import Sequence

from mmengine.registry import init_default_scope
from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table

from vlpose_mm.analysis.complexity import model_complexity
from vlpose_mm.tools.common import (
    add_config_options,
    add_text_dims,
    load_config,
    log_to_stderr,
    write_results,
)
from vlpose_mm.tools.errors import command, errors_about


@command
def main(args: Sequence[str] | None = None) -> None:
    """Run the command; by default with the arguments of the command line."""
    parser = argparse.ArgumentParser(
        description='Print the parameters of each part of a pose estimator, the FLOPs of '
        'the original and of the tuned route, and the size of checkpoints. Only the text '
        'encoder is loaded; see --text-dims.'
    )
    add_config_options(parser, 'model.backbone.visual_prompt.num_tokens=5')
    add_text_dims(parser)
    options = parser.parse_args(args)

    with log_to_stderr():
        cfg = load_config(options)
        init_default_scope('mmpose')
        try:
            with errors_about(
                options.config, (ValueError, TypeError, RuntimeError, KeyError)
            ):
                complexity = dict(config=options.config, **model_complexity(cfg))
        except OSError as error:
            raise OSError(
                f'{error} Or set --text-dims D, the width of its token states (768 for '
                'BLIP-base), to use random ones.'
            ) from error
    write_results(complexity, Group(*_tables(complexity)), options.json)


def _tables(complexity: dict) -> list[str | Table]:
    """Return tables of parameters, FLOPs and checkpoint sizes, with notes."""
    w, h = complexity['input_size']
    total, text = complexity['total'], complexity['text']
    params = _table('', 'params', 'trainable')
    for part in complexity['parts']:
        params.add_row(part['name'], _short(part['params']), _short(part['trainable']))
    params.add_section()
    params.add_row('total', _short(total['params']), _short(total['trainable']))
    if text and text['params']:
        params.add_row('text encoder (frozen, not saved)', _short(text['params']), '0')
    share = f'{total["trainable"] / total["params"]:.1%} of the parameters are trainable.'

    flops = _table('', 'FLOPs of one image')
    for route, count in complexity['flops'].items():
        flops.add_row(route, _short(count))
    if complexity['tuned_to_original'] is not None:
        flops.add_row('tuned / original', f'{complexity["tuned_to_original"]:.3f}')
    notes = ['One FLOP is one multiply-add.']
    if complexity['flip_test']:
        notes += ['The config tests with flip_test, two forward passes: twice as many.']
    if text:
        notes += [
            f'The text prompt has {text["num_tokens"]} tokens of {text["embed_dims"]} '
            'dimensions; encoding it, once for all images, is not counted.'
        ]
    sizes = _table('', 'checkpoint, weights only')
    for name, size in complexity['checkpoint_bytes'].items():
        sizes.add_row(name, f'{size / 1e6:.2f} MB')
    head = f'{complexity["type"]}, input {w} x {h} (width x height)'
    return [head, '', params, share, '', flops, *notes, '', sizes]


def _table(*columns: str) -> Table:
    """Return a table with a wide column of names and columns of numbers."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column(columns[0], min_width=32)
    for column in columns[1:]:
        table.add_column(column, justify='right')
    return table


def _short(number: int) -> str:
    """Format a number with its unit, such as 6.75 M."""
    for unit, factor in (('G', 10**9), ('M', 10**6), ('k', 10**3)):
        if number >= factor:
            return f'{number / factor:.2f} {unit}'
    return str(number)


if __name__ == '__main__':
    main()
