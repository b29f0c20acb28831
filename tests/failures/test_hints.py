"""Hints: a sentence for each failure, and no claim that the log does not show."""

from __future__ import annotations

import pytest

from logscan._failures import catalog
from logscan._failures.hints import KEYSTORE_PRESENT, NO_KEYSTORE, hint_for

CLIENT = catalog.CLIENT_CERTIFICATE


@pytest.mark.parametrize(
    ("alert", "family", "keystore", "families", "expected"),
    [
        ("bad_certificate", CLIENT, "null", (), f"{NO_KEYSTORE}: set ClientAuthEnabled"),
        ("bad_certificate", CLIENT, "K@1", (), f"{KEYSTORE_PRESENT}: check that the alias exists"),
        ("bad_certificate", CLIENT, None, (), "the log does not say whether a keystore is configured"),
        ("unknown_ca", CLIENT, "null", (), f"{NO_KEYSTORE}: set ClientAuthEnabled"),
        ("unknown_ca", CLIENT, "K@1", (), "the backend does not trust the issuer"),
        ("broken_pipe", "connection", "null", (CLIENT,), f"{NO_KEYSTORE}: if b:1 demands a client certificate"),
        ("broken_pipe", "connection", "null", (), "the other end closed while we were still writing"),
        ("connection_refused", "not-tls", "K@1", (), "nothing listens on b:1"),
        ("hostname_mismatch", "server-certificate", "null", (), "the backend's certificate names another host"),
        ("something_new", "other", None, (), "compare protocols, ciphers and SNI with b:1"),
    ],
)  # fmt: skip
def test_hints(
    alert: str, family: str, keystore: str | None, families: tuple[str, ...], expected: str
) -> None:
    """A missing keystore explains only what a client certificate can explain."""
    hint = hint_for(alert, family, keystore, "b:1", families=families)
    assert hint.startswith(expected)
    assert "{" not in hint


def test_a_further_reason_where_the_alert_leaves_it_open() -> None:
    """handshake_failure may also be a protocol or cipher; bad_certificate is not."""
    more = "; or no common protocol or cipher"
    assert hint_for("handshake_failure", CLIENT, "K@1", None).endswith(more)
    assert not hint_for("bad_certificate", CLIENT, "K@1", None).endswith(more)
    assert hint_for("closing", "connection", "K@1", None, families=(CLIENT,)).endswith(more)


def test_northbound_failures_concern_the_router() -> None:
    assert hint_for("bad_certificate", CLIENT, "null", "b:1", side="northbound").startswith("between Router")


def test_without_a_target_it_shows_where_to_put_one() -> None:
    assert "BACKEND:PORT" in hint_for("bad_certificate", CLIENT, "K@1", None)
