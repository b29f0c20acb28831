"""Diagnose against the measured truth: 140 handshakes of six kinds of servers, by wire facts and by cause."""

from __future__ import annotations

import io
import json
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from logscan._evidence.capture.connection import Connection
from logscan._evidence.capture.flow import Connections
from logscan._evidence.capture.keylog import KeyLog
from logscan._evidence.capture.packets import CaptureFile
from logscan._evidence.capture.read_capture import CaptureCounters, read_capture
from logscan._evidence.capture.segments import segment_of
from logscan._jobs.diagnose import diagnose
from logscan._render.diagnosis.data import as_json
from support.command import ROOT, logscan
from support.oracles import OPENSSL, needs
from support.profiles import sampled

TLS = ROOT / "tests/data/tls"
TRUTH: list[dict[str, Any]] = json.loads((TLS / "truth.json").read_text())
IDS = [row["pcap"].removesuffix(".pcap") for row in TRUTH]
_KINDS = [(row["cause"], row["tls"]) for row in TRUTH]
SOME = [
    pytest.param(
        row, marks=() if number % 3 == 0 or _KINDS.index(_KINDS[number]) == number else pytest.mark.thorough
    )
    for number, row in enumerate(TRUTH)
]
"""In the quick run each third, and one for each cause and version of TLS."""

CA_FILES = {
    "root": "root.pem", "other": "other.pem", "fake": "fake.pem", "nodn": "root.pem", "nodn_other": "other.pem",
    "sigec": "root.pem",
}  # fmt: skip
CAUSE = {
    "NO_CLIENT_CERT": {"keystore_empty", "certificate_without_key"},
    "ALIAS_NOT_FOUND": {"alias_not_found"},
    "EXPIRED": {"expired"},
    "NOT_YET_VALID": {"not_yet_valid"},
    "WRONG_KEY_USAGE": {"wrong_key_usage"},
    "CA_MISMATCH": {"ca_mismatch"},
    "UNKNOWN_CA": {"unknown_ca", "ca_same_name_other_key"},
    "SIGALG_MISMATCH": {"key_type_mismatch"},
}
EMPTY_CAUSES = {
    "no_keystore_configured", "client_auth_disabled", "reference_broken", "keystore_empty", "alias_not_found",
    "certificate_without_key", "ca_mismatch", "chain_incomplete", "key_type_mismatch", "stale_keystore",
}  # fmt: skip
"""What an empty client Certificate can mean as long as only the capture is known."""
SENT_CAUSES = {"unknown_ca", "ca_same_name_other_key", "revoked_or_not_registered"}
HIDDEN_CAUSES = SENT_CAUSES | {"expired", "not_yet_valid", "wrong_key_usage"}


def connections(path: Path, *keylogs: Path) -> list[Connection]:
    """The connections of a capture, which is whole."""
    keys = KeyLog()
    for keylog in keylogs:
        keys.add(keylog.read_bytes())
    told: list[str] = []
    found = list(read_capture(str(path), keys, CaptureCounters(), told.append))
    assert told == []
    return found


@pytest.mark.parametrize("row", TRUTH, ids=IDS)
def test_wire(row: dict[str, Any]) -> None:
    """Request, names, the client's Certificate, alert and sizes are as they were measured."""
    (connection,) = connections(TLS / row["pcap"])
    wire = row["wire"]
    if row["tls"] == "1.2":
        request, refusal = connection.request, connection.refusal
        assert (request is not None) == wire["cert_request"]
        assert request is not None
        assert len(request.authorities) == wire["dn_count"]
        shown = [
            ", ".join("+".join(f"{kind}={value}" for kind, value in sorted(part)) for part in name.relative)
            for name in request.authorities
        ]
        assert shown == wire["dns_canonical"]
        sent = connection.client_chain
        assert sent is not None
        assert (len(sent) or "empty") == wire["client_cert"]
        assert (refusal.name if refusal else None) == wire["alert"]
        assert connection.sight == "full"
    else:
        assert list(connection.sizes[:1]) == wire["first_client_encrypted_record"]
    assert connection.accepted is (row["cause"] == "OK")


