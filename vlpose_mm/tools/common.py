"""What commands share: config options, log and results."""

import argparse
import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

from mmengine.config import Config, DictAction
from mmengine.hub import get_config
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmengine.runner.checkpoint import load_state_dict
from mmengine.utils import is_installed
from mmpose.registry import MODELS
from rich.console import Console, RenderableType

from vlpose_mm.apis.writers import Summary
from vlpose_mm.checkpoint.io import read_file, replace_file, state_dict_of
from vlpose_mm.datasets.scenarios import DEFAULT_TEXT_PROMPT
from vlpose_mm.models.pose_estimators.vlpose import VLPoseEstimator
from vlpose_mm.paths import config_path
from vlpose_mm.registry import find_class
from vlpose_mm.tools.errors import OK, errors_about

# Exit codes of commands that go on where an image fails.
SOME_FAILED, ALL_FAILED = 1, 3


@contextmanager
def log_to_stderr() -> Iterator[None]:
    """Keep MMEngine's log out of stdout, which belongs to the command, in a ``with``."""
    handlers = MMLogger.get_current_instance().handlers
    handlers = [handler for handler in handlers if type(handler) is logging.StreamHandler]
    streams = [handler.setStream(sys.stderr) for handler in handlers]
    try:
        yield
    finally:
        for handler, stream in zip(handlers, streams, strict=True):
            if stream is not None:
                handler.setStream(stream)


@contextmanager
def log_and_prints_to_stderr() -> Iterator[None]:
    """Keep the log, and what libraries print, out of the standard output."""
    with log_to_stderr(), redirect_stdout(sys.stderr):
        yield


def add_config_options(parser: argparse.ArgumentParser, example: str) -> None:
    """Add a config, replacements for its settings, and a JSON file for the results."""
    parser.add_argument(
        'config',
        help='path of a config, name of one that comes with vlpose_mm, or mmpose::NAME',
    )
    add_json_option(parser)
    add_cfg_options(parser, example)


def add_cfg_options(parser: argparse.ArgumentParser, example: str) -> None:
    """Add MMEngine's option ``--cfg-options``."""
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help=f'settings that replace those of the config, such as {example}',
    )


def add_checkpoint(parser: argparse.ArgumentParser) -> None:
    """Add a checkpoint of a VLPose, and the base of an adapter."""
    parser.add_argument('checkpoint', help='file of the weights, whole or adapter')
    parser.add_argument(
        '--base',
        metavar='FILE',
        help='the base checkpoint of an adapter checkpoint (default: '
        'model.base_weights of the config)',
    )


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """Add the option of :func:`write_results`."""
    parser.add_argument(
        '--json',
        metavar='FILE',
        help='write the numbers as JSON; - writes them to the standard output instead of '
        'the table',
    )


def add_text_dims(parser: argparse.ArgumentParser) -> None:
    """Add an option that replaces the text encoder of a config."""
    parser.add_argument(
        '--text-dims',
        type=int,
        metavar='D',
        help="use random token states of this width (BLIP-base's: 768) in place of the "
        'text encoder, which then need not load',
    )


def load_config(options: argparse.Namespace) -> Config:
    """Read a config by path, by its name among our configs, or from a package.

    Args:
        options (argparse.Namespace): ``config``, ``cfg_options`` that replace settings, and
            perhaps ``text_dims``.

    Raises:
        ValueError: If it cannot be read, or its package is not installed.
    """
    name = options.config
    package, is_external, _ = name.partition('::')
    with errors_about(name, (OSError, SyntaxError, ValueError)):
        if not is_external:
            cfg = Config.fromfile(name if os.path.isfile(name) else config_path(name))
        elif is_installed(package):
            cfg = get_config(name)
        else:  # MMEngine would install it
            raise ValueError(f'the package {package} is not installed')
    if cfg._imported_names:
        # A new-style config has classes, which registries do not look up.
        cfg = Config(cfg.to_dict(), filename=cfg.filename)
    cfg.merge_from_dict(options.cfg_options or {})
    text_dims = getattr(options, 'text_dims', None)
    if text_dims is not None:
        if not (cfg.get('model') or {}).get('text_encoder'):
            raise ValueError(f'{name} has no text encoder; drop --text-dims')
        cfg.model.text_encoder = dict(
            type='RandomTextEncoder',
            embed_dims=text_dims,
            # The words of the default text prompt, a start and an end token.
            num_tokens=len(DEFAULT_TEXT_PROMPT.split()) + 2,
        )
    return cfg


def load_vlpose(cfg: Config, options: argparse.Namespace) -> VLPoseEstimator:
    """Build the VLPose of a config and load the weights of :func:`add_checkpoint`.

    Raises:
        OSError: If a file cannot be read.
        ValueError: If the config has no VLPose, or the weights do not fit.
    """
    if not cfg.get('model'):
        raise ValueError(f'{options.config} has no model.')
    init_default_scope('mmpose')
    if not issubclass(find_class(MODELS, cfg.model.type) or object, VLPoseEstimator):
        raise ValueError(
            f'The model of {options.config}, {cfg.model.type}, is not a VLPoseEstimator.'
        )
    if options.base is not None:
        cfg.model.base_weights = options.base
    weights = state_dict_of(read_file(options.checkpoint), options.checkpoint)
    model = MODELS.build(cfg.model)
    load_state_dict(model, weights, logger=MMLogger.get_current_instance())
    return model


def exit_code(summary: Summary) -> int:
    """Return the exit code: whether all, some or no images are done."""
    if not summary.failures:
        return OK
    return SOME_FAILED if summary.images or summary.resumed else ALL_FAILED


def check_output_file(path: str) -> None:
    """Check, before a long computation, that a file can be written.

    Raises:
        OSError: If its folder is missing, or it is a folder.
    """
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder) or os.path.isdir(path):
        raise OSError(f'Cannot write {path}: name a file in an existing folder.')


def write_results(results: dict, table: RenderableType, json_file: str | None) -> None:
    """Print the results of a command as a table, and write them as JSON.

    Args:
        results (dict): The results, ready for JSON.
        table (RenderableType): The same as text or tables of ``rich``.
        json_file (str, optional): File to write the JSON to; ``'-'`` prints it instead of
            the table.
    """
    text = json.dumps(results, indent=2)
    if json_file == '-':
        print(text)
        return
    if json_file is not None:
        with replace_file(json_file) as file:
            file.write(f'{text}\n'.encode())
    # Wide enough for any table, also where there is no terminal.
    console = Console(width=160, markup=False, emoji=False, highlight=False)
    console.print(table, soft_wrap=True)
