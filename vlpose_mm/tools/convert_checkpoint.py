"""Turn checkpoints that others wrote into ours."""

import argparse
import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence

from vlpose_mm.checkpoint.converters.blip_text import (
    add_blip_tokens,
    blip_text_model,
    has_blip_text,
)
from vlpose_mm.checkpoint.converters.names import Converted
from vlpose_mm.checkpoint.converters.released import TEXT_ENCODER, from_released
from vlpose_mm.checkpoint.converters.transformers_vitpose import (
    from_transformers,
    read_folder,
)
from vlpose_mm.checkpoint.converters.vitpose import from_vitpose
from vlpose_mm.checkpoint.io import read_file, state_dict_of, write_file
from vlpose_mm.checkpoint.text_model_folder import check_new_folder, write_text_folder
from vlpose_mm.models.text_encoders.loading import load_tokenizer
from vlpose_mm.tools.common import command, errors_about

# Of the layer norms in PromptedVisionTransformer and the original ViTPose.
NORM_EPS = 1e-6


@command
def main(args: Sequence[str] | None = None) -> None:
    """Run the command.

    Args:
        args (Sequence[str], optional): Arguments instead of the command line's.
    """
    parser = argparse.ArgumentParser(
        description='Turn a checkpoint that others wrote into one that our configs load.'
    )
    sources = parser.add_subparsers(dest='source', required=True)
    commands = {
        'released': (convert_released, "the authors' VLPose checkpoints"),
        'vitpose': (convert_vitpose, 'checkpoints of the original ViTPose repository'),
        'transformers': (
            convert_transformers,
            'folders of VitPoseForPoseEstimation of the transformers library',
        ),
    }
    for name, (_, what) in commands.items():
        source = sources.add_parser(name, help=what, description=f'Convert {what}.')
        source.add_argument('src', help='what to read')
        source.add_argument('dst', help='file to write, such as converted.pth')
        source.add_argument(
            '--allow-unmapped',
            action='store_true',
            help='leave out tensors that have no place, instead of failing',
        )
    released = sources.choices['released']
    released.add_argument(
        '--base',
        help="the ViTPose that it was tuned from, in MMPose's names; without it the "
        'original route cannot be restored',
    )
    released.add_argument('--text', help='folder to write its BLIP text encoder to')
    released.add_argument(
        '--tokenizer',
        default='bert-base-uncased',
        help='hub name or local folder of the tokenizer for --text (default: %(default)s)',
    )
    options = parser.parse_args(args)
    with errors_about(options.src, (RuntimeError, IndexError)):
        commands[options.source][0](options)


def convert_released(options: argparse.Namespace) -> None:
    """Convert one of the authors' VLPose checkpoints.

    Args:
        options (argparse.Namespace): Of the command line.

    Raises:
        OSError: If something cannot be read or written.
        ValueError: If something is not what it should be.
    """
    state_dict = state_dict_of(read_file(options.src), options.src)
    base = None
    if options.base is not None:
        base = state_dict_of(read_file(options.base), options.base)
    with errors_about(options.src):
        converted = from_released(state_dict, base)
        unmapped = check_unmapped(converted, options.allow_unmapped)
        text_model = blip_text_model(state_dict) if options.text else None
    if options.text:
        check_new_folder(options.text)
        tokenizer = load_tokenizer(options.tokenizer)
        with errors_about(options.tokenizer):
            add_blip_tokens(tokenizer, text_model.config.vocab_size)
    write(converted, options.dst, unmapped)
    if options.text:
        write_text_folder(text_model, tokenizer, options.text)

    num_sets, num_tokens, _ = converted.state_dict['backbone.prompts'].shape
    print('Settings for its config, say by --cfg-options of a -paper one:')
    print('  model.head.wiring=released model.head.tuned_norms=True')
    print(f'  model.backbone.prompt.num_tokens={num_tokens}', end=' ')
    print(f'model.backbone.prompt.deep={num_sets > 1}')
    if options.text:
        print(f'  model.text_encoder.pretrained={options.text}')
    elif has_blip_text(state_dict):
        say(
            'Its BLIP text encoder was left out: --text FOLDER writes it. The nearest '
            'published one, Salesforce/blip-itm-base-coco, may differ from it.'
        )
    elif any(name.startswith(TEXT_ENCODER) for name in state_dict):
        say(
            "Its text encoder was left out, as it is not BLIP's. Name the same model as "
            'model.text_encoder.pretrained: CLIP is on the hub, and '
            'vlpose_mm.tools.convert_albef makes a folder of ALBEF.'
        )
    else:
        say(
            'It holds no text encoder. Name the one it was tuned with as '
            'model.text_encoder.pretrained; the default, Salesforce/blip-itm-base-coco, '
            "is nearest to its authors'."
        )
    if base is None:
        say(
            "The original route cannot be restored from this file: the authors' training "
            'changed its predictor and its statistics. Until it is converted with --base '
            "VITPOSE, the route 'original' does not give the numbers of a stock ViTPose."
        )


