"""Keystores with several keys, as keytool writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from logscan._evidence.keystores.keystore import WrongPasswordError
from logscan._evidence.keystores.pem import pem_certificates
from logscan._evidence.keystores.read_keystore import read_keystore
from support.command import ROOT
from support.oracles import JDK, keytool, needs

PKI = ROOT / "tests/data/tls/pki"
KEYS = {"one": "good", "two": "fullchain", "three": "unknownca", "four": "ecgood"}
TRUSTED = {"authority": "other"}


@pytest.fixture(scope="module", params=["PKCS12", pytest.param("JKS", marks=pytest.mark.thorough)])
def several(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four private keys with their chains, and one certificate alone."""
    path = tmp_path_factory.mktemp("keystore") / "several"
    store = ("-keystore", path, "-storepass", "geheim", "-storetype", request.param, "-noprompt")
    for alias, source in KEYS.items():
        keytool(
            "-importkeystore", "-srckeystore", PKI / f"{source}.p12", "-srcstorepass", "changeit", "-srcalias", "myKey",
            "-destalias", alias, "-destkeystore", path, "-deststorepass", "geheim", "-destkeypass", "geheim",
            "-deststoretype", request.param, "-noprompt",
        )  # fmt: skip
    for alias, source in TRUSTED.items():
        keytool("-importcert", "-alias", alias, "-file", PKI / f"{source}.pem", *store)
    return path


@needs(JDK)
def test_several_keys(several: Path) -> None:
    """Every alias has the key and the chain that Java reads. In PKCS#12 a chain goes on with certificates of others."""
    store = read_keystore(several.read_bytes(), "several", "several", ["geheim"])
    assert store.complete
    listed = keytool("-list", "-rfc", "-keystore", several, "-storepass", "geheim").split("Alias name: ")[1:]
    java = {
        text.split("\n", 1)[0]: (
            "Entry type: PrivateKeyEntry" in text,
            [c.der for c in pem_certificates(text.encode(), "x")],
        )
        for text in listed
    }
    assert set(java) == {*KEYS, *TRUSTED}
    assert {entry.alias: (entry.has_key, [c.der for c in entry.chain]) for entry in store.entries} == java


@needs(JDK)
def test_a_wrong_password(several: Path) -> None:
    """PKCS#12 stays closed; the certificates of JKS are read, with a remark."""
    data = several.read_bytes()
    if data.startswith(b"\xfe\xed\xfe\xed"):
        store = read_keystore(data, "several", "several", ["wrong"])
        assert len(store.entries) == len(KEYS) + len(TRUSTED)
        assert "not the one of this keystore" in store.notes[0]
    else:
        with pytest.raises(WrongPasswordError):
            read_keystore(data, "several", "several", ["wrong"])
