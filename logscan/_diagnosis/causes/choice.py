"""Causes in Java's choice: no certificate of the keystore fits what the backend accepts."""

from __future__ import annotations

from logscan._diagnosis import keymanager
from logscan._diagnosis.causes._base import (
    EXCLUDED,
    IF_EMPTY,
    Assessment,
    cause,
    excluded,
    excluded_if_not_refused,
    excluded_unless_empty,
    excluded_unless_sent,
    excluded_without_keystore,
    keystore_explains,
    likely,
    needs_of_the_wire,
    possible,
    proven,
)
from logscan._diagnosis.causes._chains import anchor, candidates, link_to, missing_link, younger_leaf
from logscan._diagnosis.facts import SHOWN_NAMES, Facts, Quote
from logscan._evidence.capture.connection import EMPTY, NOT_ASKED, SENT
from logscan._evidence.certificates import same_certificate
from logscan._evidence.distinguished_names import find


@cause(
    IF_EMPTY,
    title="The backend accepts none of the authorities that issued the client certificate",
    remedy=(
        "Have the authority that issued the client certificate added to the backend's truststore,"
        " or use a certificate of an authority that the backend accepts."
    ),
)
def ca_mismatch(facts: Facts) -> Assessment:
    """No certificate of the alias's chain was issued by an accepted authority, and the chain reaches its
    root."""
    if out := excluded_unless_empty(facts) or excluded_without_keystore(facts):
        return out
    if facts.authorities is not None and not facts.authorities:
        return excluded("the backend names no authorities, so that every issuer is accepted")
    entries = candidates(facts)
    if facts.keystore is not None and not entries:
        return excluded("there is no entry that could be sent")
    if facts.keystore is None or facts.authorities is None:
        needs = tuple(
            kind
            for kind, known in (("keystore", facts.keystore), ("s_client", facts.authorities))
            if known is None
        )
        return possible(
            "issuers and accepted authorities cannot be compared yet", facts.quote("request"), needs
        )
    if any(find(item.issuer, facts.authorities) for entry in entries for item in entry.chain):
        return excluded("an issuer of the chain is among the accepted authorities")
    if any(not entry.chain for entry in entries):
        return possible(
            "the alias's certificate is not among the evidence", facts.quote("request"), ("keystore",)
        )
    issuers = "; ".join(dict.fromkeys(str(item.issuer) for entry in entries for item in entry.chain))
    quotes = facts.quote("keystore", "request", "sent")
    if link := missing_link(facts):
        return excluded(f"the chain lacks {link.subject}, whose issuer is accepted")
    accepted = "; ".join(str(name) for name in facts.authorities[:SHOWN_NAMES])
    why = f"Your certificate was issued by {issuers}. The backend accepts only {accepted}."
    why += " Java then sends no certificate"
    if all(entry.chain[-1].self_issued for entry in entries):
        return proven(why, quotes)
    why += ". The chain does not reach a root: the missing part may lead to an accepted authority"
    return likely(why, quotes, ("intermediate",), doubt="the chain does not reach a root")


@cause(
    IF_EMPTY,
    title="The chain lacks the intermediate that leads to an accepted authority",
    remedy="Upload the complete chain, leaf first and then each intermediate, under a new alias.",
)
def chain_incomplete(facts: Facts) -> Assessment:
    """The chain ends below an accepted authority, and the certificate between is among the evidence."""
    if facts.sent == SENT or (
        facts.sent is None and facts.choice is not None and facts.choice.alias is not None
    ):
        return _chain_incomplete_sent(facts)
    found = _chain_incomplete_empty(facts)
    if found.state == EXCLUDED and facts.sent is None:
        return _chain_incomplete_sent(facts)  # it may have been sent all the same
    return found


def _chain_incomplete_empty(facts: Facts) -> Assessment:
    """Whether the chain's end made Java send none."""
    if out := excluded_unless_empty(facts) or excluded_without_keystore(facts):
        return out
    if facts.authorities is not None and not facts.authorities:
        return excluded("the backend names no authorities, so that every chain is sent")
    entries = candidates(facts)
    if facts.keystore is not None and not entries:
        return excluded("there is no entry that could be sent")
    if facts.keystore is None:
        return possible("the chain of the alias is not known", needs=("keystore",))
    if any(not entry.chain for entry in entries):
        return possible("the alias's certificate is not among the evidence", needs=("keystore",))
    if all(entry.chain[-1].self_issued for entry in entries):
        return excluded("the chain reaches its root")
    if facts.authorities is None:
        return possible("the accepted authorities are not known", facts.quote("keystore"), ("s_client",))
    if any(find(item.issuer, facts.authorities) for entry in entries for item in entry.chain):
        return excluded("an issuer of the chain is among the accepted authorities")
    if link := missing_link(facts):
        return proven(
            f"the chain ends before {link.subject}, which {link.issuer} issued and the backend accepts",
            (*facts.quote("keystore", "request", "sent"), Quote(str(link.subject), link.source)),
        )
    top = entries[0].chain[-1]
    return likely(
        f"the chain ends at {top.subject}; its issuer's certificate is not in it",
        facts.quote("keystore", "request"),
        ("intermediate",),
        doubt="an authority that the backend does not accept may have issued it",
    )


