"""The layouts in which logs reach the archive: those of the generator, and what real logs show beside them.

A layout is a function from a line of a generated log to the same line as another appender, shipper or tool
prints it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator

from printing import LAYOUTS as GENERATED

Line = Callable[[str, int, bool], str]
"""Of a line with its line break, its number, and whether it opens an entry."""
Before = Callable[[str, int, bool], str]
"""What stands before a line: of the latest time, the line's number, and whether it opens an entry."""
_OPENS = re.compile(r"\d{4}-\d\d-\d\d ")
_WITHOUT_DATE = len("2026-11-23 ")
_CONTEXT = re.compile(r"(?:org|env|api|rev|messageid):\S+ ")
_THREAD = re.compile(r"NIOThread@(\d)")
_HEADER = re.compile(r"^(.{23}) .*?(\S+) (INFO|WARN|ERROR) (\S+) - ")
_WIDTH = 100
"""Characters after which a document wraps a line."""


def number_of(line: str) -> int:
    """A number below 2^31 that depends on a line alone."""
    return int.from_bytes(line.encode(), "big") % 2_147_483_647


def _own(change: Callable[[str], str]) -> Line:
    """Only an entry's own line differs."""
    return lambda line, _, opens: change(line) if opens else line


def _time(change: Callable[[str], str]) -> Line:
    return _own(lambda line: change(line[:23]) + line[23:])


def _thread(name: Callable[[str, str], str]) -> Line:
    """Of a thread's number and the line."""
    return _own(lambda line: _THREAD.sub(lambda found: name(found[1], line), line, count=1))


def _context(change: Callable[[str], str]) -> Line:
    return _own(lambda line: _CONTEXT.sub(lambda found: change(found[0]), line))


def _header(print_as: str) -> Line:
    r"""Of the groups time, thread, level and logger."""
    return _own(lambda line: _HEADER.sub(print_as, line))


def _without_time(line: str) -> str:
    return line[24:].lstrip() if "org:" in line else line


def _before(prefix: Before) -> Line:
    when = ["2026-11-23 00:00:00,000"]

    def printed(line: str, number: int, opens: bool) -> str:
        if opens:
            when[0] = line[:23]
        return prefix(when[0], number, opens) + line

    return printed


def _nanoseconds(when: str, number: int) -> str:
    return f"{when[:10]}T{when[_WITHOUT_DATE:19]}.{when[20:23]}{number * 7919 % 1_000_000:06d}"


def _docker(line: str, number: int, _opens: bool) -> str:
    """As Docker keeps what a container prints."""
    log = json.dumps(line, ensure_ascii=False)
    time = _nanoseconds(f"2026-11-23 00:00:{number // 800 % 60:02d},{number % 800:03d}", number)
    return f'{{"log":{log},"stream":"stdout","time":"{time}Z"}}\n'


def _wrapped(line: str) -> str:
    lines, rest = [], line.rstrip("\n")
    while len(rest) > _WIDTH and (at := rest.rfind(" ", 0, _WIDTH)) > 0:
        lines.append(rest[:at])
        rest = rest[at + 1 :]
    return "\n".join([*lines, rest]) + "\n"


def _accented(line: str) -> str:
    return line.replace("status 200", "état 200 größer").replace("connected", "verbünden")


def _grep(name: str = "", numbered: bool = True) -> Line:
    """As grep marks the lines of a file, and with a dash those beside a match."""

    def prefix(_when: str, number: int, opens: bool) -> str:
        sign = ":" if opens else "-"
        return (name + sign if name else "") + (f"{number}{sign}" if numbered else "")

    return _before(prefix)


