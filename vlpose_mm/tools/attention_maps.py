"""Draw which words of its text prompt each patch of an image reads."""

import argparse
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mmengine.device import get_device
from mmengine.logging import MMLogger
from mmengine.runner.checkpoint import load_state_dict
from mmpose.apis import init_model

from vlpose_mm.apis.attention_maps import annotated_people, find_attention_maps
from vlpose_mm.checkpoint.io import read_file, state_dict_of
from vlpose_mm.compat import log_to_stderr
from vlpose_mm.datasets.image_io import read_image
from vlpose_mm.datasets.text_prompts import check_text_prompt
from vlpose_mm.models.necks.attention_maps import AttentionMaps
from vlpose_mm.tools.common import (
    add_config_options,
    command,
    errors_about,
    load_config,
    write_results,
)
from vlpose_mm.visualization import draw_attention_maps
from vlpose_mm.visualization.captions import save_image


@command
def main(args: Sequence[str] | None = None) -> None:
    """Run the command.

    Args:
        args (Sequence[str], optional): Arguments instead of the command line's.
    """
    parser = argparse.ArgumentParser(
        description='Draw how much attention the patches of an image pay to each word of '
        'its text prompt, and print the numbers. The tuned route is drawn, on the image as '
        'it is and not on its mirror image.'
    )
    add_config_options(parser, 'model.matcher.variant=cross')
    parser.add_argument('checkpoint', help='file of the tuned weights')
    parser.add_argument('images', nargs='+', metavar='image', help='JPEG or PNG')
    told = parser.add_mutually_exclusive_group()
    told.add_argument('--prompt', help='the text prompt (default: as in testing)')
    told.add_argument('--scenario', help='the kind of image, such as "oil painting"')
    people = parser.add_mutually_exclusive_group()
    people.add_argument(
        '--box',
        type=float,
        nargs=4,
        metavar=('X', 'Y', 'W', 'H'),
        help='a person on the image, in pixels (default: the whole image)',
    )
    people.add_argument(
        '--ann', metavar='FILE', help='annotation file with the people on the images'
    )
    parser.add_argument(
        '--word',
        action='append',
        metavar='WORD',
        help='draw this word alone; may be given several times (default: all)',
    )
    parser.add_argument(
        '--per-head', action='store_true', help='draw each head in a row of its own'
    )
    parser.add_argument('--out', required=True, help='folder to write PNGs to')
    options = parser.parse_args(args)
    if options.box and len(options.images) > 1:
        raise ValueError('--box is for one image; give --ann FILE for several')

    with log_to_stderr(), errors_about(options.config, (KeyError, TypeError)):
        found = _draw_all(options)
    write_results(found, _table(found), options.json)


def _draw_all(options: argparse.Namespace) -> dict:
    """Draw all images and collect the numbers."""
    cfg = load_config(options)
    if not cfg.get('model') or not cfg.get('test_dataloader'):
        raise ValueError(f'{options.config} has no model or no test_dataloader.')
    weights = state_dict_of(read_file(options.checkpoint), options.checkpoint)
    given = {}
    if options.prompt is not None:
        given['text_prompt'] = check_text_prompt(options.prompt, '--prompt')
    if options.scenario is not None:
        given['category'] = options.scenario
    model = init_model(cfg, device='cpu')
    load_state_dict(model, weights, logger=MMLogger.get_current_instance())
    model.to(get_device())
    os.makedirs(options.out, exist_ok=True)
    found, taken = [], Counter()
    for path in options.images:
        boxes, told = (options.box and [options.box]), {}
        if options.ann is not None:
            boxes, told = annotated_people(options.ann, path)
        if given:
            told = given
        people = find_attention_maps(model, path, boxes, told)
        image = read_image(path)[..., ::-1]
        sheet = draw_attention_maps(image, people, options.word, options.per_head)
        stem = Path(path).stem
        taken[stem] += 1
        number = f'_{taken[stem]}' if taken[stem] > 1 else ''
        out = os.path.join(options.out, f'{stem}{number}.png')
        save_image(sheet, out)
        people = [_numbers(maps) for maps in people]
        found.append(dict(image=path, sheet=out, people=people))
    return dict(images=found)


def _numbers(maps: AttentionMaps) -> dict:
    """The numbers of a person, ready for JSON."""
    words = [
        dict(
            word=word.text,
            tokens=word.num_tokens,
            special=word.special,
            attention=float(maps.weights[:, row].mean()),
            uniform=maps.uniform(row),
            strongest_patch=float(maps.weights[:, row].mean(0).max()),
        )
        for row, word in enumerate(maps.words)
    ]
    return dict(prompt=maps.text_prompt, shares=maps.shares, words=words)


def _table(found: dict) -> str:
    """Lay the numbers out for people."""
    lines = []
    for image in found['images']:
        lines += [f'{image["image"]} -> {image["sheet"]}']
        for person in image['people']:
            header = f'{"":<22}{"attention, %":>14}{"x even":>8}{"most in a patch, %":>20}'
            lines += [f'"{person["prompt"]}"', header, '-' * len(header)]
            for word in person['words']:
                share, most = word['attention'], word['strongest_patch']
                lines += [
                    f'{word["word"]:<22}{100 * share:>14.2f}'
                    f'{share / word["uniform"]:>8.2f}{100 * most:>20.2f}'
                ]
            names = dict(words='all words', special='special tokens', patches='patches')
            lines += ['-' * len(header)]
            lines += [
                f'{names[k]:<22}{100 * v:>14.2f}' for k, v in person['shares'].items()
            ]
            lines += ['']
    return '\n'.join([*lines, 'even: if each token and patch got the same'])


if __name__ == '__main__':
    main()
