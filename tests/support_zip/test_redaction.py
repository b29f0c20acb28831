"""Masking: every kind of secret goes, what only looks like one stays, and the cost is linear."""

from __future__ import annotations

import random
import re
import string
import time
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logscan._support.redact import redact
from support.command import DATA
from support.profiles import sampled

_SPEC = re.compile(r"\{([AhHd]):(\d+)\}")
_ALPHABET = {"A": string.ascii_letters + string.digits, "h": "0123456789abcdef", "H": "0123456789ABCDEF", "d": string.digits}  # fmt: skip


def expanded(text: str) -> str:
    """The text of a field: the same specification gives the same letters."""

    def made(found: re.Match[str]) -> str:
        letters = random.Random(found[0])
        made = "".join(letters.choice(_ALPHABET[found[1]]) for _ in range(int(found[2]) - 2))
        return made + ("7x" if found[1] == "A" else "77")

    return _SPEC.sub(made, text.replace("␊", "\n").replace("␍", "\r").replace("␉", "\t"))


def rows(name: str) -> list[list[str]]:
    """The rows of a file of cases."""
    lines = (DATA / "secrets" / name).read_text(encoding="utf-8").splitlines()
    return [[expanded(field) for field in line.split("\t")] for line in lines if not line.startswith("#")]


KINDS, NEAR_MISSES = rows("kinds.tsv"), rows("near_misses.tsv")


@pytest.mark.parametrize(("kind", "text", "secret"), KINDS)
def test_every_kind_is_masked(kind: str, text: str, secret: str) -> None:
    """H9: the secret goes, its kind is counted, and a second masking changes nothing."""
    assert secret in text
    counts: Counter[str] = Counter()
    masked = redact(text, counts)
    assert secret not in masked
    assert "***" in masked or "REMOVED" in masked
    assert counts.total() >= 1
    assert kind in counts
    assert redact(masked, Counter()) == masked


@pytest.mark.parametrize(
    "around", ["{}", "2026-11-23 02:14:55,123 NIOThread@1 INFO X - say() : {} , done", "a\n{}\nb"]
)
@pytest.mark.parametrize(("kind", "text", "secret"), sampled([tuple(row) for row in KINDS], 3))
def test_wherever_it_stands(kind: str, text: str, secret: str, around: str) -> None:
    """H9: in a line of a log, and between other lines."""
    assert secret not in redact(around.format(text), Counter()), kind


@pytest.mark.parametrize(("kind", "text"), NEAR_MISSES)
def test_near_misses_stay(kind: str, text: str) -> None:
    """H9: what support must read is not masked."""
    assert redact(text, Counter()) == text, kind


TEXTS = {
    "a.a.a": "a.", "-a-a-a": "-a", "name of dots": '"name":"a.a.a.', "one word": "a", "eyJ": "eyJ", "eyJ-": "eyJaaaaa-",
    "eyJ.": "eyJaaaaaa.", "://": "://", "a://": "a://", "a://a@": "a://a@", "PEM": "-----BEGIN", "PEM key": "-----BEGIN PRIVATE KEY-----[",
    "tags": "<a ", "named tags": '<a name="token" ', "name=token": ' name="token"', "password tags": "<password ",
    "quoted names": '"password":', "open strings": '"password":"', "escaped": '\\"password\\":\\"', "backslashes": "\\",
    "password=\\": "password=" + "\\" * 30, "password": "password", "token.": "token.", "-token": "-token", "password blanks": "password        ",
    "blanks": " ", "brackets": '"password":[', "braces": "password={", "value first": '"value":"', "pairs": '"name":"token",',
    "queries": "?a=1&", "question marks": "?a", "percent": "%3d", "userinfo": "https://a:", "encoded userinfo": "https%3A%2F%2F",
    "@": "@", "a@": "a@a.", "cards": "4111 ", "digits": "4", "assertions": "<Assertion>", "headers": "Authorization: \n ",
    "folded": "Cookie: a\n b\n", "options": "--token ", "curl": "curl -u a", "quotes": "'", "double quotes": '"', "bearer": "Bearer ",
    "is": "password is ", "entities": "&quot;password&quot;:&quot;", "percent quotes": "%22password%22%3A%22", "base64": "MII", "newlines": "\n",
    "colons": "a:", "AKIA": "AKIA", "sk-": "sk-", "session": "TLS session ticket:\n", "unicode": "\\u0022", "commas": ",", "mysql": "mysql ", "multi": "password: |\n",
}  # fmt: skip


def cpu(text: str) -> float:
    """Processor seconds of one masking."""
    begun = time.process_time()
    redact(text, Counter())
    return time.process_time() - begun


@pytest.mark.parametrize("name", sampled(list(TEXTS), 4))
def test_linear_cost(name: str) -> None:
    """H3: four times the text costs four times the work, not sixteen."""
    part = TEXTS[name]
    small, large = ((part * (size // len(part) + 1))[:size] for size in (16 << 10, 64 << 10))
    floor = 0.004
    assert any(cpu(large) / max(cpu(small), floor) < 8 for _ in range(2))


WORDS = st.sampled_from(
    ["password", "token", "Authorization", "name", "value", ":", "=", '"', "'", "\\", "\\\"", "<", ">", "/", "&", "%3D", "%22", "&quot;",
     "\n", " ", "\t", "\r\n", "abc", "x7", "***", "[", "]", "{", "}", ",", "-", "--", "-u", "curl", "?", "://", "@", ".", "-----BEGIN PRIVATE KEY-----",
     "eyJ", "Bearer", "é", "\udcff", "4111 1111 1111 1111"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(WORDS, max_size=24).map("".join))
def test_any_text(text: str) -> None:
    """No text raises, and masking comes to rest: at the latest the third changes nothing."""
    masked = redact(text, Counter())
    again = redact(masked, Counter())
    assert redact(again, Counter()) == again
