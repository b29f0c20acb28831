"""Mistyped words: which option, command or value was meant.

Loaded only when something was mistyped, so it may look at all commands.
"""

from __future__ import annotations

import os
import re
from difflib import get_close_matches
from typing import Any

from logscan.errors import UsageError

_OPTIONS: dict[str, tuple[str, ...]] = {
    "output-format": ("--format",), "fmt": ("--format",), "type": ("--format",), "as": ("--format",),
    "out": ("--output",), "outfile": ("--output",), "save": ("--output",), "write": ("--output",),
    "from": ("--since",), "start": ("--since",), "begin": ("--since",), "after": ("--since",),
    "last": ("--since",), "newer-than": ("--since",),
    "to": ("--until",), "end": ("--until",), "before": ("--until",), "stop": ("--until",),
    "timezone": ("--tz",), "zone": ("--tz",), "time-zone": ("--tz",), "utc": ("--tz UTC",),
    "environment": ("--env",), "organization": ("--org",), "organisation": ("--org",), "api": ("--proxy",),
    "apiproxy": ("--proxy",), "api-proxy": ("--proxy",), "exclude-proxy": ("--not-proxy",),
    "cause": ("--alert",), "error": ("--alert",), "name": ("--alert",),
    "group-by": ("--group", "--by"), "groupby": ("--group", "--by"), "column": ("--by",),
    "columns": ("--by",), "backend": ("--by target",), "target": ("--by target",),
    "limit": ("--top", "--max-incidents", "--max-count"), "head": ("--top", "--max-count"),
    "top": ("--max-incidents", "--max-count"), "max": ("--top", "--max-count"), "n": ("--top", "--max-count"),
    "id": ("--message",), "message-id": ("--message",), "messageid": ("--message",),
    "mail": ("--email",), "previous": ("--compare previous",), "diff": ("--compare previous",),
    "exit-code": ("--fail-on 1",), "silent": ("--quiet",),
    "jobs": ("--workers",), "threads": ("--workers",), "j": ("--workers",), "processes": ("--workers",),
    "verbose": ("--stats",), "v": ("--stats",), "debug": ("--stats",), "progress": ("--stats",),
    "colour": ("--color",), "no-color": ("--color never",), "no-colour": ("--color never",),
    "no-pager": ("--pager never",), "watch": ("--dashboard",), "live": ("--dashboard",),
    "full": ("--each", "--all-causes"), "detail": ("--details",), "e": ("--regex",), "grep": ("--regex",),
    "pattern": ("--regex",), "level": ("--level",), "severity": ("--level",), "A": ("--after-context",),
    "ca": ("--backend-ca",), "cacert": ("--backend-ca",), "truststore": ("--backend-ca",),
    "p12": ("--keystore",), "jks": ("--keystore",), "review-only": ("--review",), "dry-run": ("--review",),
}  # fmt: skip
"""What people type (in other programs it is right) → what it is here; the first that the command has."""

_ADVICE = {
    "r": "directories are read with all that is in them; leave it out",
    "recursive": "directories are read with all that is in them; leave it out",
    "V": "did you mean logscan --version?",
    "version": "did you mean logscan --version?",
    "password": "set LOGSCAN_KEYSTORE_PASSWORD, or type it when logscan asks",
    "follow": "did you mean logscan tail?",
    "f": "did you mean logscan tail?",
}
"""Options that are none of a command → what to do."""

_COMMANDS = {
    "version": "--version", "help": "--help", "completion": "--install-completion",
    "grep": "search", "find": "search", "show": "search", "get": "search",
    "follow": "tail", "watch": "tail", "monitor": "tail", "dashboard": "tail --dashboard",
    "explain": "diagnose", "why": "diagnose", "analyze": "diagnose", "analyse": "diagnose",
    "support": "gather", "collect": "gather", "bundle": "gather", "zip": "gather",
    "import": "ingest", "load": "ingest", "store": "ingest", "query": "sql", "select": "sql",
    "count": "report", "summary": "report", "stats": "report", "errors": "report", "incidents": "report",
    "list": "alerts", "names": "alerts", "families": "alerts", "parquet": "export", "settings": "config",
}  # fmt: skip
"""What people type as a command → what it is here."""
_LOG = re.compile(r"[/*]|\.(?:log|gz|zst|xz|bz2|txt)\b")
_ID = re.compile(r"(?=.*\d)(?=.*-)[\w.@:-]{12,}")


