"""The house: imports point one way, heavy ones wait, and what is public is public."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, environment

import logscan

ORDER = (
    "errors", "models", "remote", "sources", "files", "catalog", "entries", "blocks", "identity", "copies", "family", "follow", "wake", "checkpoint", "finders", "scanner", "timerange", "skipping",
    "workers", "processes", "messages", "lines", "handshakes", "hints", "incidents", "history", "columns", "forms", "rows", "store", "store.manifest", "store.needles", "store.blooms", "store.reading", "store.writing", "store.seams", "store.upkeep", "index", "index.places", "index.postings", "index.packed", "index.catalogue",
    "evidence", "evidence.names", "evidence.packets", "evidence.segments", "evidence.reassembly", "evidence.tls", "evidence.keylog", "evidence.connections", "evidence.capture", "evidence.cutting",
    "evidence.certificates", "evidence.keystores", "evidence.s_client", "evidence.xml", "evidence.configuration", "evidence.management_api", "evidence.bundle", "evidence.trace",
    "evidence.management_live", "evidence.collected", "diagnosis", "diagnosis.keymanager", "diagnosis.facts", "diagnosis.causes", "diagnosis.cases", "diagnosis.join", "diagnosis.needs", "diagnosis.verdict", "diagnosis.redact",
    "pipeline.selection", "pipeline.stored", "pipeline.reading", "pipeline.counting", "pipeline.sharing", "pipeline.cluster", "pipeline.fleet", "pipeline.chains", "pipeline.batch",
    "pipeline.indexing", "pipeline.indexed", "pipeline.search", "pipeline.samples", "pipeline.following", "pipeline.live", "pipeline.export", "pipeline.evidence", "pipeline.diagnosing", "pipeline.gather", "pipeline.asking", "pipeline.ingest", "pipeline", "render", "render.text", "render.data", "render.charts", "render.table", "render.files", "render.siem", "render.workbook", "render.page", "render.sequence", "render.diagnosis",
    "alerts", "alerts.systemd", "alerts.sink", "alerts.execute", "alerts.notify", "alerts.metrics", "alerts.mail", "alerts.board",
    "cli.common", "cli.commands", "cli.search", "cli.keeping", "cli.report", "cli.telling", "cli.dashboard", "cli.tail", "cli.export", "cli.diagnose", "cli.gather", "cli.ingest", "cli.cat", "cli.sql", "cli.index", "cli.config", "cli", "__main__",
)  # fmt: skip
"""Each module imports only those in front of it (``logscan`` itself, the façade, apart)."""


def modules() -> dict[str, Path]:
    package = ROOT / "logscan"
    found = {}
    for path in package.rglob("*.py"):
        name = ".".join(path.relative_to(package).with_suffix("").parts).removesuffix(".__init__")
        if name != "__init__":
            found[name] = path
    return found


def test_every_module_has_its_place() -> None:
    """A new room must be put in order."""
    assert sorted(modules()) == sorted(ORDER)


@pytest.mark.parametrize("name", ORDER)
def test_imports_point_one_way(name: str) -> None:
    """A module imports only what stands to its left."""
    tree = ast.parse(modules()[name].read_text())
    for node in ast.walk(tree):
        targets: list[str] = []
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            targets = [node.module]
            if node.module in ("logscan", "logscan.cli", "logscan.render", "logscan.pipeline"):
                targets = [f"{node.module}.{alias.name}" for alias in node.names]
        for target in targets:
            if not target.startswith("logscan."):
                continue
            module = target.removeprefix("logscan.")
            while module and module not in ORDER:
                module = module.rpartition(".")[0]
            if module:
                assert ORDER.index(module) < ORDER.index(name), f"{name} imports {target}"


def loaded_by(*arguments: str, stdin: bytes = b"") -> set[str]:
    """The modules that a command has imported when it ends."""
    code = (
        "import sys, atexit\n"
        "atexit.register(lambda: print('\\n'.join(sys.modules), file=sys.stderr))\n"
        f"sys.argv = {['logscan', *arguments]!r}\n"
        "from logscan.cli import main\nmain()\n"
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
    code = "import sys, logscan; print('logscan.pipeline' in sys.modules)"
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
