"""Every cause: a case that shows it, and a near miss that must not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import pytest

from logscan._diagnosis.causes import CAUSES, EXCLUDED, GROUPS, LIKELY, POSSIBLE, PROVEN, Cause
from logscan._diagnosis.certainty import judge
from logscan._diagnosis.facts import Facts, Quote
from logscan._diagnosis.facts_from_s_client import facts_from_s_client
from logscan._diagnosis.keymanager import choose
from logscan._evidence.capture.connection import Offer
from logscan._evidence.certificates import Certificate
from logscan._evidence.collected import Evidence
from logscan._evidence.configuration import TlsSettings
from logscan._evidence.distinguished_names import parse
from logscan._evidence.keystores.keystore import Keystore, KeystoreEntry
from logscan._evidence.keystores.pem import pem_certificates
from logscan._evidence.keystores.read_keystore import read_keystore
from logscan._evidence.s_client import read_s_client
from logscan._failures.catalog import known_names
from support.command import ROOT

PKI = ROOT / "tests/data/tls/pki"
WHEN = datetime(2026, 11, 25, 1, tzinfo=UTC)


@lru_cache
def pem(name: str) -> tuple[Certificate, ...]:
    """The certificates of a file."""
    return tuple(pem_certificates((PKI / f"{name}.pem").read_bytes(), name))


@lru_cache
def store(name: str) -> Keystore:
    """A keystore."""
    return read_keystore((PKI / f"{name}.p12").read_bytes(), name, name, ["changeit"])


def settings(**changes: object) -> TlsSettings:
    """An SSLInfo that is as it should be, but for the changes."""
    return replace(TlsSettings("bundle", True, True, "ref://r", "myKey", None), **changes)  # type: ignore[arg-type]


def facts(
    keystore: str | Keystore | None = None,
    *,
    sent: str | None = "empty",
    accepts: tuple[str, ...] | None = ("root",),
    alias: str | None = "myKey",
    chain: tuple[Certificate, ...] = (),
    trusts: tuple[str, ...] = (),
    **more: object,
) -> Facts:
    """A refused handshake, as a capture shows it, with what is configured."""
    made = Facts(
        alert="bad_certificate", families=("client-certificate",), received=True, refused_on_wire=True, begun=WHEN, ended=WHEN, hello_only=False, wire=True, certificate_requested=sent != "not asked",
        sent=sent, accepted=False, version="TLS 1.2", sent_chain=chain, schemes=("rsa_pkcs1_sha256",), key_types=("RSA",),
        authorities=None if accepts is None else tuple(pem(name)[0].subject for name in accepts),
        backend_cas=tuple(certificate for name in trusts for certificate in pem(name)),
    )  # fmt: skip
    if keystore is not None:
        held = store(keystore) if isinstance(keystore, str) else keystore
        entry = held.entry(alias) if alias else None
        made = replace(made, keystore=held, keystore_exists=True, alias=alias, entry=entry)
    made = replace(made, **more)  # type: ignore[arg-type]
    if made.keystore is None:
        return made
    choice = choose(made.keystore, made.alias, made.authorities, made.key_types, made.schemes)
    return replace(made, choice=choice)


def partly(name: str, **changes: object) -> Keystore:
    """A keystore of which not all is known."""
    return replace(store(name), complete=False, complete_aliases=False, **changes)  # type: ignore[arg-type]


def log_only(alert: str, *families: str, **more: object) -> Facts:
    """What a log alone shows of an alert that was received."""
    return replace(Facts(alert=alert, families=families, received=True, begun=WHEN, ended=WHEN), **more)  # type: ignore[arg-type]


def here(alert: str, *families: str, **more: object) -> Facts:
    """The Message Processor refused."""
    return log_only(alert, *families, received=False, **more)


def hello(alert: str | None, **more: object) -> Facts:
    """The server refused the ClientHello."""
    received = alert is not None or None
    return replace(Facts(alert=alert, received=received, hello_only=True, wire=True, begun=WHEN), **more)  # type: ignore[arg-type]


def silent(**more: object) -> Facts:
    """A message of the client has no answer."""
    return replace(Facts(wire=True, silent_after="ClientHello", silent_seconds=3.0, begun=WHEN), **more)  # type: ignore[arg-type]


def issued_by(name: str) -> tuple[Certificate, ...]:
    """A certificate of that issuer."""
    return (replace(pem("good")[0], issuer=parse(name)),)


def young() -> Facts:
    """The keystore's certificate was made after the failure, and is valid now."""
    leaf = pem("good")[0]
    assert leaf.not_before is not None
    return facts("good", begun=leaf.not_before - timedelta(days=9), ended=leaf.not_before - timedelta(days=8))


