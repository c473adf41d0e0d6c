"""Interrupts while a command is imported, before it can deal with them."""

import sys
from types import TracebackType


def hide_interrupts() -> None:
    """Print no traceback of an interrupt that nobody catches."""

    def hook(
        kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            print('Interrupted.', file=sys.stderr)
        else:
            sys.__excepthook__(kind, error, traceback)

    sys.excepthook = hook