@pytest.mark.parametrize("row", [row for row in TRUTH if row["tls"] == "1.3"], ids=lambda row: row["pcap"])
def test_tls_1_3_by_sizes(row: dict[str, Any]) -> None:
    """What the client sent is inferred from the sizes of records, and said to be."""
    (connection,) = connections(TLS / row["pcap"])
    if row["cause"] == "SIGALG_MISMATCH":  # the server ended it before the client could answer
        assert (connection.client_certificate, connection.sight) == (None, "not visible")
        return
    empty = ("NO_CLIENT_CERT", "ALIAS_NOT_FOUND", "CA_MISMATCH", "CA_MISMATCH_OR_CHAIN_INCOMPLETE")
    assert connection.client_certificate == ("empty" if row["cause"] in empty else "sent")
    assert connection.sight == "inferred"


@pytest.mark.parametrize(
    "row",
    [row for row in TRUTH if row["tls"] == "1.3" and row["server"] == "openssl"],
    ids=lambda row: row["pcap"],
)
def test_tls_1_3_with_key_log(row: dict[str, Any]) -> None:
    """With the secrets everything is read, and the sizes had told the truth."""
    (guessed,) = connections(TLS / row["pcap"])
    (known,) = connections(TLS / row["pcap"], TLS / f"openssl/sslkeylog_{row['server_ca']}.txt")
    assert known.sight == "decrypted"
    assert known.client_certificate == guessed.client_certificate
    assert known.accepted is guessed.accepted
    if row["cause"] == "SIGALG_MISMATCH":
        assert [alert.name for alert in known.alerts] == ["internal_error"]
        return
    assert known.request is not None
    assert len(known.request.authorities) == (0 if "nodn" in row["server_ca"] else 1)
    assert (known.refusal is None) == (row["cause"] == "OK")
    said = row["java_log"].removesuffix(" (after hs)")
    if known.refusal is not None and said.replace("_", "").isalpha() and said != "EOF":
        assert known.refusal.name == said


@lru_cache
def diagnosis(
    *paths: str, keystore: str | None = None, backend_ca: tuple[str, ...] = (), alias: str | None = None
) -> dict[str, Any]:
    """What the command would say, as JSON, without starting it."""
    found = diagnose(
        [TLS / path for path in paths],
        tz="UTC",
        keystore=str(TLS / keystore) if keystore else None,
        backend_ca=[str(TLS / path) for path in backend_ca],
        alias=alias,
    )
    value: dict[str, Any] = json.loads(as_json(found))
    assert value["problems"] == []
    return value


def by_command(*args: str) -> dict[str, Any]:
    """What the command says, as JSON."""
    done = logscan("diagnose", *args, "--format", "json", cwd=TLS)
    assert done.returncode == 0, done.stderr.decode()
    value: dict[str, Any] = json.loads(done.stdout)
    return value


def causes(value: dict[str, Any]) -> set[str]:
    """The names of all causes that remain."""
    return {cause["cause"] for verdict in value["verdicts"] for cause in verdict["causes"]}


def leading(value: dict[str, Any]) -> set[str]:
    """The names of those that stand first: proven, else likely, else possible."""
    return {
        cause["cause"]
        for verdict in value["verdicts"]
        for cause in verdict["causes"]
        if cause["state"] == verdict["causes"][0]["state"]
    }


def expected(row: dict[str, Any]) -> list[set[str]]:
    """The sets of causes that are right with capture, keystore and the backend's authorities."""
    if row["cause"] == "OK":
        return [set()]
    if row["cause"] == "CA_MISMATCH_OR_CHAIN_INCOMPLETE":
        return [{"ca_mismatch", "chain_incomplete"}]
    if row["cause"] == "SIGALG_MISMATCH" and row["tls"] == "1.3":
        # The server fails by itself, before it asks: both remain.
        return [{"key_type_mismatch", "backend_failed"}]
    if "leafonly" in row["pcap"]:
        # Without the intermediate nobody knows whether its authority is one of the backend's.
        return [{"unknown_ca", "chain_incomplete"}]
    return [{name} for name in CAUSE[row["cause"]]]


