"""Convert checkpoints of other code bases to ours."""

import argparse
import os
import re
import sys
from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from vlpose_mm.checkpoint.converters.dinov2 import (
    arch_of,
    from_dinov2,
    read_onnx,
    read_pretrained,
)
from vlpose_mm.checkpoint.converters.names import Converted
from vlpose_mm.checkpoint.converters.released import TEXT_ENCODER, from_released
from vlpose_mm.checkpoint.converters.text_encoders import (
    add_blip_tokens,
    albef_text_model,
    blip_text_model,
    has_blip_text,
)
from vlpose_mm.checkpoint.converters.text_folder import check_new_folder, write_text_folder
from vlpose_mm.checkpoint.converters.transformers_vitpose import (
    from_transformers,
    read_folder,
)
from vlpose_mm.checkpoint.converters.vitpose import from_vitpose
from vlpose_mm.checkpoint.io import read_file, state_dict_of, write_file
from vlpose_mm.models.text_encoders.loading import load_tokenizer
from vlpose_mm.tools.errors import command, errors_about

# Of the layer norms in PromptedVisionTransformer and the original ViTPose.
NORM_EPS = 1e-6


@command
def main(args: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description='Convert a checkpoint of another code base for our configs.'
    )
    sources = parser.add_subparsers(required=True)
    for name, convert, what in (
        ('released', convert_released, "the authors' VLPose checkpoints"),
        ('vitpose', convert_vitpose, 'checkpoints of the original ViTPose repository'),
        (
            'transformers',
            convert_transformers,
            'folders of VitPoseForPoseEstimation of the transformers library',
        ),
        (
            'dinov2',
            convert_dinov2,
            'DINOv2, to start a ViTPose from: a hub name such as facebook/dinov2-small, a '
            'folder of Dinov2Model of the transformers library, or an ONNX file',
        ),
        (
            'albef',
            convert_albef,
            'ALBEF.pth, whose text side becomes a folder for TransformersTextEncoder; from '
            'https://storage.googleapis.com/sfr-pcl-data-research/ALBEF/ALBEF.pth',
        ),
    ):
        source = sources.add_parser(name, help=what, description=f'Convert {what}.')
        source.set_defaults(convert=convert)
        source.add_argument('src', help='what to read')
        if name == 'albef':
            source.add_argument('dst', help='folder to write')
        else:
            source.add_argument('dst', help='file to write, such as converted.pth')
            source.add_argument(
                '--allow-unmapped',
                action='store_true',
                help='omit tensors that have no place, instead of failing',
            )
        if name == 'released':
            source.add_argument(
                '--base',
                help="the ViTPose that it was tuned from, in MMPose's names; without it, "
                'the original route cannot be restored',
            )
            source.add_argument('--text', help='folder to write its BLIP text encoder to')
        if name in ('released', 'albef'):
            source.add_argument(
                '--tokenizer',
                default='bert-base-uncased',
                help='hub name or local folder of the tokenizer of the text encoder '
                '(default: %(default)s)',
            )
    options = parser.parse_args(args)
    # Tensors of unexpected shapes.
    with errors_about(options.src, (RuntimeError, IndexError)):
        options.convert(options)


def convert_released(options: argparse.Namespace) -> None:
    """Convert one of the authors' VLPose checkpoints."""
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

    num_sets, num_tokens, _ = converted.state_dict['backbone.visual_prompts'].shape
    print('Settings for its config, for example with --cfg-options:')
    print('  model.head.wiring=released model.head.tuned_norms=True')
    print(f'  model.backbone.visual_prompt.num_tokens={num_tokens}', end=' ')
    print(f'model.backbone.visual_prompt.deep={num_sets > 1}')
    if options.text:
        print(f'  model.text_encoder.pretrained={options.text}')
    elif has_blip_text(state_dict):
        note(
            'Its BLIP text encoder was omitted: --text FOLDER writes it. The nearest '
            'published one, Salesforce/blip-itm-base-coco, may differ from it.'
        )
    elif any(name.startswith(TEXT_ENCODER) for name in state_dict):
        note(
            "Its text encoder was omitted, as it is not BLIP's. Name the same model as "
            'model.text_encoder.pretrained: CLIP is on the hub, and the source albef of '
            'this command writes a folder of ALBEF.'
        )
    else:
        note(
            'It holds no text encoder. Name the one it was tuned with as '
            'model.text_encoder.pretrained; the default, Salesforce/blip-itm-base-coco, '
            "is nearest to its authors'."
        )
    if base is None:
        note(
            "The original route cannot be restored from this file: the authors' training "
            'changed its predictor and its statistics. Until it is converted with --base '
            "VITPOSE, the route 'original' differs from MMPose's ViTPose."
        )


