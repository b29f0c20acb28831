"""A diagnosis for people: how sure it is comes first, in every output; paths once; lines that fit."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from logscan._diagnosis.certainty import judge
from logscan._diagnosis.facts import Facts, Quote
from logscan._diagnosis.likelihood import ANOTHER, NONE_SENT, NOT_ACCEPTED, likelihoods
from logscan._diagnosis.result import Diagnosis
from logscan._evidence.certificates import Certificate
from logscan._evidence.keystores.keystore import Keystore, KeystoreEntry
from logscan._evidence.keystores.pem import pem_certificates
from logscan._failures.catalog import CONNECTION_CUT
from logscan._jobs.diagnose import diagnose
from logscan._render.diagnosis.data import as_json
from logscan._render.diagnosis.keystores import summaries
from logscan._render.diagnosis.markdown import as_markdown
from logscan._render.diagnosis.page import as_html
from logscan._render.diagnosis.text import as_text
from logscan._render.diagnosis.words import MANY, by_file, footer, mark_of
from logscan.values import Counters
from support.command import ROOT, logscan

TLS = ROOT / "tests/data/tls"
LOG = TLS / "jsse17/ca_mismatch_v1.2.client.log"
CAPTURE = TLS / "jsse17/ca_mismatch_v1.2.pcap"
MARKS = re.compile(r"\x1b\[[\d;]*m")


@pytest.fixture(scope="module")
def found() -> dict[str, Diagnosis]:
    """A diagnosis of each kind."""
    return {
        "Certain": diagnose([LOG, CAPTURE], keystore=str(TLS / "pki/good.p12"), tz="UTC"),
        "Open": diagnose([LOG], tz="UTC", alert="all"),
    }


def with_certainty(diagnosis: Diagnosis, certainty: str, state: str) -> Diagnosis:
    """The same, but its best finding is in this state, with a doubt and a contradiction."""
    verdict = diagnosis.verdicts[0]
    best = replace(verdict.findings[0], state=state)
    return replace(diagnosis, verdicts=(replace(verdict, certainty=certainty, findings=(best,)),))


@pytest.mark.parametrize("mark", ["Certain", "Open", "Likely"])
def test_how_sure_it_is(mark: str, found: dict[str, Diagnosis]) -> None:
    """A word of its own, directly after the place, in each output; the page has a look of its own for it."""
    diagnosis = found.get(mark) or with_certainty(found["Certain"], "likely", "likely")
    assert mark_of(diagnosis.verdicts[0]) == mark
    lines = list(as_text(diagnosis))
    second = next(number for number, line in enumerate(lines) if line.startswith("   "))
    assert lines[second].split()[0] == mark.upper()
    assert next(line for line in as_markdown(diagnosis) if line.startswith("**")).startswith(
        f"**{mark.upper()}: "
    )
    page = as_html(diagnosis)
    assert f'class="case {mark.lower()}"' in page
    assert page.index(f'<span class="mark">{mark}</span>') < page.index('class="amount"')
    styles = [re.search(rf"\.{each} \.mark {{[^}}]*}}", page) for each in ("certain", "likely")]
    assert len({style[0] for style in styles if style}) == 2


def test_colours(found: dict[str, Diagnosis]) -> None:
    """Only where there are colours; the words are the same. --color and NO_COLOR decide."""
    for diagnosis in found.values():
        plain, coloured = list(as_text(diagnosis)), list(as_text(diagnosis, colour=True))
        assert not any("\x1b" in line for line in plain)
        assert any("\x1b" in line for line in coloured)
        assert [MARKS.sub("", line) for line in coloured] == plain
    for args, expected in (
        ((), False),
        (("--color", "always"), True),
        (("--color", "always", "-o", "f"), False),
    ):
        done = logscan("diagnose", LOG, *args, cwd=Path("/tmp") if "-o" in args else ROOT)
        assert (b"\x1b" in done.stdout) == expected, done.stderr


@pytest.mark.parametrize("width", [60, 80, 100])
def test_lines_fit(width: int, found: dict[str, Diagnosis]) -> None:
    """Each line fits, but one that is a single long word of a command."""
    for diagnosis in found.values():
        for line in as_text(diagnosis, width):
            assert len(line) <= width or re.fullmatch(r"\s*(?:\S+ )?\S*(?: \\)?", line), line


def test_paths_are_named_once(found: dict[str, Diagnosis]) -> None:
    """The folder stands once, apart from commands to paste."""
    folder = str(TLS / "jsse17")
    for lines in (list(as_text(found["Open"])), list(as_markdown(found["Open"]))):
        whole = re.sub(r" \\\n\s*", " ", "\n".join(lines)).split(
            "\n"
        )  # a long command stands on several lines
        shown = [
            line for line in whole if folder in line.replace("\\", "") and "logscan diagnose" not in line
        ]
        assert len([line for line in shown if "Paths begin with" not in line]) == 0
        assert sum("Paths begin with" in line for line in lines) == 1
    quotes = (Quote("a", "x.log, line 1"), Quote("b", "x.pcap, packet 16"), Quote("c", "x.log, line 1,234"))
    assert by_file(quotes) == [
        ("x.log", [("line 1", "a"), ("line 1,234", "c")]), ("x.pcap", [("packet 16", "b")]),
    ]  # fmt: skip


def test_path_in_json(found: dict[str, Diagnosis]) -> None:
    """The steps with their answers; what was there before is there still."""
    verdict = json.loads(as_json(found["Open"]))["verdicts"][0]
    assert [step["number"] for step in verdict["path"]] == list(range(1, len(verdict["path"]) + 1))
    assert {"number", "what", "command", "meanings"} == set(verdict["path"][0])
    assert {"answer", "means"} == set(verdict["path"][0]["meanings"][0])
    assert {"kind", "what", "how"} == set(verdict["needs"][0])


@pytest.mark.parametrize(
    ("facts", "first"),
    [
        (Facts(alert="bad_certificate", received=True), NONE_SENT),
        (Facts(alert="handshake_failure", received=True), NONE_SENT),
        (Facts(alert="unknown_ca", received=True), NOT_ACCEPTED),
        (Facts(alert="certificate_unknown", received=True), NOT_ACCEPTED),
        (Facts(alert="unknown_ca", received=True, log_keystore="null"), NOT_ACCEPTED),
        (Facts(alert="handshake_failure", received=True, log_keystore="null"), NONE_SENT),
        (Facts(alert="connection_reset", families=(CONNECTION_CUT,)), NONE_SENT),
        (Facts(alert="bad_certificate", received=True, sent="empty"), None),
        (Facts(alert="certificate_unknown", received=False), None),
    ],
)
def test_the_two_usual_causes(facts: Facts, first: str | None) -> None:
    """The likelier one first, each with its reason; none where the evidence shows which it is."""
    findings = judge(facts)[0]
    causes = likelihoods(facts, findings)
    kinds = [cause.kind for cause in causes]
    assert kinds[:1] == ([first] if first else [])
    assert len(set(kinds)) == len(kinds)
    assert (ANOTHER in kinds) == (facts.alert in ("handshake_failure", "connection_reset"))
    assert all(cause.reason for cause in causes)


def test_footer(found: dict[str, Diagnosis]) -> None:
    """What the log and the capture say of one failure; what was left out, with the option that shows it."""
    assert (
        "The log says Broken pipe, the capture shows bad_certificate. The real number of alerts is at least"
        " 1 higher than in the log." in footer(found["Certain"])
    )
    some = replace(found["Open"], left_out=Counter(untrusted_certificate=3))
    assert (
        "3 other TLS failures (untrusted_certificate): logscan diagnose --alert untrusted_certificate"
        in footer(some)
    )
    many = replace(found["Open"], left_out=Counter({f"name_{n}": n + 1 for n in range(MANY + 2)}))
    assert any(line.endswith("and 2 more names): logscan diagnose --alert all") for line in footer(many))


def pem(name: str) -> Certificate:
    """The first certificate of a file."""
    return next(iter(pem_certificates((TLS / f"pki/{name}.pem").read_bytes(), name)))


def store_of(*certificates: Certificate, has_key: bool | None = True) -> Diagnosis:
    """A keystore alone."""
    diagnosis = diagnose([TLS / "pki/good.p12"])
    entry = KeystoreEntry("my*Key|\x1b", has_key, certificates)
    diagnosis.evidence.keystores[:] = [Keystore("k.p12", "PKCS#12", (entry,), "k.p12")]
    return diagnosis


def test_a_keystore_alone() -> None:
    """Alias, subject, issuer, dates, key and usages in each output, and what can make a backend refuse it."""
    leaf = pem("leafonly")
    diagnosis = store_of(leaf)
    text = "\n".join(as_text(diagnosis, 80))
    for output in (text, "\n".join(as_markdown(diagnosis)), as_html(diagnosis)):
        for said in (
            "nonprod-api.mycompany.com",
            "MyCompany Issuing CA 1",
            "RSA 2,048 bits",
            "clientAuth",
            "The chain ends below",
        ):
            assert said in output.replace("\\", ""), said
        assert "\x1b" not in output
        assert "No failed TLS handshake" not in output
    (kept,) = json.loads(as_json(diagnosis))["keystores"]
    assert kept["aliases"][0]["chain"][0]["validity"] == "valid"
    assert kept["aliases"][0]["chain"][0]["self_signed"] is False
    assert summaries(diagnose([LOG], keystore=str(TLS / "pki/good.p12"), tz="UTC")) == ()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"not_after": datetime(2020, 1, 13, tzinfo=UTC)}, "The certificate expired on 2020-01-13."),
        ({"not_before": datetime(2090, 1, 1, tzinfo=UTC)}, "The certificate is not valid before 2090-01-01."),
        ({"not_after": datetime.now(UTC) + timedelta(days=9)}, "The certificate expires on "),
        ({"extended_key_usages": ("serverAuth",)}, "not for clients: its extended key usage is serverAuth"),
        ({"key_usages": frozenset({"key_agreement"})}, "no digital signature"),
        ({"key_bits": 1024}, "only 1,024 bits"),
        ({"signature_algorithm": "SHA1withRSA"}, "SHA-1"),
    ],
)
def test_problems_of_a_keystore(changes: dict[str, Any], said: str) -> None:
    """Each has a sentence, and a certificate without it has not."""
    leaf = pem("good")
    root = pem("root")
    assert summaries(store_of(leaf, root))[0].entries[0].problems == ()
    problems = summaries(store_of(replace(leaf, **changes), root))[0].entries[0].problems
    assert len(problems) == 1
    assert said in problems[0]
    assert "no private key" in summaries(store_of(leaf, root, has_key=False))[0].entries[0].problems[0]
    assert (
        "The chain is broken"
        in summaries(store_of(leaf, replace(root, subject=leaf.subject)))[0].entries[0].problems[0]
    )


def test_nothing_found() -> None:
    """A log without failures."""
    empty = Diagnosis((), diagnose([LOG], tz="UTC").evidence, Counters(), (str(LOG),), (), 0, 0)
    assert next(iter(as_text(empty))) == "No failed TLS handshake of a backend was found."