def _chain_incomplete_sent(facts: Facts) -> Assessment:
    """The same for a certificate that was sent."""
    if out := excluded_unless_sent(facts):
        return out
    chain = facts.presented
    if not chain:
        return possible("the chain that was sent cannot be seen", facts.quote("sent"), ("keystore",))
    if chain[-1].self_issued:
        return excluded("the chain that was sent reaches its root")
    if facts.backend_cas:
        if anchor(chain, facts.backend_cas) is not None:
            return excluded("the chain that was sent reaches an authority of the backend")
        if link := link_to(chain[-1], facts, tuple(item.subject for item in facts.backend_cas)):
            return proven(
                f"the chain that was sent lacks {link.subject}, whose issuer the backend trusts",
                (*facts.quote("sent", "backend_ca"), Quote(str(link.subject), link.source)),
            )
    why = f"the chain that was sent ends at {chain[-1].subject}; its issuer's certificate is not in it"
    if facts.backend_cas:
        return likely(
            why,
            facts.quote("sent", "backend_ca"),
            ("intermediate",),
            doubt="its issuer may be unknown to the backend",
        )
    return possible(why, facts.quote("sent"), ("intermediate", "backend-ca"))


@cause(
    IF_EMPTY,
    title="The key's type or signature algorithm is none that the backend asks for",
    remedy=(
        "Use a certificate whose key is of a type that the backend asks for,"
        " or have the backend's list of signature algorithms widened."
    ),
)
def key_type_mismatch(facts: Facts) -> Assessment:
    """The key is of a type that the backend does not ask for."""
    if facts.before_request and not facts.accepted:
        # OpenSSL fails so when its list of client signature algorithms has none for TLS 1.3.
        why = (
            "the server ended the handshake itself where it should have asked for a certificate:"
            " its list of signature algorithms may admit none of TLS 1.3"
        )
        return possible(why, facts.quote("alert"), ("backend-log",))
    if out := excluded_unless_empty(facts) or excluded_without_keystore(facts):
        return out
    admitted = keymanager.requested_algorithms(facts.key_types, facts.schemes)
    entries = candidates(facts)
    if facts.keystore is not None and not entries:
        return excluded("there is no entry that could be sent")
    known = [entry.chain[0].key_algorithm for entry in entries if entry.chain]
    if admitted is not None and known and all(kind is not None and kind not in admitted for kind in known):
        return proven(
            f"the key is {known[0]}; the backend asks for {', '.join(sorted(admitted))}",
            facts.quote("keystore", "request", "sent"),
        )
    if admitted is not None and known and all(kind in admitted for kind in known):
        return excluded("the key is of a type that is asked for")
    if admitted is not None and {"RSA", "EC"} <= admitted and facts.keystore is None:
        return possible(
            "the key's type is not known, though the usual ones are asked for", needs=("keystore",)
        )
    needs = tuple(kind for kind, have in (("keystore", known), ("s_client", admitted)) if not have)
    return possible("the key's type cannot be compared yet", needs=needs)


@cause(
    IF_EMPTY,
    title="The Message Processor uses another keystore content than the one given here",
    remedy=(
        "Restart the Message Processors, or create a new keystore and point the reference to it; "
        "compare what is loaded: "
        "GET http://MP:8082/v1/runtime/organizations/ORG/environments/ENV/keystores/KEYSTORE."
    ),
)
def stale_keystore(facts: Facts) -> Assessment:
    """The certificate that was sent is not the one that the keystore has now."""
    if out := excluded_if_not_refused(facts):
        return out
    if facts.sent == NOT_ASKED:
        return excluded("the server did not ask for a certificate")
    if facts.sent == SENT and facts.sent_chain and facts.entry is not None and facts.entry.chain:
        if not same_certificate(facts.sent_chain[0], facts.entry.chain[0]):
            why = "the certificate that was sent is not the one of this keystore"
            return proven(why, facts.quote("sent", "keystore"))
        return excluded("the certificate that was sent is the keystore's")
    if facts.log_keystore == "null" or excluded_without_keystore(facts):
        return excluded("what is configured explains what was seen")
    return _points_to_an_old_keystore(facts) or _may_be_an_old_keystore(facts)


def _points_to_an_old_keystore(facts: Facts) -> Assessment | None:
    """What makes an old keystore likely, or worth a look; ``None``: nothing."""
    if named := facts.quotes.get("old_keystore"):
        if facts.others_recovered:
            return likely(named.text, (named,), ("runtime",), doubt="that host may fail for another reason")
        return possible(named.text, (named,), ("runtime",))
    if not facts.sent_chain and (younger := younger_leaf(facts)):
        why = (
            f"the certificate in the keystore is valid from {younger.not_before:%Y-%m-%d %H:%M} UTC,"
            " after the failure: the keystore was changed since"
        )
        quotes = facts.quote("keystore", "sent")
        return likely(why, quotes, ("runtime",), doubt="what it held then is not known")
    if facts.sent is None and facts.says_sent and keystore_explains(facts):
        why = f"the alert {facts.alert} is for a certificate that was sent, and with this keystore none is"
        quotes = facts.quote("alert", "keystore")
        return likely(why, quotes, ("runtime",), doubt="the keystore may be of another target")
    return None


def _may_be_an_old_keystore(facts: Facts) -> Assessment:
    """Whether what was sent can be compared with the keystore."""
    if facts.sent == EMPTY and facts.choice is not None and facts.choice.alias is not None:
        why = "with this keystore Java sends a certificate, yet none was sent"
        return possible(why, facts.quote("keystore", "request", "sent"), ("runtime",))
    if facts.sent == EMPTY and not keystore_explains(facts):
        needs = () if facts.keystore else ("keystore",)
        return possible("the keystore may have been corrected since", needs=needs)
    if facts.sent is None or (facts.sent == SENT and not facts.sent_chain):
        return possible("what was sent cannot be compared with the keystore", needs=needs_of_the_wire(facts))
    return excluded("what is configured explains what was seen")
