"""Causes: one function each over the facts of a case.

Each says whether it is proven, possible or excluded, by which evidence, and what would decide. None looks
at the others, and none guesses: the alert's name alone never gives a cause (docs/diagnose.md has the table
of servers and alerts that were measured). :func:`judge` puts the answers together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from logscan.diagnosis import keymanager
from logscan.diagnosis.facts import Facts, Quote
from logscan.evidence.capture.connections import EMPTY, NOT_ASKED, SENT
from logscan.evidence.certificates import CLIENT_AUTH, Certificate, same_certificate, signed_by
from logscan.evidence.distinguished_names import Name, find
from logscan.evidence.keystores.read_keystore import KeystoreEntry

PROVEN, POSSIBLE, EXCLUDED = "proven", "possible", "excluded"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a cause's function says."""

    state: str
    why: str
    quotes: tuple[Quote, ...] = ()
    needs: tuple[str, ...] = ()
    """Kinds of evidence that would decide."""


@dataclass(frozen=True, slots=True)
class Cause:
    """A cause with its name, its words for people, and its remedy."""

    name: str
    title: str
    remedy: str
    ask: Callable[[Facts], Answer]


@dataclass(frozen=True, slots=True)
class Finding:
    """A cause that is proven or possible in a case."""

    cause: Cause
    answer: Answer


def _no(why: str) -> Answer:
    return Answer(EXCLUDED, why)


def _empty_is_out(facts: Facts) -> Answer | None:
    """Why no cause of an empty client Certificate can be meant; ``None``: one may."""
    if facts.sent == SENT:
        return _no("the client did send a certificate")
    if facts.sent == NOT_ASKED:
        return _no("the server did not ask for a certificate")
    return _ours_is_out(facts)


def _sent_is_out(facts: Facts) -> Answer | None:
    """The same for causes of a certificate that was sent and refused."""
    if facts.sent == EMPTY:
        return _no("the client sent no certificate")
    if facts.sent == NOT_ASKED:
        return _no("the server did not ask for a certificate")
    if (
        facts.sent is None
        and facts.choice is not None
        and facts.choice.certain
        and facts.choice.alias is None
    ):
        return _no("Java sends no certificate with this keystore")
    if facts.sent is None and facts.log_keystore == "null":
        return _no("no keystore is configured, so none was sent")
    if facts.sent is None and (
        facts.keystore_exists is False
        or facts.reference_resolves is False
        or (facts.settings is not None and facts.settings.client_auth_enabled is False)
    ):
        return _no("the configuration lets none be sent")
    return _ours_is_out(facts)


def _ours_is_out(facts: Facts) -> Answer | None:
    if facts.accepted:
        return _no("the server accepted it")
    if facts.received is False:
        return _no("this side ended the handshake, not the backend")
    if facts.hello_only:
        return _no("the handshake ended before certificates were spoken of")
    if facts.before_request:
        return _no("the server ended the handshake before the client could answer")
    return None


def _wire_needs(facts: Facts) -> tuple[str, ...]:
    """What would show what the client sent."""
    if facts.sent is not None and not facts.inferred:
        return ()
    if facts.wire and facts.version == "TLS 1.3":
        return ("key-log",)
    return ("capture",)


def _surely_sent(facts: Facts) -> bool:
    """Whether the certificate was sent: as seen, or because Java would."""
    would = facts.choice is not None and facts.choice.certain and facts.choice.alias is not None
    return facts.sent == SENT or would


def _unseen(facts: Facts) -> Answer:
    """A certificate was sent, or may have been, and nothing shows it."""
    needs = ("keystore", *_wire_needs(facts))
    return Answer(POSSIBLE, "the certificate that was sent is not known", facts.quote("sent"), needs)


def no_keystore(facts: Facts) -> Answer:
    """The target's TLS settings name no keystore."""
    if out := _empty_is_out(facts):
        return out
    if facts.log_keystore == "null":
        return Answer(PROVEN, "the log says that no keystore is set", facts.quote("log_keystore", "sent"))
    if facts.log_keystore not in (None, "-"):
        return _no("the log names a keystore object")
    if facts.settings is not None:
        if facts.settings.keystore:
            return _no("the settings name a keystore")
        if facts.settings.client_auth_enabled is not False:
            return Answer(PROVEN, "the target's SSLInfo has no KeyStore", facts.quote("settings", "sent"))
        return _no("client authentication is switched off, which comes first")
    if facts.keystore is not None:
        return _no("a keystore was given as evidence")
    return Answer(POSSIBLE, "the target's settings are not known", facts.quote("sent"), ("bundle",))


