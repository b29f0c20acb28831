"""Causes in the target's TLS settings: they let Java send no certificate."""

from __future__ import annotations

from logscan._diagnosis.causes._base import (
    IF_EMPTY,
    Assessment,
    cause,
    excluded,
    excluded_unless_empty,
    possible,
    proven,
)
from logscan._diagnosis.facts import Facts


@cause(
    IF_EMPTY,
    title="No keystore is configured for the target",
    remedy=(
        "Set KeyStore and KeyAlias in the SSLInfo of the target endpoint or target server,"
        " with ClientAuthEnabled true, and deploy."
    ),
)
def no_keystore_configured(facts: Facts) -> Assessment:
    """The log says ``KeyStore:null``, or the target's ``SSLInfo`` has no ``KeyStore``."""
    if out := excluded_unless_empty(facts):
        return out
    if facts.log_keystore == "null":
        why = "the log says that no keystore is set (KeyStore:null)"
        return proven(why, facts.quote("log_keystore", "sent"), usual=True, seen=True)
    if facts.log_keystore not in (None, "-"):
        return excluded("the log names a keystore object")
    if facts.settings is not None:
        if facts.settings.keystore:
            return excluded("the settings name a keystore")
        why = "the target's SSLInfo has no KeyStore"
        return proven(why, facts.quote("settings", "sent"), usual=True)
    if facts.keystore is not None:
        return excluded("a keystore was given as evidence")
    return possible("the target's settings are not known", facts.quote("sent"), ("bundle",))


@cause(
    IF_EMPTY,
    title="ClientAuthEnabled is not true",
    remedy="Set <ClientAuthEnabled>true</ClientAuthEnabled> in the target's SSLInfo and deploy.",
)
def client_auth_disabled(facts: Facts) -> Assessment:
    """The target's ``ClientAuthEnabled`` is false or not set."""
    if out := excluded_unless_empty(facts):
        return out
    if facts.settings is not None:
        if facts.settings.client_auth_enabled is True:
            return excluded("ClientAuthEnabled is true")
        if facts.settings.client_auth_enabled is False:
            return proven(
                "ClientAuthEnabled is false, so that no certificate is sent",
                facts.quote("settings", "certificate_requested"),
                usual=True,
            )
        if facts.settings_variable is None:
            return proven(
                "SSLInfo has no ClientAuthEnabled: it is off unless it is set",
                facts.quote("settings", "certificate_requested"),
                usual=True,
            )
    return possible("the target's settings are not known", needs=("bundle",))


@cause(
    IF_EMPTY,
    title="The keystore that the target names does not exist",
    remedy=(
        "Create the reference or point it to an existing keystore: "
        "PUT /organizations/ORG/environments/ENV/references/REFERENCE."
    ),
)
def reference_broken(facts: Facts) -> Assessment:
    """The reference, or the keystore that it names, does not exist."""
    if out := excluded_unless_empty(facts):
        return out
    broken = facts.reference_resolves is False or facts.keystore_exists is False
    if facts.log_keystore not in (None, "null", "-") and not broken:
        return excluded("the log names a keystore object, so that the name led to one")
    if facts.reference_resolves is False:
        return proven(
            f"no reference {facts.reference} is in the environment", facts.quote("settings", "reference")
        )
    if facts.keystore_exists is False:
        named = f"the reference {facts.reference} names" if facts.reference else "the settings name"
        return proven(
            f"{named} the keystore {facts.keystore_name}, which is not in the environment",
            facts.quote("settings", "reference", "keystore"),
        )
    if facts.reference_resolves or facts.keystore_exists:
        return excluded("the keystore is found")
    if (
        facts.settings is not None
        and facts.settings.keystore
        and facts.reference is None
        and not facts.settings_variable
    ):
        if facts.keystore is not None:
            return excluded("the settings name a keystore directly")
        why = f"whether the keystore {facts.keystore_name} exists is not known"
        return possible(why, needs=("keystore",))
    if facts.settings is not None and not facts.settings.keystore:
        return excluded("the settings name no keystore")
    if facts.settings is None and facts.keystore is not None:
        return excluded("a keystore was given as the one that is used")
    return possible("what the target's KeyStore resolves to is not known", needs=("bundle", "reference"))
