"""The units for systemd, as they stand in packaging/systemd: systemd understands them, and so does logscan."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from support.command import ROOT, SAMPLES, logscan

UNITS = ROOT / "packaging" / "systemd"
SERVICES = sorted(UNITS.glob("*.service"))


def command(service: Path) -> list[str]:
    """The words of ExecStart, without the program, for the instance ``edge``."""
    (line,) = re.findall(r"^ExecStart=(.*)", service.read_text(), re.MULTILINE)
    program, *words = shlex.split(line.replace("%i", "edge"))
    assert program == "/opt/logscan/bin/logscan"
    return words


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="no systemd-analyze (apt-get install systemd)"
)
def test_systemd_understands_them(tmp_path: Path) -> None:
    """Nothing is misspelt; the same check says so of a unit with a wrong line."""
    program = tmp_path / "logscan"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    names = []
    for unit in UNITS.glob("logscan-*@.*"):
        names.append(unit.name.replace("@.", "@edge."))
        (tmp_path / unit.name).write_text(unit.read_text().replace("/opt/logscan/bin/logscan", str(program)))

    def complaints() -> str:
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", *sorted(names)],
            env={"SYSTEMD_UNIT_PATH": f"{tmp_path}:", "PATH": "/usr/bin:/bin"}, cwd=tmp_path,
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        lines = (done.stdout + done.stderr).splitlines()
        return "\n".join(line for line in lines if "logscan" in line)

    assert len(names) == 3
    assert complaints() == ""
    wrong = tmp_path / "logscan-tail@.service"
    wrong.write_text(wrong.read_text().replace("ProtectSystem=strict", "ProtectSystems=strict"))
    assert "ProtectSystems" in complaints()


def test_configuration_is_understood(tmp_path: Path) -> None:
    """The example names a log, and each line that is commented out is a key that there is."""
    text = (UNITS / "edge.toml").read_text()
    assert tomllib.loads(text)["paths"] == ["/opt/apigee/var/log/edge-message-processor/logs"]
    whole = re.sub(r"^# (?=[a-z]+ = )", "", text, flags=re.MULTILINE)
    assert set(tomllib.loads(whole)["tail"]) == {"metrics", "output", "notify"}
    config = tmp_path / "edge.toml"
    config.write_text(whole)
    done = logscan("config", "show", LOGSCAN_CONFIG=str(config))
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"api-team@example.com" in done.stdout


def test_report_runs_as_the_unit_says(tmp_path: Path) -> None:
    """Twice: the second night is compared with the first."""
    config = tmp_path / "edge.toml"
    config.write_text(f'paths = ["{SAMPLES}"]\n')
    words = [
        word.replace("/var/lib/logscan/edge", str(tmp_path))
        for word in command(UNITS / "logscan-report@.service")
    ]
    for _ in range(2):
        done = logscan(*words, LOGSCAN_CONFIG=str(config))
        assert done.returncode == 0, done.stderr.decode()
    assert (tmp_path / "history").is_dir()


def test_tail_has_the_options_of_the_unit(tmp_path: Path) -> None:
    """It says how far it is, by the checkpoint of the unit."""
    words = [
        word.replace("/var/lib/logscan/edge", str(tmp_path))
        for word in command(UNITS / "logscan-tail@.service")
    ]
    done = logscan(*words, "--status")
    assert b"Usage" not in done.stderr
    assert str(tmp_path / "tail.state").encode() in done.stdout + done.stderr


@pytest.mark.parametrize("service", SERVICES, ids=[path.stem for path in SERVICES])
def test_it_can_only_write_to_its_own_folder(service: Path) -> None:
    """The file system is read-only for it, and it gets no rights."""
    lines = service.read_text().splitlines()
    assert {"ProtectSystem=strict", "NoNewPrivileges=yes", "CapabilityBoundingSet=", "User=apigee"} <= set(
        lines
    )
    assert [line for line in lines if line.startswith(("ReadWritePaths", "StateDirectory="))] == [
        "StateDirectory=logscan/%i"
    ]
