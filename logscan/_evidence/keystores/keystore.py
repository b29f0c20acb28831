"""A keystore as a value: its entries with their chains, never a key."""

from __future__ import annotations

from dataclasses import dataclass

from logscan._evidence.certificates import Certificate
from logscan.errors import InputError

PEM, DER, PKCS12, JKS = "PEM", "DER", "PKCS#12", "JKS"


@dataclass(frozen=True, slots=True)
class KeystoreEntry:
    """One alias."""

    alias: str
    has_key: bool | None
    """``None``: not known."""
    chain: tuple[Certificate, ...]
    """Leaf first."""


@dataclass(frozen=True, slots=True)
class Keystore:
    """A keystore: of a file, or of the management API."""

    name: str
    kind: str
    entries: tuple[KeystoreEntry, ...]
    source: str
    complete: bool = True
    """Whether every alias with its certificates is known."""
    notes: tuple[str, ...] = ()
    """Remarks on how it was read, for a person."""
    complete_aliases: bool = False
    """Whether the names of all aliases are known, even where certificates are not."""
    missing_aliases: tuple[tuple[str, str], ...] = ()
    """Aliases that the management API said are not there, each with the answer that says so."""

    def __post_init__(self) -> None:
        if self.complete:
            object.__setattr__(self, "complete_aliases", True)

    def has_alias(self, alias: str) -> bool | None:
        """Whether it has an alias of that name, whatever is known of its certificate; ``None``: not known."""
        if self.entry(alias) is not None:
            return True
        folded = alias.casefold()
        if self.complete_aliases or any(name.casefold() == folded for name, _ in self.missing_aliases):
            return False
        return None

    def entry(self, alias: str) -> KeystoreEntry | None:
        """The entry of an alias. Java's keystores ignore the case of letters; old releases of Edge append
        ``-cert`` to the alias of a certificate."""
        folded = alias.casefold()
        for name in (alias, folded, f"{folded}-cert"):
            for entry in self.entries:
                if name in (entry.alias, entry.alias.casefold()):
                    return entry
        return None


class WrongPasswordError(InputError):
    """No password opens the keystore."""
