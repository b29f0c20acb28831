"""Worker: answers one call in a process of its own, so that it can be ended, and a crash is only its own.

The request is one line of JSON on standard input, the answer JSON on standard output. What else the process
prints goes to standard error. It ends when its standard input does: then the server is gone.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from collections.abc import Mapping
from typing import Any

NICE = 10
"""How much lower than usual the priority is."""


def main() -> None:
    """Answer the call on standard input; ends the process."""
    out = os.dup(1)
    os.dup2(2, 1)
    request = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_server, daemon=True).start()
    with contextlib.suppress(OSError, AttributeError):
        os.nice(NICE)
    answer, failed = answer_to(request)
    data = json.dumps({"failed": failed, "answer": answer}, ensure_ascii=True).encode()
    with contextlib.suppress(BrokenPipeError), os.fdopen(out, "wb") as file:
        file.write(data)
    sys.stderr.flush()
    os._exit(0)


def answer_to(request: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """The answer to a call, and whether it is a failure.

    Args:
        request: ``tool``, its ``arguments`` (as its schema allows them, with the defaults), ``roots``.
    """
    from logscan._assistant.answers import answer_of, failure_of
    from logscan._assistant.roots import Roots
    from logscan._assistant.tools import TOOLS
    from logscan.errors import REPORT, LogscanError, not_understood

    tool = request["tool"]
    try:
        return answer_of(tool, TOOLS[tool](Roots(tuple(request["roots"])), request["arguments"])), False
    except LogscanError as error:
        return failure_of(tool, str(error), error.hint), True
    except MemoryError:
        return failure_of(tool, "there is not enough memory", "narrow paths, or since and until"), True
    except Exception as error:  # noqa: BLE001 (a net: a call never ends the server)
        return failure_of(tool, f"fault of logscan: {not_understood(error)}", REPORT), True


def _end_with_server() -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 1 << 16):
            pass
    os._exit(1)
