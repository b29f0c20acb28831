"""Every expression of the package, how it is used, and texts that are made to be hard for it."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from re import _parser  # type: ignore[attr-defined]
from typing import Any, NamedTuple

import logscan
from logscan._entries.layouts import LAYOUTS
from logscan._entries.learned import learned
from logscan._entries.parse import similar_to

USES = ("search", "match", "fullmatch", "finditer", "findall", "sub", "split")
_MOST_DEPTH = 6


class Expression(NamedTuple):
    """One expression."""

    where: str
    pattern: re.Pattern[Any]
    uses: tuple[str, ...]


def expressions() -> list[Expression]:
    """All of them: in modules, classes, tables and closures; those written where they are used; and some of
    those that are made while a log is read."""
    found: dict[tuple[str, bool, int], Expression] = {}
    modules = [importlib.import_module(name) for name in _module_names()]
    parts = {module.__name__: _parts(module) for module in modules}
    uses = _uses(parts.values())
    for module in modules:
        own = _uses([parts[module.__name__]])
        for where, name, pattern in _held(module):
            _add(found, f"{module.__name__}.{where}", pattern, own.get(name) or uses.get(name) or ("search",))
        for line, method, text, flags in _written(parts[module.__name__]):
            _add(found, f"{module.__name__}:{line}", re.compile(text, flags), (method,))
    for where, pattern in _made():
        _add(found, where, pattern, ("match",))
    return list(found.values())


def _add(
    found: dict[tuple[str, bool, int], Expression],
    where: str,
    pattern: re.Pattern[Any],
    uses: tuple[str, ...],
) -> None:
    key = (str(pattern.pattern), isinstance(pattern.pattern, bytes), pattern.flags)
    known = found.get(key)
    merged = tuple(dict.fromkeys((*(known.uses if known else ()), *uses)))
    found[key] = Expression(known.where if known else where, pattern, merged)


def _module_names() -> list[str]:
    return [
        module.name for module in pkgutil.walk_packages(logscan.__path__, "logscan.")
        if not module.name.endswith("__main__")
    ]  # fmt: skip


def _parts(module: Any) -> list[ast.AST]:
    """The loops, attributes and calls of a module that say how an expression is used."""
    tree = ast.parse(Path(module.__file__ or "").read_text())
    return [
        node for node in ast.walk(tree)
        if isinstance(node, ast.For | ast.comprehension | ast.Call)
        or (isinstance(node, ast.Attribute) and node.attr in USES)
    ]  # fmt: skip


def _uses(modules: Iterable[list[ast.AST]]) -> dict[str, tuple[str, ...]]:
    """Name of a variable or field → the methods of expressions that are taken of it somewhere."""
    uses: dict[str, set[str]] = {}
    tables: list[tuple[str, str]] = []
    for parts in modules:
        for node in parts:
            if isinstance(node, ast.For | ast.comprehension) and isinstance(node.iter, ast.Name):
                names = [part.id for part in ast.walk(node.target) if isinstance(part, ast.Name)]
                tables += [(node.iter.id, name) for name in names]
            if isinstance(node, ast.Attribute):
                of = node.value
                while isinstance(of, ast.Subscript):
                    of = of.value
                name = of.id if isinstance(of, ast.Name) else of.attr if isinstance(of, ast.Attribute) else ""
                uses.setdefault(name, set()).add(node.attr)
    for table, name in tables:
        uses.setdefault(table, set()).update(uses.get(name, ()))
    return {name: tuple(sorted(methods)) for name, methods in uses.items()}


def _written(parts: list[ast.AST]) -> Iterator[tuple[int, str, Any, int]]:
    """Calls like ``re.search("…", text)``: line, function, expression, flags."""
    for node in parts:
        if (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in USES
            and isinstance(node.func.value, ast.Name) and node.func.value.id == "re"
            and node.args and isinstance(node.args[0], ast.Constant)
        ):  # fmt: skip
            flags = 0
            for part in ast.walk(node):
                if isinstance(part, ast.Attribute) and part.attr in (
                    "DOTALL",
                    "IGNORECASE",
                    "MULTILINE",
                    "ASCII",
                ):
                    flags |= getattr(re, part.attr)
            yield node.lineno, node.func.attr, node.args[0].value, flags


def _held(module: Any) -> Iterator[tuple[str, str, re.Pattern[Any]]]:
    seen: set[int] = set()

    def walk(value: Any, where: str, name: str, depth: int) -> Iterator[tuple[str, str, re.Pattern[Any]]]:
        if isinstance(value, re.Pattern):
            yield where, name, value
            return
        if depth > _MOST_DEPTH or id(value) in seen:
            return
        seen.add(id(value))
        if isinstance(value, dict):
            parts = [(str(key), each) for key, each in value.items()]
        elif isinstance(value, tuple) and hasattr(value, "_fields"):
            parts = list(zip(value._fields, value, strict=True))
        elif isinstance(value, tuple | list | set | frozenset):
            parts = [(name, each) for each in value]
        elif isinstance(value, type) and value.__module__ == module.__name__:
            parts = list(vars(value).items())
        elif callable(value):
            cells = [cell.cell_contents for cell in getattr(value, "__closure__", None) or ()]
            parts = [(name, each) for each in (*cells, getattr(value, "__wrapped__", None),
                                               getattr(value, "__self__", None))]  # fmt: skip
        elif type(value).__module__ == module.__name__ and hasattr(value, "__dict__"):
            parts = list(vars(value).items())
        else:
            return
        for part, each in parts:
            yield from walk(each, f"{where}.{part}", part, depth + 1)

    for name, value in list(vars(module).items()):
        if not name.startswith("__"):
            yield from walk(value, name, name, 0)


def _made() -> Iterator[tuple[str, re.Pattern[Any]]]:
    """Expressions that are made while a log is read."""
    for layout in LAYOUTS:
        for sample in layout.samples:
            header = learned(layout, [sample + b"\n"]).header
            if header is not None:
                yield f"learned from {sample[:20]!r}", header
        header = learned(layout, [sample + b"\n" for sample in layout.samples]).header
        if header is not None:
            yield f"learned from all of {layout.name}", header
    blanks = b"2026-11-25 00:49:52,001 org:o RMI TCP Connection(2)-10.0.0.1 INFO c.a - x\n"
    header = learned(LAYOUTS[0], [blanks, blanks.replace(b"org:o ", b"")]).header
    assert header is not None
    yield "learned from threads with blanks", header
    for prefix in ("logs/system.log:12:", "<13>1 2026-11-25T00:00:00Z mp01 apigee - - ", "1:2-3:4 "):
        yield f"lines with the prefix {prefix}", re.compile(similar_to(prefix))


def texts_for(expression: Expression) -> list[tuple[str, str, str]]:
    """Hard texts, made of an expression's own parts: each as a beginning, what is repeated, an end."""
    text = expression.pattern.pattern
    source = text.decode("latin-1") if isinstance(text, bytes) else text
    tree = _parser.parse(source, expression.pattern.flags & ~re.UNICODE)
    pieces = [("", "", "")][:0]
    for before, bodies in _repeats(list(tree), ""):
        for body in bodies:
            pieces += [(before, body, "\x01"), ("", before + body, "\x01"), (before, body, "\n")]
        if before:
            pieces.append(("", before, "\x01"))
    whole = _sample(list(tree))
    pieces.append(("", whole[:-1] or "x", "\x01"))
    return list(dict.fromkeys(piece for piece in pieces if piece[1]))