def sha1(chain: tuple[Certificate, ...]) -> tuple[Certificate, ...]:
    """The chain with a leaf that is signed as ten years ago."""
    return (replace(chain[0], signature_algorithm="SHA1withRSA"), *chain[1:])


EXPIRED_LATER = datetime(2019, 1, 1, tzinfo=UTC)

Made = Callable[[], Facts]
TABLE: dict[str, tuple[str, list[Made], list[Made]]] = {
    "not_a_client_certificate_matter": (
        PROVEN,
        [lambda: facts(sent=None, accepts=None, hello_only=True, certificate_requested=None)],
        [lambda: facts(), lambda: facts(sent=None, hello_only=None, accepts=None, wire=False, certificate_requested=None),
         lambda: log_only("handshake_failure", "protocol-cipher", "client-certificate")],
    ),
    "refused_by_message_processor": (
        PROVEN, [lambda: facts(received=False, accepted=None, families=("backend-certificate",))],
        [lambda: facts(), lambda: facts(received=None), lambda: facts(received=False, not_tls="HTTP/1.1 400 Bad Request")],
    ),
    "no_client_certificate_asked": (
        PROVEN,
        [lambda: facts(sent="not asked", accepts=None)],
        [lambda: facts(), lambda: facts(sent="not asked", accepts=None, accepted=True),
         lambda: facts(sent="not asked", accepts=None, inferred=True),
         lambda: facts(sent="not asked", accepts=None, refused_on_wire=False, closed="reset")],
    ),
    "no_keystore_configured": (
        PROVEN,
        [lambda: facts(log_keystore="null"), lambda: facts(settings=settings(keystore=None))],
        [lambda: facts(log_keystore="java.security.KeyStore@1"), lambda: facts(sent="sent", log_keystore="null"),
         lambda: facts(settings=settings())],
    ),
    "client_auth_disabled": (
        PROVEN,
        [lambda: facts(settings=settings(client_auth_enabled=False)), lambda: facts(settings=settings(client_auth_enabled=None))],
        [lambda: facts(settings=settings()), lambda: facts("empty")],
    ),
    "reference_broken": (
        PROVEN,
        [lambda: facts(settings=settings(), reference="r", reference_resolves=False),
         lambda: facts(settings=settings(), reference="r", reference_resolves=True, keystore_name="k", keystore_exists=False)],
        [lambda: facts("good", settings=settings(), reference="r", reference_resolves=True)],
    ),
    "keystore_empty": (
        PROVEN, [lambda: facts("empty")],
        [lambda: facts(partly("empty")), lambda: facts("certonly"), lambda: facts("empty", log_keystore="null")],
    ),
    "alias_not_found": (
        PROVEN, [lambda: facts("good", alias="nope")],
        [lambda: facts("good", alias="MYKEY"), lambda: facts(partly("good"), alias="nope"), lambda: facts("empty", alias="nope")],
    ),
    "certificate_without_key": (
        PROVEN, [lambda: facts("certonly"), lambda: facts("certonly", alias=None)],
        [lambda: facts("good"), lambda: facts(partly("good", entries=(KeystoreEntry("myKey", None, pem("good")),)))],
    ),
    "ca_mismatch": (
        PROVEN, [lambda: facts("good", accepts=("other",)), lambda: facts("good", accepts=("other", "srvroot"))],
        [lambda: facts("good", accepts=()), lambda: facts("good"), lambda: facts("fullchain"),
         lambda: facts("leafonly"), lambda: facts("good", accepts=None), lambda: facts("good", accepts=("fake",))],
    ),
    "chain_incomplete": (
        PROVEN,
        [lambda: facts("leafonly", known=pem("inter")),
         lambda: facts("leafonly", sent="sent", accepts=(), chain=pem("leafonly"), trusts=("root",), known=pem("inter"))],
        [lambda: facts("leafonly"), lambda: facts("leafonly", accepts=("other",), known=pem("inter")), lambda: facts("fullchain"),
         lambda: facts("leafonly", accepts=(), known=pem("inter"))],
    ),
    "key_type_mismatch": (
        PROVEN, [lambda: facts("ecgood")],
        [lambda: facts("ecgood", schemes=("ecdsa_secp256r1_sha256",)), lambda: facts("good")],
    ),
    "stale_keystore": (
        PROVEN,
        [lambda: facts("good", sent="sent", chain=pem("expired"))],
        [young, lambda: facts("good", sent="sent", chain=pem("good")), lambda: facts("empty"), lambda: facts(accepted=True)],
    ),
    "expired": (
        PROVEN,
        [lambda: facts("expired", sent="sent", chain=pem("expired")), lambda: facts("expired", sent="sent", inferred=True)],
        [lambda: facts("expired", sent="sent", chain=pem("expired"), begun=EXPIRED_LATER, ended=EXPIRED_LATER),
         lambda: facts("expired"), lambda: facts("good", sent="sent", chain=pem("good"))],
    ),
    "not_yet_valid": (
        PROVEN, [lambda: facts("notyet", sent="sent", chain=pem("notyet")), lambda: facts("notyet", sent="sent", inferred=True)],
        [lambda: facts("good", sent="sent", chain=pem("good")), lambda: facts("notyet"), young],
    ),
    "wrong_key_usage": (
        PROVEN, [lambda: facts("wrongeku", sent="sent", chain=pem("wrongeku"))],
        [lambda: facts("good", sent="sent", chain=pem("good")), lambda: facts("wrongeku"),
         lambda: facts(sent="sent", chain=(replace(pem("good")[0], extended_key_usages=()),)),
         lambda: facts(sent="sent", chain=(replace(pem("wrongeku")[0], extended_key_usages=None),))],
    ),
    "unknown_ca": (
        PROVEN, [lambda: facts("good", sent="sent", accepts=(), chain=pem("good"), trusts=("other",))],
        [lambda: facts("good", sent="sent", chain=pem("good"), trusts=("root",)),
         lambda: facts("good", sent="sent", chain=pem("good"), trusts=("fake",)),
         lambda: facts("good", sent="sent", accepts=(), chain=pem("good")),
         lambda: facts("good", sent=None, accepts=None, trusts=("other",), wire=False),
         lambda: facts("good", accepts=("other",), trusts=("other",))],
    ),
    "ca_same_name_other_key": (
        PROVEN, [lambda: facts("good", sent="sent", chain=pem("good"), trusts=("fake",))],
        [lambda: facts("good", sent="sent", chain=pem("good"), trusts=("root",)),
         lambda: facts("good", sent="sent", chain=pem("good"), trusts=("fake", "root")),
         lambda: facts("good", sent="sent", chain=pem("good"), trusts=("other",))],
    ),
    "weak_client_certificate": (
        POSSIBLE,
        [lambda: facts(sent="sent", chain=sha1(pem("good"))),
         lambda: facts(sent="sent", chain=(replace(pem("good")[0], key_bits=1024),))],
        [lambda: facts(sent="sent", chain=pem("good")), lambda: facts(sent="sent", chain=(pem("good")[0], *sha1(pem("root"))))],
    ),
    "revoked_or_not_registered": (
        POSSIBLE, [lambda: facts(sent="sent", chain=pem("good"))],
        [lambda: facts(), lambda: facts(sent="sent", chain=pem("good"), accepted=True)],
    ),
    "wrong_sni": (
        PROVEN, [lambda: log_only("unrecognized_name", "other")],
        [lambda: facts(), lambda: facts(quotes={"sni_differs": Quote("other names", "s_client.txt")}),
         lambda: facts(accepted=True, quotes={"sni_differs": Quote("other names", "s_client.txt")})],
    ),
    "protocol_mismatch": (
        PROVEN, [lambda: log_only("protocol_version", "protocol-cipher"), lambda: here("no_appropriate_protocol", "protocol-cipher")],
        [lambda: facts(), lambda: hello("handshake_failure"), lambda: log_only("protocol_version", "protocol-cipher", accepted=True)],
    ),
    "cipher_mismatch": (
        PROVEN, [lambda: log_only("insufficient_security", "protocol-cipher"), lambda: here("weak_dh_key", "protocol-cipher")],
        [lambda: facts(), lambda: hello("handshake_failure"), lambda: log_only("handshake_failure", "protocol-cipher", "client-certificate")],
    ),
    "ca_list_too_long": (
        LIKELY,
        [lambda: here("ca_list_too_long", "client-certificate"), lambda: facts(request_size=40_000)],
        [lambda: facts(request_size=30_000), lambda: here("ca_list_too_long", "client-certificate", request_size=9)],
    ),
    "renegotiation_late": (
        LIKELY, [lambda: here("renegotiation_refused", "client-certificate"), lambda: facts(hello_request=True)],
        [lambda: facts(), lambda: facts(renegotiated=True, accepted=True)],
    ),
    "cut_by_network": (
        LIKELY,
        [lambda: hello(None, closed="reset"), lambda: facts(refused_on_wire=False, closed="reset", foreign_end="TTL 64, then 255")],
        [lambda: facts(), lambda: hello("handshake_failure"), lambda: here("untrusted_certificate", "backend-certificate")],
    ),
    "no_answer": (
        PROVEN, [lambda: log_only("handshake_timeout", "timeout", received=None), lambda: silent()],
        [lambda: facts(), lambda: silent(accepted=True), lambda: log_only("connection_reset", "connection-cut", received=None)],
    ),
    "handshake_too_large": (
        LIKELY, [lambda: silent(flight_size=20_000), lambda: silent(offer=Offer(("TLS 1.3",), (), ("X25519MLKEM768",), (), ()))],
        [lambda: silent(offer=Offer(("TLS 1.3",), (), ("x25519",), (), ())), lambda: facts(flight_size=20_000)],
    ),
    "not_tls": (
        PROVEN, [lambda: facts(not_tls="HTTP/1.1 400 Bad Request"), lambda: here("not_tls_on_this_port", "other")],
        [lambda: facts(), lambda: facts(not_tls="HTTP/1.1 400 Bad Request", accepted=True)],
    ),
    "target_out_of_rotation": (
        PROVEN, [lambda: log_only("target_out_of_rotation", "not-tls", received=None)], [lambda: facts()],
    ),
    "no_connection": (
        PROVEN, [lambda: log_only("connection_refused", "not-tls", received=None)],
        [lambda: facts(), lambda: facts(families=("not-tls", "connection-cut"))],
    ),
    "backend_certificate_expired": (
        PROVEN,
        [lambda: here("certificate_past_validity", "backend-certificate"),
         lambda: here("certificate_expired", server_chain=pem("expired"))],
        [lambda: here("untrusted_certificate", "backend-certificate", server_chain=pem("good")), lambda: facts(server_chain=pem("expired")),
         lambda: here("certificate_unknown", server_chain=pem("expired"))],
    ),
    "backend_certificate_untrusted": (
        PROVEN,
        [lambda: here("untrusted_certificate", "backend-certificate", server_chain=(*pem("good"), *pem("root")), trusted=pem("other"))],
        [lambda: here("untrusted_certificate", "backend-certificate", server_chain=pem("good"), trusted=pem("root")),
         lambda: here("untrusted_certificate", "backend-certificate", server_chain=pem("good")),
         lambda: here("hostname_mismatch", "backend-certificate"), lambda: facts(server_chain=pem("good"), trusted=pem("other"))],
    ),
    "backend_chain_incomplete": (
        PROVEN,
        [lambda: here("untrusted_certificate", "backend-certificate", server_chain=pem("leafonly"), known=pem("inter"), trusted=pem("root"))],
        [lambda: here("untrusted_certificate", "backend-certificate", server_chain=(*pem("good"), *pem("root")), trusted=pem("other")),
         lambda: here("untrusted_certificate", "backend-certificate", server_chain=pem("leafonly")), lambda: facts()],
    ),
    "backend_name_mismatch": (
        PROVEN, [lambda: here("hostname_mismatch", "backend-certificate")],
        [lambda: here("untrusted_certificate", "backend-certificate"), lambda: facts(),
         lambda: here("certificate_unknown", server_chain=pem("good"), sni="other.example")],
    ),
    "backend_certificate_weak": (
        PROVEN, [lambda: here("weak_algorithm", "backend-certificate")],
        [lambda: here("untrusted_certificate", "backend-certificate", server_chain=pem("good")), lambda: facts(),
         lambda: here("certificate_unknown", server_chain=sha1(pem("good")))],
    ),
    "tls_inspected": (
        LIKELY, [lambda: here("untrusted_certificate", "backend-certificate", server_chain=issued_by("CN=Zscaler Root CA"))],
        [lambda: here("hostname_mismatch", "backend-certificate", server_chain=issued_by("CN=Zscaler Root CA")),
         lambda: here("untrusted_certificate", "backend-certificate", server_chain=pem("good"), other_server_chain=pem("good"))],
    ),
    "backend_certificate_faulty": (
        PROVEN, [lambda: here("signature_invalid", "backend-certificate")],
        [lambda: here("untrusted_certificate", "backend-certificate"), lambda: facts()],
    ),
    "refused_after_handshake": (
        LIKELY, [lambda: facts(accepted=True, alert="connection_reset", refused_on_wire=False)],
        [lambda: facts(), lambda: facts(accepted=True, alert=None), lambda: facts(accepted=True, sent="sent")],
    ),
    "backend_failed": (
        POSSIBLE,
        [lambda: facts(sent=None, accepts=None, certificate_requested=None, before_request=True, version="TLS 1.3"),
         lambda: log_only("internal_error", "other")],
        [lambda: facts(), lambda: facts(sent=None, accepts=None, certificate_requested=None)],
    ),
}  # fmt: skip
SAME = ("unknown_ca", "ca_list_too_long", "target_out_of_rotation")
"""Causes with the name of the alert, or of the words of the log, that stand for them."""
BY_NAME = {cause.name: cause for cause in CAUSES}