def client_auth_disabled(facts: Facts) -> Answer:
    """``ClientAuthEnabled`` is not true."""
    if out := _empty_is_out(facts):
        return out
    if facts.settings is not None:
        if facts.settings.client_auth_enabled is True:
            return _no("ClientAuthEnabled is true")
        if facts.settings.client_auth_enabled is False:
            return Answer(
                PROVEN,
                "ClientAuthEnabled is false, so that no certificate is sent",
                facts.quote("settings", "asked"),
            )
        if facts.settings_variable is None:
            return Answer(
                PROVEN,
                "SSLInfo has no ClientAuthEnabled: it is off unless it is set",
                facts.quote("settings", "asked"),
            )
    if _explained(facts):
        return _no("the keystore alone explains it")
    return Answer(POSSIBLE, "the target's settings are not known", (), ("bundle",))


def reference_broken(facts: Facts) -> Answer:
    """``ref://`` names a reference, or the reference a keystore, that does not exist."""
    if out := _empty_is_out(facts):
        return out
    broken = facts.reference_resolves is False or facts.keystore_exists is False
    if facts.log_keystore not in (None, "null", "-") and not broken:
        return _no("the log names a keystore object, so that the name led to one")
    if facts.reference_resolves is False:
        return Answer(
            PROVEN,
            f"no reference {facts.reference} is in the environment",
            facts.quote("settings", "reference"),
        )
    if facts.keystore_exists is False:
        named = f"the reference {facts.reference} names" if facts.reference else "the settings name"
        return Answer(
            PROVEN, f"{named} the keystore {facts.keystore_name}, which is not in the environment",
            facts.quote("settings", "reference", "keystore"),
        )  # fmt: skip
    if facts.reference_resolves or facts.keystore_exists:
        return _no("the keystore is found")
    if (
        facts.settings is not None
        and facts.settings.keystore
        and facts.reference is None
        and not facts.settings_variable
    ):
        return (
            _no("the settings name a keystore directly")
            if facts.keystore is not None
            else Answer(
                POSSIBLE, f"whether the keystore {facts.keystore_name} exists is not known", (), ("keystore",)
            )
        )
    if _explained(facts) or (facts.settings is None and facts.keystore is not None):
        return _no("a keystore was given as the one that is used")
    return Answer(
        POSSIBLE, "what the target's KeyStore resolves to is not known", (), ("bundle", "reference")
    )


def keystore_empty(facts: Facts) -> Answer:
    """The keystore holds no certificate at all."""
    if out := _empty_is_out(facts) or _keystore_is_out(facts):
        return out
    if facts.keystore is None:
        return Answer(POSSIBLE, "the keystore is not among the evidence", (), ("keystore",))
    if not facts.keystore.entries:
        if facts.keystore.complete:
            return Answer(
                PROVEN,
                f"the keystore {facts.keystore.name} holds no certificate",
                facts.quote("keystore", "sent"),
            )
        return Answer(POSSIBLE, "the keystore's aliases are not known", (), ("keystore",))
    return _no(f"the keystore {facts.keystore.name} holds entries")


def alias_missing(facts: Facts) -> Answer:
    """``KeyAlias`` names an alias that the keystore does not have."""
    if out := _empty_is_out(facts) or _keystore_is_out(facts):
        return out
    if facts.keystore is None:
        return Answer(POSSIBLE, "the keystore is not among the evidence", (), ("keystore",))
    if not facts.keystore.entries and facts.keystore.complete:
        return _no("the keystore has no alias at all")
    if facts.alias is None:
        if _explained(facts):
            return _no("no alias is known, and the entries explain it")
        return Answer(POSSIBLE, "the alias that the target names is not known", (), ("log",))
    if facts.entry is not None:
        return _no(f"the alias {facts.alias} is there")
    held = ", ".join(entry.alias for entry in facts.keystore.entries[:5]) or "none"
    if facts.keystore.complete:
        return Answer(
            PROVEN, f"the keystore {facts.keystore.name} has no alias {facts.alias}; it has {held}",
            facts.quote("alias", "keystore", "sent"),
        )  # fmt: skip
    return Answer(POSSIBLE, f"of the keystore only {held} is known", facts.quote("alias"), ("keystore",))


