"""Which arguments are message ids, and which are paths: what is meant where both are given, in any order."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Annotated

import typer

from logscan.errors import InputError, UsageError, reason_of

Messages = Annotated[
    list[str] | None,
    typer.Option(
        "--message",
        metavar="ID",
        help="Only failures of this message, with commas between several.",
        rich_help_panel="Select",
    ),
]
_PATH_LIKE = re.compile(r"/|^-$|^@[\w.-]+$|\.log(?:$|[.-])|\.(?:gz|zst|bz2|xz|txt)$|[*?\[]")
_ID = re.compile(r"\S-\d++-\d++\Z")
"""The end of a message id as Routers make them: ``router01.example.com-4321-5562-1``."""


def is_path(argument: str) -> bool:
    """Whether an argument exists as a path, or looks like one."""
    return bool(_PATH_LIKE.search(argument)) or os.path.exists(argument)


def _is_id(argument: str) -> bool:
    return _ID.search(argument) is not None and len(argument.split()) == 1


def messages_among(
    paths: Sequence[str] | None, messages: Sequence[str] | None
) -> tuple[list[str], list[str]]:
    """The paths, and the message ids: an argument that is no path, but is built as an id, is one."""
    named = list(messages or ())
    given = list(paths or ())
    ids = [text for text in given if _is_id(text) and not is_path(text)]
    return [text for text in given if text not in ids], [*named, *ids]


def ids_and_paths(
    arguments: list[str], id_files: list[str], *, optional: bool
) -> tuple[list[str], list[str]]:
    """Separate ids from paths: paths begin at the first argument that exists or looks like a path.

    The very first argument is an id in any case, unless ids come from files or are ``optional``, or it
    exists and none of the others do: then the path was given before the ids.

    Raises:
        InputError: a file of ids cannot be read.
        UsageError: there is no id, though one is needed, or one with a blank in it.
    """
    ids: list[str] = []
    for name in id_files:
        try:
            with open(0 if name == "-" else name, encoding="utf-8", errors="surrogateescape") as file:
                ids += [text for line in file if (text := line.strip())]
        except OSError as error:
            raise InputError(f"{name}: {reason_of(error)}", "-f needs a file of message ids") from error
    first, *others = [is_path(argument) for argument in arguments] or [False]
    swapped = first and not id_files and os.path.exists(arguments[0]) and not any(others)
    if swapped and not others and not optional:
        raise UsageError(
            f"no message id given: {arguments[0]} is a path",
            f"logscan search MESSAGE_ID {arguments[0]}, or a condition: --text, --level, --since, --proxy …",
        )
    if swapped:
        arguments = [*arguments[1:], arguments[0]]
    paths: list[str] = []
    for number, argument in enumerate(arguments):
        is_id = not number and not id_files and not optional and not swapped
        if not is_id and (paths or is_path(argument)):
            paths.append(argument)
        else:
            ids.append(argument.strip())
    ids = [name for name in dict.fromkeys(ids) if name]
    if not ids and not optional:
        raise UsageError(
            "no message id given", "logscan search MESSAGE_ID... [PATH]..., or -f FILE with one id per line"
        )
    for name in ids:
        if any(char.isspace() or char == "\0" for char in name):
            raise UsageError(
                f"{name!r}: a message id contains no blanks", "give several ids as several arguments"
            )
    return ids, paths
