"""Keystores of the management API: a listing and the certificates that were fetched of it, joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from logscan._evidence.certificates import Certificate
from logscan._evidence.keystores.keystore import Keystore, KeystoreEntry

API = "management API"


@dataclass(slots=True)
class Details:
    """A chain and what is known of its place."""

    chain: tuple[Certificate, ...]
    name: str | None
    """Alias, or the certificate's name."""
    key_name: str | None
    keystore: str | None
    source: str
    is_alias: bool


@dataclass(slots=True)
class Listing:
    """A keystore as the API lists it."""

    name: str
    certs: tuple[str, ...]
    keys: tuple[str, ...] | None
    aliases: dict[str, tuple[str | None, str | None, bool]]
    """Alias → names of its certificate and key, and whether the listing says that a key is missing."""
    source: str
    full: bool = False
    """Whether every alias is named: a whole keystore, or the list of its aliases."""

    @property
    def complete_aliases(self) -> bool:
        """Whether no other alias can be there. A certificate or key that no alias names leaves that open."""
        if not self.full:
            return False
        if not self.aliases:
            return True
        named = {*self.aliases, *(f"{alias}-cert" for alias in self.aliases)}
        for cert, key, _ in self.aliases.values():
            named |= {name for name in (cert, key) if name}
        return named.issuperset((*self.certs, *(self.keys or ())))


def joined(
    name: str, listing: Listing | None, details: list[Details], missing: Sequence[tuple[str, str]] = ()
) -> Keystore:
    """One keystore from its listing and the certificates of it that were fetched."""
    entries: list[KeystoreEntry] = []
    taken: set[int] = set()
    source = (
        listing.source if listing else details[0].source if details else next(iter(missing), ("", API))[1]
    )
    complete = True

    def chain_of(*names: str | None) -> tuple[Certificate, ...] | None:
        for item in details:
            if item.name is not None and item.name in names:
                taken.add(id(item))
                return item.chain
        return None

    if listing is not None and listing.aliases:
        for alias, (cert, key, listed) in listing.aliases.items():
            chain = chain_of(alias, cert)
            complete &= chain is not None
            detail = next((item for item in details if item.name == alias and item.is_alias), None)
            has_key: bool | None = bool(key) if listed else None
            if not listed and detail is not None:
                has_key = detail.key_name is not None
            if not listed and listing.keys is not None:
                has_key = alias in listing.keys or has_key is True
            entries.append(KeystoreEntry(alias, has_key, chain or ()))
    elif listing is not None:
        for cert in listing.certs:
            key = _key_of(cert, listing.keys)
            chain = chain_of(cert, key)
            complete &= chain is not None
            entries.append(
                KeystoreEntry(
                    key or cert, (key is not None) if listing.keys is not None else None, chain or ()
                )
            )
        matched = {entry.alias for entry in entries}
        alone = [key for key in listing.keys or () if key not in matched]
        complete &= not alone
        entries += [KeystoreEntry(key, True, ()) for key in alone]
    for item in details:
        if id(item) not in taken:
            label = item.name or "(not named)"
            entries.append(
                KeystoreEntry(label, item.key_name is not None if item.is_alias else None, item.chain)
            )
    known = listing is not None and (listing.keys is not None or bool(listing.aliases) or bool(listing.certs))
    return Keystore(
        name,
        API,
        tuple(entries),
        source,
        complete and known,
        complete_aliases=listing is not None and listing.complete_aliases,
        missing_aliases=tuple(missing),
    )


def _key_of(cert: str, keys: tuple[str, ...] | None) -> str | None:
    """The key that goes with a certificate's name: the same, or without the ``-cert`` of old releases."""
    return next((key for key in keys or () if cert in (key, f"{key}-cert")), None)
