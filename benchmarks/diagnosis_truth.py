"""How often is a verdict right, and is one ever wrong that is called certain? Counts over recorded cases.

    PYTHONPATH=. python benchmarks/diagnosis_truth.py                     # everything, some minutes
    PYTHONPATH=. python benchmarks/diagnosis_truth.py --only lab          # a part: tls, lab, damaged
    PYTHONPATH=. python benchmarks/diagnosis_truth.py --only damaged --every 20

Three parts: the refused client certificates of tests/data/tls; the situations of tests/data/lab, most of them
no matter of client certificates; both with damaged captures: each packet with data missing in turn, captures
that end or begin at each packet, packets cut to 64 to 1,500 bytes, each direction alone. Each table has a row
for a level of evidence. Listed below it: verdicts that are certain and wrong, and causes that were left out.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from damaged_captures import damaged

from logscan._diagnosis.causes import CAUSES
from logscan._jobs.diagnose import Diagnosing, diagnose

DATA = Path(__file__).parent.parent / "tests/data"
TLS, LAB = DATA / "tls", DATA / "lab"
KNOWN = frozenset(cause.name for cause in CAUSES)
CA_FILES = {
    "root": "root.pem", "other": "other.pem", "fake": "fake.pem",
    "nodn": "root.pem", "nodn_other": "other.pem", "sigec": "root.pem",
}  # fmt: skip
"""What the servers of tests/data/tls trust."""
TLS_CAUSES = {
    "NO_CLIENT_CERT": ("keystore_empty", "certificate_without_key"), "ALIAS_NOT_FOUND": ("alias_not_found",),
    "EXPIRED": ("expired",), "NOT_YET_VALID": ("not_yet_valid",), "WRONG_KEY_USAGE": ("wrong_key_usage",),
    "CA_MISMATCH": ("ca_mismatch",), "UNKNOWN_CA": ("unknown_ca", "ca_same_name_other_key"),
    "SIGALG_MISMATCH": ("key_type_mismatch",), "OK": (),
}  # fmt: skip
"""What was done in each situation of tests/data/tls, but for keystores without an intermediate."""
WIDER = {
    "refused_by_message_processor": (
        "backend_certificate_expired", "backend_certificate_untrusted", "backend_chain_incomplete",
        "backend_name_mismatch", "backend_certificate_weak", "tls_inspected",
        "ca_list_too_long", "not_tls", "protocol_mismatch", "wrong_sni", "handshake_too_large",
    ),
    "not_a_client_certificate_matter": (
        "protocol_mismatch", "cipher_mismatch", "wrong_sni", "not_tls", "cut_by_network", "no_answer",
        "backend_certificate_weak",
    ),
    "revoked_or_not_registered": ("client_certificate_revoked",),
}  # fmt: skip
"""Causes that frame others: who ended it, and when."""

PARTS = ("tls", "lab", "damaged")
RIGHT, LIKELY, IN_SET, LEFT_OUT, WRONG, NOTHING = (
    "certain and right", "likely and right", "in the set", "not in the set", "certain and wrong",
    "nothing found",
)  # fmt: skip
FINE, FALSE_OPEN = "no fault", "false alarm, open"
OUTCOMES = (RIGHT, LIKELY, IN_SET, LEFT_OUT, WRONG, NOTHING, FINE, FALSE_OPEN)


@dataclass(frozen=True)
class Run:
    """One call of ``diagnose``, and the truth."""

    level: str
    name: str
    causes: tuple[str, ...]
    """Each of them is right; none: nothing is wrong."""
    paths: tuple[Path, ...]
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What came of a run."""

    run: Run
    kind: str
    said: tuple[str, ...]
    """The causes, with their states."""
    size: int
    """Causes in all."""
    likely: int
    """Of them, those that are proven or likely."""
    led: bool
    """Whether the truth is among these."""


def wider(causes: Sequence[str]) -> set[str]:
    """Causes that say who ended the handshake and when, and no more: true, where they hold the truth."""
    return {wide for wide, narrow in WIDER.items() if set(causes) & set(narrow)} - set(causes)


def judged(run: Run) -> Outcome:
    """Run it and compare."""
    found = diagnose([str(path) for path in run.paths], tz="UTC", **run.options)
    verdicts = [verdict for verdict in found.verdicts if verdict.certainty != "no fault"]
    findings = [finding for verdict in verdicts for finding in verdict.findings]
    said = tuple(f"{finding.cause.name}={finding.state}" for finding in findings)
    kinds = [kind for verdict in verdicts if (kind := _kind(verdict, run.causes))]
    if WRONG in kinds:
        kind = WRONG
    elif not run.causes:
        kind = FALSE_OPEN if verdicts else FINE
    elif not findings:
        kind = NOTHING
    else:
        # Log and capture may stand apart: the better of the two is what a reader looks for.
        kind = min(kinds, key=OUTCOMES.index) if kinds else NOTHING
    likely = {finding.cause.name for finding in findings if finding.state in {"proven", "likely"}}
    return Outcome(
        run,
        kind,
        said,
        len({finding.cause.name for finding in findings}),
        len(likely),
        bool(likely & set(run.causes)),
    )


