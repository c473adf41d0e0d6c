"""Encode sentences once and write them to a small file for PrecomputedTextEncoder."""

import argparse
import os
from collections.abc import Sequence

from vlpose_mm.datasets.scenarios import all_sentences
from vlpose_mm.models.text_encoders import TransformersTextEncoder, save_text_features


def main(args: Sequence[str] | None = None) -> None:
    """Run the command.

    Args:
        args (Sequence[str], optional): Arguments instead of the command line's.
    """
    parser = argparse.ArgumentParser(
        description='Encode sentences once and write them to a small file that '
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
        '--sentences',
        help='text file with one sentence a line (default: the scenario table)',
    )
    parser.add_argument(
        '--max-length', type=int, default=64, help='most tokens read of a sentence'
    )
    options = parser.parse_args(args)

    sentences = all_sentences()
    if options.sentences:
        try:
            with open(options.sentences, encoding='utf-8') as file:
                sentences = [line.strip() for line in file if line.strip()]
        except (OSError, UnicodeDecodeError) as error:
            parser.error(f'cannot read {options.sentences}: {error}')
        if not sentences:
            parser.error(f'{options.sentences} holds no sentence; write one a line')
    folder = os.path.dirname(os.path.abspath(options.out))
    if not os.path.isdir(folder) or os.path.isdir(options.out):
        parser.error(f'cannot write {options.out}: name a file in an existing folder')
    try:
        encoder = TransformersTextEncoder(options.pretrained, options.max_length)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    save_text_features(options.out, encoder, sentences)
    size = os.path.getsize(options.out) / 1024
    print(
        f'{options.out}: {len(sentences)} sentences of {options.pretrained}, '
        f'{encoder.embed_dims} wide, {size:.0f} KiB'
    )


if __name__ == '__main__':
    main()
