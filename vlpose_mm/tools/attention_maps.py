"""Draw the attention of each patch of an image to the words of its text prompt."""

import argparse
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table

from vlpose_mm.apis import BBoxFile, VLPoseInferencer
from vlpose_mm.datasets.image_io import read_image
from vlpose_mm.datasets.text_prompts import check_text_prompt
from vlpose_mm.local_files import read_argument
from vlpose_mm.models.necks.attention_maps import AttentionMaps
from vlpose_mm.models.pose_estimators.vlpose import VLPoseEstimator
from vlpose_mm.names import WHOLE_IMAGE
from vlpose_mm.tools.common import (
    add_config_options,
    load_config,
    log_and_prints_to_stderr,
    write_results,
)
from vlpose_mm.tools.errors import command, errors_about
from vlpose_mm.visualization import draw_attention_maps
from vlpose_mm.visualization.captions import save_image


@command
def main(args: Sequence[str] | None = None) -> None:
    """Run the command; by default with the arguments of the command line."""
    parser = argparse.ArgumentParser(
        description='Draw the attention of the patches of an image to each word of its '
        'text prompt, and print the numbers; on the tuned route, without flip test.'
    )
    add_config_options(parser, 'model.matcher.variant=cross')
    parser.add_argument('checkpoint', help='VLPose or adapter checkpoint')
    parser.add_argument('images', nargs='+', metavar='image', help='JPEG or PNG')
    text = parser.add_mutually_exclusive_group()
    text.add_argument(
        '--text-prompt',
        type=read_argument,
        help='the text prompt (default: as in testing)',
    )
    text.add_argument('--scenario', help='the scenario, such as "oil painting"')
    bboxes = parser.add_mutually_exclusive_group()
    bboxes.add_argument(
        '--bboxes',
        type=float,
        nargs='+',
        metavar='X1 Y1 X2 Y2',
        help='bbox of an instance in pixels, or of several (default: the whole image)',
    )
    bboxes.add_argument('--ann', metavar='FILE', help='annotation file with the bboxes')
    parser.add_argument(
        '--word',
        action='append',
        metavar='WORD',
        help='draw only this word; repeatable (default: all)',
    )
    parser.add_argument('--per-head', action='store_true', help='draw a row for each head')
    parser.add_argument('--out', required=True, help='output folder for PNGs')
    options = parser.parse_args(args)
    if options.bboxes and len(options.bboxes) % 4:
        parser.error('--bboxes takes four numbers for each instance')
    if options.bboxes and len(options.images) > 1:
        parser.error('--bboxes is for one image; use --ann FILE for several')

    with log_and_prints_to_stderr(), errors_about(options.config, (KeyError, TypeError)):
        results = _draw_all(options)
    write_results(results, Group(*_tables(results)), options.json)


def _draw_all(options: argparse.Namespace) -> dict:
    """Draw all images and collect the numbers."""
    cfg = load_config(options)
    text = {}
    if options.text_prompt is not None:
        text['text_prompt'] = check_text_prompt(options.text_prompt, '--text-prompt')
    if options.scenario is not None:
        text['scenario'] = options.scenario
    inferencer = VLPoseInferencer(cfg, options.checkpoint, det_model=WHOLE_IMAGE)
    if not isinstance(inferencer.model, VLPoseEstimator):
        raise ValueError(
            f'{options.config} is a {type(inferencer.model).__name__}, not a '
            'VLPoseEstimator, and reads no text prompt.'
        )
    bboxes = None if options.ann is None else BBoxFile(options.ann)
    if options.bboxes:
        bboxes = np.reshape(options.bboxes, (-1, 4))
    run = dict(bboxes=bboxes, bbox_thr=0, route=inferencer.model.route, **text)
    os.makedirs(options.out, exist_ok=True)
    images, stems = [], Counter()
    for path in options.images:
        image = read_image(path)[..., ::-1]
        (result,) = inferencer([path], True, attention_maps=True, **run)
        maps = _maps_of(result, path, options)
        sheet = draw_attention_maps(image, maps, options.word, options.per_head)
        stem = Path(path).stem
        stems[stem] += 1
        suffix = f'_{stems[stem]}' if stems[stem] > 1 else ''
        out = os.path.join(options.out, f'{stem}{suffix}.png')
        save_image(sheet, out)
        images.append(dict(image=path, sheet=out, instances=[_numbers(m) for m in maps]))
    return dict(images=images)


def _maps_of(result: dict, path: str, options: argparse.Namespace) -> list[AttentionMaps]:
    """Return the attention maps of all instances, or refuse what has none."""
    count = len(result['predictions'][0].pred_instances)
    if not count:
        raise ValueError(f'{options.ann} has no instance on {path}; set --bboxes instead.')
    if options.bboxes and count < len(options.bboxes) // 4:
        raise ValueError(f'A bbox is empty or outside of {path}.')
    if len(result['attention_maps']) < count:
        raise ValueError(
            f'{path} takes the original route, which reads no text prompt; set a text '
            'prompt or a scenario, or model.test_cfg.route=tuned.'
        )
    return result['attention_maps']


def _numbers(maps: AttentionMaps) -> dict:
    """Return the numbers of an instance, ready for JSON."""
    words = [
        dict(
            word=word.text,
            num_tokens=word.num_tokens,
            special=word.special,
            attention=float(maps.weights[:, row].mean()),
            uniform=maps.uniform(row),
            max=float(maps.weights[:, row].mean(0).max()),
        )
        for row, word in enumerate(maps.words)
    ]
    return dict(text_prompt=maps.text_prompt, shares=maps.shares, words=words)


def _tables(results: dict) -> list[str | Table]:
    """Return a table for each instance, below the name of its image."""
    parts: list[str | Table] = []
    for image in results['images']:
        parts.append(f'{image["image"]} -> {image["sheet"]}')
        for instance in image['instances']:
            table = Table('', box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
            for column in ('attention, %', 'x uniform', 'max of a patch, %'):
                table.add_column(column, justify='right')
            for word in instance['words']:
                share = word['attention']
                times = f'{share / word["uniform"]:.2f}'
                peak = f'{100 * word["max"]:.2f}'
                table.add_row(word['word'], f'{100 * share:.2f}', times, peak)
            table.add_section()
            shares = instance['shares']
            names = dict(words='all words', special='special tokens', patches='patches')
            for key, name in names.items():
                table.add_row(name, f'{100 * shares[key]:.2f}')
            parts += [f'"{instance["text_prompt"]}"', table, '']
    return [*parts, 'uniform: the same attention to each token and patch']


if __name__ == '__main__':
    main()
