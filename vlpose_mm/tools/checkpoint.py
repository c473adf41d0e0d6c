"""Extract, share or merge the adapter of a checkpoint, or describe a file."""

import argparse
import json
import os
from collections.abc import Sequence

from mmengine.config import Config
from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table

from vlpose_mm.checkpoint import adapter
from vlpose_mm.checkpoint.adapter_folder import encode_folder
from vlpose_mm.checkpoint.io import read_file, replace_file, state_dict_of, write_file
from vlpose_mm.checkpoint.metadata import metadata_of
from vlpose_mm.checkpoint.portable_config import base_name, portable_config
from vlpose_mm.checkpoint.stored_config import stored_config
from vlpose_mm.checkpoint.summary import describe_checkpoint
from vlpose_mm.checkpoint.text_features import encode_text_prompts, read_text_features
from vlpose_mm.models.text_encoders import PrecomputedTextEncoder
from vlpose_mm.tools.common import (
    add_cfg_options,
    add_json_option,
    load_config,
    log_to_stderr,
    write_results,
)
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
        description='Extract the adapter from a checkpoint of a VLPose, write it to a '
        'folder for others, merge it with a base, or describe what a file holds. No model '
        'is built.'
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

    action = actions.add_parser('share', help='write an adapter to a folder for others')
    action.add_argument('adapter', help='a whole checkpoint, or an adapter one')
    action.add_argument('folder', help='folder to write to, which `vlpose push` uploads')
    action.add_argument(
        '--config', help='the config that it was tuned with, if the checkpoint has none'
    )
    action.add_argument(
        '--base',
        metavar='NAME',
        help='where others find its base: a URL, or a name of `vlpose models` (default: '
        "the config's base_weights or load_from)",
    )
    action.add_argument(
        '--metrics', metavar='FILE', help='results of evaluate --json, for the model card'
    )
    action.add_argument(
        '--license', metavar='ID', help='of the adapter, as the hub names it: cc-by-nc-4.0'
    )
    action.add_argument(
        '--data-license', metavar='TEXT', help='terms of the data that it was tuned on'
    )
    add_cfg_options(action, 'model.text_encoder.pretrained=Salesforce/blip-itm-base-coco')

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
    run = dict(extract=extract, share=share, merge=merge, info=info)[options.action]
    with log_to_stderr():
        run(options)


def extract(options: argparse.Namespace) -> None:
    """Extract the adapter of ``full`` to ``out``, with the text features of ``text``."""
    content = read_file(options.full)
    weights = adapter_of(content, options.full)
    if options.text is not None:
        encoder = PrecomputedTextEncoder(options.text)
        content['text_features'] = encode_text_prompts(encoder, [*encoder.features])
    write(content, weights, options.out)


def adapter_of(content: dict, path: str) -> dict:
    """Return the weights of an adapter checkpoint, of a whole one too."""
    weights = state_dict_of(content, path)
    with errors_about(path):
        return weights if 'base' in metadata_of(weights) else adapter.extract(weights)


def share(options: argparse.Namespace) -> None:
    """Write ``adapter`` to ``folder``, with what others should know."""
    path = options.adapter
    content = read_file(path)
    meta = dict(content.get('meta') or {})
    base, cfg = options.base and base_name(options.base), shared_config(options, content)
    if cfg is not None:
        meta['cfg'], base = cfg.pretty_text, cfg.model.get('base_weights')
    facts = dict(
        base_model_name_or_path=base,
        license=options.license,
        data_license=options.data_license,
        metrics=options.metrics and read_metrics(options.metrics),
    )
    content.update(state_dict=adapter_of(content, path), meta=meta)
    facts = {key: value for key, value in facts.items() if value is not None}
    with errors_about(path):
        files = encode_folder(content, facts)
    os.makedirs(options.folder, exist_ok=True)
    for name, stream in files.items():
        with replace_file(os.path.join(options.folder, name)) as file:
            file.write(stream)
    size = sum(map(len, files.values())) / 1e6
    print(f'{options.folder}: {" and ".join(files)}, {size:.2f} MB')
    if cfg is None:
        print('It has no config, so others need one: add it with --config.')
    elif base is None:
        print('It does not say where its base is, which others need: add it with --base.')


def shared_config(options: argparse.Namespace, content: dict) -> Config | None:
    """Return the config of an adapter for other machines, if there is one."""
    path = options.adapter
    name = options.config or path
    with errors_about(name, (ValueError, TypeError)):
        if options.config is not None:
            cfg = load_config(options)
        elif (content.get('meta') or {}).get('cfg'):
            cfg = stored_config(content, path)
            cfg.merge_from_dict(options.cfg_options or {})
        else:
            return None
        if not cfg.get('model'):
            raise ValueError(f'{name} has no model.')
        cfg = portable_config(cfg, options.base)
        # What others will refuse is refused here.
        stored_config(dict(meta=dict(cfg=cfg.pretty_text)), name)
    encoder = cfg.model.get('text_encoder') or {}
    if 'path' in encoder and not content.get('text_features'):
        raise ValueError(
            f'{path} has no text features, and others do not have its text encoder; add '
            'some with extract --text.'
        )
    return cfg


def read_metrics(path: str) -> list[dict]:
    """Read what ``evaluate --json`` wrote, without the scores of keypoints."""
    with errors_about(path, (OSError, ValueError, LookupError, TypeError, AttributeError)):
        with open(path, encoding='utf-8') as file:
            results = json.load(file)
        return [
            dict(
                name=os.path.basename(each['result_file']).partition('.')[0],
                ann_file=os.path.basename(results['ann_file']),
                subsets={
                    name: {k: v for k, v in scores.items() if k != 'keypoint_oks'}
                    for name, scores in each['subsets'].items()
                },
                gap=each['gap'],
            )
            for each in results['results']
        ]


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