def _repeats(tokens: list[Any], before: str) -> Iterator[tuple[str, list[str]]]:
    """Each repeat of an expression: a text that leads to it, and texts that it repeats."""
    for kind, value in tokens:
        name = str(kind)
        if name.endswith("_REPEAT"):
            _, _, body = value
            bodies = _samples(list(body))
            yield before, bodies
            yield from _repeats(list(body), before)
        elif name == "BRANCH":
            for branch in value[1]:
                yield from _repeats(list(branch), before)
        elif name == "SUBPATTERN":
            yield from _repeats(list(value[3]), before)
        elif name == "ATOMIC_GROUP":
            yield from _repeats(list(value), before)
        elif name in ("ASSERT", "ASSERT_NOT"):
            yield from _repeats(list(value[1]), before)
        before += _sample([(kind, value)])


_ALPHABET = "a .1-:/$ (A_\t=\n<@[]\"'x\0,{}"


def _samples(tokens: list[Any]) -> list[str]:
    """Some texts of a part of an expression."""
    if len(tokens) == 1 and str(tokens[0][0]) in ("IN", "ANY", "NOT_LITERAL"):
        allowed = [char for char in _ALPHABET if _accepts(tokens[0], char)]
        return list(dict.fromkeys(allowed[:1] + [char for char in allowed if char in " \n"] + allowed[1:2]))
    if len(tokens) == 1 and str(tokens[0][0]) == "BRANCH":
        return [_sample(list(branch)) for branch in tokens[0][1][1]][:3]
    return [_sample(tokens)]


def _accepts(token: Any, char: str) -> bool:
    kind, value = str(token[0]), token[1]
    if kind == "ANY":
        return char != "\n"
    if kind == "NOT_LITERAL":
        return bool(ord(char) != value)
    negated = False
    for part, detail in value:
        name = str(part)
        if name == "NEGATE":
            negated = True
        elif (
            (name == "LITERAL" and ord(char) == detail)
            or (name == "RANGE" and detail[0] <= ord(char) <= detail[1])
            or (name == "CATEGORY" and _in_category(str(detail), char))
        ):
            return not negated
    return negated


def _in_category(name: str, char: str) -> bool:
    inside: bool = {
        "DIGIT": char.isdigit(), "SPACE": char.isspace(), "WORD": char.isalnum() or char == "_"
    }[name.rpartition("_")[2]]  # fmt: skip
    return bool(inside != ("NOT" in name))


def _sample(tokens: list[Any]) -> str:
    """The shortest text of a part of an expression, about."""
    parts = []
    for kind, value in tokens:
        name = str(kind)
        if name == "LITERAL":
            parts.append(chr(value))
        elif name in ("IN", "ANY", "NOT_LITERAL"):
            parts.append(next((char for char in _ALPHABET if _accepts((kind, value), char)), "~"))
        elif name.endswith("_REPEAT"):
            parts.append(_sample(list(value[2])) * min(value[0], 64))
        elif name == "BRANCH":
            parts.append(_sample(list(value[1][0])))
        elif name == "SUBPATTERN":
            parts.append(_sample(list(value[3])))
        elif name == "ATOMIC_GROUP":
            parts.append(_sample(list(value)))
    return "".join(parts)