OTHERS: dict[str, Line] = {
    # times
    "two-blanks": _own(lambda line: line[:23] + "  " + line[24:].lstrip()),
    "offset": _time(lambda time: time + "+02:00"),
    "zulu": _time(lambda time: f"{time[:10]}T{time[11:19]}.{time[20:]}Z"),
    "CEST": _time(lambda time: time + " CEST"),
    "seconds": _time(lambda time: time[:19]),
    "point": _time(lambda time: time.replace(",", ".")),
    "T-comma": _time(lambda time: time.replace(" ", "T")),
    "microseconds": _own(lambda line: f"{line[:23]}{number_of(line) % 1000:03d}{line[23:]}"),
    "nanoseconds": _own(lambda line: f"{line[:23]}{number_of(line) % 1000:03d}000{line[23:]}"),
    "no-time": _own(_without_time),
    "no-time-indented": _own(lambda line: "    " + _without_time(line) if "org:" in line else line),
    # contexts
    "no-context": _context(lambda _: ""),
    "no-message-id": _context(lambda pair: "" if pair.startswith("messageid:") else pair),
    "no-environment": _context(lambda pair: "" if pair.startswith("env:") else pair),
    "empty-context": _context(lambda pair: f"{pair[:4]} " if pair.startswith(("org:", "env:")) else ""),
    "management": _own(lambda line: re.sub(r"api:\S+ rev:\S+ messageid:\S+ ", " ", line)),
    # threads
    "pool-threads": _thread(lambda number, _: f"pool-4{number}-thread-{number}"),
    "jetty-threads": _thread(lambda _, line: f"qtp2007599722-{number_of(line) % 900}"),
    "brackets": _thread(lambda number, _: f"[NIOThread@{number}]"),
    "blanks-and-brackets": _thread(lambda number, _: f"[RMI TCP Connection({number})-10.0.0.{number}]"),
    "colon-threads": _thread(lambda number, _: f"nio:{number}"),
    "unique-threads": _thread(lambda number, line: f"HTTP request {number_of(line)} from 10.1.1.{number}"),
    # ends of lines, characters
    "trailing-blank": _own(lambda line: line.rstrip() + " \n"),
    "trailing-tab": _own(lambda line: line.rstrip() + "\t\n"),
    "own-line-crlf": _own(lambda line: line.rstrip("\n") + "\r\n"),
    "utf-8": _own(_accented),
    "latin-1": _own(_accented),
    "wrapped": _own(_wrapped),
    # what carries a log
    "grep-n": _grep(),
    "grep-H": _grep("system.log", numbered=False),
    "grep-rn": _grep("logs/system.log"),
    "shipper": _before(lambda when, _, __: f"<13>1 {when[:10]}T{when[11:19]}Z mp01 apigee - - "),
    "rsyslog": _before(lambda when, number, _: f"{_nanoseconds(when, number)[:26]}+00:00 mp01 apigee[77]: "),
    "journal": _before(lambda when, _, __: f"Nov {when[8:19]} mp01 java[4711]: "),
    "kubectl": _before(lambda _, __, ___: "[pod/mp-0/mp] "),
    "kubectl-times": _before(lambda when, number, _: f"{_nanoseconds(when, number)}Z "),
    "cri": _before(lambda when, number, _: f"{_nanoseconds(when, number)}Z stdout F "),
    "compose": _before(lambda _, __, ___: "mp-1  | "),
    "wrapper": _before(
        lambda when, _, __: f"INFO   | jvm 1    | main    | {when.replace('-', '/').replace(',', '.')} | "
    ),
    "docker-json": _docker,
    # lines in which logscan knows no header
    "no-header": _own(lambda line: _CONTEXT.sub("", line[24:]).lstrip()),
    "spring": _header(r"\1  \3 31411 --- [\2] \4    : "),
    "carbon": _header(r"[\1] \3 - \4 "),
    "besu": _header(r"\1+00:00 | \2 | \3 | \4 | "),
}
"""By name, made of the generator's ``single``."""
NAMES = (*GENERATED, *OTHERS)


def printed(name: str, lines: Iterable[str]) -> Iterator[bytes]:
    """The lines of a generated log in one of :data:`OTHERS`.

    Args:
        name: of the layout.
        lines: each with its line break, printed as ``single``.
    """
    change = OTHERS[name]
    encoding = "latin-1" if name == "latin-1" else "utf-8"
    for number, line in enumerate(lines, 1):
        yield change(line, number, _OPENS.match(line) is not None).encode(encoding)
