"""The house: imports point one way, heavy ones wait, and what is public is public."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

import logscan
from support.command import ROOT, environment

PACKAGE = ROOT / "logscan"
ROW = re.compile(r"^\| (\w+) \| [^|]* \|([^|]*)\|$", re.MULTILINE)


def rules() -> dict[str, set[str]]:
    """The table of docs/architecture.md: what each folder (and each module beside them) may import."""
    page = (ROOT / "docs" / "architecture.md").read_text()
    rows = {name: set(allowed.replace(",", " ").split()) for name, allowed in ROW.findall(page)}
    return {name: set(rows) if allowed == {"everything"} else allowed for name, allowed in rows.items()}


def modules() -> dict[str, Path]:
    """Every module by its name below ``logscan``."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
        if name not in ("__init__", "__main__"):
            found[name] = path
    return found


def imported_by(path: Path) -> set[str]:
    """The modules of this package that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "logscan":
            found |= {f"logscan.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return {name.removeprefix("logscan.") for name in found if name.startswith("logscan.")}


def test_every_folder_has_its_row() -> None:
    """A new folder is described on the page, and the page describes none that is gone."""
    assert {name.partition(".")[0] for name in modules()} == set(rules())


def test_the_page_names_files_that_exist() -> None:
    """Each path of the page, from the package or from the repository."""
    page = (ROOT / "docs" / "architecture.md").read_text()
    paths = set(re.findall(r"`(_?[\w/*]+/[\w/*]*(?:\.\w+)?)`", page))
    assert len(paths) > 30
    for path in paths:
        assert list(PACKAGE.glob(path)) or list(ROOT.glob(path)), path


def test_no_circle() -> None:
    """Each folder imports only folders whose rows stand above its own."""
    above: set[str] = set()
    for name, allowed in rules().items():
        assert allowed - {name} <= above, name
        above.add(name)


@pytest.mark.parametrize("name", sorted(modules()))
def test_imports_point_one_way(name: str) -> None:
    """A module imports its own folder, and the folders that the page allows it."""
    folder = name.partition(".")[0]
    allowed = rules()[folder] | {folder, "__version__"}
    used = {module.partition(".")[0] for module in imported_by(modules()[name])}
    assert used <= allowed, f"{name} imports {sorted(used - allowed)}: see docs/architecture.md"


def test_no_lost_half_of_a_text() -> None:
    """No string stands alone as a statement, where a formatter would have left the half of a text."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            body = getattr(node, "body", None)
            if not isinstance(body, list):
                continue
            for before, line in pairwise(body):
                if not isinstance(line, ast.Expr) or not isinstance(line.value, ast.JoinedStr | ast.Constant):
                    continue
                if isinstance(line.value, ast.Constant) and not isinstance(line.value.value, str):
                    continue
                named = isinstance(before, ast.Assign | ast.AnnAssign)
                if named and isinstance(node, ast.FunctionDef):
                    targets = before.targets if isinstance(before, ast.Assign) else [before.target]
                    named = any(
                        isinstance(each, ast.Attribute) for target in targets for each in ast.walk(target)
                    )
                assert named, f"{path.relative_to(ROOT)}:{line.lineno}: a string that nobody uses"


def test_modules_stay_small() -> None:
    """No module above 400 lines, so that each keeps one purpose."""
    sizes = {name: path.read_text().count("\n") for name, path in modules().items()}
    assert {name: size for name, size in sizes.items() if size > 400} == {}


def loaded_by(*arguments: str, stdin: bytes = b"") -> set[str]:
    """The modules that a command has imported when it ends."""
    code = (
        "import sys, atexit\n"
        "atexit.register(lambda: print('\\n'.join(sys.modules), file=sys.stderr))\n"
        f"sys.argv = {['logscan', *arguments]!r}\n"
        "from logscan._cli import main\nmain()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=stdin,
        capture_output=True,
        cwd=ROOT,
        env=environment(),
        timeout=60,
    )
    return set(done.stderr.decode().split())


HEAVY = {"numpy", "pandas", "pyarrow", "duckdb", "dateutil"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("search", "--help"),
        ("search", "rrt-1", "sample_logs"),
        ("tail", "--from-start", "-"),
        ("report", "sample_logs"),
        ("report", "--format", "json", "sample_logs"),
    ],
)
def test_nothing_that_needs_no_frame_pays_for_one(arguments: tuple[str, ...]) -> None:
    """pandas and its like are imported only where a frame is made."""
    assert not HEAVY & loaded_by(*arguments)


def test_search_and_tail_start_without_rich() -> None:
    """Into a pipe nothing is laid out."""
    assert "rich" not in loaded_by("search", "rrt-1", "sample_logs")
    line = (ROOT / "sample_logs/no-keystore/system.log").read_bytes()
    assert "rich" not in loaded_by("tail", "--from-start", "-", stdin=line)


def test_all_is_what_is_public() -> None:
    """Every exported name exists, and importing the package costs none of them."""
    for name in logscan.__all__:
        assert getattr(logscan, name) is not None
    assert dir(logscan) == sorted(logscan.__all__)
    with pytest.raises(AttributeError):
        logscan.nothing_like_it  # noqa: B018
    code = "import sys, logscan; print('logscan._jobs' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, cwd=ROOT, env=environment(), timeout=60
    )
    assert done.stdout == b"False\n"


def test_no_unfinished_work() -> None:
    """Nothing is left for later without being said."""
    for path in modules().values():
        text = path.read_text()
        assert "TODO" not in text
        assert "NotImplementedError" not in text


def reachable() -> dict[type, str]:
    """Every class of this package that a public function gives, or a field of such a class holds."""
    found: dict[type, str] = {}

    def follow(kind: Any, origin: str) -> None:
        for part in get_args(kind):
            follow(part, origin)
        if isinstance(kind, type) and kind.__module__.startswith("logscan") and kind not in found:
            found[kind] = origin
            hints = get_type_hints(kind)
            hints |= {
                name: get_type_hints(value.fget).get("return")
                for name, value in vars(kind).items()
                if isinstance(value, property)
            }
            for name, hint in hints.items():
                if not name.startswith("_"):
                    follow(hint, f"{kind.__name__}.{name}")

    frames = {"pa": pytest.importorskip("pyarrow"), "pd": pytest.importorskip("pandas")}
    for name in logscan.__all__:
        value = getattr(logscan, name)
        if isinstance(value, type):
            follow(value, name)
        elif callable(value):
            follow(get_type_hints(value, vars(sys.modules[value.__module__]) | frames)["return"], name)
    return found


def test_what_is_reachable_is_public_and_documented() -> None:
    """A caller can name the type of everything that a result holds."""
    for kind, origin in reachable().items():
        assert getattr(logscan, kind.__name__, None) is kind, f"{origin} gives {kind.__name__}"
        assert kind.__doc__
