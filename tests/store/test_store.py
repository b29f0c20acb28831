"""The store: what comes out is what went in, and answers are those of the files, however they were ingested."""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logscan import read_incidents
from logscan._cli import search as search_command
from logscan._jobs import ingest as ingesting
from logscan._jobs.ingest import Ingested, ingest
from logscan._jobs.report import report
from logscan._jobs.search import find
from logscan._store import ingest_task, parquet_files, upkeep
from logscan._store.contents import Contents
from logscan._store.layout_bits import row_bytes
from logscan._store.open_store import Store
from logscan._store.records import ENTRIES, FAILURES
from logscan._store.roundtrip import to_bytes
from logscan.values import Counters, FailedHandshake
from support.command import ROOT, SAMPLES, environment, logscan
from support.growing import FIRST, grown
from support.killing import COMMAND, calls, run
from support.logs import entries, logs
from support.mixed_layouts import layouts_in, mixed
from support.profiles import fewer


def put(folder: Path, *paths: Path, **options: object) -> Ingested:
    done = ingest(paths, store=folder / "store", workers=1, **options)  # type: ignore[arg-type]
    assert done.problems == []
    return done


def nameless(failure: FailedHandshake) -> FailedHandshake:
    """Without the file's name: a store keeps the one that it had then."""
    return failure._replace(place=failure.place._replace(path=""))


def same_answers(logs_folder: Path, folder: Path, ids: list[str]) -> None:
    """Reports and searches of the files and of the store."""
    store = str(folder / "store")
    files, stored = (report(where, alert="all", each=True, workers=1) for where in (str(logs_folder), store))
    assert stored.incidents == files.incidents
    assert [nameless(one) for one in stored.failures] == [nameless(one) for one in files.failures]
    assert (stored.other_alerts, stored.elsewhere) == (files.other_alerts, files.elsewhere)
    assert stored.counters.bytes == files.counters.bytes
    for name in ids:
        found, kept = (
            [
                (one.span.data.rstrip(b"\n"), one.span.place.offset)
                for one in find([name], [where], Counters())
            ]
            for where in (str(logs_folder), store)
        )
        assert kept == found, name
        for more in ({"before": 1, "after": 1}, {"prefix": True}, {"mentions": True}, {"lines": True}):
            whole, again = (
                [
                    (one.span.data.rstrip(b"\n"), one.span.place.offset, one.span.line, one.matches)
                    for one in find([name], [where], Counters(), **more)
                ]
                for where in (str(logs_folder), store)
            )
            assert again == whole, (name, more)


