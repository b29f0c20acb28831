"""Every command where only the core is installed: it works, or one line says what to install."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import logscan
from logscan import errors
from logscan._cli._commands import COMMANDS
from support import core_alone, examples
from support.command import DATA, ROOT, SAMPLES, environment
from support.profiles import sampled

WHOLE = ("report", "search", "tail", "diagnose", "gather", "index", "alerts", "causes", "config")
"""Commands that do their main job with the core alone."""
EXTRAS = {
    "report --format xlsx -o x.xlsx logs/": "excel",
    "report --format parquet -o x.parquet logs/": "archive",
    "report --cluster tcp://127.0.0.1:1 logs/": "cluster",
    "report s3://bucket/system.log": "remote",
    "report --store store/": "archive",
    "search --store store/ router01.example.com-4321-5562-1": "archive",
    "export -o x.csv logs/": "archive",
    "ingest --store new/ logs/": "archive",
    "cat --store store/ --list": "archive",
    "store check store/": "archive",
    "sql --store store/ 'SELECT 1'": "archive",
    "tail --notify json://127.0.0.1:1 logs/": "live",
    "tail --metrics 127.0.0.1:0 logs/": "live",
    "diagnose client.p12": "diagnose",
    "diagnose --simulate --accept CN=x client.p12": "diagnose",
    "diagnose --mgmt https://127.0.0.1:1/v1 logs/": "diagnose",
    "gather --review logs/ capture.pcap": "diagnose",
}
"""What needs an extra → its name."""

BROUGHT_BY = {
    "prometheus_client": "prometheus-client", "s3fs": "s3", "aiohttp": "http",
    "dask": "distributed", "numpy": "pandas",
}  # fmt: skip
"""Packages that have another name in pyproject.toml, or come with another."""


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the files of the examples."""
    return examples.fill(tmp_path_factory.mktemp("core"))


def one_line(errors: bytes) -> str | None:
    """The extra that the one line of standard error names; ``None``: it is something else."""
    found = re.fullmatch(
        r"logscan: .* needs the package \w+, which is not installed; add it:"
        r" \S*python\S* -m pip install '?apigee-logscan(?:\[(\w+)\])?'?\n",
        errors.decode(),
    )
    return found and (found[1] or "")


@pytest.mark.parametrize("frames", [pytest.param(True, marks=pytest.mark.thorough), False])
@pytest.mark.parametrize("line", sampled(examples.LINES, 2))
def test_examples(line: str, frames: bool, workplace: Path, tmp_path: Path) -> None:
    """The examples of each command run, or end with one line and 2; no traceback."""
    if re.search(r"ssh://| @", line):
        pytest.skip("needs other hosts")
    here = tmp_path / "here"
    shutil.copytree(workplace, here)
    env = core_alone.alone(tmp_path / "core", with_frames=frames, **examples.own_paths(line))
    done = examples.run_line(line, here, env | {"LOGSCAN_KEYSTORE_PASSWORD": "changeit"})
    assert b"Traceback" not in done.stderr
    if done.returncode == 2:
        assert one_line(done.stderr), done.stderr.decode()
        assert not done.stdout
        return
    assert done.returncode in ((0, 1) if "--fail-on" in line else (0,)), done.stderr.decode()
    assert b"fault of logscan" not in done.stderr


@pytest.mark.parametrize("line", EXTRAS)
def test_what_needs_an_extra_says_so(line: str, workplace: Path, tmp_path: Path) -> None:
    """In one line, before anything is printed or written."""
    here = tmp_path / "here"
    shutil.copytree(workplace, here)
    before = sorted(here.rglob("*"))
    done = examples.run_line(f"logscan {line}", here, core_alone.alone(tmp_path / "core", with_frames=False))
    assert (done.returncode, done.stdout) == (2, b"")
    extra = one_line(done.stderr)
    # Without pandas, Parquet names it first: the command without an extra adds it.
    assert extra == ("" if "--format parquet" in line else EXTRAS[line]), done.stderr.decode()
    assert [path for path in sorted(here.rglob("*")) if path not in before] == []


def test_every_command_is_tried() -> None:
    """By an example; and what does its main job with the core alone has one that needs no extra."""
    tried = {line.split()[1] for line in examples.LINES} | {line.split()[0] for line in EXTRAS}
    assert set(COMMANDS) <= tried
    assert set(WHOLE) <= set(COMMANDS)