def convert_vitpose(options: argparse.Namespace) -> None:
    """Convert a checkpoint of the original ViTPose repository.

    Args:
        options (argparse.Namespace): Of the command line.

    Raises:
        OSError: If something cannot be read or written.
        ValueError: If something is not what it should be.
    """
    state_dict = state_dict_of(read_file(options.src), options.src)
    with errors_about(options.src):
        converted = from_vitpose(state_dict)
        unmapped = check_unmapped(converted, options.allow_unmapped)
    write(converted, options.dst, unmapped)


def convert_transformers(options: argparse.Namespace) -> None:
    """Convert a folder of ``VitPoseForPoseEstimation``.

    Args:
        options (argparse.Namespace): Of the command line.

    Raises:
        OSError: If something cannot be read or written.
        ValueError: If something is not what it should be.
    """
    state_dict, config = read_folder(options.src)
    with errors_about(options.src):
        converted = from_transformers(state_dict)
        unmapped = check_unmapped(converted, options.allow_unmapped)
    write(converted, options.dst, unmapped)
    eps = config.backbone_config.layer_norm_eps
    if eps != NORM_EPS:
        say(
            f'In the library its layer norms have an epsilon of {eps:g}, here as in the '
            f'original ViTPose {NORM_EPS:g}. For exactly the numbers of the library set '
            f'model.backbone.norm_eps={eps:g}.'
        )


def check_unmapped(converted: Converted, allowed: bool) -> str:
    """List what has no place.

    Args:
        converted (Converted): What was converted.
        allowed (bool): Whether there may be such.

    Returns:
        str: How many tensors, and their names, with N for numbers; may be empty.

    Raises:
        ValueError: If there may be none.
    """
    names = converted.unmapped
    if not names:
        return ''
    kinds = Counter(re.sub(r'(?<=\.)\d+(?=\.|$)', 'N', name) for name in names)
    listed = ', '.join(f'{kind} ({n})' if n > 1 else kind for kind, n in kinds.items())
    unmapped = f'{len(names)} tensors without a place: {listed}'
    if not allowed:
        raise ValueError(f'{unmapped}. --allow-unmapped leaves them out.')
    return unmapped


def write(converted: Converted, path: str, unmapped: str) -> None:
    """Write the file and tell what it holds.

    Args:
        converted (Converted): What was converted.
        path (str): The file.
        unmapped (str): See :func:`check_unmapped`.

    Raises:
        OSError: If it cannot be written.
    """
    write_file(dict(state_dict=converted.state_dict), path)
    print(f'{path}: {os.path.getsize(path) / 1e6:.2f} MB')
    parts = Counter(_parts(converted.state_dict))
    width = max(map(len, parts))
    for part, number in parts.items():
        print(f'  {part:{width}}  {number:4d} tensors')
    if unmapped:
        say(f'Left out {unmapped}.')


def _parts(names: Iterable[str]) -> list[str]:
    """Name the part of the model that each tensor belongs to."""
    parts = [name.split('.')[:2] for name in names if '.' in name]
    return ['.'.join(part if part[0] == 'head' else part[:1]) for part in parts]


def say(note: str) -> None:
    """Tell the user what to know besides the result."""
    print(note, file=sys.stderr)


if __name__ == '__main__':
    main()
