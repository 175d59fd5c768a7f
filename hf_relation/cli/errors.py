"""Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted, 143 ended; one line on stderr instead of a traceback."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from hf_relation.cli.console import messages, printable
from hf_relation.errors import HfRelationError, MissingPackageError, UsageError


FAILED = 1
WRONG_USAGE = 2
ENDED = 128 + signal.SIGTERM


@contextmanager
def reported_errors(*, debug: bool = False) -> Iterator[None]:
    """Turn errors made for the user into a message and an exit code.

    Args:
        debug (`bool`, defaults to `False`): let the exception through, for its traceback.

    Raises:
        SystemExit: 2 for a wrong argument or one that needs a package that is not installed; 1 for bad data, a bad checkpoint or a file that cannot be written.
    """
    try:
        yield
    except (HfRelationError, OSError) as error:
        if debug:
            raise
        for number, line in enumerate(getattr(error, "lines", [str(error)])):  # several failed shards: a line for each
            text = printable(line if number else f"Error: {line}")
            messages().print(text, style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(WRONG_USAGE if isinstance(error, (UsageError, MissingPackageError)) else FAILED)


@contextmanager
def ended_in_order() -> Iterator[None]:
    """Let SIGTERM end the command as Ctrl-C does: what is half written is removed.

    Raises:
        SystemExit: 143, where the signal comes.
    """
    if threading.current_thread() is not threading.main_thread():  # only that one may handle signals
        yield
        return
    process = os.getpid()

    def end(number: int, frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN if os.getpid() == process else signal.SIG_DFL)
        if os.getpid() != process:  # a worker that was forked has nothing to put in order
            os.kill(os.getpid(), signal.SIGTERM)
        sys.exit(ENDED)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