def certificate_without_key(facts: Facts) -> Answer:
    """The alias has a certificate, and no private key that goes with it."""
    if out := _empty_is_out(facts) or _keystore_is_out(facts):
        return out
    if facts.keystore is None:
        return Answer(POSSIBLE, "the keystore is not among the evidence", (), ("keystore",))
    entries = (facts.entry,) if facts.entry else facts.keystore.entries if facts.alias is None else ()
    if not entries:
        return _no("there is no such entry")
    if any(entry.has_key for entry in entries):
        return _no("the alias has its private key")
    if any(entry.has_key is None for entry in entries):
        if _explained(facts):
            return _no("the keystore alone explains it")
        return Answer(POSSIBLE, "whether the alias has a private key is not known", (), ("keystore",))
    return Answer(
        PROVEN, f"the alias {entries[0].alias} holds a certificate without its private key",
        facts.quote("keystore", "sent"),
    )  # fmt: skip


def ca_mismatch(facts: Facts) -> Answer:
    """No certificate of the chain was issued by an authority that the backend accepts."""
    if out := _empty_is_out(facts) or _keystore_is_out(facts):
        return out
    if facts.authorities is not None and not facts.authorities:
        return _no("the backend names no authorities, so that every issuer is accepted")
    entries = _candidates(facts)
    if facts.keystore is not None and not entries:
        return _no("there is no entry that could be sent")
    if facts.keystore is None or facts.authorities is None:
        needs = tuple(
            kind
            for kind, held in (("keystore", facts.keystore), ("s_client", facts.authorities))
            if held is None
        )
        return Answer(
            POSSIBLE, "issuers and accepted authorities cannot be compared yet", facts.quote("request"), needs
        )
    if any(find(item.issuer, facts.authorities) for entry in entries for item in entry.chain):
        return _no("an issuer of the chain is among the accepted authorities")
    if any(not entry.chain for entry in entries):
        return Answer(
            POSSIBLE,
            "the alias's certificate is not among the evidence",
            facts.quote("request"),
            ("keystore",),
        )
    issuers = "; ".join(dict.fromkeys(str(item.issuer) for entry in entries for item in entry.chain))
    quotes = facts.quote("keystore", "request", "sent")
    if link := _missing_link(facts):
        return _no(f"the chain lacks {link.subject}, whose issuer is accepted")
    if all(entry.chain[-1].self_issued for entry in entries):
        return Answer(PROVEN, f"issued by {issuers}: none of it is accepted by the backend", quotes)
    return Answer(
        POSSIBLE, f"issued by {issuers}: none of it is accepted by the backend, but the chain does not"
        f" reach a root",
        quotes, ("intermediate",),
    )  # fmt: skip


def chain_incomplete(facts: Facts) -> Answer:
    """The chain lacks the intermediate that links it to an accepted authority."""
    if facts.sent == SENT or (
        facts.sent is None and facts.choice is not None and facts.choice.alias is not None
    ):
        return _chain_incomplete_sent(facts)
    if out := _empty_is_out(facts) or _keystore_is_out(facts):
        return out
    if facts.authorities is not None and not facts.authorities:
        return _no("the backend names no authorities, so that every chain is sent")
    entries = _candidates(facts)
    if facts.keystore is not None and not entries:
        return _no("there is no entry that could be sent")
    if facts.keystore is None:
        return Answer(POSSIBLE, "the chain of the alias is not known", (), ("keystore",))
    if any(not entry.chain for entry in entries):
        return Answer(POSSIBLE, "the alias's certificate is not among the evidence", (), ("keystore",))
    if all(entry.chain[-1].self_issued for entry in entries):
        return _no("the chain reaches its root")
    if facts.authorities is None:
        return Answer(
            POSSIBLE, "the accepted authorities are not known", facts.quote("keystore"), ("s_client",)
        )
    if any(find(item.issuer, facts.authorities) for entry in entries for item in entry.chain):
        return _no("an issuer of the chain is among the accepted authorities")
    if link := _missing_link(facts):
        return Answer(
            PROVEN, f"the chain ends before {link.subject}, which {link.issuer} issued and the backend"
            f" accepts",
            (*facts.quote("keystore", "request", "sent"), Quote(str(link.subject), link.source)),
        )  # fmt: skip
    top = entries[0].chain[-1]
    return Answer(
        POSSIBLE, f"the chain ends at {top.subject}; its issuer's certificate is not in it",
        facts.quote("keystore", "request"), ("intermediate",),
    )  # fmt: skip