@pytest.mark.parametrize("command", WHOLE)
def test_the_main_job(command: str, tmp_path: Path) -> None:
    """It gives what it gives where everything is installed."""
    log = str(SAMPLES / "no-keystore/system.log")
    line = {
        "report": f"report --format html {log}", "search": f"search --prefix router01 {log}",
        "tail": "tail --from-start -", "diagnose": f"diagnose --tz UTC {log}",
        "gather": f"gather --review {log}", "index": f"index --list {log}",
        "config": "config show report",
    }.get(command, command)  # fmt: skip
    here = tmp_path / "here"
    here.mkdir()
    stdin = Path(log).read_bytes() if command == "tail" else None
    core = core_alone.alone(tmp_path / "core", with_frames=False)
    alone = examples.run_line(f"logscan {line}", here, core, stdin)
    whole = examples.run_line(f"logscan {line}", here, environment(), stdin)
    assert (alone.returncode, alone.stderr) == (0, whole.stderr)
    if command != "report":  # its page has the time at which it was made
        assert alone.stdout == whole.stdout
    assert len(alone.stdout) > 50


def test_the_dashboard(tmp_path: Path) -> None:
    """It needs a terminal, which is there."""
    code = (
        "from logscan._cli.tail import _draw\nfrom logscan._cli._errors import status_of\n"
        "try: _draw(None, [], None)\nexcept Exception as error: raise SystemExit(status_of(error))"
    )
    env = core_alone.alone(tmp_path / "core")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=env, timeout=60)
    assert (done.returncode, one_line(done.stderr)) == (2, "live")


def test_the_library(tmp_path: Path) -> None:
    """Frames come without an extra; what needs one raises an error that the package exports."""
    code = (
        "import logscan\n"
        f"assert len(logscan.read_incidents({str(SAMPLES)!r})) > 5\n"
        f"assert len(logscan.read_failures({str(SAMPLES)!r})) > 5\n"
        f"assert sum(1 for _ in logscan.entries({str(SAMPLES)!r})) > 20\n"
        "try: logscan.read_entries('x')\n"
        "except logscan.MissingPackageError as error: print(error)\n"
        "try: logscan.ingest('x', store='y')\n"
        "except logscan.MissingPackageError: pass\n"
    )
    env = core_alone.alone(tmp_path / "core")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=env, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert one_line(b"logscan: " + done.stdout) == "archive"


def test_the_index_without_seek_points(tmp_path: Path) -> None:
    """A packed log is indexed, and unpacked up to an entry."""
    shutil.copytree(SAMPLES / "rotation", tmp_path / "logs")
    env = core_alone.alone(tmp_path / "core", with_frames=False)
    made = examples.run_line("logscan index logs/", tmp_path, env)
    assert made.returncode == 0, made.stderr.decode()
    found = examples.run_line("logscan search --prefix router01 logs/", tmp_path, env)
    assert (found.returncode, found.stderr) == (0, b"")
    without = examples.run_line("logscan search --prefix router01 .", SAMPLES / "rotation", environment())
    assert found.stdout.count(b"\n") == without.stdout.count(b"\n") > 0


def test_packages_and_extras_agree() -> None:
    """The table of errors.py names the extra that brings each package; each extra has one."""
    extras = core_alone.project()["optional-dependencies"]
    assert isinstance(extras, dict)
    for package, extra in errors.EXTRA_OF.items():
        asked = " ".join(extras[extra] if extra else core_alone.requirements())
        assert re.search(rf"\b{BROUGHT_BY.get(package, package)}\b", asked), package
    made = {"all", "test", "dev", "docs"}
    assert set(extras) - made == set(filter(None, errors.EXTRA_OF.values()))
    assert core_alone.project()["version"] == logscan.__version__  # nothing else asks which is installed
    (everything,) = extras["all"]
    assert set(re.findall(r"\w+", everything.partition("[")[2])) == set(extras) - made


@pytest.mark.thorough
def test_a_real_environment(tmp_path: Path) -> None:
    """A new one, with what ``pip install .`` brings; and the command of a message adds the extra to it."""
    copy = tmp_path / "copy"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(copy)], check=True, timeout=60)
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True, timeout=120)
    python = tmp_path / "venv/bin/python"
    env = environment()
    del env["PYTHONPATH"]
    done = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", str(copy)], capture_output=True, env=env, timeout=280
    )
    if done.returncode:
        pytest.skip(f"pip cannot install here: {done.stderr.decode()[-200:]}")

    def run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [tmp_path / "venv/bin/logscan", *arguments],
            cwd=tmp_path,
            capture_output=True,
            env=env,
            timeout=120,
        )

    assert b"client-certificate: 15 failed handshakes in 8 incidents" in run("report", str(SAMPLES)).stdout
    keystore = str(DATA / "tls/pki/good.p12")
    done = run("diagnose", keystore)
    assert (done.returncode, one_line(done.stderr)) == (2, "diagnose")
    command = done.stderr.decode().strip().partition("add it: ")[2]
    subprocess.run(f"{command} --quiet", shell=True, check=True, env=env, cwd=tmp_path, timeout=280)
    env["LOGSCAN_KEYSTORE_PASSWORD"] = "changeit"
    done = run("diagnose", keystore)
    assert done.returncode == 0, done.stderr.decode()
