"""Write docs/reference.md, the causes of docs/diagnose.md and the fields of docs/json.md from the program and
its schemas; ``--check`` only compares."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from logscan._cli._commands import COMMANDS, grouped
from logscan._diagnosis.causes import CAUSES, Cause

DOCS = Path(__file__).parent
BEGIN, END = "<!-- causes: written by docs/make_reference.py -->\n", "<!-- end of causes -->\n"
HEAD = """# Reference

`docs/make_reference.py` writes this page from the program.

`logscan COMMAND [OPTIONS] [PATH]…`. Exit codes: 0 ran or found, 1 not found or `--fail-on` matched, 2 usage
or an input that could not be read. `--help` of each command says the same as this page.

"""


def row(parameter: Any) -> str:
    """One parameter: how it is written, its range, its default, and what it does."""
    if parameter.param_type_name == "argument":
        written = f"`{parameter.metavar}`"
    else:
        written = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
        written += f" {value_of(parameter)}" if not parameter.is_flag else ""
    text = " ".join((parameter.help or "").split())
    default = parameter.default
    if isinstance(default, int | float | str) and not isinstance(default, bool) and default != "":
        text += f" Default: {default}."
    return f"| {escaped(written)} | {escaped(text)} |"


def value_of(parameter: Any) -> str:
    """The metavar, with the range of numbers: ``N ≥ 1``, ``N 0…3``."""
    name = parameter.metavar or "TEXT"
    low, high = getattr(parameter.type, "min", None), getattr(parameter.type, "max", None)
    if low is None:
        return name
    return f"{name} ≥ {low}" if high is None else f"{name} {low}…{high}"


def escaped(text: str) -> str:
    """Text in a cell of a table."""
    return text.replace("|", "\\|")


def page() -> str:
    """The whole reference."""
    group = grouped(COMMANDS)
    chapters = []
    for name in COMMANDS:
        command = group.commands[name]
        chapters.append(
            f"## logscan {name}\n\n{inspect.cleandoc(command.help or '')}\n\n| option | |\n|---|---|\n"
        )
        chapters.append("\n".join(map(row, command.params)) + "\n\n")
    return (HEAD + "".join(chapters)).removesuffix("\n")


def diagnose() -> str:
    """docs/diagnose.md with its table of causes."""
    before, _, rest = (DOCS / "diagnose.md").read_text(encoding="utf-8").partition(BEGIN)
    table = "| `cause` | proven when |\n|---|---|\n" + "".join(map(row_of_cause, CAUSES))
    return before + BEGIN + table + END + rest.partition(END)[2]


def row_of_cause(cause: Cause) -> str:
    """One cause; the docstring of its function says when it is proven."""
    text = cause.proven_when.replace("``", "`").removesuffix(".")
    return f"| `{cause.name}` | {text[0].lower()}{text[1:]} |\n"


SCHEMAS = DOCS.parent / "logscan/_render/schemas"
BEGIN_FIELDS, END_FIELDS = "<!-- fields: written by docs/make_reference.py -->\n", "<!-- end of fields -->\n"
WORDS = {
    "string": "text",
    "integer": "integer",
    "number": "number",
    "boolean": "true or false",
    "null": "null",
}
ORDER = (
    "report", "report-each", "incident", "failure", "overview", "outside", "counters", "search", "export",
    "diagnose", "certificate", "simulate", "sql", "alerts", "causes", "tail-status", "manifest",
)  # fmt: skip
"""The schemas in the order of the page."""


def fields() -> str:
    """docs/json.md with the fields of each schema."""
    before, _, rest = (DOCS / "json.md").read_text(encoding="utf-8").partition(BEGIN_FIELDS)
    found = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in SCHEMAS.glob("*.json")}
    assert set(found) == set(ORDER), "name each schema in ORDER"
    chapters = "".join(f"\n{chapter(name, found[name], found)}" for name in ORDER)
    return before + BEGIN_FIELDS + chapters + "\n" + END_FIELDS + rest.partition(END_FIELDS)[2]


def chapter(name: str, schema: Any, schemas: dict[str, Any]) -> str:
    """One schema: what it is for, and its fields."""
    lines = [f"### {schema['title']}", "", f"{schema['description']} Schema: `{name}.json`.", ""]
    rows = list(rows_of_fields(schema, "", schemas))
    if rows:
        lines += ["| field | value | what |", "|---|---|---|", *rows, ""]
    return "\n".join(lines)


def rows_of_fields(schema: Any, place: str, schemas: dict[str, Any]) -> Iterator[str]:
    """A row for each field, those inside others after them."""
    if "items" in schema and isinstance(schema["items"], dict):
        yield from rows_of_fields(schema["items"], f"{place}[]", schemas)
    for name, one in schema.get("properties", {}).items():
        where = f"{place}.{name}".lstrip(".")
        text = one["description"] + ("" if name in schema["required"] else " May be absent.")
        yield f"| `{where}` | {kind_of(one, schemas)} | {escaped(text)} |"
        yield from rows_of_fields(one, where, schemas)


def kind_of(schema: Any, schemas: dict[str, Any]) -> str:
    """The type of a value in words."""
    if "$ref" in schema:
        title = schemas[schema["$ref"].removesuffix(".json")]["title"]
        return f"[{title.lower()}](#{title.lower().replace(' ', '-')})"
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" if value else "empty" for value in schema["enum"])
    first, *others = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if first == "array":
        items = schema["items"]
        word = f"list of {kind_of(items, schemas)}" if items and "prefixItems" not in items else "list"
        word = "list of pairs" if items and "prefixItems" in items else word
    elif first == "object":
        values = schema.get("additionalProperties")
        word = f"object: name → {kind_of(values, schemas)}" if isinstance(values, dict) else "object"
    else:
        word = WORDS[first]
    return " or ".join([word, *(WORDS[other] for other in others)])


PAGES = {"reference.md": page, "diagnose.md": diagnose, "json.md": fields}

if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(any((DOCS / name).read_text(encoding="utf-8") != text() for name, text in PAGES.items()))
    for name, text in PAGES.items():
        (DOCS / name).write_text(text(), encoding="utf-8")
