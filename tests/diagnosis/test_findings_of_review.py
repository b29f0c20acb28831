"""What 0.1.0 said wrongly on small captures and logs, one row each: D1 to D10 and D12 to D15."""

from __future__ import annotations

import json
from typing import Any

import pytest

from logscan._jobs.diagnose import diagnose
from logscan._render.diagnosis.data import as_json
from support.command import ROOT, logscan

DATA = ROOT / "tests/data/diagnose"
PKI = ROOT / "tests/data/tls/pki"
OF_KEYSTORES = {
    "no_keystore_configured", "client_auth_disabled", "keystore_empty", "alias_not_found", "expired", "ca_mismatch",
}  # fmt: skip


def judged(*names: str, **options: Any) -> list[dict[str, Any]]:
    """The verdicts, as JSON."""
    found: list[dict[str, Any]] = json.loads(
        as_json(diagnose([DATA / name for name in names], tz="UTC", **options))
    )["verdicts"]
    return found


def states(verdict: dict[str, Any]) -> dict[str, str]:
    """Cause → state."""
    return {cause["cause"]: cause["state"] for cause in verdict["causes"]}


@pytest.mark.parametrize(
    ("names", "truth"),
    [
        (("no_shared_cipher_1.2.log",), "cipher_mismatch"),
        (("rst_after_hello_1.2.log",), "cut_by_network"),
        (("rst_at_once_1.3.log",), "cut_by_network"),
        (("rst_at_once_1.3.log", "rst_at_once_1.3.pcap"), "cut_by_network"),
        (("nsc.log",), "cipher_mismatch"),
        (("ips.log",), "cut_by_network"),
    ],
)
@pytest.mark.parametrize("store", [None, "empty.p12", "expired.p12"])
def test_no_configuration_is_certain_where_no_certificate_was_asked_for(
    names: tuple[str, ...], truth: str, store: str | None
) -> None:
    """D1, D2: ``KeyStore:null``, an empty or expired keystore, beside ciphers and firewalls."""
    (verdict,) = judged(*names, keystore=str(PKI / store) if store else None)
    found = states(verdict)
    assert truth in found
    assert [name for name in OF_KEYSTORES if found.get(name) == "proven"] == []
    assert verdict["certainty"] != "certain"


def test_an_alert_that_is_about_versions() -> None:
    """D1: protocol_version beside ``KeyStore:null`` is about versions."""
    (verdict,) = judged("pv_null.log")
    assert states(verdict)["protocol_mismatch"] == "proven"
    assert not set(states(verdict)) & OF_KEYSTORES


@pytest.mark.parametrize("name", ["mid_0.pcap", "mid_1.pcap", "lost_sh_ok13.pcap"])
def test_what_succeeded_is_no_case(name: str) -> None:
    """D3, D4: the end of a connection whose handshake is not there, and a success that lacks a packet."""
    assert judged(name) == []


def test_a_lost_packet_gives_no_certain_verdict() -> None:
    """D4: without the ServerHello the empty Certificate is still seen."""
    (verdict,) = judged("lost_sh_12.pcap")
    assert verdict["certainty"] == "open"
    assert verdict["connection"]["client_certificate"] == "empty"
    assert "not_a_client_certificate_matter" not in states(verdict)


def test_a_log_takes_no_verdict_away() -> None:
    """D5: the capture alone, and with the log."""
    (alone,) = judged("server_unknown_ca_1.2.pcap")
    (both,) = judged("server_unknown_ca_1.2.pcap", "server_unknown_ca_1.2.log")
    assert states(alone)["refused_by_message_processor"] == "proven"
    assert states(both)["refused_by_message_processor"] == "proven"
    assert both["server_chain"][0]["names"]


def test_the_clients_own_alert_in_tls_1_3() -> None:
    """D6: a first record of the client with the size of an alert is no refusal of the backend."""
    (verdict,) = judged("server_unknown_ca_1.3.pcap")
    assert states(verdict)["refused_by_message_processor"] == "likely"
    assert not set(states(verdict)) & OF_KEYSTORES


def test_an_end_of_the_server_is_not_the_message_processors_doing() -> None:
    """D7: the server closed first; the client's alert only answers that."""
    (verdict,) = judged("fin_after_hello_1.2.pcap")
    assert "refused_by_message_processor" not in states(verdict)
    assert states(verdict)["cut_by_network"] == "likely"


def test_all_alerts_and_what_is_left_out() -> None:
    """D8: every failure is judged; what ``--alert`` leaves out is one line."""
    (verdict,) = judged("pkix_null.log", alert="all")
    assert verdict["alert"] == "untrusted_certificate"
    done = logscan("diagnose", "pkix_null.log", "--alert", "bad_certificate", cwd=DATA)
    assert b"untrusted_certificate): logscan diagnose --alert untrusted_certificate" in done.stdout


def test_a_listing_proves_a_missing_alias() -> None:
    """D10: the only alias of a listing is not taken for the one that the log names."""
    (verdict,) = judged("alias_nope.log", "keystore.json")
    assert next(iter(states(verdict).items())) == ("alias_not_found", "likely")
    assert "has no alias nope; it has myKey" in verdict["causes"][0]["why"]