def explained(error: Any, command: Any) -> UsageError:
    """What was wrong with the arguments of a command, and what was meant.

    Args:
        error: of click.
        command: as click knows it.
    """
    name = command.name or "logscan"
    program = f"logscan {name}".removesuffix(" logscan")
    lists = f"{program} --help lists the options"
    option = getattr(error, "option_name", "") if hasattr(error, "possibilities") else ""
    if option:
        return UsageError(f"{name} has no option {option}", meant_by_option(option, command) or lists)
    message = error.format_message().removesuffix(".")
    if found := re.fullmatch(r"Option '(-.*)' requires an argument", message):
        parameter = next((one for one in command.params if found[1] in one.opts), None)
        value = getattr(parameter, "metavar", None) or "VALUE"
        return UsageError(f"{found[1]} needs a value", f"{program} {found[1]} {value}")
    text = str(getattr(error, "message", ""))
    if message.startswith("Invalid value for '") and (
        found := re.match(r"'?(.*?)'? is not (?:a valid|in)", text)
    ):
        hint = error.format_message().removesuffix(text)
        variable = re.search(r"\(env var: '([^']*+)'", hint)
        name = hint.split("'")[1]
        place = f"{variable[1]}={found[1]}" if variable else f"{name} {found[1]}"
        return UsageError(f"{place}: expected {_number(error)}", lists)
    if found := re.fullmatch(r"Missing (argument|option) '(.*?)'", message):
        missing = found[2].split("' / '")[0]
        return UsageError(f"{name}: {missing} is missing", f"{program} --help shows how it is used")
    if message.startswith("Got unexpected extra"):
        return UsageError(
            f"{name}: {message[0].lower()}{message[1:]}", f"put words with blanks into quotes; {lists}"
        )
    return UsageError(f"{name}: {message[:1].lower()}{message[1:]}", lists)


def _number(error: Any) -> str:
    """What a number may be."""
    kind = getattr(getattr(error, "param", None), "type", None)
    low, high = getattr(kind, "min", None), getattr(kind, "max", None)
    whole = "a whole number" if str(getattr(kind, "name", "")).startswith("int") else "a number"
    if low is None:
        return whole
    return f"{whole} from {low} {'on' if high is None else f'to {high}'}"


def meant_by_option(option: str, command: Any) -> str:
    """The hint for an option that a command does not have; empty for none."""
    from logscan._cli._commands import COMMANDS, grouped
    from logscan._cli._completion import values_of

    has = {text: one for one in command.params for text in (*one.opts, *one.secondary_opts)}
    key = option.lstrip("-")
    formats = _words(values_of(command.name, has["--format"])) if "--format" in has else []
    if shaped := [name for name in formats if name == key] or [name for name in formats if name == f"{key}l"]:
        return f"did you mean --format {shaped[0]}?"
    for meant in _OPTIONS.get(key, ()):
        if meant.split()[0] in has:
            return f"did you mean {meant}?"
    if key in _ADVICE and len(option) > 1 and command.name in COMMANDS:
        return _ADVICE[key]
    if key in ("id", "message-id", "message", "messageid") and command.name == "search":
        return "did you mean logscan search MESSAGE_ID? The id needs no option"
    names = {text.lstrip("-"): text for text in (*has, "--help") if text.startswith("--")}
    if near := get_close_matches(key.lower().replace("_", "-"), names, 2, 0.7) if len(key) > 1 else []:
        return f"did you mean {' or '.join(names[name] for name in near)}?"
    others = grouped(COMMANDS).commands
    have = [name for name, other in others.items() if any(option in one.opts for one in other.params)]
    if have and command.name not in COMMANDS:
        return f"options stand after the command, for example logscan {have[0]} {option} …"
    return f"it is an option of logscan {' and logscan '.join(have[:3])}" if have else ""


def _words(answer: Any) -> list[str]:
    return [] if isinstance(answer, str) else [word.value for word in answer]


def unknown_command(text: str) -> UsageError:
    """What was wrong with a word that is no command, and what was meant."""
    from logscan._cli._commands import COMMANDS

    near = get_close_matches(text.lower(), COMMANDS, 1, 0.6)
    if text.lower() in _COMMANDS:
        meant = _COMMANDS[text.lower()]
    elif near:
        meant = near[0]
    elif _LOG.search(text) or os.path.exists(text):
        meant = f"report {text}"
    elif _ID.fullmatch(text):
        meant = f"search {text}"
    else:
        return UsageError(f"no such command: {text}", "choose from " + ", ".join(COMMANDS))
    return UsageError(f"no such command: {text}", f"did you mean logscan {meant}?")