def _chain_incomplete_sent(facts: Facts) -> Answer:
    if out := _sent_is_out(facts):
        return out
    chain = facts.presented
    if not chain:
        return _no("what was sent cannot be seen")
    if chain[-1].self_issued:
        return _no("the chain that was sent reaches its root")
    if facts.backend_cas:
        if _anchor(chain, facts.backend_cas) is not None:
            return _no("the chain that was sent reaches an authority of the backend")
        if link := _link_to(chain[-1], facts, tuple(item.subject for item in facts.backend_cas)):
            return Answer(
                PROVEN, f"the chain that was sent lacks {link.subject}, whose issuer the backend trusts",
                (*facts.quote("sent", "backend_ca"), Quote(str(link.subject), link.source)),
            )  # fmt: skip
    return _no("nothing shows a missing intermediate")


def key_type_mismatch(facts: Facts) -> Answer:
    """The key's kind, or its signature algorithm, is none that the backend asks for."""
    if facts.before_request and not facts.accepted:
        # OpenSSL fails so when its list of client signature algorithms has none for TLS 1.3.
        return Answer(
            POSSIBLE, "the server ended the handshake itself where it should have asked for a"
            " certificate: its list of"
            " signature algorithms may admit none of TLS 1.3", facts.quote("alert"), ("backend-log",),
        )  # fmt: skip
    if out := _empty_is_out(facts) or _keystore_is_out(facts):
        return out
    admitted = keymanager.requested_algorithms(facts.key_types, facts.schemes)
    entries = _candidates(facts)
    if facts.keystore is not None and not entries:
        return _no("there is no entry that could be sent")
    known = [entry.chain[0].key_algorithm for entry in entries if entry.chain]
    if admitted is not None and known and all(kind is not None and kind not in admitted for kind in known):
        return Answer(
            PROVEN, f"the key is {known[0]}; the backend asks for {', '.join(sorted(admitted))}",
            facts.quote("keystore", "request", "sent"),
        )  # fmt: skip
    if admitted is not None and known and all(kind in admitted for kind in known):
        return _no("the key is of a kind that is asked for")
    if admitted is not None and {"RSA", "EC"} <= admitted and facts.keystore is None:
        return Answer(
            POSSIBLE, "the key's kind is not known, though the usual ones are asked for", (), ("keystore",)
        )
    if _explained(facts):
        return _no("the keystore alone explains it")
    needs = tuple(kind for kind, held in (("keystore", known), ("s_client", admitted)) if not held)
    return Answer(POSSIBLE, "the key's kind cannot be compared yet", (), needs)


def stale_keystore(facts: Facts) -> Answer:
    """The Message Processor still holds the keystore as it was before a change."""
    if facts.accepted or facts.hello_only or facts.before_request or facts.received is False:
        return _no("no certificate was refused")
    if facts.sent == NOT_ASKED:
        return _no("the server did not ask for a certificate")
    if not facts.sent_chain and (younger := _younger(facts)):
        return Answer(
            PROVEN,
            f"the certificate in the keystore is valid from {younger.not_before:%Y-%m-%d %H:%M} UTC,"
            f" after the failure: the keystore"
            " was changed since, and what it held then is not known",
            facts.quote("keystore", "sent"),
        )
    if facts.sent == SENT and facts.sent_chain and facts.entry is not None and facts.entry.chain:
        if not same_certificate(facts.sent_chain[0], facts.entry.chain[0]):
            return Answer(
                PROVEN, "the certificate that was sent is not the one of this keystore",
                facts.quote("sent", "keystore"),
            )  # fmt: skip
        return _no("the certificate that was sent is the keystore's")
    if facts.sent == EMPTY and facts.choice is not None and facts.choice.alias is not None:
        sure = "with this keystore Java sends a certificate, yet none was sent"
        return Answer(POSSIBLE, sure, facts.quote("keystore", "request", "sent"), ("runtime",))
    if _explained(facts) or facts.log_keystore == "null" or _keystore_is_out(facts):
        return _no("what is configured explains what was seen")
    if facts.sent == EMPTY:
        return Answer(
            POSSIBLE, "the keystore may have been mended since", (), () if facts.keystore else ("keystore",)
        )
    return _no("nothing points to it")


def _younger(facts: Facts) -> Certificate | None:
    """The leaf of the keystore, if it came into force between the last failure and now."""
    if facts.entry is None or not facts.entry.chain or facts.ended is None:
        return None
    leaf = facts.entry.chain[0]
    made = leaf.not_before
    return leaf if made is not None and facts.ended < made <= datetime.now(UTC) else None


def expired(facts: Facts) -> Answer:
    """A certificate of the chain had expired when the handshake failed."""
    return _validity(facts, "expired")


