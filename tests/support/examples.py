"""The examples of the helps, as command lines that run: a directory with their files, and the way to end ``tail``."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

from logscan._cli._examples import EXAMPLES
from support.command import DATA, SAMPLES, logscan

LINES = [*dict.fromkeys(line for examples in EXAMPLES.values() for _, line in examples)]


def fill(folder: Path) -> Path:
    """Put the files of the examples into a directory."""
    shutil.copytree(SAMPLES / "rotation", folder / "logs")
    shutil.copytree(SAMPLES / "java17", folder / "evidence")
    shutil.copyfile(DATA / "tls/pki/good.p12", folder / "client.p12")
    shutil.copyfile(DATA / "tls/node/ca_samename_v1.3.pcap", folder / "capture.pcap")
    (folder / "ids.txt").write_text("router01.example.com-4321-5562-1\n")
    assert logscan("ingest", "--quiet", "--store", "store", "logs", cwd=folder).returncode == 0
    return folder


def own_paths(line: str) -> dict[str, str]:
    """Variables with the logs that stand for the log of this machine."""
    command = line.split()[1]
    return {f"LOGSCAN_{name}_PATHS": "logs/" for name in ("REPORT", "TAIL") if command == name.lower()}


def run_line(
    line: str, folder: Path, env: dict[str, str], stdin: bytes | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run a command line from the start of Python; ``tail`` of files is ended as soon as it follows them."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as service:
        service.bind(f"\0logscan-{os.getpid()}-{abs(hash((line, str(folder))))}")
        service.settimeout(0.05)
        env = env | {"NOTIFY_SOCKET": "@" + service.getsockname()[1:].decode()}
        process = subprocess.Popen(
            [sys.executable, "-m", *shlex.split(line)], cwd=folder, env=env,
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        if line.startswith("logscan tail") and stdin is None:
            while process.poll() is None:
                try:
                    assert service.recv(100) == b"READY=1"
                except TimeoutError:
                    continue
                process.send_signal(signal.SIGTERM)
                break
        output, errors = process.communicate(stdin, timeout=60)
    return subprocess.CompletedProcess(line, process.returncode, output, errors)