@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.name)
def test_a_cause_is_complete(cause: Cause) -> None:
    """What a cause lacks is named: its cases here, its words, its group, its row in docs/diagnose.md."""
    page = (ROOT / "docs/diagnose.md").read_text()
    parts = {
        "cases in TABLE": cause.name in TABLE,
        "a title": cause.title and not cause.title.endswith("."),
        "a remedy in sentences": cause.remedy.endswith("."),
        "a group of GROUPS": cause.group in GROUPS,
        "a docstring that says when it is proven": cause.proven_when.endswith("."),
        "a row in docs/diagnose.md (python docs/make_reference.py)": f"| `{cause.name}` | {row_of(cause)} |"
        in page,
        "a name that is no other thing's": cause.name in SAME or cause.name not in known_names(),
    }
    assert [part for part, there in parts.items() if not there] == []


def row_of(cause: Cause) -> str:
    """When a cause is proven, as the page writes it."""
    text = cause.proven_when.replace("``", "`").removesuffix(".")
    return text[0].lower() + text[1:]


def test_every_cause_is_registered() -> None:
    """No cause is listed twice, and no case tests a cause that does not exist."""
    assert len(BY_NAME) == len(CAUSES)
    assert set(TABLE) == set(BY_NAME)


@pytest.mark.parametrize(
    ("name", "number"), [(name, n) for name, row in TABLE.items() for n in range(len(row[1]))]
)
def test_shown(name: str, number: int) -> None:
    """The cause is proven, or possible where it can be no more; and the verdict holds it."""
    state, shown, _ = TABLE[name]
    made = shown[number]()
    assessed = BY_NAME[name].assess(made)
    assert (assessed.state, assessed.why != "") == (state, True)
    assert name in [finding.cause.name for finding in judge(made)[0]]


