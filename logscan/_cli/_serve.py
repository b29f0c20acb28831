"""``logscan _serve``: what another logscan calls through ssh.

It is no command for people: nothing is configured for it, and it is in no help.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence

from logscan._hosts.wire import WIRE
from logscan.errors import ExitCode, first_line

OTHER_VERSION = 3
"""The exit code where this logscan speaks another version."""
BROKEN_OFF = 4
"""The exit code where an answer was begun and cannot go on: no agent is asked in its place, as it is where a
logscan does not even start."""


def run(arguments: Sequence[str]) -> None:
    """Answer on standard output what standard input asks.

    Args:
        arguments: the version that is spoken, and the mark before the first answer.
    """
    if len(arguments) != 2 or not arguments[1].isalnum():
        sys.exit(ExitCode.FAULT)
    if arguments[0] != str(WIRE):
        sys.exit(OTHER_VERSION)
    from logscan._jobs._serving import Server

    with open(0, "rb", closefd=False) as source, open(os.dup(1), "wb") as sink:
        try:
            Server(source, sink).run(arguments[1])
        except BaseException as error:  # noqa: BLE001
            words = "not enough memory there" if isinstance(error, MemoryError) else first_line(error)
            with contextlib.suppress(OSError):
                os.write(2, f"logscan: {type(error).__name__}: {words}\n".encode("ascii", "backslashreplace"))
            os._exit(BROKEN_OFF)
