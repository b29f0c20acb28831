"""The ways in which appenders print the same entries, as functions from an entry's own line to that line."""

from __future__ import annotations

import re
from collections.abc import Callable

LEVEL = re.compile(rb" (TRACE|DEBUG|INFO|WARN|ERROR|FATAL) ")
TIMED = re.compile(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} ")
Printed = Callable[[bytes], bytes]

LAYOUTS: dict[str, Printed] = {
    "single": lambda line: line,
    "padded": lambda line: LEVEL.sub(lambda found: b" " + found[1].ljust(5) + b" ", line, count=1),
    "padded left": lambda line: LEVEL.sub(lambda found: b" " + found[1].rjust(5) + b" ", line, count=1),
    "T and point": lambda line: line[:10] + b"T" + line[11:19] + b"." + line[20:],
    "zone": lambda line: line[:23] + b" UTC" + line[23:],
    "offset": lambda line: line[:23] + b"+02:00" + line[23:],
    "no proxy": lambda line: re.sub(rb"api:\S+ rev:\S+ ", b"", line),
    "no environment": lambda line: re.sub(rb"env:\S+ ", b"", line),
    "no context": lambda line: re.sub(rb"(?:org|env|api|rev|messageid):\S+ ", b"", line),
    "empty keys": lambda line: re.sub(rb"\b(org|rev):\S+ ", rb"\1: ", line),
    "two blanks after the time": lambda line: line[:23] + b" " + line[23:],
    "blanks in threads": lambda line: re.sub(rb"NIOThread@(\d)", rb"RMI TCP Connection(\1)-10.0.0.1", line),
    "colons in threads": lambda line: re.sub(rb"NIOThread@(\d)", rb"nio:\1", line),
    "tabs": lambda line: LEVEL.sub(rb"\t\1\t", line, count=1),
    "syslog": lambda line: b"Nov 23 05:28:57 mp01 apigee[77]: " + line,
    "grep": lambda line: b"logs/system.log:12:" + line,
    "shipper": lambda line: b"<13>1 2026-11-25T00:00:00Z mp01 apigee - - " + line,
    "microseconds": lambda line: line[:23] + b"000" + line[23:],
    "seconds": lambda line: line[:19] + line[23:],
}
"""By name; each takes a line as :data:`support.logs.HEADERS` begins with."""

PREFIXED = ("syslog", "grep", "shipper")


def printed(data: bytes, name: str) -> bytes:
    """A log with each line that begins with a time printed in a layout. Where something stands before the time, what
    has no time opens no entry."""
    how = LAYOUTS[name]
    lines = data.splitlines(keepends=True) if b"\r" not in data else re.findall(rb"[^\n]*\n|[^\n]+", data)
    if name in PREFIXED:
        lines = [b"\t" + line if line.startswith(b"org:") else line for line in lines]
    return b"".join(how(line) if TIMED.match(line) else line for line in lines)