@pytest.mark.parametrize(
    ("name", "number"), [(name, n) for name, row in TABLE.items() for n in range(len(row[2]))]
)
def test_near_miss(name: str, number: int) -> None:
    """Something alike is not taken for it: never proven, and where all is known excluded."""
    state, _, misses = TABLE[name]
    made = misses[number]()
    assessed = BY_NAME[name].assess(made)
    allowed = {PROVEN: (EXCLUDED, POSSIBLE, LIKELY), LIKELY: (EXCLUDED, POSSIBLE)}
    assert assessed.state in allowed.get(state, (EXCLUDED,)), assessed
    assert assessed.why


@pytest.mark.parametrize(
    "made", [facts(), facts("empty"), facts("good", sent="sent", chain=pem("expired")), facts(sent=None)]
)
def test_what_was_accepted_has_no_cause(made: Facts) -> None:
    """An empty Certificate that the server takes is no fault, nor is anything else that it takes."""
    assert judge(replace(made, accepted=True, alert=None))[0] == ()


def test_an_empty_list_accepts_every_issuer() -> None:
    """No names: a mismatch cannot be the reason."""
    assert choose(store("good"), "myKey", (), ("RSA",)).alias == "myKey"
    assert BY_NAME["ca_mismatch"].assess(facts("good", accepts=())).state == EXCLUDED