def not_yet_valid(facts: Facts) -> Answer:
    """A certificate of the chain was not valid yet when the handshake failed."""
    return _validity(facts, "not yet valid")


def _validity(facts: Facts, which: str) -> Answer:
    if out := _sent_is_out(facts):
        return out
    chain = facts.presented
    if not chain:
        return _unseen(facts)
    time = facts.begun or datetime.now(UTC)
    quotes = facts.quote("sent") or facts.quote("keystore")
    for certificate in chain:
        limit = certificate.not_after if which == "expired" else certificate.not_before
        if limit is None:
            return Answer(
                POSSIBLE, f"the dates of {certificate.subject} are not known", quotes, ("keystore",)
            )
        if which != "expired" and not facts.sent_chain and _younger(facts):
            return _no("the certificate was made after the failure: it cannot have been sent")
        late = time > limit if which == "expired" else time < limit
        if late:
            word = "expired on" if which == "expired" else "is valid only from"
            return Answer(
                PROVEN, f"{certificate.subject} {word} {limit:%Y-%m-%d %H:%M} UTC; the handshake failed at"
                f" {time:%Y-%m-%d %H:%M} UTC", quotes,
            )  # fmt: skip
    return _no("the dates cover the time of the failure")


def wrong_key_usage(facts: Facts) -> Answer:
    """Key usage or extended key usage do not allow client authentication."""
    if out := _sent_is_out(facts):
        return out
    chain = facts.presented
    if not chain:
        return _unseen(facts)
    leaf = chain[0]
    quotes = facts.quote("sent") or facts.quote("keystore")
    if leaf.extended_key_usages is None:
        return Answer(
            POSSIBLE,
            "the management API does not tell usages: export the certificate",
            quotes,
            ("certificate",),
        )
    if leaf.extended_key_usages and not {CLIENT_AUTH, "any"} & set(leaf.extended_key_usages):
        return Answer(
            PROVEN,
            f"extended key usage is {', '.join(leaf.extended_key_usages)}, without {CLIENT_AUTH}",
            quotes,
        )
    if leaf.key_usages and "digital_signature" not in leaf.key_usages:
        return Answer(
            PROVEN, f"key usage is {', '.join(sorted(leaf.key_usages))}, without digital signature", quotes
        )
    return _no("the usages allow client authentication")


def unknown_ca(facts: Facts) -> Answer:
    """The backend cannot build a path from what was sent to an authority that it trusts."""
    if out := _sent_is_out(facts):
        return out
    chain = facts.presented
    if not facts.backend_cas:
        return Answer(
            POSSIBLE, "the backend's trusted authorities are not known", facts.quote("sent"), ("backend-ca",)
        )
    if not chain:
        return _unseen(facts)
    if _anchor(chain, facts.backend_cas) is not None:
        return _no("the chain reaches an authority of the backend")
    if _namesake(chain, facts.backend_cas) is not None:
        return _no("an authority of the same name is trusted, with another key")
    if _link_to(chain[-1], facts, tuple(item.subject for item in facts.backend_cas)):
        return _no("only an intermediate is missing")
    if not _surely_sent(facts):
        why = "the backend trusts none of the issuers, but whether the certificate was sent is not known"
        return Answer(POSSIBLE, why, facts.quote("keystore", "backend_ca"), ("s_client", *_wire_needs(facts)))
    issuers = "; ".join(dict.fromkeys(str(item.issuer) for item in chain))
    trusted = "; ".join(str(item.subject) for item in facts.backend_cas[:5])
    return Answer(
        PROVEN,
        f"issued by {issuers}; the backend trusts {trusted}",
        facts.quote("sent", "keystore", "backend_ca"),
    )


def ca_same_name_other_key(facts: Facts) -> Answer:
    """The backend trusts an authority of that name, but with another key: the authority was renewed."""
    if out := _sent_is_out(facts):
        return out
    chain = facts.presented
    if facts.backend_cas:
        if not chain:
            return _unseen(facts)
        if _anchor(chain, facts.backend_cas) is None and (other := _namesake(chain, facts.backend_cas)):
            if not _surely_sent(facts):
                why = f"{other.subject} has another key there, but whether the certificate was sent is"
                " not known"
                return Answer(POSSIBLE, why, facts.quote("backend_ca"), ("s_client", *_wire_needs(facts)))
            return Answer(
                PROVEN, f"the backend's {other.subject} did not sign this chain: same name, another key",
                facts.quote("sent", "keystore", "backend_ca"),
            )  # fmt: skip
        return _no("no authority of the backend has that name with another key")
    if facts.authorities and chain and not any(find(item.issuer, facts.authorities) for item in chain):
        return _no("no issuer is among the accepted names")
    return Answer(
        POSSIBLE,
        "names agree or are not known; only the backend's own authority tells",
        facts.quote("request"),
        ("backend-ca",),
    )


