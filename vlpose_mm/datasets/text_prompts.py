"""Read and check text prompts."""

import difflib
import logging
from collections.abc import Mapping
from io import StringIO
from pathlib import Path

import yaml
from mmengine.fileio import exists, get_text, load
from mmengine.logging import print_log

from vlpose_mm.datasets.scenarios import SCENARIOS, scenario_name, text_prompt_table

# UTF-8 with or without a byte order mark.
ENCODING = 'utf-8-sig'
# Loader arguments by suffix: YAML's default loader creates arbitrary objects.
SAFE = dict(Loader=yaml.SafeLoader)
FORMATS = {'.json': {}, '.yaml': SAFE, '.yml': SAFE}


def check_text_prompt(text_prompt: str | list[str], name: str) -> str | list[str]:
    """Check a text prompt, called ``name`` in errors, and normalize its white space.

    Raises:
        ValueError: If it is blank or not text.
    """
    if isinstance(text_prompt, list | tuple) and text_prompt:
        invalid = [text for text in text_prompt if not isinstance(text, str)]
        if invalid:
            raise ValueError(f'{name} must be text, got {invalid[0]!r} in a list.')
        return [_normalize(text, name) for text in text_prompt]
    if not isinstance(text_prompt, str):
        raise ValueError(
            f'{name} must be a text prompt or a list of them, got {text_prompt!r}.'
        )
    return _normalize(text_prompt, name)


def _normalize(text: str, name: str) -> str:
    if not text.strip():
        raise ValueError(f'{name} is blank; write a text prompt.')
    return ' '.join(text.split())


def check_text_prompts(text_prompts: object, source: str) -> dict[str, str | list[str]]:
    """Check the text prompts of scenarios.

    Args:
        text_prompts (object): A mapping: scenario, in any spelling, or ``default`` -> text
            prompt.
        source (str): Name for errors.

    Returns:
        dict[str, str | list[str]]: Scenario, named as in :data:`SCENARIOS` -> text prompt.

    Raises:
        ValueError: If a name or a text prompt is not text, or a scenario is listed twice.
    """
    if not isinstance(text_prompts, Mapping) or not text_prompts:
        raise ValueError(
            f'{source} must map scenarios to text prompts, such as '
            f"{{'mural': 'a mural of a person'}}; it has {text_prompts!r:.80}."
        )
    table: dict[str, str | list[str]] = {}
    spelling: dict[str, str] = {}
    known = [*SCENARIOS, 'default']
    for key, value in text_prompts.items():
        name = scenario_name(key) if isinstance(key, str) else ''
        if not name:
            raise ValueError(f'{source}: a scenario must be a name, got {key!r}.')
        if name in table:
            raise ValueError(f'{source} has {name!r} twice: {spelling[name]!r}, {key!r}.')
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
        if close and name not in known:
            print_log(
                f'{source}: {key!r} is not a scenario of Human-Art; {close[0]!r} is.',
                logger='current',
                level=logging.WARNING,
            )
        spelling[name] = key
        table[name] = check_text_prompt(value, f'{source}: the text prompt of {key!r}')
    return table


def load_mapping(file: str, what: str) -> object:
    """Read a YAML or JSON file, which maps what the error says.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is broken or has another suffix.
    """
    suffix = Path(file).suffix.lower()
    if suffix not in FORMATS:
        raise ValueError(f'{file} must be a file of one of these formats: {list(FORMATS)}.')
    if not exists(file):
        raise FileNotFoundError(
            f'There is no file of text prompts at {file}; it maps {what}.'
        )
    try:
        text = StringIO(get_text(file, ENCODING))
        return load(text, suffix[1:], **FORMATS[suffix])
    except Exception as error:
        reason = ' '.join(str(error).split())
        raise ValueError(
            f'{file} cannot be read ({type(error).__name__}: {reason}); fix or rename it.'
        ) from error


def load_text_prompts(file: str) -> dict[str, str | list[str]]:
    """Read the text prompts of scenarios from a YAML or JSON file.

    Returns:
        dict[str, str | list[str]]: Scenario -> text prompt.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is broken, or has neither ``default`` nor all scenarios of
            :data:`SCENARIOS`.
    """
    content = load_mapping(file, 'each scenario to its text prompt')
    table = check_text_prompts(content, file)
    missing = [name for name in SCENARIOS if name not in table]
    if missing and 'default' not in table:
        raise ValueError(
            f'{file} has no text prompt for {missing}; add them, or one called default, '
            'for images without a scenario and for scenarios that are not in the file.'
        )
    return table


def read_text_prompts(file: str) -> dict[str, str | list[str]]:
    """Read the text prompts of a file of either form.

    Args:
        file (str): YAML or JSON by scenario, as of :func:`load_text_prompts`, or text with
            one text prompt a line.

    Returns:
        dict[str, str | list[str]]: Scenario -> text prompt, of all scenarios, or of the
        lines; a line that is not the text prompt of a scenario is its own key.

    Raises:
        OSError: If it cannot be opened.
        ValueError: If it is broken or holds no text prompt.
    """
    if Path(file).suffix.lower() in FORMATS:
        return text_prompt_table(load_text_prompts(file))
    try:
        lines = Path(file).read_text(ENCODING).splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f'{file} is not text in UTF-8: {error}.') from error
    lines = [_normalize(line, file) for line in lines if line.strip()]
    if not lines:
        raise ValueError(f'{file} holds no text prompt; write one a line.')
    names = {text_prompt: name for name, text_prompt in text_prompt_table().items()}
    return {names.get(line, line): line for line in lines}


def check_per_keypoint(table: Mapping[str, str | list[str]], source: str) -> None:
    """Check that every scenario has a single text, as text prompts per keypoint require."""
    for name, text_prompt in table.items():
        if not isinstance(text_prompt, str):
            raise ValueError(
                f'{source}: {name!r} has {len(text_prompt)} texts, but text prompts per '
                'keypoint are made from one; use one.'
            )