@pytest.mark.parametrize("row", SOME, ids=IDS)
def test_cause(row: dict[str, Any]) -> None:
    """Capture, keystore and the backend's authorities give the one right cause."""
    authorities = f"pki/{CA_FILES[row['server_ca']]}"
    found = diagnosis(
        row["pcap"], keystore=row["client_keystore"], backend_ca=(authorities,), alias=row["client_alias"]
    )
    assert leading(found) in expected(row)
    assert len(found["verdicts"]) == (0 if row["cause"] == "OK" else 1)
    for verdict in found["verdicts"]:
        assert all(cause["evidence"] or cause["state"] == "possible" for cause in verdict["causes"])
        if row["tls"] == "1.3":
            assert verdict["certainty"] != "certain"


@pytest.mark.parametrize("row", sampled(TRUTH[::17], 2), ids=IDS[::17])
def test_command(row: dict[str, Any]) -> None:
    """The real command says the same."""
    alias = ["--alias", row["client_alias"]] if row["client_alias"] else []
    trusted = ["--backend-ca", f"pki/{CA_FILES[row['server_ca']]}"]
    found = by_command(row["pcap"], "--keystore", row["client_keystore"], *trusted, *alias)
    assert leading(found) in expected(row)


@pytest.mark.parametrize("row", SOME, ids=IDS)
def test_capture_alone(row: dict[str, Any]) -> None:
    """A capture alone gives all candidates, and proves none where more are left."""
    value = diagnosis(row["pcap"])
    found = causes(value)
    if row["cause"] == "OK":
        assert found == set()
        return
    assert {verdict["certainty"] for verdict in value["verdicts"]} <= {"certain", "likely", "open"}
    (connection,) = connections(TLS / row["pcap"])
    closes = {"cut_by_network"} if row["server"] == "node" and not connection.answers else set()
    if row["cause"] == "SIGALG_MISMATCH" and row["tls"] == "1.3":
        assert found == {"key_type_mismatch", "backend_failed"}
    elif connection.client_certificate == "empty":
        none_named = row["wire"]["dn_count"] == 0
        assert found - closes == EMPTY_CAUSES - ({"ca_mismatch", "chain_incomplete"} if none_named else set())
    elif row["tls"] == "1.2":
        assert leading(value) & (
            CAUSE[row["cause"]] | ({"chain_incomplete"} if "leafonly" in row["pcap"] else set())
        )
        assert found - closes <= SENT_CAUSES | CAUSE[row["cause"]] | {"chain_incomplete", "stale_keystore"}
    else:
        assert found - closes == HIDDEN_CAUSES | {"chain_incomplete", "stale_keystore"}


@pytest.mark.parametrize(
    "row", sampled([row for row in TRUTH if row["tls"] == "1.2"], 3), ids=lambda row: row["pcap"]
)
def test_log_and_capture(row: dict[str, Any]) -> None:
    """A failure of the log finds its connection by address, port and time; lost alerts are counted."""
    if row["cause"] == "OK":  # its log has no entry
        assert diagnosis(row["pcap"], keystore=row["client_keystore"])["verdicts"] == []
        return
    found = diagnosis(row["pcap"], row["client_log"], keystore=row["client_keystore"])
    (verdict,) = found["verdicts"]
    assert (verdict["proxy"], verdict["failures"], verdict["connections"]) == ("apiproxy-name", 1, 1)
    said = row["java_log"]
    lost = row["wire"]["alert"] is not None and said != row["wire"]["alert"]
    assert verdict["alerts_not_in_log"] == found["alerts_not_in_log"] == int(lost)


@pytest.mark.parametrize("path", sorted((TLS / "controls").glob("*.pcap")), ids=lambda path: path.stem)
def test_controls(path: Path) -> None:
    """No certificate asked for, or none needed: nothing is found."""
    found = diagnosis(f"controls/{path.name}")
    assert found["verdicts"] == []
    (connection,) = connections(path)
    assert connection.client_certificate == ("not asked" if path.name.startswith("noauth") else "empty")
    assert found["capture"]["accepted"] == 1


@pytest.mark.parametrize(
    "path", sampled(sorted((TLS / "variants").glob("*.pcap*")), 3), ids=lambda path: path.name
)
def test_variants(path: Path) -> None:
    """The same handshake in every link type and form; what is cut says what it lacks."""
    done = logscan(
        "diagnose", f"variants/{path.name}", "--keystore", "pki/empty.p12", "--format", "json", cwd=TLS
    )
    found = json.loads(done.stdout)
    if path.name == "truncated_file.pcap":
        assert b"cut in packet 14" in done.stderr
        assert found["verdicts"] == []
        assert found["capture"]["not_visible"] == 1
        return
    (verdict,) = found["verdicts"]
    assert leading(found) == {"keystore_empty"}
    assert verdict["connection"]["client_certificate_length"] == 0
    assert [alert["name"] for alert in verdict["connection"]["alerts"]] == ["bad_certificate"]