def weak_algorithm(facts: Facts) -> Answer:
    """A signature or key that the backend may refuse as too weak."""
    if out := _sent_is_out(facts):
        return out
    for certificate in facts.presented:
        if certificate.self_issued and certificate is not facts.presented[0]:
            continue  # nobody checks a root's own signature
        signed = certificate.signature_algorithm or ""
        weak = signed.startswith(("MD2", "MD5", "SHA1"))
        small = certificate.key_algorithm == "RSA" and (certificate.key_bits or 4096) < 2048
        if weak or small:
            what = f"signed with {signed}" if weak else f"an RSA key of {certificate.key_bits} bits"
            return Answer(
                POSSIBLE, f"{certificate.subject}: {what}", facts.quote("sent", "keystore"), ("backend-log",)
            )
    return _no("no weak algorithm is in the chain")


def revoked_or_not_registered(facts: Facts) -> Answer:
    """Revoked, or not registered at the backend: nothing here can show it."""
    if out := _sent_is_out(facts):
        return out
    return Answer(
        POSSIBLE, "revocation, pinned certificates and lists of allowed subjects live at the backend:"
        " they cannot be"
        " seen from here", facts.quote("alert"), ("backend-log",),
    )  # fmt: skip


def not_asked(facts: Facts) -> Answer:
    """The backend asked for no certificate: another layer refused."""
    if facts.sent is None and facts.asked is False and not facts.accepted and facts.received is not False:
        why = "a connection of another client was asked for none; the Message Processor's may have been"
        return Answer(POSSIBLE, why, facts.quote("asked"), ("capture",))
    if facts.accepted or facts.sent != NOT_ASKED or facts.received is False:
        return _no("the server asked for a certificate, or it is not known")
    quotes = facts.quote("asked", "alert")
    if facts.renegotiated:
        return Answer(
            POSSIBLE,
            "it may have asked in a later handshake, inside the encryption (as IIS does)",
            quotes,
            ("key-log",),
        )
    if facts.inferred:
        return Answer(PROVEN, "by the sizes of records the server asked for no certificate", quotes)
    return Answer(PROVEN, "the server asked for no certificate in this handshake", quotes)


def not_a_certificate_matter(facts: Facts) -> Answer:
    """The handshake ended before certificates were spoken of: protocol, cipher, or host name."""
    if facts.accepted or facts.hello_only is False or facts.received is False:
        return _no("the handshake went on behind the ClientHello")
    if facts.hello_only is None:
        if facts.alert in _EARLY_ALERTS:
            why = "servers send this alert for protocols and ciphers as well"
            return Answer(POSSIBLE, why, facts.quote("alert"), ("capture",))
        return _no("this alert is not one that answers a ClientHello")
    return Answer(PROVEN, "the server refused the ClientHello itself", facts.quote("alert"))


def backend_failed(facts: Facts) -> Answer:
    """The server failed by itself, before it had anything from the client to judge."""
    if facts.accepted or not facts.before_request:
        return _no("the server did not end the handshake before the client's answer")
    return Answer(
        POSSIBLE,
        "the server ended the handshake before it had the client's answer",
        facts.quote("alert"),
        ("backend-log",),
    )


def backend_refused_here(facts: Facts) -> Answer:
    """This side refused the backend's certificate or hello, not the other way round."""
    if facts.received is False and not facts.accepted:
        return Answer(PROVEN, "the alert was sent by the Message Processor", facts.quote("alert"))
    return _no("the alert did not come from this side")


def wrong_sni(facts: Facts) -> Answer:
    """The host that answered is another than the one meant: no or another name in SNI."""
    if facts.accepted or facts.received is False or facts.sent == NOT_ASKED:
        return _no("no certificate was refused")
    named = facts.quotes.get("sni_differs")
    if named is not None:
        return Answer(POSSIBLE, named.text, (named,), ("s_client",))
    return _no("nothing points to it")


def _keystore_is_out(facts: Facts) -> Answer | None:
    """Why the contents of a keystore cannot be the cause."""
    if facts.log_keystore == "null":
        return _no("no keystore is configured")
    if facts.settings is not None and facts.settings.client_auth_enabled is False:
        return _no("client authentication is switched off, which comes first")
    if facts.settings is not None and not facts.settings.keystore:
        return _no("the settings name no keystore")
    if facts.reference_resolves is False or facts.keystore_exists is False:
        return _no("the keystore does not exist")
    return None


