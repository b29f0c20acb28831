"""Completion in bash, zsh and fish: which words may stand at the cursor.

The shell's script (:mod:`logscan._cli._completion_scripts`) calls ``logscan`` with the words of the line up
to the cursor, and :data:`VARIABLE` set to its name. The answer begins with a line ``words``, ``files`` or
``dirs``: the words follow, a line each, or the shell completes names itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from logscan._cli._commands import COMMANDS, grouped
from logscan._cli._help import summary_of

VARIABLE = "_LOGSCAN_COMPLETE"
"""Environment variable: the name of the shell that asks."""
SHELLS = ("bash", "zsh", "fish")
INSTALL, SHOW = "--install-completion", "--show-completion"
LISTS = ("by", "group", "alert")
"""Options whose values may be separated by commas."""


class Word(NamedTuple):
    """A word that may stand at the cursor, and what it means."""

    value: str
    text: str = ""


FILES, FOLDERS = "files", "dirs"
Answer = list[Word] | str
"""Words, or :data:`FILES` or :data:`FOLDERS`, which the shell completes."""


def answer(shell: str, arguments: Sequence[str]) -> str:
    """What the script of a shell reads.

    Args:
        shell: one of :data:`SHELLS`.
        arguments: the words after ``logscan``, the one at the cursor last, as they are typed.
    """
    if shell not in SHELLS:
        return ""
    *before, word = _joined(arguments) or [""]
    option, equals, value = word.partition("=")
    prefix = ""
    if equals and option.startswith("--"):
        before.append(option)
        word, prefix = value, f"{option}=" if shell == "fish" else ""
    found = _answer(before, word)
    if isinstance(found, str):
        return f"{found}\n"
    lines = ["words"]
    lines += [prefix + _line(shell, one) for one in found if one.value.startswith(word)]
    return "\n".join(lines) + "\n"


def _line(shell: str, word: Word) -> str:
    """A word as the script of a shell reads it."""
    text = " ".join(word.text.split())
    if shell == "bash":
        return word.value
    if shell == "fish":
        return f"{word.value}\t{text}" if text else word.value
    value = word.value.replace("\\", "\\\\").replace(":", "\\:")
    return f"{value}:{text}" if text else value


def _joined(arguments: Sequence[str]) -> list[str]:
    """The words without quotes, and ``--format = json`` of bash as ``--format=json``."""
    words: list[str] = []
    for text in arguments:
        plain = text.replace("'", "").replace('"', "")
        if words and (plain == "=" or words[-1].endswith("=")) and words[-1].startswith("--"):
            words[-1] += plain
        else:
            words.append(plain)
    return words


def _answer(before: Sequence[str], word: str) -> Answer:
    """What may stand after some words."""
    place = next((number for number, text in enumerate(before) if text in COMMANDS), None)
    if place is None:
        return _first(before, word)
    name = before[place]
    command = grouped([name]).commands[name]
    given = before[place + 1 :]
    if given and "--" not in given and (parameter := _option(command, given[-1])):
        return values_of(name, parameter, word, given)
    if word.startswith("-") and "--" not in given:
        return [*_options(command), Word("--help", "Show the help.")]
    return _arguments(name, given)


def _first(before: Sequence[str], word: str) -> Answer:
    """The commands, and the options of ``logscan`` itself."""
    if before and before[-1] in (INSTALL, SHOW):
        return [Word(shell) for shell in SHELLS]
    group: Any = grouped(COMMANDS)
    commands = [Word(name, summary_of(command)) for name, command in group.commands.items()]
    return [*_options(group), Word("--help", "Show the help.")] if word.startswith("-") else commands


def _options(command: Any) -> list[Word]:
    """The long options of a command."""
    return [
        Word(name, (parameter.help or "").partition(". ")[0])
        for parameter in command.params
        if parameter.param_type_name == "option" and not parameter.hidden
        for name in (*parameter.opts, *parameter.secondary_opts)
        if name.startswith("--")
    ]


def _option(command: Any, text: str) -> Any:
    """The option of that name, if it takes a value."""
    for parameter in command.params:
        if parameter.param_type_name == "option" and text in parameter.opts and not parameter.is_flag:
            return parameter
    return None


def _arguments(name: str, given: Sequence[str]) -> Answer:
    """What an argument may be."""
    words = [text for text in given if not text.startswith("-")]
    if name == "config":
        return [Word(text) for text in (("show",), COMMANDS)[min(len(words), 1)]]
    if name == "alerts":
        return [*_families(name), *_alerts(name)]
    if name == "causes":
        from logscan._diagnosis.causes import CAUSES

        return [Word(cause.name, cause.title) for cause in CAUSES]
    return [] if name == "sql" else FILES


def values_of(command: str, parameter: Any, word: str = "", given: Sequence[str] = ()) -> Answer:
    """The values of an option, if they are a closed list; else names of files or nothing.

    Args:
        command: its name.
        parameter: the option.
        word: what stands there so far.
        given: the words of the command before it.
    """
    key = next(name.lstrip("-") for name in parameter.opts if name.startswith("--"))
    if key in VALUES:
        words = list(VALUES[key](command))
    else:  # "previous|DATE": what is written small is meant as it is
        parts = (parameter.metavar or "").split("|")
        words = [Word(text) for text in parts if text.islower() and len(parts) > 1]
    if key == "compare":
        words += _runs(given)
    if key in LISTS and "," in word:
        begin = word.rpartition(",")[0]
        used = begin.split(",")
        words = [Word(f"{begin},{one.value}", one.text) for one in words if one.value not in used]
    if words:
        return words
    return {"DIR": FOLDERS, "FILE": FILES, "PATH": FILES}.get(parameter.metavar or "") or []


_FORMATS = {
    "report": "_render.formats", "export": "_render.files",
    "alerts": "_cli._listing", "causes": "_cli._listing",
}  # fmt: skip
"""Where the formats of a command stand, if not in its own module."""


def _formats(command: str) -> Iterable[Word]:
    from importlib import import_module

    module = import_module(f"logscan.{_FORMATS.get(command, f'_cli.{command}')}")
    return map(Word, module.FORMATS)


def _alerts(_command: str) -> Iterable[Word]:
    from logscan._failures.meanings import meanings

    return [Word("all", "Every TLS failure."), *(Word(row.name, row.text) for row in meanings())]


def _families(_command: str) -> Iterable[Word]:
    from logscan._failures.meanings import FAMILIES

    return [Word(name, text) for name, text in FAMILIES.items()]


def _columns(_command: str) -> Iterable[Word]:
    from logscan._failures.incidents import BY

    return map(Word, BY)


def _dimensions(_command: str) -> Iterable[Word]:
    from logscan._failures.incidents import BY, KEY

    return map(Word, (*KEY, *BY))


def _sorts(_command: str) -> Iterable[Word]:
    from logscan._failures.incidents import SORTS

    return map(Word, SORTS)


def _sides(_command: str) -> Iterable[Word]:
    from logscan._jobs._selecting import SIDES

    return map(Word, SIDES)


def _colours(_command: str) -> Iterable[Word]:
    from logscan._cli._common import WHEN

    return map(Word, WHEN)


def _zones(_command: str) -> Iterable[Word]:
    from zoneinfo import available_timezones

    return map(Word, sorted(available_timezones()))


def _times(_command: str) -> Iterable[Word]:
    from datetime import date

    words = ("today", "yesterday", "-1h", "-24h", "-7d", date.today().isoformat())
    return map(Word, words)


def _levels(_command: str) -> Iterable[Word]:
    from logscan._entries.layouts import LEVELS

    return map(Word, LEVELS)


def _runs(given: Sequence[str]) -> Iterable[Word]:
    """The dates of the runs in the directory that ``--history`` names."""
    folder = next((after for option, after in pairwise(given) if option == "--history"), "")
    try:
        names = os.listdir(folder) if folder else []
    except OSError:
        return []
    import re

    dates = {match[0] for name in names if (match := re.search(r"\d{4}-\d\d-\d\d", name))}
    return map(Word, sorted(dates, reverse=True))


VALUES: dict[str, Callable[[str], Iterable[Word]]] = {
    "format": _formats, "alert": _alerts, "family": _families, "by": _columns, "group": _dimensions,
    "side": _sides, "sort": _sorts, "color": _colours, "tz": _zones,
    "since": _times, "until": _times, "around": _times,
    "level": _levels,
}  # fmt: skip
"""Option → its values, from where the program has them."""
