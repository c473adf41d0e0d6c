"""Print what the model of a config is made of and what it costs."""

import argparse
from collections.abc import Sequence

from mmengine.registry import init_default_scope

from vlpose_mm.analysis.complexity import describe
from vlpose_mm.compat import log_to_stderr
from vlpose_mm.tools.common import (
    add_config_options,
    add_text_dims,
    command,
    errors_about,
    load_config,
    write_results,
)


@command
def main(args: Sequence[str] | None = None) -> None:
    """Run the command.

    Args:
        args (Sequence[str], optional): Arguments instead of the command line's.
    """
    parser = argparse.ArgumentParser(
        description='Print the parameters of each part of a pose estimator, how many are '
        'trained, the FLOPs of the original and of the tuned route, and '
        'the size of checkpoints. Nothing is trained, loaded or downloaded but the text '
        'encoder.'
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
                summary = dict(config=options.config, **describe(cfg))
        except OSError as error:
            raise OSError(
                f'{error} Or give --text-dims D, the width of its token states (768 for '
                'BLIP-base), to describe the model with random ones.'
            ) from error
    write_results(summary, _table(summary), options.json)


def _table(summary: dict) -> str:
    """Lay the numbers out for people."""
    w, h = summary['input_size']
    total = summary['total']
    rows = [('part', 'parameters', 'trained')]
    for part in (*summary['parts'], dict(name='total', **total)):
        rows.append((part['name'], _short(part['parameters']), _short(part['trained'])))
    text = summary['text']
    if text and text['parameters']:
        rows.append(('text encoder (frozen, not saved)', _short(text['parameters']), '0'))
    lines = [f'{summary["type"]}, input {w} x {h} (width x height)', '']
    lines += [f'{name:<34}{count:>11}{trained:>11}' for name, count, trained in rows]
    share = total['trained'] / total['parameters']
    lines += [f'{share:.1%} of the parameters are trained.', '']

    lines += ['FLOPs of one image']
    for route, flops in summary['flops'].items():
        lines += [f'{route:<34}{_short(flops):>11}']
    if summary['tuned_to_original'] is not None:
        lines += [f'{"tuned / original":<34}{summary["tuned_to_original"]:>11.3f}']
    if summary['flip_test']:
        lines += ['The config tests with flip_test, which takes two passes: twice that.']
    if text:
        lines += [
            f'The text prompt has {text["tokens"]} tokens, {text["width"]} wide. Encoding it, '
            'once for all its images, is not counted.'
        ]
    lines += ['', 'checkpoint, weights only']
    for name, size in summary['checkpoint_bytes'].items():
        lines += [f'{name.replace("_", " "):<34}{size / 1e6:>8.2f} MB']
    return '\n'.join(lines)


def _short(number: int) -> str:
    """Write a number with its unit, such as 6.75 M."""
    for unit, factor in (('G', 10**9), ('M', 10**6), ('k', 10**3)):
        if number >= factor:
            return f'{number / factor:.2f} {unit}'
    return str(number)


if __name__ == '__main__':
    main()