def convert_vitpose(options: argparse.Namespace) -> None:
    """Convert a checkpoint of the original ViTPose repository."""
    state_dict = state_dict_of(read_file(options.src), options.src)
    with errors_about(options.src):
        converted = from_vitpose(state_dict)
        unmapped = check_unmapped(converted, options.allow_unmapped)
    write(converted, options.dst, unmapped)


def convert_transformers(options: argparse.Namespace) -> None:
    """Convert a folder of ``VitPoseForPoseEstimation``."""
    state_dict, config = read_folder(options.src)
    with errors_about(options.src):
        converted = from_transformers(state_dict)
        unmapped = check_unmapped(converted, options.allow_unmapped)
    write(converted, options.dst, unmapped)
    eps = config.backbone_config.layer_norm_eps
    if eps != NORM_EPS:
        note(
            f'In the library its layer norms have an epsilon of {eps:g}, here as in the '
            f'original ViTPose {NORM_EPS:g}. For exactly the numbers of the library set '
            f'model.backbone.norm_eps={eps:g}.'
        )


def convert_dinov2(options: argparse.Namespace) -> None:
    """Convert a DINOv2 to the backbone of a ViTPose."""
    read = read_onnx if options.src.endswith('.onnx') else read_pretrained
    state_dict, num_heads = read(options.src)
    with errors_about(options.src):
        converted = from_dinov2(state_dict)
        unmapped = check_unmapped(converted, options.allow_unmapped)
    write(converted, options.dst, unmapped)
    print('Settings for its config:')
    print(f'  model.backbone.arch={arch_of(converted.state_dict, num_heads)}')


def convert_albef(options: argparse.Namespace) -> None:
    """Convert the text side of ALBEF to a folder."""
    check_new_folder(options.dst)
    state_dict = state_dict_of(read_file(options.src), options.src)
    with errors_about(options.src):
        model = albef_text_model(state_dict)
    tokenizer = load_tokenizer(options.tokenizer)
    rows = model.config.vocab_size
    if len(tokenizer) != rows:
        raise ValueError(
            f'the tokenizer {options.tokenizer} has {len(tokenizer)} tokens, but '
            f'{options.src} has {rows} word embeddings; give its own tokenizer'
        )
    write_text_folder(model, tokenizer, options.dst)
    print(
        f'{options.dst}: {model.config.num_hidden_layers} layers, '
        f'{model.config.hidden_size} wide, {rows} words'
    )


def check_unmapped(converted: Converted, allowed: bool) -> str:
    """Describe the tensors without a place, with N for numbers; ``''`` without any.

    Raises:
        ValueError: If there are some, and none are allowed.
    """
    names = converted.unmapped
    if not names:
        return ''
    kinds = Counter(re.sub(r'(?<=\.)\d+(?=\.|$)', 'N', name) for name in names)
    listed = ', '.join(f'{kind} ({n})' if n > 1 else kind for kind, n in kinds.items())
    unmapped = f'{len(names)} tensors without a place: {listed}'
    if not allowed:
        raise ValueError(f'{unmapped}. --allow-unmapped omits them.')
    return unmapped


def write(converted: Converted, path: str, unmapped: str) -> None:
    """Write the file and print what it holds."""
    write_file(dict(state_dict=converted.state_dict), path)
    print(f'{path}: {os.path.getsize(path) / 1e6:.2f} MB')
    parts = [name.split('.')[:2] for name in converted.state_dict if '.' in name]
    counts = Counter('.'.join(p if p[0] == 'head' else p[:1]) for p in parts)
    table = Table('part', 'tensors', box=None, show_header=False)
    for part, number in counts.items():
        table.add_row(part, f'{number} tensors')
    Console(width=80, highlight=False).print(table)
    if unmapped:
        note(f'Omitted {unmapped}.')


def note(text: str) -> None:
    """Print what to know besides the result to the standard error."""
    print(text, file=sys.stderr)


if __name__ == '__main__':
    main()
