"""Write a VLPose as an ONNX graph, which runs without PyTorch."""

# First: it patches the stack that the other imports load.
import vlpose_mm  # noqa: F401

# isort: split
import argparse
from collections.abc import Sequence

from mmengine.utils import is_installed

from vlpose_mm.tools.common import (
    add_cfg_options,
    add_checkpoint,
    load_config,
    load_vlpose,
    log_and_prints_to_stderr,
)
from vlpose_mm.tools.errors import command, errors_about

NEEDS = ('onnx', 'onnxruntime', 'onnxscript')


@command
def main(args: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description='Write a VLPose with its text prompts as one ONNX graph, which is '
        'checked against PyTorch first. projects/onnx_runtime runs it.'
    )
    parser.add_argument(
        'config', help='path of a config, or name of one that comes with vlpose_mm'
    )
    add_checkpoint(parser)
    parser.add_argument('out', help='file to write, such as model.onnx')
    parser.add_argument(
        '--text-prompts',
        metavar='FILE',
        help='text prompts of the graph: YAML or JSON by scenario, or a text file with one '
        "a line (default: those of the config's test pipeline)",
    )
    parser.add_argument(
        '--images',
        nargs='+',
        default=[],
        metavar='FILE',
        help='check the graph on these, besides random ones',
    )
    parser.add_argument(
        '--half',
        action='store_true',
        help='write OUT_half.onnx as well, with the weights in half precision',
    )
    parser.add_argument(
        '--int8',
        action='store_true',
        help='write OUT_int8.onnx as well, dynamically quantized',
    )
    add_cfg_options(parser, 'model.scenario_classifier=None')
    options = parser.parse_args(args)
    missing = [name for name in NEEDS if not is_installed(name)]
    if missing:
        raise ValueError(f'{missing} must be installed: pip install {" ".join(missing)}')
    # Needs the packages just checked.
    from vlpose_mm.export.exporter import export_model

    smaller = [kind for kind in ('half', 'int8') if getattr(options, kind)]
    with log_and_prints_to_stderr(), errors_about(options.config, (KeyError, TypeError)):
        cfg = load_config(options)
        exported = export_model(
            cfg,
            load_vlpose(cfg, options),
            options.out,
            options.text_prompts,
            options.images,
            smaller,
        )
    for file in exported.files:
        found = ', '.join(f'{name} {off:.1e}' for name, off in file.differences.items())
        print(
            f'{file.path}: {file.num_bytes / 1e6:.1f} MB, {file.kind}, '
            f'{len(exported.text_prompts)} text prompts; off by at most: {found}'
        )


if __name__ == '__main__':
    main()
