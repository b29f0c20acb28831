"""Captures beside tshark: every request, name, empty Certificate and alert, with its packet and side."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from logscan._evidence.capture.connection import Connection
from logscan._evidence.capture.keylog import KeyLog
from logscan._evidence.capture.read_capture import CaptureCounters, read_capture
from support.command import ROOT
from support.oracles import TSHARK, needs
from support.profiles import sampled

TLS = ROOT / "tests/data/tls"
pytestmark = needs(TSHARK)
TRUTH = json.loads((TLS / "truth.json").read_text())
KEYLOGS = {
    row["pcap"]: f"openssl/sslkeylog_{row['server_ca']}.txt"
    for row in TRUTH
    if row["server"] == "openssl" and row["tls"] == "1.3"
}
CAPTURES = sorted(
    str(path.relative_to(TLS))
    for path in TLS.glob("*/*.pcap*")
    if "v1.3" not in path.name or str(path.relative_to(TLS)) in KEYLOGS
)
FIELDS = (
    "frame.number", "tcp.srcport", "tls.handshake.type", "tls.handshake.certificates_length",
    "tls.alert_message.level", "tls.alert_message.desc", "tls.handshake.dname_len",
)  # fmt: skip


def ours(path: Path, keys: KeyLog) -> list[Connection]:
    """The connections of a capture, whatever is wrong with it."""
    return list(read_capture(str(path), keys, CaptureCounters(), lambda _: None))


@pytest.mark.parametrize("name", sampled(CAPTURES, 8))
def test_agreement(name: str) -> None:
    """One capture, field by field."""
    command: list[str | Path] = [
        TSHARK.path,
        "-r",
        TLS / name,
        "-T",
        "fields",
        *[part for field in FIELDS for part in ("-e", field)],
    ]
    keys = KeyLog()
    if name in KEYLOGS:
        keys.add((TLS / KEYLOGS[name]).read_bytes())
        command += ["-o", f"tls.keylog_file:{TLS / KEYLOGS[name]}"]
    done = subprocess.run([*command, "-Y", "tls"], capture_output=True, timeout=60)
    requests, names, empty, alerts = [], [], [], []
    for line in done.stdout.decode().splitlines():
        number, port, types, lengths, levels, descriptions, name_lengths = line.split("\t")
        kinds = types.split(",")
        if "13" in kinds:
            requests.append(int(number))
            names.append(len([part for part in name_lengths.split(",") if part]))
        if "0" in lengths.split(","):
            empty.append(int(number))
        for level, description in zip(levels.split(","), descriptions.split(","), strict=True):
            if level and level != "255":  # what stays encrypted
                alerts.append((int(number), int(port), int(level), int(description)))
    found = ours(TLS / name, keys)
    assert [c.request.packet for c in found if c.request] == requests
    assert [len(c.request.authorities) for c in found if c.request] == names
    assert [c.client_certificate_packet for c in found if c.client_chain == ()] == empty
    from logscan._failures.catalog import ALERTS

    seen = [
        (
            a.packet,
            c.client[1] if a.by == "client" else c.server[1],
            2 if a.level == "fatal" else 1,
            ALERTS[a.name].number,
        )
        for c in found
        for a in c.alerts
        if a.name != "encrypted"
    ]
    assert seen == alerts