def _candidates(facts: Facts) -> tuple[KeystoreEntry, ...]:
    """Entries that could be sent: the configured alias, else every one that may have a key."""
    if facts.entry is not None:
        return (facts.entry,) if facts.entry.has_key is not False else ()
    if facts.keystore is None or (facts.alias is not None and facts.keystore.complete):
        return ()
    return tuple(entry for entry in facts.keystore.entries if entry.has_key is not False)


def _explained(facts: Facts) -> bool:
    """Whether the keystore's contents alone make Java send nothing, for certain."""
    return facts.choice is not None and facts.choice.certain and facts.choice.alias is None


def _missing_link(facts: Facts) -> Certificate | None:
    """A certificate of the evidence that would join the chain to an accepted authority."""
    for entry in _candidates(facts):
        if (
            entry.chain
            and facts.authorities
            and (link := _link_to(entry.chain[-1], facts, facts.authorities))
        ):
            return link
    return None


def _link_to(top: Certificate, facts: Facts, accepted: tuple[Name, ...]) -> Certificate | None:
    """The certificate above ``top``, if it is among the evidence and leads to an accepted authority."""
    if top.self_issued:
        return None
    for item in facts.known:
        issues = item.subject.same(top.issuer) and not item.self_issued and signed_by(top, item) is not False
        if issues and (find(item.issuer, accepted) or _link_to(item, facts, accepted)):
            return item
    return None


def _anchor(chain: tuple[Certificate, ...], trusted: tuple[Certificate, ...]) -> Certificate | None:
    """The trusted authority that the chain reaches: one of its own, or one that signed one of it."""
    for certificate in chain:
        for authority in trusted:
            if same_certificate(certificate, authority):
                return authority
            if certificate.issuer.same(authority.subject) and signed_by(certificate, authority) is not False:
                return authority
    return None


def _namesake(chain: tuple[Certificate, ...], trusted: tuple[Certificate, ...]) -> Certificate | None:
    """A trusted authority with the name of an issuer of the chain."""
    return next(
        (authority for item in chain for authority in trusted if item.issuer.same(authority.subject)), None
    )


_EARLY_ALERTS = (
    "handshake_failure",
    "protocol_version",
    "insufficient_security",
    "unrecognized_name",
    "internal_error",
)

