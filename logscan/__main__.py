"""Entry point: ``logscan``, and ``python -m logscan``."""

from __future__ import annotations

import os
import signal


def main() -> None:
    """Run the command; ends the process."""
    # While the program is loaded there is nothing to undo, and a signal would print a traceback.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda number, _: os._exit(128 + number))
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda number, _: os._exit(128 + number))
    from logscan._cli import main as run

    run()


if __name__ == "__main__":
    main()
