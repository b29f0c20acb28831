"""PKCS#12 files (RFC 7292), bag by bag: common libraries give one key of a file that may hold several."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from hashlib import new as new_hash
from hashlib import pbkdf2_hmac
from hmac import compare_digest
from hmac import digest as hmac_digest
from itertools import islice
from typing import Any

from logscan._evidence.certificates import Certificate, certificate_from_der, ordered
from logscan._evidence.keystores.keystore import PKCS12, Keystore, KeystoreEntry, WrongPasswordError
from logscan.errors import InputError

MAX_BAGS = 2_000
"""Keys and certificates of one file."""
MAX_KEY = 64
"""Bytes of an encryption key: more is an attack, too."""
MAX_ITERATIONS = 5_000_000
"""Rounds of key derivation for one file: a few seconds. More is an attack."""


def read_pkcs12(data: bytes, name: str, source: str, passwords: Sequence[str]) -> Keystore:
    """The entries of a PKCS#12 file.

    Raises:
        WrongPasswordError: no password opens it.
        InputError: the library cannot read its encryption.
        ValueError: it is damaged.
    """
    from asn1crypto import pkcs12

    pfx = pkcs12.Pfx.load(data)
    mac = pfx["mac_data"]
    budget = _Budget()
    if mac.native:
        fitting = [password for password in passwords if _mac_fits(pfx, mac, password, budget)]
        known = mac["mac"]["digest_algorithm"]["algorithm"].native in _MACS
        if known and not fitting:
            raise WrongPasswordError(
                f"{source}: the password does not open this PKCS#12 keystore",
                "set LOGSCAN_KEYSTORE_PASSWORD, or run on a terminal to be asked",
            )
        passwords = fitting or passwords
    for password in passwords:
        try:
            bags = list(islice(_bags(pfx, password, budget), MAX_BAGS + 1))
            if len(bags) > MAX_BAGS:
                raise ValueError(f"more than {MAX_BAGS:,} keys and certificates")
        except _LockedError:
            continue
        except _WeakError:
            return _by_library(data, password, name, source)
        return _of_bags(bags, name, source)
    raise WrongPasswordError(
        f"{source}: the password does not open this PKCS#12 keystore",
        "set LOGSCAN_KEYSTORE_PASSWORD, or run on a terminal to be asked",
    )


class _WeakError(Exception):
    """Encrypted with 40-bit RC2."""


class _LockedError(Exception):
    """This password does not open the file."""


_MACS = ("sha1", "sha224", "sha256", "sha384", "sha512")


def _mac_fits(pfx: Any, mac: Any, password: str, budget: _Budget) -> bool:
    algorithm = mac["mac"]["digest_algorithm"]["algorithm"].native
    if algorithm not in _MACS:
        return True
    rounds = mac["iterations"].native
    content = pfx["auth_safe"]["content"].native
    size = new_hash(algorithm).digest_size
    for secret in _forms(password):
        budget.spend(rounds)
        key = _derive(algorithm, secret, mac["mac_salt"].native, rounds=rounds, purpose=3, size=size)
        if compare_digest(hmac_digest(key, content, algorithm), mac["mac"]["digest"].native):
            return True
    return False


class _Budget:
    """Rounds of key derivation that one file may still cost, over all its parts and all passwords."""

    def __init__(self) -> None:
        self._left = MAX_ITERATIONS

    def spend(self, rounds: int) -> None:
        """Take rounds.

        Raises:
            ValueError: there are not so many left.
        """
        if not 0 < rounds <= self._left:
            raise ValueError(f"more than {MAX_ITERATIONS:,} rounds of key derivation, or none")
        self._left -= rounds


def _forms(password: str) -> tuple[bytes, ...]:
    """A password as bytes for the key derivation; the empty password has two forms."""
    secret = password.encode("utf-16-be") + b"\0\0"
    return (secret, b"") if not password else (secret,)


def _derive(algorithm: str, secret: bytes, salt: bytes, *, rounds: int, purpose: int, size: int) -> bytes:
    """The key derivation of PKCS#12 (RFC 7292 appendix B.2)."""
    block = 128 if algorithm in ("sha384", "sha512") else 64

    def filled(part: bytes) -> bytes:
        length = -(-len(part) // block) * block
        return (part * (length // len(part) + 1))[:length] if part else b""

    text = filled(salt) + filled(secret)
    key = b""
    while len(key) < size:
        digest = bytes([purpose]) * block + text
        for _ in range(rounds):
            digest = new_hash(algorithm, digest).digest()
        key += digest
        spread = int.from_bytes((digest * (block // len(digest) + 1))[:block], "big") + 1
        mask = (1 << block * 8) - 1
        text = b"".join(
            ((int.from_bytes(text[at : at + block], "big") + spread) & mask).to_bytes(block, "big")
            for at in range(0, len(text), block)
        )
    return key[:size]


def _decrypt(algorithm: Any, data: bytes, password: str, budget: _Budget) -> bytes:
    """Decrypt what a password-based algorithm of PKCS#12 encrypted.

    Raises:
        _LockedError: the password is wrong.
        ValueError: the algorithm is not known.
    """
    from cryptography.hazmat.decrepit.ciphers.algorithms import RC2, TripleDES
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    rounds = algorithm.kdf_iterations
    cipher, size = algorithm.encryption_cipher, algorithm.key_length
    if not 0 < size <= MAX_KEY:
        raise ValueError(f"a key of {size:,} bytes")
    for secret in _forms(password):
        # Of compiled code, four rounds cost less than one of ours.
        budget.spend(-(-rounds // 4) if algorithm.kdf == "pbkdf2" else rounds)
        if algorithm.kdf == "pbkdf2":
            key = pbkdf2_hmac(algorithm.kdf_hmac, password.encode(), algorithm.kdf_salt, rounds, size)
            vector = algorithm.encryption_iv
        elif algorithm.kdf == "pkcs12_kdf":
            derive = partial(_derive, algorithm.kdf_hmac, secret, algorithm.kdf_salt, rounds=rounds)
            key = derive(purpose=1, size=size)
            vector = derive(purpose=2, size=algorithm.encryption_block_size)
        else:
            raise ValueError(f"key derivation {algorithm.kdf} cannot be read")
        block_cipher: Any
        if cipher == "aes":
            block_cipher = algorithms.AES(key)
        elif cipher == "tripledes":
            block_cipher = TripleDES(key)
        elif cipher == "rc2":
            if size != 16:
                raise _WeakError
            block_cipher = RC2(key)
        else:
            raise ValueError(f"encryption {cipher} cannot be read")
        worker = Cipher(block_cipher, modes.CBC(vector)).decryptor()
        plain = worker.update(data) + worker.finalize()
        padding = plain[-1] if plain else 0
        if 0 < padding <= len(vector) and plain.endswith(bytes([padding]) * padding) and plain[:1] == b"\x30":
            return plain[:-padding]
    raise _LockedError


def _by_library(data: bytes, password: str, name: str, source: str) -> Keystore:
    """40-bit RC2, as OpenSSL 1 and Java before 8u301 encrypt certificates: the library reads the first key
    and all certificates, but no further key."""
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loaded = load_pkcs12(data, password.encode())
    except ValueError as error:
        raise InputError(
            f"{source}: this PKCS#12 file is encrypted with 40-bit RC2 and cannot be read: {error}",
            "convert it: keytool -importkeystore -srckeystore FILE -destkeystore NEW -deststoretype PKCS12",
        ) from error
    certificates: list[tuple[str | None, bytes | None, Certificate]] = []
    items = [*([loaded.cert] if loaded.cert else []), *loaded.additional_certs]
    for item in items:
        der = item.certificate.public_bytes(Encoding.DER)
        label = item.friendly_name.decode("utf-8", "replace") if item.friendly_name else None
        certificates.append((label, b"" if item is loaded.cert else None, certificate_from_der(der, source)))
    label = certificates[0][0] if loaded.cert else None
    keys: list[tuple[str | None, bytes | None]] = [(label, b"")] if loaded.key else []
    return _joined(keys, certificates, name, source)


def _bags(pfx: Any, password: str, budget: _Budget) -> Iterator[Any]:
    """All bags, also those inside other bags."""
    from asn1crypto import pkcs12

    for part in pfx.authenticated_safe:
        kind = part["content_type"].native
        if kind == "data":
            content = part["content"].native
        elif kind == "encrypted_data":
            info = part["content"]["encrypted_content_info"]
            content = _decrypt(
                info["content_encryption_algorithm"], info["encrypted_content"].native, password, budget
            )
        else:
            raise ValueError(f"content of kind {kind} cannot be read")
        yield from _inner(pkcs12.SafeContents.load(content), 0)


def _inner(bags: Any, depth: int) -> Iterator[Any]:
    for bag in bags:
        if bag["bag_id"].native == "safe_contents" and depth < 4:
            yield from _inner(bag["bag_value"], depth + 1)
        else:
            yield bag


def _of_bags(bags: list[Any], name: str, source: str) -> Keystore:
    """Join keys and certificates: by the key's id, by the name, or because there is one of each."""
    keys: list[tuple[str | None, bytes | None]] = []
    certificates: list[tuple[str | None, bytes | None, Certificate]] = []
    notes: list[str] = []
    for bag in bags:
        label, key_id = _attributes(bag)
        kind = bag["bag_id"].native
        if kind in ("key_bag", "pkcs8_shrouded_key_bag"):
            keys.append((label, key_id))
        elif kind == "cert_bag" and bag["bag_value"]["cert_id"].native == "x509":
            der = bag["bag_value"]["cert_value"].native
            raw = der if isinstance(der, bytes) else bag["bag_value"]["cert_value"].parsed.dump()
            try:
                certificates.append((label, key_id, certificate_from_der(raw, source)))
            except ValueError as error:
                notes.append(f"the certificate {label or '(not named)'} cannot be read: {error}")
    return replace(_joined(keys, certificates, name, source), notes=tuple(notes))


def _joined(
    keys: list[tuple[str | None, bytes | None]],
    certificates: list[tuple[str | None, bytes | None, Certificate]],
    name: str,
    source: str,
) -> Keystore:
    entries: list[KeystoreEntry] = []
    used: set[int] = set()
    for number, (label, key_id) in enumerate(keys, start=1):
        leaf = _leaf_of(label, key_id, certificates, alone=len(keys) == 1)
        chain: tuple[Certificate, ...] = ()
        if leaf is not None:
            chain = _chain_from(leaf, [item[2] for item in certificates])
        used |= {id(item) for item in chain}
        entries.append(KeystoreEntry(label or str(number), True, chain))
    for label, _, certificate in certificates:
        if id(certificate) not in used:
            entries.append(KeystoreEntry(label or str(certificate.subject), False, (certificate,)))
    return Keystore(name, PKCS12, tuple(entries), source)


def _attributes(bag: Any) -> tuple[str | None, bytes | None]:
    label = key_id = None
    for attribute in bag["bag_attributes"] or ():
        kind = attribute["type"].native
        values = attribute["values"].native
        if kind == "friendly_name" and values:
            label = str(values[0])
        elif kind == "local_key_id" and values:
            key_id = values[0] if isinstance(values[0], bytes) else None
    return label, key_id


def _leaf_of(
    label: str | None,
    key_id: bytes | None,
    certificates: list[tuple[str | None, bytes | None, Certificate]],
    alone: bool,
) -> Certificate | None:
    for _, other, certificate in certificates:
        if key_id is not None and other == key_id:
            return certificate
    for other_label, _, certificate in certificates:
        if label is not None and other_label == label:
            return certificate
    if alone and certificates:
        return ordered([item[2] for item in certificates])[0]
    return None


def _chain_from(leaf: Certificate, among: list[Certificate]) -> tuple[Certificate, ...]:
    """The leaf, its issuer, and so on, as far as the file has them: as Java builds it."""
    chain = [leaf]
    while not chain[-1].self_issued and len(chain) < 32:
        issuer = next(
            (item for item in among if item.subject.same(chain[-1].issuer) and item not in chain), None
        )
        if issuer is None:
            break
        chain.append(issuer)
    return tuple(chain)