def _kind(verdict: Any, causes: Sequence[str]) -> str:
    """How one verdict compares with the truth."""
    right, wide = set(causes), wider(causes)
    states = {finding.cause.name: finding.state for finding in verdict.findings}
    proven = {name for name, state in states.items() if state == "proven"}
    if proven - right - wide:
        return WRONG
    if not states:
        return ""
    if "protocol_mismatch" not in KNOWN:  # version 0.1 has no narrower names
        right |= wide
    elif states.keys() <= wide:
        return IN_SET
    narrow = states.keys() - (wide - right)
    leading = {name for name in narrow if states[name] in {"proven", "likely"}}
    if not narrow & right:
        return LEFT_OUT
    if verdict.certainty == "certain" and proven & right:
        return RIGHT
    return LIKELY if (len(leading) == 1 and leading <= right) or len(narrow) == 1 else IN_SET


# The cases.


def options_of(
    keystore: Path | None = None, alias: str | None = None, cas: Sequence[Path] = ()
) -> dict[str, Any]:
    """Keywords of ``diagnose``."""
    options: dict[str, Any] = {"password": ["changeit"]}
    if keystore:
        options["keystore"] = str(keystore)
    if alias:
        options["alias"] = alias
    if cas:
        options["backend_ca"] = [str(path) for path in cas]
    return options


def tls_rows() -> list[dict[str, Any]]:
    """The recordings of tests/data/tls."""
    rows: list[dict[str, Any]] = json.loads((TLS / "truth.json").read_text())
    controls = [
        {
            "pcap": f"controls/{path.name}",
            "client_log": f"controls/{path.stem}.client.log",
            "tls": path.stem[-3:],
            "control": True,
        }
        for path in sorted((TLS / "controls").glob("*.pcap"))
    ]
    return rows + controls


def tls_causes(row: dict[str, Any]) -> tuple[str, ...]:
    """The truth of a recording of tests/data/tls."""
    if row.get("control"):
        return ()
    return ("chain_incomplete",) if "leafonly" in row["pcap"] else TLS_CAUSES[row["cause"]]


def tls_runs() -> Iterator[Run]:
    """The refused client certificates, at each level of evidence."""
    for row in tls_rows():
        causes, tls = tls_causes(row), row["tls"]
        pcap, log = TLS / row["pcap"], TLS / row["client_log"]
        logs = [log] if b"ERROR" in log.read_bytes() else []

        def run(level: str, *paths: Path, more: dict[str, Any] | None = None) -> Run:
            return Run(f"{level}, TLS {tls}", row["pcap"], causes, paths, more or options_of())  # noqa: B023

        if row.get("control"):
            yield run("capture", pcap)
            continue
        store, alias = TLS / row["client_keystore"], row["client_alias"]
        cas = [TLS / "pki" / CA_FILES[row["server_ca"]]]
        inter = (TLS / "pki/inter.pem",) if "leafonly" in row["pcap"] else ()
        if logs:
            yield run("log", *logs)
            yield run("log + keystore", *logs, more=options_of(store, alias))
            yield run("log + keystore + CA", *logs, more=options_of(store, alias, cas))
        yield run("capture", pcap)
        yield run("capture + log", pcap, *logs)
        yield run("capture + log + keystore", pcap, *logs, more=options_of(store, alias))
        yield run("capture + log + keystore + CA", pcap, *logs, more=options_of(store, alias, cas))
        yield run(
            "capture + log + keystore + CA + intermediate",
            pcap,
            *logs,
            *inter,
            more=options_of(store, alias, cas),
        )
        keylog = TLS / f"openssl/sslkeylog_{row['server_ca']}.txt"
        if row["server"] == "openssl" and tls == "1.3":
            keys = {"keylog": [str(keylog)]}
            yield run("capture + key log", pcap, more=options_of() | keys)
            yield run("capture + key log + keystore + CA", pcap, more=options_of(store, alias, cas) | keys)


def lab_rows() -> list[dict[str, Any]]:
    """The recordings of tests/data/lab."""
    rows: list[dict[str, Any]] = json.loads((LAB / "truth.json").read_text())
    return rows


def lab_options(row: dict[str, Any]) -> dict[str, Any]:
    """The keywords for the evidence of a situation."""
    evidence = row["evidence"]
    store = evidence.get("keystore")
    options = options_of(
        LAB / store if store else None,
        evidence.get("alias"),
        [LAB / path for path in evidence.get("backend_ca", ())],
    )
    if "truststore" in Diagnosing.__annotations__ and evidence.get("truststore"):
        options["truststore"] = str(LAB / evidence["truststore"])
    return options


