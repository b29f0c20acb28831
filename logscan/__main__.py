"""Entry point: ``logscan``, and ``python -m logscan``."""

from __future__ import annotations

import os
import signal


def main() -> None:
    """Run the command; ends the process."""
    end_at_once()
    from logscan._cli import main as run

    run()


def end_at_once() -> None:
    """Let signals end the process without a word while the program is loaded: nothing has begun that must be
    undone, and Python would print a traceback."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda number, _: os._exit(128 + number))
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda number, _: os._exit(128 + number))


if __name__ == "__main__":
    main()
