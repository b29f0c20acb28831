"""What a host may send that lies: called in place of ``logscan _serve``, with a file that says how it behaves."""

from __future__ import annotations

import json
import os
import struct
import sys
import time
import zlib
from pathlib import Path
from typing import Any


def frame(value: Any) -> bytes:
    """A frame of any JSON, or of any bytes."""
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    data = zlib.compress(text)
    return struct.pack(">I", len(data)) + data


def main() -> None:
    """Answer."""
    how, _, _, mark = sys.argv[1:5]
    behaviour = Path(how).read_text()
    out = sys.stdout.buffer
    if behaviour == "noise":
        while True:
            out.write(b"motd\n" * 1000)
    out.write(mark.encode() + b" logscan\n")
    said = json.loads(behaviour) if behaviour[:1] == "[" else []
    offset = json.loads(behaviour[7:]) if behaviour.startswith("offset ") else 0
    if said and isinstance(said[0], dict) and "offset" in said[0]:
        offset = said.pop(0)["offset"]
    out.write(frame({"k": "hello", "now": int(time.time()), "offset": offset}))
    out.flush()
    if behaviour == "silent":
        time.sleep(60)
    if behaviour == "dies":
        sys.stderr.write("Killed by the kernel\x1b[31m\n")
        sys.stderr.flush()
        os._exit(137)
    if behaviour == "garbage":
        out.write(os.urandom(1 << 20))
    elif behaviour == "bomb":
        out.write(frame(b"[" + b" " * (200 << 20) + b"]"))
    elif behaviour == "deep":
        out.write(frame(b"[" * 1_000_000))
    elif behaviour == "alive":
        while True:
            out.write(frame({"k": "alive", "bytes": 0}))
    elif behaviour == "endless":
        while True:
            out.write(frame({"k": "incidents", "incidents": [], "x": "y" * (8 << 20)}))
    elif not behaviour.startswith("offset "):
        for value in said:
            out.write(frame(value))
        out.write(frame({"k": "end"}))
    out.flush()
    time.sleep(0.5)


if __name__ == "__main__":
    main()
