"""Facts from the keystore that is used: the one named, the one that the settings lead to, or the only one."""

from __future__ import annotations

from dataclasses import dataclass, field

from logscan._diagnosis.facts import Quote, Quotes
from logscan._diagnosis.facts_from_configuration import ConfigurationFacts
from logscan._evidence.collected import Evidence
from logscan._evidence.keystores.keystore import Keystore, KeystoreEntry


@dataclass(frozen=True, slots=True)
class KeystoreFacts:
    """What the keystore holds."""

    keystore: Keystore | None = None
    entry: KeystoreEntry | None = None
    notes: tuple[str, ...] = ()
    quotes: Quotes = field(default_factory=dict)


def facts_from_keystore(
    evidence: Evidence, given: Keystore | None, alias: str | None, configuration: ConfigurationFacts
) -> KeystoreFacts:
    """The facts of the keystore.

    Args:
        evidence: every keystore.
        given: named by the user as the one that is used.
        alias: the one that is used, as far as is known.
        configuration: what the settings lead to.
    """
    keystore, how = (given, "") if given is not None else _keystore_of(evidence, alias, configuration)
    if keystore is None:
        return KeystoreFacts(notes=(how,) if how else ())
    entry = keystore.entry(alias) if alias is not None else None
    if entry is None and len(keystore.entries) == 1:
        (only,) = keystore.entries
        if not keystore.complete and (alias is None or keystore.has_alias(alias) is not False):
            # One certificate was saved: somebody took it for the one that is used.
            entry = only
            how += f" (the only certificate given of it, {only.alias}, is taken for the alias's)"
        elif alias is None:
            entry = only
    quote = Quote(f"keystore {keystore.name}: {_contents(keystore)}{how}", keystore.source)
    notes = tuple(f"{keystore.name}: {note}" for note in keystore.notes)
    return KeystoreFacts(keystore, entry, notes, {"keystore": quote})


def _contents(keystore: Keystore) -> str:
    parts = []
    for entry in keystore.entries[:5]:
        key = {True: "key", False: "no key", None: "key not known"}[entry.has_key]
        leaf = ", certificate not given"
        if entry.chain:
            leaf = f", issued by {entry.chain[0].issuer}, chain of {len(entry.chain)}"
        parts.append(f"alias {entry.alias} ({key}{leaf})")
    more = len(keystore.entries) - 5
    return ("; ".join(parts) + (f"; {more:,} more" if more > 0 else "")) or "no entries"


def _keystore_of(
    evidence: Evidence, alias: str | None, configuration: ConfigurationFacts
) -> tuple[Keystore | None, str]:
    """The keystore that is used, and how it was found, or why it is not known."""
    environment = evidence.environment
    if configuration.keystore_exists is False or configuration.reference_resolves is False:
        return None, ""
    name = configuration.keystore_name
    candidates = [*evidence.keystores, *environment.keystores.values()]
    if name is not None:
        if name in environment.keystores:
            return environment.keystores[name], ""
        for keystore in evidence.keystores:
            if name in (keystore.name, keystore.name.rpartition(".")[0]):
                return keystore, " (a file of that name)"
        # The API knows its keystores by their names, but for those of answers that hold none.
        unnamed = [store for store in environment.keystores.values() if store.name.startswith("(")]
        candidates = [*evidence.keystores, *unnamed]
    if len(candidates) == 1:
        return candidates[0], " (the only one given)"
    if alias is not None:
        with_alias = [store for store in candidates if store.entry(alias) is not None]
        if len(with_alias) == 1:
            return with_alias[0], f" (the only one given that has the alias {alias})"
    if len(candidates) > 1:
        return (
            None,
            "several keystores were given, and which one is used is not known: name it with --keystore",
        )
    return None, ""
