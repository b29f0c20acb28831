"""What ``--format json`` prints is what docs/json.md says: every field has a description, and there are no others."""

from __future__ import annotations

import json
import shutil
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.command import DATA, ROOT, SAMPLES, logscan
from support.schemas import SCHEMAS, faults

jsonschema = pytest.importorskip("jsonschema")
CASES = sorted((ROOT / "tests/cli/cases").glob("*.toml"))
TLS = DATA / "tls"


def check(name: str, output: bytes, *, lines: bool = False) -> int:
    """Check an output, or each of its lines; the number of values."""
    values = [json.loads(line) for line in output.splitlines()] if lines else [json.loads(output)]
    for value in values:
        assert faults(name, value) == []
    return len(values)


def parts(schema: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema inside a schema, with its place."""
    if isinstance(schema, dict):
        yield place, schema
        for key, value in schema.items():
            if key == "properties":
                for name, one in value.items():
                    yield from parts(one, f"{place}.{name}")
            elif key == "items":
                yield from parts(value, f"{place}[]")


@pytest.mark.parametrize("name", SCHEMAS)
def test_form(name: str) -> None:
    """Each is valid JSON Schema of 2020-12, describes each property, and allows no other."""
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])
    assert SCHEMAS[name]["title"]
    for place, schema in parts(SCHEMAS[name]):
        for key, one in schema.get("properties", {}).items():
            assert one.get("description"), f"{name}{place}.{key}"
        if "properties" in schema:
            assert schema["additionalProperties"] is False, f"{name}{place}"


def test_nothing_passes_that_is_not_described() -> None:
    """One more field, one less, and a field of another type are errors."""
    line = logscan("report", "--each", "--format", "jsonl", SAMPLES / "rotation").stdout.splitlines()[0]
    row = json.loads(line)
    assert not faults("failure.json", row)
    for wrong in (row | {"new": 1}, {key: row[key] for key in list(row)[1:]}, row | {"offset": "1"}):
        assert faults("failure.json", wrong)


COMMANDS: list[tuple[str, list[Any], bool]] = [
    ("report.json", ["report", "--alert", "all", "--format", "json", SAMPLES], False),
    ("report.json", ["report", "--group", "target,hour,family,env", "--format", "json", SAMPLES], False),
    ("report.json", ["report", "--max-incidents", "2", "--alert", "all", "--format", "json", SAMPLES], False),
    (
        "report.json",
        ["report", "--by", "revision,target,alias,keystore,truststore,host,family,refused_by,reason,day,hour,minute",
         "--format", "json", SAMPLES],
        False,
    ),
    ("report-each.json", ["report", "--each", "--alert", "all", "--format", "json", SAMPLES], False),
    ("incident.json", ["report", "--alert", "all", "--format", "jsonl", SAMPLES], True),
    ("failure.json", ["report", "--each", "--alert", "all", "--format", "jsonl", SAMPLES, DATA / "jsse"], True),
    ("failure.json", ["tail", "--json", "--from-start", "-"], True),
    ("search.json", ["search", "--json", "--level", "WARN+", SAMPLES], True),
    ("search.json", ["search", "--json", "-C", "1", "rrt-968-1", SAMPLES], True),
    ("export.json", ["export", "--format", "jsonl", "-o", "-", SAMPLES], True),
    ("diagnose.json", ["diagnose", "--format", "json", "--all-causes", SAMPLES], False),
    ("diagnose.json", ["diagnose", "--format", "json", TLS / "jsse17", TLS / "pki/good.p12"], False),
    ("diagnose.json", ["diagnose", "--format", "json", TLS / "pki/good.p12"], False),
    (
        "simulate.json",
        ["diagnose", "--simulate", "--format", "json", "--keystore", TLS / "pki/fullchain.p12",
         "--accept", "CN=Backend Client CA, O=Backend Co, C=AU"],
        False,
    ),
    ("alerts.json", ["alerts", "--format", "json"], False),
    ("causes.json", ["causes", "--format", "json"], False),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments", "lines"), COMMANDS)
def test_commands(name: str, arguments: list[Any], lines: bool) -> None:
    """On the sample logs, and on the captures and keystores of the tests."""
    log = (SAMPLES / "rotation/system.log").read_bytes() if arguments[-1] == "-" else b""
    done = logscan(*arguments, stdin=log)
    assert done.returncode in (0, 2), done.stderr
    assert check(name, done.stdout, lines=lines) > 0
    assert len(done.stdout) > 10


JSON = [path for path in CASES if any("json" in one for one in tomllib.loads(path.read_text())["args"])]


@pytest.mark.parametrize("path", JSON, ids=[path.stem for path in JSON])
def test_golden_cases(path: Path) -> None:
    """What the golden cases expect of JSON."""
    case = tomllib.loads(path.read_text())
    name = {"report_jsonl_each": "failure", "search_json": "search"}.get(path.stem, case["args"][0])
    check(f"{name}.json", case["expected"]["stdout"].encode(), lines=name in ("failure", "search"))


@pytest.mark.thorough
@pytest.mark.parametrize("path", CASES, ids=[path.stem for path in CASES])
def test_golden_cases_as_json(path: Path, tmp_path: Path) -> None:
    """The logs and options of every other golden case, with JSON asked for."""
    case = tomllib.loads(path.read_text())
    command, *rest = case["args"]
    if "--format" in rest:
        at = rest.index("--format")
        del rest[at : at + 2]
    each = "--each" in rest
    name = {"search": "search.json", "diagnose": "diagnose.json"}.get(command, f"report{'-each' * each}.json")
    extra = ["--json"] if command == "search" else ["--format", "json"]
    shutil.copytree(SAMPLES, tmp_path / "work/sample_logs")
    for file, text in case.get("files", {}).items():
        target = tmp_path / "work" / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.mkdir() if file.endswith("/") else target.write_bytes(text.encode())
    where = ROOT / case["cwd"] if "cwd" in case else tmp_path / "work"
    rest = [
        one for one in rest if one not in ("--count", "-c", "-l", "--files-with-matches", "--only-ids", "-q")
    ]
    done = logscan(
        command, *extra, *rest, stdin=case.get("stdin", "").encode(), cwd=where, **case.get("env", {})
    )
    if done.stdout:
        check(name, done.stdout, lines=command == "search")
    else:
        assert done.returncode or "--quiet" in rest


def test_stores_and_state(tmp_path: Path) -> None:
    """The rows of a query, the progress of a tail, and the manifest of a zip."""
    logs = tmp_path / "logs"
    shutil.copytree(SAMPLES / "rotation", logs)
    pytest.importorskip("deltalake")
    assert logscan("ingest", "--quiet", "--store", tmp_path / "store", logs).returncode == 0
    done = logscan("sql", "--store", tmp_path / "store", "--format", "json", "SELECT * FROM handshakes")
    assert check("sql.json", done.stdout)
    done = logscan("gather", "-o", tmp_path / "a.zip", "--note", "x", logs, TLS / "pki/good.p12")
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        check("manifest.json", archive.read("manifest.json"))
        check("diagnose.json", archive.read("diagnosis.json"))
