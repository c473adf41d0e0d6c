"""What commands have in common: configs, where results go, what an error is about."""

import argparse
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.config import Config, DictAction
from mmengine.hub import get_config
from mmengine.utils import is_installed

from vlpose_mm.checkpoint.io import replace_file
from vlpose_mm.datasets.scenarios import DEFAULT_TEXT_PROMPT
from vlpose_mm.paths import config_path


def add_config_options(parser: argparse.ArgumentParser, example: str) -> None:
    """Let a command take a config, settings in its place, and where to write numbers.

    Args:
        parser (argparse.ArgumentParser): The command's.
        example (str): A setting.
    """
    parser.add_argument(
        'config',
        help='path of a config, name of one that comes with vlpose_mm, or mmpose::NAME',
    )
    parser.add_argument(
        '--json',
        metavar='FILE',
        help='write the numbers as JSON; - writes them to the standard output instead of '
        'the table',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help=f'settings that replace those of the config, such as {example}',
    )


def load_config(options: argparse.Namespace) -> Config:
    """Read a config by path, by its name below our configs, or out of a package.

    Args:
        options (argparse.Namespace): ``config`` and ``cfg_options``.

    Returns:
        Config: The config with its settings replaced.

    Raises:
        OSError: If there is none.
        SyntaxError: If it is no Python.
        ValueError: If the package is not installed, or it cannot be read otherwise.
    """
    name = options.config
    package, is_external, _ = name.partition('::')
    if is_external:
        # MMEngine would install a package that is missing.
        if not is_installed(package):
            raise ValueError(f'the package {package} is not installed')
        cfg = get_config(name)
    else:
        cfg = Config.fromfile(name if os.path.isfile(name) else config_path(name))
    cfg.merge_from_dict(options.cfg_options or {})
    return cfg


def add_text_dims(parser: argparse.ArgumentParser) -> None:
    """Let a command do without the text encoder that a config names.

    Args:
        parser (argparse.ArgumentParser): The command's.
    """
    parser.add_argument(
        '--text-dims',
        type=int,
        metavar='D',
        help="put random token states of this width (BLIP-base's: 768) in place of the "
        'text encoder, which then need not load',
    )


def read_model_config(
    parser: argparse.ArgumentParser, options: argparse.Namespace
) -> Config:
    """Read a config, with random token states for its text encoder if that is wanted.

    Ends the command with an error if that cannot be done.

    Args:
        parser (argparse.ArgumentParser): The command's.
        options (argparse.Namespace): ``config``, ``cfg_options`` and ``text_dims``.

    Returns:
        Config: The config.
    """
    try:
        cfg = load_config(options)
    except (OSError, ValueError, SyntaxError) as error:
        parser.error(f'cannot read the config {options.config}: {error}')
    if options.text_dims is None:
        return cfg
    if not (cfg.get('model') or {}).get('text_encoder'):
        parser.error(f'{options.config} has no text encoder; drop --text-dims')
    cfg.model.text_encoder = dict(
        type='RandomTextEncoder',
        embed_dims=options.text_dims,
        # The words of the default text prompt, and the tokens of its start and end.
        num_tokens=len(DEFAULT_TEXT_PROMPT.split()) + 2,
    )
    return cfg


def put_out(found: dict, table: str, json_file: str | None) -> None:
    """Give a command's results to people, and to programs where it is wanted.

    Args:
        found (dict): The results, ready for JSON.
        table (str): The same for people.
        json_file (str, optional): File to write the JSON to; ``'-'``: the standard output,
            instead of the table.

    Raises:
        OSError: If the file cannot be written.
    """
    text = json.dumps(found, indent=2)
    if json_file == '-':
        print(text)
        return
    if json_file is not None:
        with replace_file(json_file) as file:
            file.write(f'{text}\n'.encode())
    print(table)


@contextmanager
def named(name: str) -> Iterator[None]:
    """Say in errors which file they are about, unless they say it.

    Args:
        name (str): The file.

    Raises:
        ValueError: The one of the ``with`` block.
    """
    try:
        yield
    except ValueError as error:
        told = str(error) if name in str(error) else f'{name}: {error}'
        raise ValueError(told) from error
