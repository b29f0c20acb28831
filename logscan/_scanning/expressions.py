"""Regular expressions that a person typed: the texts that must stand in whatever one matches.

So an expression is as fast as a text where it holds one. What is not plain gives no text: the expression is
then tried at every entry, which is slower and finds the same.
"""

from __future__ import annotations

import re

_GROUP = re.compile(r"\(\?(?:[:=!>]|<[=!]|P?<\w+>)|\((?!\?|\*)")
"""How a group begins that changes no flag."""
_REPEAT = re.compile(r"\{(\d*)(?:,\d*)?\}")
_SET = re.compile(r"\[\^?\]?(?:[^\[\]\\]|\\[^\n])*\]")
"""A set of characters without another in it."""
_KINDS = frozenset("dDwWsSbBAZntrfv")
"""Letters after a backslash that stand for kinds of characters, or for a place."""


class _NotPlainError(Exception):
    """The expression has something that is not read here."""


def required(expression: str) -> list[tuple[str, ...]]:
    """Texts that stand in whatever an expression matches, of each set at least one; none where that is not
    plain.

    Args:
        expression: as the package ``regex`` reads it, without flags.
    """
    try:
        alternatives = _alternatives(expression)
    except _NotPlainError:
        return []
    if len(alternatives) == 1:
        return [(text,) for text in sorted(filter(None, alternatives[0]), key=len, reverse=True)]
    longest = tuple(max(texts, key=len, default="") for texts in alternatives)
    return [longest] if all(longest) else []


def _alternatives(expression: str) -> list[list[str]]:
    """The plain texts that must stand in each alternative of an expression, outside its groups."""
    alternatives: list[list[str]] = [[]]
    text = ""
    at = 0
    while at < len(expression):
        sign, begin = expression[at], at
        if sign in "*?+{":
            at, may_lack = _after_repeat(expression, at)
            text = text[:-1] if may_lack else text
        elif sign in "(.^$[|":
            at = _after(expression, at)
        else:
            letter = _letter(expression, at)
            text += letter
            at += 2 if sign == "\\" else 1
            if letter:
                continue
        alternatives[-1].append(text)
        text = ""
        if expression[begin] == "|":
            alternatives.append([])
    alternatives[-1].append(text)
    return alternatives


def _letter(expression: str, at: int) -> str:
    """The letter that stands at a place, also after a backslash; none for a kind of letters."""
    sign = expression[at]
    if sign == "\\":
        sign = expression[at + 1 : at + 2]
        if sign in _KINDS:
            return ""
        if sign in ("", "\\") or (sign.isascii() and (sign.isalnum() or not sign.isprintable())):
            raise _NotPlainError
    elif sign in ")\n\r":
        raise _NotPlainError
    return sign


def _after_repeat(expression: str, at: int) -> tuple[int, bool]:
    """Where a number of times ends, and whether it may be none."""
    may_lack = expression[at] in "*?"
    if expression[at] == "{":
        repeat = _REPEAT.match(expression, at)
        if repeat is None:
            raise _NotPlainError
        at, may_lack = repeat.end(), not int(repeat[1] or 0)
    else:
        at += 1
    return at + (expression[at : at + 1] in ("+", "?")), may_lack


def _after(expression: str, at: int) -> int:
    """Where a group, a set or one sign ends that begins at a place."""
    if expression[at] in ".^$|":
        return at + 1
    if expression[at] == "[":
        return _after_set(expression, at)
    depth = 0
    while at < len(expression):
        sign = expression[at]
        if sign == "(":
            group = _GROUP.match(expression, at)
            if group is None:
                raise _NotPlainError
            depth, at = depth + 1, group.end()
        elif sign == "[":
            at = _after_set(expression, at)
        else:
            at += 2 if sign == "\\" else 1
            depth -= sign == ")"
            if not depth:
                return at
    raise _NotPlainError


def _after_set(expression: str, at: int) -> int:
    found = _SET.match(expression, at)
    if found is None:
        raise _NotPlainError
    return found.end()
