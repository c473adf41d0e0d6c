"""Read and check the text prompts that a user gives."""

import difflib
import logging
from collections.abc import Mapping
from pathlib import Path

import yaml
from mmengine.fileio import exists, load
from mmengine.logging import print_log

from vlpose_mm.datasets.scenarios import SCENARIOS, scenario_name

# Formats by suffix, and what their readers need: YAML's default one makes any object.
FORMATS = {
    '.json': {},
    '.yaml': dict(Loader=yaml.SafeLoader),
    '.yml': dict(Loader=yaml.SafeLoader),
}


def check_text_prompt(given: str | list[str], name: str) -> str | list[str]:
    """Check a prompt, and write every blank in it as one space.

    Args:
        given (str | list[str]): A text prompt, or several.
        name (str): What to call it in an error.

    Returns:
        str | list[str]: The text prompt or text prompts.

    Raises:
        ValueError: If there is no text in it.
    """
    if isinstance(given, list | tuple) and given:
        bad = [text_prompt for text_prompt in given if not isinstance(text_prompt, str)]
        if bad:
            raise ValueError(f'{name} must be text, got {bad[0]!r} in a list.')
        return [check_text_prompt(text_prompt, name) for text_prompt in given]
    if not isinstance(given, str):
        raise ValueError(f'{name} must be a text prompt or a list of some, got {given!r}.')
    if not given.strip():
        raise ValueError(f'{name} is blank; write a text prompt.')
    return ' '.join(given.split())


def check_text_prompts(given: Mapping, source: str) -> dict[str, str | list[str]]:
    """Check the text prompts of scenarios.

    Args:
        given (Mapping): Scenario, in any spelling, or ``default`` -> text prompt or
            text prompts.
        source (str): Where they are from.

    Returns:
        dict[str, str | list[str]]: Scenario, named as in :data:`SCENARIOS`, -> text prompt or
        text prompts.

    Raises:
        ValueError: If a name or a text prompt is no text, or a scenario is there twice.
    """
    if not isinstance(given, Mapping) or not given:
        raise ValueError(
            f'{source} must map scenarios to text prompts, such as '
            f"{{'mural': 'a mural of a person'}}; it holds {given!r:.80}."
        )
    table, spelled = {}, {}
    for key, value in given.items():
        name = scenario_name(key) if isinstance(key, str) else ''
        if not name:
            raise ValueError(f'{source}: a scenario must be a name, got {key!r}.')
        if name in table:
            raise ValueError(f'{source} has {name!r} twice: {spelled[name]!r}, {key!r}.')
        close = difflib.get_close_matches(name, [*SCENARIOS, 'default'], n=1, cutoff=0.8)
        if close and name not in (*SCENARIOS, 'default'):
            print_log(
                f'{source}: {key!r} is no scenario of Human-Art; {close[0]!r} is.',
                logger='current',
                level=logging.WARNING,
            )
        spelled[name] = key
        table[name] = check_text_prompt(value, f'{source}: the text prompt of {key!r}')
    return table


def load_text_prompts(file: str) -> dict[str, str | list[str]]:
    """Read the text prompts of scenarios from a file.

    Args:
        file (str): YAML or JSON; see :func:`check_text_prompts`.

    Returns:
        dict[str, str | list[str]]: Scenario -> text prompt or text prompts.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it holds something else, or neither ``default`` nor every scenario
            of our table.
    """
    suffix = Path(file).suffix.lower()
    if suffix not in FORMATS:
        raise ValueError(f'{file} must be a file of one of these formats: {list(FORMATS)}.')
    if not exists(file):
        raise FileNotFoundError(
            f'No file of text prompts at {file}; it maps each scenario to its text prompt.'
        )
    try:
        given = load(file, **FORMATS[suffix])
    except Exception as error:
        reason = ' '.join(str(error).split())
        raise ValueError(
            f'{file} cannot be read ({type(error).__name__}: {reason}); patch or rename it.'
        ) from error
    table = check_text_prompts(given, file)
    missing = [name for name in SCENARIOS if name not in table]
    if missing and 'default' not in table:
        raise ValueError(
            f'{file} has no text prompt for {missing}; add them, or one named default, for '
            'images without a scenario and for the scenarios that the file leaves out.'
        )
    return table


def check_single(table: Mapping[str, str | list[str]], source: str) -> None:
    """Check that a text prompt per keypoint can be made of every prompt.

    Args:
        table (Mapping[str, str | list[str]]): Scenario -> text prompt or text prompts.
        source (str): Where they are from.

    Raises:
        ValueError: If a scenario has several text prompts.
    """
    for name, given in table.items():
        if not isinstance(given, str):
            raise ValueError(
                f'{source}: {name!r} has {len(given)} text prompts, but a text prompt per '
                'keypoint is made of one; give one.'
            )
