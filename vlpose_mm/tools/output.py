"""What commands have in common: where results go, and which file an error is about."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from vlpose_mm.weights.files import replace_file


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
