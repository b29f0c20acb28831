"""Causes in the keystore: the certificate with its key is not in it."""

from __future__ import annotations

from logscan._diagnosis.causes._base import (
    IF_EMPTY,
    Assessment,
    cause,
    excluded,
    excluded_unless_empty,
    excluded_without_keystore,
    possible,
    proven,
)
from logscan._diagnosis.facts import Facts


@cause(
    IF_EMPTY,
    title="The keystore holds no certificate",
    remedy=(
        "Upload the complete client certificate chain with its private key to the keystore, as a new alias."
    ),
)
def keystore_empty(facts: Facts) -> Assessment:
    """The keystore has no alias."""
    if out := excluded_unless_empty(facts) or excluded_without_keystore(facts):
        return out
    if facts.keystore is None:
        return possible("the keystore is not among the evidence", needs=("keystore",))
    if not facts.keystore.entries:
        if facts.keystore.complete:
            return proven(
                f"the keystore {facts.keystore.name} holds no certificate", facts.quote("keystore", "sent")
            )
        return possible("the keystore's aliases are not known", needs=("keystore",))
    return excluded(f"the keystore {facts.keystore.name} holds entries")


@cause(
    IF_EMPTY,
    title="The keystore does not have the alias that the target names",
    remedy="Correct KeyAlias in the target's SSLInfo, or upload the certificate and key under that alias.",
)
def alias_not_found(facts: Facts) -> Assessment:
    """The keystore is known in full and has no such alias."""
    if out := excluded_unless_empty(facts) or excluded_without_keystore(facts):
        return out
    if facts.keystore is None:
        return possible("the keystore is not among the evidence", needs=("keystore",))
    if not facts.keystore.entries and facts.keystore.complete:
        return excluded("the keystore has no alias at all")
    if facts.alias is None:
        return possible("the alias that the target names is not known", needs=("log",))
    if facts.entry is not None:
        return excluded(f"the keystore has the alias {facts.alias}")
    aliases = ", ".join(entry.alias for entry in facts.keystore.entries[:5]) or "none"
    if facts.keystore.has_alias(facts.alias) is False:
        return proven(
            f"the keystore {facts.keystore.name} has no alias {facts.alias}; it has {aliases}",
            facts.quote("alias", "keystore", "sent"),
        )
    return possible(f"of the keystore only {aliases} is known", facts.quote("alias"), ("keystore",))


@cause(
    IF_EMPTY,
    title="The alias has a certificate without its private key",
    remedy=(
        "Upload the certificate together with its private key"
        " (a PKCS#12 file, or certificate and key) as a new alias."
    ),
)
def certificate_without_key(facts: Facts) -> Assessment:
    """The alias has a certificate and no private key."""
    if out := excluded_unless_empty(facts) or excluded_without_keystore(facts):
        return out
    if facts.keystore is None:
        return possible("the keystore is not among the evidence", needs=("keystore",))
    entries = (facts.entry,) if facts.entry else facts.keystore.entries if facts.alias is None else ()
    if not entries:
        return excluded("there is no such entry")
    if any(entry.has_key for entry in entries):
        return excluded("the alias has its private key")
    if any(entry.has_key is None for entry in entries):
        return possible("whether the alias has a private key is not known", needs=("keystore",))
    return proven(
        f"the alias {entries[0].alias} holds a certificate without its private key",
        facts.quote("keystore", "sent"),
    )
