"""Errors of commands: one line and an exit code; imports nothing large."""

import functools
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from typing import ParamSpec

from vlpose_mm.local_files import printable
from vlpose_mm.requirements import RequirementError

# Exit codes; 2 is argparse's as well.
OK, ERROR, INTERRUPTED = 0, 2, 130

P = ParamSpec('P')


def command(main: Callable[P, int | None]) -> Callable[P, int]:
    """Wrap the main function of a command, which returns an exit code, or None for 0.

    An ``OSError``, ``ValueError`` or ``RequirementError`` is printed in one line to the
    standard error and ends the command with exit code 2, an interrupt with 130. Who reads
    the output may stop, as ``head`` does, and characters that the locale lacks are
    escaped. Other exceptions are faults of the program and pass.
    """

    @functools.wraps(main)
    def run(*args: P.args, **kwargs: P.kwargs) -> int:
        if isinstance(sys.stdout, TextIOWrapper):
            # What the locale cannot print is escaped; so it is on the standard error.
            sys.stdout.reconfigure(errors='backslashreplace')
        try:
            code = main(*args, **kwargs) or OK
            sys.stdout.flush()
            return code
        except BrokenPipeError as error:
            # The interpreter flushes once more at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(ERROR) from error
        except (OSError, ValueError, RequirementError) as error:
            print(f'error: {error_line(error)}', file=sys.stderr)
            raise SystemExit(ERROR) from error
        except KeyboardInterrupt as error:
            print('Interrupted.', file=sys.stderr)
            raise SystemExit(INTERRUPTED) from error

    return run


def error_line(error: Exception) -> str:
    """Return what an exception says in one printable line, the system's with the file."""
    text = str(error)
    if isinstance(error, OSError) and error.strerror and error.filename:
        text = f'{error.filename}: {error.strerror}'
    elif isinstance(error, KeyError) and error.args:
        text = str(error.args[0])
    return printable(' '.join(text.split()))


@contextmanager
def errors_about(
    name: str, kinds: Sequence[type[Exception]] = (ValueError,)
) -> Iterator[None]:
    """Turn exceptions of these kinds into a ``ValueError`` that names a file or option."""
    try:
        yield
    except tuple(kinds) as error:
        line = error_line(error)
        raise ValueError(line if name in line else f'{name}: {line}') from error
