"""Encode text prompts once and write them to a small file for PrecomputedTextEncoder."""

# First: it patches the stack that the other imports load.
import vlpose_mm  # noqa: F401

# isort: split
import argparse
import os
from collections.abc import Sequence
from itertools import chain

from mmpose.datasets.datasets import CocoDataset

from vlpose_mm.checkpoint.io import write_file
from vlpose_mm.checkpoint.text_features import encode_text_prompts
from vlpose_mm.datasets import RandomTextPrompt
from vlpose_mm.datasets.scenarios import all_text_prompts, text_prompt_table
from vlpose_mm.datasets.text_prompts import check_per_keypoint, read_text_prompts
from vlpose_mm.models.text_encoders import TransformersTextEncoder
from vlpose_mm.models.text_encoders.loading import TOKENS
from vlpose_mm.tools.common import check_output_file
from vlpose_mm.tools.errors import command


@command
def main(args: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description='Encode text prompts once and write them to a small file that '
        'PrecomputedTextEncoder reads, so that training and testing need no language '
        'model.'
    )
    parser.add_argument('out', help='file to write, such as text.pth')
    parser.add_argument(
        '--pretrained',
        default='Salesforce/blip-itm-base-coco',
        help='hub name or local folder of a transformers model (default: %(default)s)',
    )
    parser.add_argument(
        '--text-prompts',
        metavar='FILE',
        help='YAML or JSON file of text prompts by scenario, as of AssignTextPrompt, or a '
        'text file with one a line (default: the scenario table)',
    )
    parser.add_argument(
        '--per-keypoint',
        action='store_true',
        help="make of each text prompt one per keypoint of COCO's body",
    )
    parser.add_argument(
        '--tokens',
        choices=TOKENS,
        default='all',
        help='token states, or the pooled embedding of CLIP or SigLIP '
        '(default: %(default)s)',
    )
    parser.add_argument(
        '--max-length', type=int, default=64, help='most tokens read of a text prompt'
    )
    parser.add_argument(
        '--wordings',
        action='store_true',
        help='add what RandomTextPrompt draws, for training by our recipe',
    )
    options = parser.parse_args(args)
    file, names = options.text_prompts, None
    table = read_text_prompts(file) if file else text_prompt_table()
    if options.per_keypoint:
        check_per_keypoint(table, file)
        names = CocoDataset(lazy_init=True).metainfo['keypoint_id2name'].values()
    text_prompts = all_text_prompts(table, names)
    if options.wordings:
        drawn = RandomTextPrompt().wordings
        text_prompts = [*dict.fromkeys([*text_prompts, *chain(*drawn.values())])]
    check_output_file(options.out)
    encoder = TransformersTextEncoder(
        options.pretrained, options.max_length, options.tokens
    )
    write_file(encode_text_prompts(encoder, text_prompts), options.out)
    size = os.path.getsize(options.out) / 1024
    print(
        f'{options.out}: {len(text_prompts)} text prompts of {options.pretrained}, '
        f'{encoder.embed_dims} wide, {size:.0f} KiB'
    )


if __name__ == '__main__':
    main()