def test_intermediate_decides() -> None:
    """With the missing intermediate among the evidence the incomplete chain is the one cause."""
    capture, store = "jsse17/leafonly_int_v1.2.pcap", "pki/leafonly.p12"
    assert leading(diagnosis(capture, keystore=store)) == {"ca_mismatch", "chain_incomplete"}
    assert leading(diagnosis(capture, "pki/inter.pem", keystore=store)) == {"chain_incomplete"}


def test_a_directory_of_everything(tmp_path: Path) -> None:
    """Evidence is told apart by content, whatever the files are called."""
    folder = tmp_path / "evidence"
    folder.mkdir()
    for number, name in enumerate(
        (
            "openssl/ca_mismatch_v1.2.pcap",
            "openssl/ca_mismatch_v1.2.client.log",
            "pki/good.p12",
            "s_client/nocert_tls1_2.txt",
        )
    ):
        (folder / f"file{number}").write_bytes((TLS / name).read_bytes())
    (folder / "notes").write_text("nothing of interest\n")
    done = logscan("diagnose", "evidence", "--tz", "UTC", "--format", "json", cwd=tmp_path)
    found = json.loads(done.stdout)
    assert [name.removeprefix("evidence/") for name in found["files"]] == ["file0", "file1", "file2", "file3"]
    assert found["not_recognized"] == ["evidence/notes"]
    assert len(found["verdicts"]) == 1
    assert leading(found) == {"ca_mismatch"}
    assert done.returncode == 0


FORMATS = ("text", "markdown", "html")


@pytest.mark.parametrize("form", FORMATS)
def test_hostile_evidence_stays_text(form: str, tmp_path: Path) -> None:
    """Names from a log cannot become markup, control a terminal, or look like another."""
    line = (TLS / "jsse17/alias_missing_v1.2.client.log").read_text().splitlines()
    nasty = [text.replace("apiproxy-name", "<script>alert(1)</script>\x1b[31m|\u202ex") for text in line]
    (tmp_path / "system.log").write_text("\n".join(nasty) + "\n")
    done = logscan("diagnose", "system.log", "--format", form, cwd=tmp_path)
    out = done.stdout.decode()
    assert done.returncode == 0
    assert "\x1b" not in out
    assert "\u202e" not in out
    if form != "text":
        assert "<script>alert" not in out
        assert out.count("<script") == (form == "html")  # the page's own


def test_exit_codes(tmp_path: Path) -> None:
    """0 ran, 1 --fail-on matched, 2 something could not be read."""
    capture = "jsse17/empty_keystore_v1.2.pcap"
    assert logscan("diagnose", capture, cwd=TLS).returncode == 0
    assert logscan("diagnose", capture, "--fail-on", "fault", cwd=TLS).returncode == 1
    assert logscan("diagnose", capture, "--fail-on", "open", cwd=TLS).returncode == 1
    known = ("--keystore", "pki/empty.p12", "--fail-on", "open")
    assert logscan("diagnose", capture, *known, cwd=TLS).returncode == 0
    assert logscan("diagnose", "controls/noauth_v1.2.pcap", "--fail-on", "fault", cwd=TLS).returncode == 0
    assert logscan("diagnose", "missing.pcap", capture, cwd=TLS).returncode == 2
    assert logscan("diagnose", cwd=TLS).returncode == 2
    done = logscan("diagnose", capture, "--keystore", "pki/root.pem.missing", cwd=TLS)
    assert (done.returncode, b"pki/root.pem.missing" in done.stderr) == (2, True)


def test_a_packed_capture_is_the_same(tmp_path: Path) -> None:
    """gz of both kinds."""
    import gzip

    for name in ("base.pcap", "base.pcapng"):
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress((TLS / "variants" / name).read_bytes()))
        found = json.loads(logscan("diagnose", f"{name}.gz", "--format", "json", cwd=tmp_path).stdout)
        assert found["verdicts"][0]["connection"]["client_certificate"] == "empty"