def test_any_certificate_of_the_chain_counts() -> None:
    """Java's rule, not the leaf's issuer alone."""
    chain = store("fullchain").entries[0].chain
    root = pem("root")[0].subject
    assert not chain[0].issuer.same(root)
    assert choose(store("fullchain"), None, (root,), ("RSA",)).alias == "myKey"


def test_authorities_that_certify_each_other() -> None:
    """A circle of certificates among the evidence ends the search for a missing link, and no more."""
    inter = pem("inter")[0]
    other = pem("other")[0].subject
    there = replace(inter, issuer=other, der=None)
    back = replace(inter, subject=other, issuer=inter.subject, der=None)
    made = facts("leafonly", accepts=("srvroot",), known=(there, back))
    assert BY_NAME["chain_incomplete"].assess(made).state == LIKELY


@pytest.mark.parametrize(
    ("requested", "words"), [(True, "for a client"), (False, "for no client"), (None, None)]
)
def test_what_s_client_does_not_show_is_not_quoted(requested: bool | None, words: str | None) -> None:
    """A run that ended early says nothing of a request: no quote says that there was none."""
    run = replace(read_s_client(b"CONNECTED(00000003)\n", "run.txt"), certificate_requested=requested)
    found = facts_from_s_client(Evidence(s_clients=[run]), "backend.example:443", None, None)
    texts = [quote.text for name, quote in found.quotes.items() if name == "certificate_requested"]
    assert len(texts) == (words is not None)
    assert all(str(words) in text for text in texts)
