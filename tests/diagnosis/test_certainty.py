"""The rule of what may be called certain, and that more evidence only narrows."""

from __future__ import annotations

import json
from functools import lru_cache
from itertools import combinations
from typing import Any

import pytest

from logscan._diagnosis.certainty import judge
from logscan._diagnosis.contradictions import contradictions
from logscan._diagnosis.verdict import Verdict
from logscan._jobs.diagnose import diagnose
from support.command import ROOT
from support.profiles import sampled

from .test_causes import facts, log_only, pem, store

TLS = ROOT / "tests/data/tls"
REFUSED = [row for row in json.loads((TLS / "truth.json").read_text()) if row["cause"] != "OK"]
CA_FILES = {
    "root": "root.pem", "other": "other.pem", "fake": "fake.pem", "nodn": "root.pem", "nodn_other": "other.pem",
    "sigec": "root.pem",
}  # fmt: skip
TRUTH = {
    "NO_CLIENT_CERT": {"keystore_empty", "certificate_without_key"}, "ALIAS_NOT_FOUND": {"alias_not_found"},
    "EXPIRED": {"expired"}, "NOT_YET_VALID": {"not_yet_valid"}, "WRONG_KEY_USAGE": {"wrong_key_usage"},
    "CA_MISMATCH": {"ca_mismatch"}, "UNKNOWN_CA": {"unknown_ca", "ca_same_name_other_key", "chain_incomplete"},
    "SIGALG_MISMATCH": {"key_type_mismatch"}, "CA_MISMATCH_OR_CHAIN_INCOMPLETE": {"ca_mismatch", "chain_incomplete"},
}  # fmt: skip


def states(*found: Any) -> dict[str, str]:
    """Cause → state, of what remains and of what is ruled out."""
    remain, ruled_out = found
    return {finding.cause.name: finding.state for finding in (*remain, *ruled_out)}


@pytest.mark.parametrize(
    "alert", ["handshake_failure", "connection_reset", "broken_pipe", "closed_in_handshake"]
)
def test_what_shows_no_request_proves_nothing(alert: str) -> None:
    """D1, D2: no certificate was asked for, as far as is known: nothing of the configuration is certain."""
    families = ("protocol-cipher" if alert == "handshake_failure" else "connection-cut", "client-certificate")
    received = True if alert == "handshake_failure" else None
    for made in (
        log_only(alert, *families, received=received, log_keystore="null"),
        log_only(alert, *families, received=received, keystore=store("empty"), keystore_exists=True),
        log_only(alert, *families, received=received, keystore=store("expired"), keystore_exists=True,
                 entry=store("expired").entries[0]),
    ):  # fmt: skip
        found = states(*judge(made))
        assert "proven" not in found.values()
        assert (
            found["protocol_mismatch"] == found["cipher_mismatch"] == "possible"
            or alert != "handshake_failure"
        )
    null = states(*judge(log_only(alert, *families, received=received, log_keystore="null")))
    assert null["no_keystore_configured"] == "possible"


def test_an_alert_that_judges_a_certificate_shows_that_one_was_asked_for() -> None:
    """``KeyStore:null`` and bad_certificate: certain; with an alert for a certificate that was sent: not."""
    fits = log_only("bad_certificate", "client-certificate", log_keystore="null")
    assert states(*judge(fits))["no_keystore_configured"] == "proven"
    against = log_only("certificate_expired", "client-certificate", log_keystore="null")
    found = states(*judge(against))
    assert (found["no_keystore_configured"], found["expired"]) == ("likely", "possible")


def test_contradictions_are_shown() -> None:
    """D2: an alert and what was seen that cannot both hold are named, and exclude nothing."""
    empty = facts("good", alert="certificate_expired", accepts=("other",))
    assert ["certificate_expired" in quote.text for quote in contradictions(empty)] == [True]
    sent = facts("expired", sent="sent", chain=pem("expired"), alert="certificate_required")
    assert ["certificate_required" in quote.text for quote in contradictions(sent)] == [True]
    valid = facts("good", sent="sent", chain=pem("good"), alert="certificate_expired")
    assert ["revocation list" in quote.text for quote in contradictions(valid)] == [True]
    assert contradictions(facts("empty")) == ()


PIECES = ("log", "capture", "keystore", "ca", "inter")


@lru_cache(maxsize=4096)
def verdicts_of(number: int, pieces: frozenset[str]) -> tuple[Verdict, ...]:
    """What is said of a case with some of its evidence."""
    row = REFUSED[number]
    paths = [row["client_log"]] * ("log" in pieces) + [row["pcap"]] * ("capture" in pieces)
    paths += ["pki/inter.pem"] * ("inter" in pieces)
    found = diagnose(
        [TLS / path for path in paths],
        tz="UTC",
        keystore=str(TLS / row["client_keystore"]) if "keystore" in pieces else None,
        alias=row["client_alias"] if "keystore" in pieces else None,
        backend_ca=[str(TLS / "pki" / CA_FILES[row["server_ca"]])] if "ca" in pieces else (),
    )
    return found.verdicts


@pytest.mark.parametrize(
    "number", sampled(list(range(len(REFUSED))), 24), ids=lambda number: REFUSED[number]["pcap"]
)
def test_more_evidence_only_narrows(number: int) -> None:
    """For every subset of a case's evidence: no case is lost, what is proven stays proven, what is ruled out
    stays ruled out, the truth is never ruled out, and nothing else than the truth is proven."""
    truth = TRUTH[REFUSED[number]["cause"]]
    known: dict[frozenset[str], dict[str, str]] = {}
    for count in range(1, len(PIECES) + 1):
        for chosen in combinations(PIECES, count):
            pieces = frozenset(chosen)
            if not pieces & {"log", "capture"}:
                continue
            (verdict,) = verdicts_of(number, pieces)
            now = states(verdict.findings, verdict.ruled_out)
            assert {now[name] for name in truth} != {"excluded"}, (pieces, now)
            assert {name for name, state in now.items() if state == "proven"} <= truth, (pieces, now)
            for fewer, before in known.items():
                if fewer < pieces:
                    for name, state in before.items():
                        kept = state not in ("proven", "excluded") or now[name] == state
                        assert kept, (name, sorted(fewer), state, sorted(pieces), now[name])
            known[pieces] = now