@fewer(5)
@given(
    data=st.one_of(logs(), entries()),
    layouts=st.one_of(st.none(), st.integers(0, 1 << 30)),
    seed=st.integers(0, 1 << 20),
    block=st.sampled_from([1 << 9, 1 << 12, 1 << 20]),
    longest=st.sampled_from([1 << 11, 8 << 20]),
)
def test_what_comes_out_is_what_went_in(
    tmp_path_factory: pytest.TempPathFactory,
    data: bytes,
    layouts: int | None,
    seed: int,
    block: int,
    longest: int,
) -> None:
    """A log that grows, is rotated and packed, and is ingested now and then, in every layout: text and answers
    stay the same."""
    folder = tmp_path_factory.mktemp("store")
    logs_folder = folder / "logs"
    logs_folder.mkdir()
    rnd = random.Random(seed)
    data = FIRST + data
    if layouts is not None:
        data = mixed(data, random.Random(layouts))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ingest_task, "CHUNK_BYTES", block)
        patch.setattr(ingest_task, "LONGEST_ROW", longest)
        patch.setattr(parquet_files, "ROW_GROUP", rnd.choice([3, 50, 32_768]))
        patch.setattr(ingesting, "TASK_BYTES", rnd.choice([1 << 11, 1 << 20]))
        patch.setattr(upkeep, "MANY_FILES", rnd.choice([2, 16]))
        for _ in grown(data, logs_folder, rnd):
            put(folder, logs_folder)
        again = put(folder, logs_folder)
        assert (again.new, again.grown, again.rows) == (0, 0, 0)
    held = Store(str(folder / "store"))
    assert b"".join(b"".join(held.text(source.id)) for source in held.ordered) == data
    for batch in held.rows(held.contents.of_kind(ENTRIES)):
        assert [row_bytes(row) for row in batch.to_pylist()] == to_bytes(batch).to_pylist()
    ids = [f"m-{n}" for n in range(4)] + ["m", "mm-1", "mm-2"]
    judged = {source.layout for source in held.ordered} == layouts_in(logs_folder)
    if longest > len(data) and (judged or layouts is None):
        same_answers(logs_folder, folder, ids)


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample logs in a store."""
    folder = tmp_path_factory.mktemp("ingested")
    done = logscan("ingest", ROOT / "sample_logs", "--store", "store", cwd=folder)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr.startswith(b"11 new files, 0 grown, 0 known")
    return folder / "store"


@pytest.fixture
def store(ingested: Path, tmp_path: Path) -> Path:
    """A copy of that store, to do with as a test likes."""
    return Path(shutil.copytree(ingested, tmp_path / "store"))


def _alike(printed: bytes) -> bytes:
    """What is printed, without what a look into the files adds to the first lines."""
    if printed.startswith(b"{\n"):
        whole = json.loads(printed)
        for name in ("overview", "files", "not_recognized"):
            whole.pop(name, None)
        for verdict in whole.get("verdicts", ()):
            del verdict["path"]  # it names the files again
        return json.dumps(whole).encode()
    lines = printed.splitlines()
    begin = next((at for at, line in enumerate(lines) if line.startswith(b"when  ")), None)
    if begin is None:
        return printed
    end = lines.index(b"", begin)
    return b"\n".join([*lines[:begin], *lines[end:]])


def test_commands(store: Path) -> None:
    """Each command that reads logs says of the store what it says of the files."""
    folder = store.parent
    for args in (
        ("report",), ("report", "--alert", "all", "--each", "--format", "jsonl"),
        ("report", "--since", "2026-11-24", "--format", "csv"), ("report", "--family", "not-tls", "--format", "json"),
        ("report", "--alert", "all", "--by", "host,hour", "--format", "csv"),
        ("search", "router01.example.com-4321-5562-1"), ("search", "-c", "-h", "router02.example.com-777-31-1"),
        ("search", "--prefix", "--only-ids", "router02"), ("search", "nobody"),
        ("search", "-C", "1", "-n", "router01.example.com-4321-5562-1"), ("diagnose", "--format", "json"),
    ):  # fmt: skip
        files = logscan(*args, ROOT / "sample_logs", cwd=folder)
        stored = logscan(*args, "--store", store, cwd=folder)
        assert _alike(stored.stdout) == _alike(files.stdout), args
        assert stored.returncode == files.returncode, (args, stored.stderr)
    done = logscan("cat", "--store", store, "*/no-keystore/*", cwd=folder)
    assert done.stdout == (ROOT / "sample_logs/no-keystore/system.log").read_bytes()
    assert logscan("cat", "--store", store, "nothing", cwd=folder).returncode == 1


def test_a_search_imports_neither_pandas_nor_duckdb(store: Path) -> None:
    """It must start like grep."""
    code = (
        "import sys, atexit; sys.argv = ['logscan', 'search', '-c', '-h', '--store', sys.argv[1],"
        " 'router01.example.com-4321-5562-1']\n"
        "atexit.register(lambda: print(*(sys.modules.get(name) for name in ('pandas', 'duckdb'))))\n"
        "from logscan._cli import main\nmain()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, store], capture_output=True, env=environment(), timeout=60
    )
    assert done.stdout.split() == [b"3", b"None", b"None"], done.stderr


def test_the_library_takes_a_store(store: Path) -> None:
    """In place of paths."""
    frame = read_incidents(str(store))
    assert frame["failed_handshakes"].sum() == 20
    assert frame.equals(read_incidents(str(ROOT / "sample_logs")))


def test_sql(store: Path) -> None:
    """DuckDB over the views, and nothing but reading."""

    def asked(query: str, *args: str) -> tuple[int, str, str]:
        done = logscan("sql", "--store", store, query, *args, cwd=store.parent)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    assert (
        asked("select count(*) n from entries where message_id is not null", "--format", "csv")[1]
        == "n\r\n61\r\n"
    )
    code, text, _ = asked("select alert, count(*) n from handshakes group by 1 order by 2 desc limit 1")
    assert (code, "bad_certificate   11" in text) == (0, True)
    assert "payments-v1" in asked("select proxy from incidents", "--format", "jsonl")[1]
    assert (
        '"d": "2026-11-23"'
        in asked("select min(date) d from entries where env = 'prod'", "--format", "json")[1]
    )
    for query, message in (
        ("copy (select 1) to 'x.csv'", "only a SELECT"),
        ("select 1; select 2", "only a SELECT"),
        ("select * from read_csv('/etc/passwd')", "disabled by configuration"),
        ("select * from nowhere", "views: entries, handshakes, incidents"),
        ("selec", "the query failed"),
    ):
        code, text, error = asked(query)
        assert (code, text) == (2, "")
        assert message in error
    assert not (store.parent / "x.csv").exists()
    code, text, error = asked("select * from entries", "--limit", "2", "--format", "jsonl")
    assert (len(text.splitlines()), "only the first 2 rows" in error) == (2, True)


def test_other_readers(store: Path) -> None:
    """pandas and DuckDB read it without logscan: directories as columns, bloom filters used."""
    frame = pd.read_parquet(store / "kind=entries")
    assert {"date", "host", "message_id"} <= set(frame.columns)
    files = str(store / "kind=entries/*/*/*.parquet")
    duckdb = pytest.importorskip("duckdb")
    ((count,),) = duckdb.sql(
        f"select count(*) from read_parquet('{files}', hive_partitioning = true) where date = '2026-11-23'"
    ).fetchall()
    assert count == (frame["date"].astype(str) == "2026-11-23").sum() > 20
    one = next(iter((store / "kind=entries").rglob("*.parquet")))
    probe = duckdb.sql(f"select * from parquet_bloom_probe('{one}', 'message_id', 'nobody')").fetchall()
    assert [row[-1] for row in probe] == [True]  # excluded


@pytest.mark.thorough
def test_generated_logs_through_processes(tmp_path: Path) -> None:
    """Several files, ranges and processes: the answers are those of the files, of which the truth is known."""
    script = ROOT / "benchmarks/generate.py"
    folder = tmp_path / "logs"
    folder.mkdir()
    subprocess.run(
        [sys.executable, script, "--size", "16M", "--failing", "0.03", "--milliseconds", "40", "--start", "2026-11-23T23:50:00", folder / "system.log"],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    (folder / "system.log.truth.jsonl").rename(tmp_path / "truth")
    whole = (folder / "system.log").read_bytes()
    third = len(whole) // 3 + 7
    (folder / "system.log.2.gz").write_bytes(gzip.compress(whole[:third]))
    (folder / "system.log.1").write_bytes(whole[third : 2 * third])
    (folder / "system.log").write_bytes(whole[2 * third :])
    code = (
        "import sys, logscan._jobs.ingest as i, logscan._distribute.processes as p; i.TASK_BYTES = 3 << 20; p.PROCESSES_FROM = 1\n"
        "if __name__ == '__main__': print(i.ingest(sys.argv[1], store=sys.argv[2], workers=2).rows)"
    )
    (tmp_path / "run.py").write_text(code)
    done = subprocess.run(
        [sys.executable, tmp_path / "run.py", folder, tmp_path / "store"],
        capture_output=True, env=environment(), timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    assert len(Contents(str(tmp_path / "store")).log.files) > 6
    held = Store(str(tmp_path / "store"))
    assert b"".join(b"".join(held.text(source.id)) for source in held.ordered) == whole
    ids = [json.loads(line)["message_id"] for line in (tmp_path / "truth").read_text().splitlines()][::300]
    same_answers(folder, tmp_path, ids)
    dates = {file.date for file in held.contents.log.files if file.kind == ENTRIES}
    assert {"2026-11-23", "2026-11-24"} <= dates


@pytest.mark.thorough
def test_killed_at_any_time(tmp_path: Path) -> None:
    """The store holds whole files, and the next ingest brings the rest, once."""
    folder = tmp_path / "logs"
    folder.mkdir()
    for number in range(12):
        text = "".join(
            f"2026-11-{number + 1:02} 00:00:{second % 60:02},{second % 1000:03} org:o env:e api:p rev:1"
            f" messageid:m-{number}-{second} main INFO A - B.c() : text {second}\n"
            for second in range(3000)
        )
        (folder / f"system-2026-11-{number + 1:02}.log").write_text(text)
    rnd = random.Random(7)
    command = ("ingest", "logs", "--store", "store", "--workers", "1")
    whole = calls(COMMAND, *command, cwd=tmp_path)
    shutil.rmtree(tmp_path / "store")
    kills = 0
    for _ in range(10):
        status, _ = run(rnd.randrange(whole // 20, whole // 3), COMMAND, *command, cwd=tmp_path)
        kills += status == -signal.SIGKILL
        if (tmp_path / "store/_delta_log/00000000000000000000.json").exists():
            held = Store(str(tmp_path / "store"))
            for source in held.ordered:
                assert b"".join(held.text(source.id)) == Path(tmp_path, source.path).read_bytes()
        if status == 0:
            shutil.rmtree(tmp_path / "store")  # all is there: from the beginning
    assert kills >= 5
    status, error = run(0, COMMAND, *command, cwd=tmp_path)
    assert status == 0, error
    entries_of = Contents(str(tmp_path / "store")).of_kind(ENTRIES)
    assert sum(file.rows for file in entries_of) == 36_000
    assert len(pd.concat(pd.read_parquet(tmp_path / "store" / file.name) for file in entries_of)) == 36_000
    assert not (tmp_path / "store/.incoming").exists()


def test_days_are_dropped_and_not_read_again(tmp_path: Path) -> None:
    """--keep; what was dropped stays known."""
    logs_folder = tmp_path / "logs"
    logs_folder.mkdir()
    for day in (1, 20, 25):
        line = f"2026-11-{day:02} 10:00:00,000 org:o env:e api:p rev:1 messageid:m-{day} main INFO A - B.c() : x\n"
        (logs_folder / f"system-2026-11-{day:02}.log").write_text(line * 4)
    put(tmp_path, logs_folder)
    done = put(tmp_path, logs_folder, keep=10, today=date(2026, 11, 25))
    assert (done.known, done.rows, done.dropped) == (3, 0, 1)
    held = Store(str(tmp_path / "store"))
    assert {file.date for file in held.contents.log.files if file.kind == ENTRIES} == {
        "2026-11-20",
        "2026-11-25",
    }
    assert held.find(["m-1"], Counters()) == []
    assert len(held.find(["m-20"], Counters())) == 4
    printed = logscan("cat", "--store", "store", cwd=tmp_path)
    assert (printed.returncode, b"the store has 0 of its 344 bytes" in printed.stderr) == (2, True)


def test_small_files_are_merged(tmp_path: Path) -> None:
    """A log that is ingested often does not end in many files; nothing changes by it."""
    log = tmp_path / "system.log"
    line = "2026-11-25 10:00:00,{:03} org:o env:e api:p rev:1 messageid:m-{} main ERROR A - handshakeFailed() : bad_certificate\n"
    merged = 0
    for number in range(40):
        with log.open("a") as file:
            file.write(line.format(number, number))
        merged += put(tmp_path, log).merged
    assert merged >= 32
    held = Store(str(tmp_path / "store"))
    assert len(held.contents.of_kind(ENTRIES)) < 20
    assert b"".join(held.text(held.ordered[0].id)) == log.read_bytes()
    assert [len(held.find([f"m-{number}"], Counters())) for number in range(40)] == [1] * 40


def test_newer_needles(tmp_path: Path) -> None:
    """A logscan that knows more failures picks them again out of the entries."""
    log = tmp_path / "system.log"
    text = (ROOT / "sample_logs/no-keystore/system.log").read_text()
    log.write_text(text)
    put(tmp_path, log)
    contents = Contents(str(tmp_path / "store"))
    contents.log.needles = 1
    contents.commit("older", (), contents.of_kind(FAILURES), work=str(tmp_path / "work"))
    assert report([str(tmp_path / "store")]).incidents == []
    put(tmp_path, log)
    assert sum(one.failed_handshakes for one in report([str(tmp_path / "store")]).incidents) == 2


@pytest.mark.parametrize(
    "fault", ["version", "damaged", "missing", "cut", "full", "no store", "other files", "stdin"]
)
def test_faults(fault: str, store: Path) -> None:
    """Said with what to do; the store stays readable."""
    folder = store.parent
    commit = store / "_delta_log/00000000000000000000.json"
    one = next(path for path in (store / "kind=entries").rglob("*.parquet") if "no-keystore" in str(path))
    if fault == "version":
        commit.write_text(commit.read_text().replace("store, format 3", "store, format 4"))
        expected = {"report": b"a store of format 4", "ingest": b"a store of format 4"}
    elif fault == "damaged":
        commit.write_bytes(commit.read_bytes()[:500])
        expected = {"report": b"its log (_delta_log) cannot be read", "cat": b"cannot be read"}
    elif fault in ("missing", "cut"):
        if fault == "missing":
            one.unlink()
        else:
            one.write_bytes(one.read_bytes()[:-50])
        expected = {
            "search": b"logscan store check",
            "cat": b"cannot be read",
            "store": b"no-keystore/system.log bytes 0 to",
        }
    elif fault == "full":
        more = folder / "more.log"
        more.write_text(
            "".join(
                f"2026-11-25 10:00:00,000 main INFO A - text {os.urandom(32).hex()}\n" for _ in range(9000)
            )
        )
        done = subprocess.run(
            ["sh", "-c", 'ulimit -f 100; trap "" XFSZ; exec "$@"', "sh", sys.executable, "-m", "logscan", "ingest", more,
             "--store", store], capture_output=True, env=environment(), timeout=60,
        )  # fmt: skip
        assert (done.returncode, b"cannot be written" in done.stderr) == (2, True), done.stderr
        assert logscan("cat", "--store", store, "-l", cwd=folder).stdout.count(b"\n") == 11
        assert not list(store.glob(".incoming/**/*.parquet"))
        expected = {}
    elif fault == "no store":
        store = folder
        expected = {
            "report": b"no store is there",
            "search": b"no store is there",
            "cat": b"no store",
            "sql": b"no store",
        }
    elif fault == "other files":
        store = folder / "other"
        store.mkdir()
        (store / "mine.txt").write_text("x")
        expected = {"ingest": b"holds other files"}
    else:
        done = logscan("ingest", "-", "--store", store, cwd=folder)
        assert (done.returncode, b"knows logs by their files" in done.stderr) == (2, True)
        expected = {}
    for command, message in expected.items():
        words: dict[str, list[object]] = {
            "search": ["router01.example.com-4321-1001-1"], "ingest": [ROOT / "sample_logs"],
            "sql": ["select * from entries"], "store": ["check"],
        }  # fmt: skip
        given = [store] if command == "store" else ["--store", store]
        done = logscan(command, *words.get(command, ()), *given, cwd=folder)
        assert (done.returncode, message in done.stderr) == (2, True), (command, done.stderr)
    if fault in ("missing", "cut"):
        done = logscan("store", "repair", store, cwd=folder)
        assert done.returncode == 0, done.stderr
        assert b"1 damaged file replaced" in done.stderr
        assert b"15 failed handshakes" in logscan("report", "--store", store, cwd=folder).stdout


def test_a_file_of_the_store_that_lost_its_end(store: Path) -> None:
    """A look-up by filters alone would find nothing in it: the problem is reported instead."""
    for file in Contents(str(store)).of_kind(ENTRIES):  # those whose ids lie elsewhere are not even opened
        path = store / file.name
        path.write_bytes(path.read_bytes()[:100])
    done = logscan("search", "--store", store, "router01.example.com-4321-5562-1", cwd=store.parent)
    assert (done.returncode, b"it is shorter than it was" in done.stderr) == (2, True), done.stderr


def test_a_store_of_version_1(tmp_path: Path) -> None:
    """It is taken in, its files as they are; what is added later stands beside them, and is merged with them."""
    folder = Path(shutil.copytree(ROOT / "tests/data/store_v1", tmp_path / "old"))
    log = folder / "system.log"
    refused = logscan("cat", "--store", "store", cwd=folder)
    assert (refused.returncode, b"logscan store repair" in refused.stderr) == (2, True), refused.stderr
    before = {path.stat().st_ino for path in (folder / "store").rglob("*.parquet")}
    taken = logscan("store", "repair", "store", cwd=folder)
    assert taken.returncode == 0, taken.stderr
    assert before <= {path.stat().st_ino for path in (folder / "store").rglob("kind=*/**/*.parquet")}
    assert (folder / "store/_logscan-store-0.1.0.json").exists()
    assert not (folder / "store/entries").exists()
    assert logscan("cat", "--store", "store", cwd=folder).stdout == log.read_bytes()
    kept = logscan("report", "--store", "store", "--alert", "all", "--format", "jsonl", "--each", cwd=folder)
    assert kept.returncode == 0, kept.stderr
    assert kept.stdout.count(b"bad_certificate") > 0
    found = [span.data for span in Store(str(folder / "store")).find(["m-2"], Counters())]
    assert [data[:23] for data in found] == [b"2026-11-23 00:00:02,%03d" % n for n in (9, 10, 11)]
    assert found[0] in log.read_bytes()
    with log.open("ab") as file:
        file.write(b"\n")
    for number in range(20):
        with log.open("ab") as file:
            file.write(
                b"2026-11-24 00:00:04,%03d org:o env:e api:p rev:1 messageid:n-%d main INFO  L - x\n"
                % (number, number)
            )
        assert ingest([str(log)], store=folder / "store", host="mp01", workers=1).problems == []
    held = Store(str(folder / "store"))
    assert len(held.ordered) == 1
    assert b"".join(held.text(held.ordered[0].id)) == log.read_bytes()
    assert len(held.contents.of_kind(ENTRIES)) < 20
    assert [len(held.find([name], Counters())) for name in ("m-1", "m-3", "n-0", "n-19")] == [1, 1, 1, 1]
    asked = logscan(
        "sql",
        "--store",
        "store",
        "select count(*) n, count(shape) s from entries",
        "--format",
        "csv",
        cwd=folder,
    )
    assert asked.stdout.split() == [b"n,s", b"28,20"], asked.stderr


def test_a_report_reads_one_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run opens a store once: what others commit meanwhile is not half in its answer."""
    put(tmp_path, SAMPLES / "no-keystore")
    opened: list[str] = []
    usual = Store.__init__

    def counting(self: Store, folder: str, contents: Contents | None = None) -> None:
        opened.append(folder)
        usual(self, folder, contents)

    monkeypatch.setattr(Store, "__init__", counting)
    assert list(report(str(tmp_path / "store"), alert="all", workers=1).incidents)
    assert opened == [str(tmp_path / "store")]
    opened.clear()
    assert not list(find(["absent"], [str(tmp_path / "store")], Counters()))
    assert len(opened) == 1
    paths: list[str] = [str(tmp_path / "store")]
    search_command._several(paths)
    assert not list(find(["absent"], paths, Counters()))
    assert len(opened) == 2  # to learn whether there are several files, and to search