CAUSES = (
    Cause(
        "not_a_client_certificate_matter", "The handshake ended before client certificates were spoken of",
        "Compare the target's Protocols and Ciphers, and the host name that is sent in SNI, with the"
        " backend.",
        not_a_certificate_matter,
    ),
    Cause(
        "refused_by_message_processor", "The Message Processor refused the backend, not the other way round",
        "Look at the backend's certificate and the target's truststore; the client certificate is not in"
        " question.",
        backend_refused_here,
    ),
    Cause(
        "no_client_certificate_asked", "The backend asked for no client certificate: another layer refused",
        "Look behind the TLS layer of this host: a proxy, gateway or application there may want a"
        " certificate.",
        not_asked,
    ),
    Cause(
        "no_keystore_configured", "No keystore is configured for the target",
        "Set KeyStore and KeyAlias in the SSLInfo of the target endpoint or target server, with"
        " ClientAuthEnabled true, and deploy.",
        no_keystore,
    ),
    Cause(
        "client_auth_disabled", "ClientAuthEnabled is not true",
        "Set <ClientAuthEnabled>true</ClientAuthEnabled> in the target's SSLInfo and deploy.",
        client_auth_disabled,
    ),
    Cause(
        "reference_broken", "The keystore that the target names does not exist",
        "Create the reference or point it to an existing keystore:"
        " PUT /organizations/ORG/environments/ENV/references/REFERENCE.",
        reference_broken,
    ),
    Cause(
        "keystore_empty", "The keystore holds no certificate",
        "Upload the complete client certificate chain with its private key to the keystore, as a new alias.",
        keystore_empty,
    ),
    Cause(
        "alias_not_found", "The keystore does not have the alias that the target names",
        "Correct KeyAlias in the target's SSLInfo, or upload the certificate and key under that alias.",
        alias_missing,
    ),
    Cause(
        "certificate_without_key", "The alias has a certificate without its private key",
        "Upload the certificate together with its private key (a PKCS#12 file, or certificate and key) as a"
        " new alias.",
        certificate_without_key,
    ),
    Cause(
        "ca_mismatch", "The backend accepts none of the authorities that issued the client certificate",
        "Have the authority that issued the client certificate added to the backend's truststore, or use a"
        " certificate of an authority that the backend accepts.",
        ca_mismatch,
    ),
    Cause(
        "chain_incomplete", "The chain lacks the intermediate that leads to an accepted authority",
        "Upload the complete chain, leaf first and then each intermediate, under a new alias.",
        chain_incomplete,
    ),
    Cause(
        "key_type_mismatch", "The key's kind or signature algorithm is none that the backend asks for",
        "Use a certificate whose key is of a kind that the backend asks for, or have the backend's list of"
        " signature algorithms widened.",
        key_type_mismatch,
    ),
    Cause(
        "stale_keystore", "The Message Processor uses another keystore content than the one given here",
        "Restart the Message Processors, or create a new keystore and point the reference to it; compare"
        " what is"
        " loaded: GET http://MP:8082/v1/runtime/organizations/ORG/environments/ENV/keystores/KEYSTORE.",
        stale_keystore,
    ),
    Cause(
        "expired", "The client certificate, or one of its chain, has expired",
        "Have the certificate renewed, upload it to a new keystore and point the reference to that.", expired,
    ),
    Cause(
        "not_yet_valid", "The client certificate, or one of its chain, is not valid yet",
        "Wait until it is valid, use the one before it, or have it reissued; compare the clocks of both"
        " hosts.",
        not_yet_valid,
    ),
    Cause(
        "wrong_key_usage", "The client certificate is not made for client authentication",
        "Have it reissued with extended key usage clientAuth and key usage digital signature.",
        wrong_key_usage,
    ),
    Cause(
        "unknown_ca", "The backend does not trust the issuer of the certificate that was sent",
        "Have the issuing authority added to the backend's truststore, and send the complete chain.",
        unknown_ca,
    ),
    Cause(
        "ca_same_name_other_key", "The backend trusts an authority of the same name, but with another key",
        "Have the authority's new certificate added to the backend's truststore (keep the old one while"
        " certificates of both are in use).",
        ca_same_name_other_key,
    ),
    Cause(
        "weak_algorithm", "The chain uses an algorithm or key that the backend may refuse as too weak",
        "Have the certificate reissued with SHA-256 and an RSA key of 2048 bits or more, or an EC key.",
        weak_algorithm,
    ),
    Cause(
        "revoked_or_not_registered", "The certificate is revoked, or not registered at the backend",
        "Ask the backend's operator for the entry of its log, and the authority for the certificate's state.",
        revoked_or_not_registered,
    ),
    Cause(
        "wrong_sni", "Another host than the one meant may have answered",
        "Compare the host name of the target's URL with the one in SNI; a load balancer may present another"
        " host's list of authorities.",
        wrong_sni,
    ),
    Cause(
        "backend_failed", "The backend ended the handshake by itself",
        "Look at the backend's log at that time: it had nothing from the client to refuse yet.",
        backend_failed,
    ),
)  # fmt: skip
"""Every cause, in the order in which a person would look."""


EMPTY_CAUSES = frozenset(
    {
        "no_keystore_configured", "client_auth_disabled", "reference_broken", "keystore_empty",
        "alias_not_found",
        "certificate_without_key", "ca_mismatch", "chain_incomplete", "key_type_mismatch", "stale_keystore",
    }
)  # fmt: skip
"""What an empty client Certificate can mean."""
SENT_CAUSES = frozenset(
    {
        "expired", "not_yet_valid", "wrong_key_usage", "unknown_ca", "ca_same_name_other_key",
        "weak_algorithm",
        "revoked_or_not_registered",
    }
)  # fmt: skip
"""What the refusal of a certificate that was sent can mean."""


def judge(facts: Facts) -> tuple[Finding, ...]:
    """The causes of a case: those that are proven; where none is, all that are possible.

    Nothing, where the server accepted the handshake.
    """
    findings = [Finding(cause, cause.ask(facts)) for cause in CAUSES]
    proven = [finding for finding in findings if finding.answer.state == PROVEN]
    return tuple(proven or [finding for finding in findings if finding.answer.state == POSSIBLE])


def excluded(facts: Facts) -> tuple[Finding, ...]:
    """The causes that the evidence rules out, with the reason."""
    findings = (Finding(cause, cause.ask(facts)) for cause in CAUSES)
    return tuple(finding for finding in findings if finding.answer.state == EXCLUDED)