def lab_runs() -> Iterator[Run]:
    """The lab: log alone, capture alone, both, and both with all evidence."""
    for row in lab_rows():
        causes = tuple(row["causes"])
        logs, pcaps = tuple(LAB / log for log in row["log"]), (LAB / row["pcap"],)
        more = tuple(LAB / path for path in row["evidence"].get("more", ()))
        visible = row["shown_by"]
        table = (
            ("log", logs, options_of(), "log" in visible),
            ("capture", pcaps, options_of(), "capture" in visible),
            ("capture + log", (*pcaps, *logs), options_of(), True),
            ("capture + log + all evidence", (*pcaps, *logs, *more), lab_options(row), True),
        )
        for level, paths, options, shown in table:
            if paths:
                kind = "situation" if causes else "control"
                yield Run(
                    level if shown else f"{level}, which cannot show it",
                    f"{kind} {row['name']}",
                    causes if shown else (),
                    paths,
                    options,
                )


def damaged_runs(folder: Path, every: int = 1) -> Iterator[Run]:
    """Damaged captures of both sets, alone and with all evidence; each ``every``-th."""
    sources: list[tuple[Path, tuple[str, ...], tuple[Path, ...], dict[str, Any]]] = []
    for row in tls_rows():
        options = {}
        if not row.get("control"):
            cas = [TLS / "pki" / CA_FILES[row["server_ca"]]]
            options = options_of(TLS / row["client_keystore"], row["client_alias"], cas)
        log = TLS / row["client_log"]
        written = (log,) if b"ERROR" in log.read_bytes() else ()
        sources.append((TLS / row["pcap"], tls_causes(row), written, options))
    sources += [
        (LAB / row["pcap"], tuple(row["causes"]), tuple(LAB / log for log in row["log"]), lab_options(row))
        for row in lab_rows()
    ]
    count, path = 0, folder / "damaged.pcap"
    for pcap, causes, logs, options in sources:
        name = str(pcap.relative_to(DATA))
        for kind, what, data in damaged(pcap.read_bytes()):
            count += 1
            if count % every:
                continue
            path.write_bytes(data)
            yield Run(f"{kind}: capture", f"{name}: {kind}, {what}", causes, (path,), options_of())
            if options or logs:
                yield Run(f"{kind}: all evidence", f"{name}: {kind}, {what}", causes, (path, *logs), options)


# What is printed.


def tables(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """A Markdown table: situations above, controls in the last two columns."""
    columns = (
        "n",
        *OUTCOMES[:2],
        "in the set (mean size)",
        *OUTCOMES[3:6],
        "control: no fault",
        "control: open",
    )
    yield f"| evidence | {' | '.join(columns)} |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    levels: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        levels[outcome.run.level].append(outcome)
    for level, found in levels.items():
        counts = Counter(outcome.kind for outcome in found)
        inside = [outcome for outcome in found if outcome.kind == IN_SET]
        led = [outcome.likely for outcome in inside if outcome.led]
        mean = f" ({_mean([outcome.size for outcome in inside])}" if inside else ""
        mean += f"; likely in {len(led)}: {_mean(led)})" if led else ")" if inside else ""
        cells = [str(counts[kind]) for kind in OUTCOMES]
        cells[2] += mean
        yield f"| {level} | {len(found)} | {' | '.join(cells)} |"


def _mean(sizes: Sequence[int]) -> str:
    return f"{sum(sizes) / len(sizes):.1f}"


def faults(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """What is certain and wrong, and what left the truth out, by name."""
    for kind in (WRONG, LEFT_OUT):
        listed = [outcome for outcome in outcomes if outcome.kind == kind]
        yield f"\n{kind}: {len(listed)}"
        for outcome in listed:
            run = outcome.run
            truth, said = ", ".join(run.causes) or "no fault", " ".join(outcome.said)[:300]
            yield f"  {run.level} | {run.name} | truth: {truth} | said: {said}"


def runs_of(part: str, folder: Path, every: int = 1) -> Iterator[Run]:
    """The runs of a part; of damaged captures each ``every``-th, written to a folder one after the other."""
    if part == "damaged":
        return damaged_runs(folder, every)
    return tls_runs() if part == "tls" else lab_runs()


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--every", type=int, default=1, help="of damaged captures only each so many")
    parser.add_argument(
        "--nothing", action="store_true", help="list also where nothing was found, and false alarms"
    )
    args = parser.parse_args()
    for part in PARTS if args.only is None else (args.only,):
        begun = time.process_time()
        with tempfile.TemporaryDirectory() as temporary:
            outcomes = [judged(run) for run in runs_of(part, Path(temporary), args.every)]
        print(f"\n## {part}: {len(outcomes):,} runs, {time.process_time() - begun:.0f} CPU seconds\n")
        print(*tables(outcomes), *faults(outcomes), sep="\n")
        for outcome in outcomes if args.nothing else ():
            if outcome.kind in (NOTHING, FALSE_OPEN):
                said = " ".join(outcome.said)[:200]
                print(f"  {outcome.kind} | {outcome.run.level} | {outcome.run.name} | {said}")


if __name__ == "__main__":
    main()