def test_simulate() -> None:
    """Java's choice, and why not the others."""
    done = logscan(
        "diagnose", "--simulate", "--keystore", "pki/fullchain.p12",
        "--accept", "CN=MyCompany Test SHA2 CA G2,DC=testcore,DC=test,DC=dir,DC=mycompany,DC=com", cwd=TLS,
    )  # fmt: skip
    assert b"Java sends the certificate of alias myKey" in done.stdout
    done = logscan(
        "diagnose",
        "--simulate",
        "--keystore",
        "pki/fullchain.p12",
        "--accept",
        "/CN=Other",
        "--format",
        "json",
        cwd=TLS,
    )
    (row,) = json.loads(done.stdout)
    assert (row["alias"], row["certain"]) == (None, True)
    assert row["considered"][0]["outcome"] == "no issuer among the accepted authorities"


@needs(OPENSSL)
def test_password(tmp_path: Path) -> None:
    """A locked keystore is told with the remedy, and opens with the variable."""
    import subprocess

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        load_pem_private_key,
        pkcs12,
    )
    from cryptography.x509 import load_pem_x509_certificate

    pem = subprocess.run(
        ["openssl", "pkcs12", "-in", TLS / "pki/good.p12", "-passin", "pass:changeit", "-nodes"],
        capture_output=True, check=True, timeout=30,
    ).stdout  # fmt: skip
    key = load_pem_private_key(pem, None)
    assert isinstance(key, RSAPrivateKey)
    store = pkcs12.serialize_key_and_certificates(
        b"myKey",
        key,
        load_pem_x509_certificate(pem),
        None,
        BestAvailableEncryption(b"geheim"),
    )
    (tmp_path / "locked.p12").write_bytes(store)
    args = ("diagnose", "--simulate", "--keystore", "locked.p12")
    done = logscan(*args, cwd=tmp_path)
    assert done.returncode == 2
    assert b"LOGSCAN_KEYSTORE_PASSWORD" in done.stderr
    done = logscan(*args, cwd=tmp_path, LOGSCAN_KEYSTORE_PASSWORD="geheim")
    assert done.returncode == 0
    assert b"geheim" not in done.stdout + done.stderr


def test_all_alerts(tmp_path: Path) -> None:
    """D8: every TLS failure is a case; ``--alert`` selects some, and what it leaves out is counted."""
    text = (ROOT / "sample_logs/no-keystore/system.log").read_text()
    assert "bad_certificate" in text
    (tmp_path / "system.log").write_text(text.replace("bad_certificate", "no_application_protocol"))

    def alerts(*args: str) -> set[str]:
        done = logscan("diagnose", "system.log", *args, "--tz", "UTC", "--format", "json", cwd=tmp_path)
        assert done.returncode == 0, done.stderr.decode()
        return {verdict["alert"] for verdict in json.loads(done.stdout)["verdicts"]}

    assert alerts() == {"no_application_protocol"}
    assert alerts("--alert", "all") == {"no_application_protocol"}
    assert alerts("--alert", "no_application_protocol") == {"no_application_protocol"}
    assert alerts("--alert", "bad_certificate") == set()
    found = diagnose(tmp_path / "system.log", alert="bad_certificate", tz="UTC")
    assert found.verdicts == ()
    assert set(found.left_out) == {"no_application_protocol"}


def test_the_side_that_answers_is_the_server() -> None:
    """A capture that begins with the ServerHello: its sender was taken for the client, until the hello was read."""
    path = TLS / "variants/base.pcap"
    (whole,) = connections(path)
    packets = CaptureFile(io.BytesIO(path.read_bytes()).read)
    late = Connections("late", KeyLog())
    skipped: Counter[str] = Counter()
    found: list[Connection] = []
    for packet in packets:
        segment = segment_of(packet, skipped)
        hello = whole.steps[0].packet
        if segment is not None and packet.number > hello:
            found += late.feed(segment, packet.number, packet.time)
    (connection,) = [*found, *late.drain()]
    assert (connection.client, connection.server) == (whole.client, whole.server)
    assert [(step.by, step.text) for step in connection.steps] == [
        (step.by, step.text) for step in whole.steps[1:]
    ]
    assert connection.client_chain == whole.client_chain
