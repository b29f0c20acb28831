"""Diagnose: from paths to verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Unpack

from logscan._diagnosis.cases import Case, Groups, cases_of, cases_of_engine
from logscan._diagnosis.keymanager import Choice, choose
from logscan._diagnosis.result import Diagnosis
from logscan._diagnosis.verdict import Verdict, verdict_of
from logscan._evidence.capture.flow import MAX_OPEN
from logscan._evidence.capture.read_capture import MAX_CONNECTIONS
from logscan._evidence.collected import Evidence
from logscan._evidence.distinguished_names import Name
from logscan._evidence.keystores.keystore import Keystore
from logscan._failures.selection import HostNames, Selection, select_alerts
from logscan._failures.tally import CountRequest
from logscan._jobs._counting import failures_of, with_hosts
from logscan._jobs._evidence_reader import EvidenceReader, EvidenceRequest
from logscan._jobs._line_numbers import with_lines
from logscan._jobs._options import (
    Names,
    Paths,
    Reading,
    Times,
    check_names,
    limits_of,
    listed,
    paths_of,
    several,
    times_of,
)
from logscan._jobs._selecting import messages_of, rule
from logscan._jobs._spans import inputs_of, split_paths
from logscan._scanning.plan import Progress
from logscan._store.inputs import hosts_of as hosts_of_stores
from logscan.errors import REPORT, InputError, NoLogsError, caught
from logscan.values import Counters, Problem

if TYPE_CHECKING:
    from logscan._evidence.api_client import Management


BESIDE = frozenset({"target_out_of_rotation", "eof_unexpected"})
"""Failures beside TLS that are read too."""


class Diagnosing(Times, Reading, total=False):
    """Keywords of :func:`diagnose`."""

    keystore: str | None
    """The file of the keystore that the Message Processor uses."""
    alias: str | None
    """The alias that is used, where no log or bundle names it."""
    backend_ca: Names
    """Files of the authorities that the backend trusts."""
    keylog: Names
    """Files of TLS 1.3 secrets (``SSLKEYLOGFILE``)."""
    password: Names
    """Passwords of keystores; each is tried for each."""
    alert: Names
    """Failures of the log to diagnose. Default: every southbound TLS failure."""
    org: str | None
    env: str | None
    proxy: Names
    message: Names
    """Message ids, whole; several with commas. Default: any."""
    host: Names
    """``NAME`` or ``NAME=PATTERN``: what the Message Processors of files are called."""
    join_time: float
    """Seconds between two entries of one message that follow each other, at most, so that they belong
    together."""
    join_bytes: int
    """Bytes of text between them, at most."""
    max_connections: int
    """Connections kept of all captures; others are counted."""
    max_open_connections: int
    """Connections followed at once in a capture."""


def diagnose(paths: Paths, **diagnosing: Unpack[Diagnosing]) -> Diagnosis:
    """Read the evidence and judge every case in it.

    Args:
        paths: evidence of any kind, and directories of it; each file is read as what its content says it is.
        **diagnosing: see :class:`logscan.Diagnosing`.

    Raises:
        InputError: a file that was named for its role cannot be read.
        UsageError: an unknown alert, or a time that cannot be read.
    """
    check_names(diagnosing, Diagnosing)
    request = request_of(paths_of(paths), diagnosing)
    return judge_collected(collect(request, diagnosing.get("progress")))


def request_of(
    paths: Sequence[str],
    given: Diagnosing,
    *,
    ask_password: Callable[[str], str | None] | None = None,
    management: Management | None = None,
    forget: bool = False,
) -> EvidenceRequest:
    """What to read, from the keywords of :func:`diagnose`.

    Args:
        paths: evidence; none, where a keystore or the management API is all of it.
        given: the keywords.
        ask_password: asks a person for the password of a file.
        management: client of the management API.
        forget: drop read data from the page cache.

    Raises:
        UsageError: an unknown alert, or a time that cannot be read.
    """
    alert, org, env = listed(given.get("alert")), given.get("org"), given.get("env")
    selection = Selection(
        alerts=select_alerts(alert) if alert else frozenset(),
        family=None,
        orgs=listed(org),
        envs=listed(env),
        proxies=listed(given.get("proxy")),
        messages=messages_of(given.get("message")),
        times=times_of(given),
    )
    return EvidenceRequest(
        paths=paths,
        selection=selection,
        keystore=given.get("keystore"),
        alias=given.get("alias"),
        backend_ca=several(given.get("backend_ca")),
        keylogs=several(given.get("keylog")),
        passwords=several(given.get("password")),
        ask_password=ask_password,
        hosts=HostNames(several(given.get("host"))),
        limits=replace(limits_of(given), forget=forget),
        rule=rule(given.get("join_time"), given.get("join_bytes")),
        management=management,
        org=org,
        env=env,
        max_connections=given.get("max_connections", MAX_CONNECTIONS),
        max_open=given.get("max_open_connections", MAX_OPEN),
    )


@dataclass(frozen=True, slots=True)
class Collected:
    """What was read of a request."""

    request: EvidenceRequest
    evidence: Evidence
    groups: Groups
    """Failures of the logs and traces."""
    counters: Counters
    keystore: Keystore | None
    """The one that was named as used."""
    logs: tuple[str, ...]
    captures: tuple[str, ...]
    answers: Mapping[str, bytes]
    """What the management API answered live, by path."""


def collect(request: EvidenceRequest, progress: Progress | None = None) -> Collected:
    """Read all evidence, group the failures of the logs, and fetch what they need.

    Raises:
        InputError: a file that was named for its role cannot be read.
    """
    counters = Counters()
    reader = EvidenceReader(request, counters)
    reader.read()
    groups = Groups(request.selection.times.zone)
    if reader.logs:
        _group_failures(reader, request, groups, counters, progress)
    with caught(counters, "debug sessions"):
        asked = request.selection.messages
        groups.trace(t for t in reader.evidence.traces if not asked or t.message_id in asked)
    answers: dict[str, bytes] = {}
    if request.management is not None:
        from logscan._jobs._management import fetch_missing

        answers = fetch_missing(request, request.management, groups.emit(), reader, counters)
    with caught(counters, "answers of the management API"):
        reader.evidence.environment = reader.answers.environment()
    return Collected(
        request=request,
        evidence=reader.evidence,
        groups=groups,
        counters=counters,
        keystore=reader.keystore,
        logs=tuple(reader.logs),
        captures=tuple(reader.captures),
        answers=answers,
    )


def _group_failures(
    reader: EvidenceReader,
    request: EvidenceRequest,
    groups: Groups,
    counters: Counters,
    progress: Progress | None,
) -> None:
    selection, logs, evidence = request.selection, reader.logs, reader.evidence
    try:
        here, elsewhere = split_paths(logs)
        inputs = inputs_of(here, counters, selection.times, elsewhere=elsewhere)
        # Neighbours of TLS too: a target out of rotation, an end of file after TLS 1.3. All are given.
        near = replace(selection, alerts=selection.alerts | BESIDE)
        asked = with_hosts(CountRequest(near, (), datetime.max, request.hosts, rule=request.rule), inputs)
        evidence.hosts |= {asked.host_of(file.path) for part in inputs.slices for file in part.stream}
        evidence.hosts |= set(hosts_of_stores(inputs.stores).values())
        evidence.hosts |= set() if elsewhere is None else elsewhere.names(request.hosts)
        for failure in failures_of(
            inputs, asked, counters, limits=request.limits, progress=progress, elsewhere=elsewhere
        ):
            try:
                inside = selection.times.holds(failure.time, failure.zone)
                if inside is None:
                    counters.untimed += 1
                elif inside and selection.covers(failure):
                    groups.feed((failure,))
            except Exception:  # what it is, caught() says: in a loop over all failures it would cost time
                with caught(counters, f"{failure.place.path}, byte {failure.place.offset:,}"):
                    raise
    except NoLogsError as error:
        counters.problems.append(Problem(", ".join(logs[:3]), str(error), error.hint))


def judge_collected(collected: Collected) -> Diagnosis:
    """Judge every case in what was read."""
    request, evidence = collected.request, collected.evidence
    groups = collected.groups.emit()
    cases: list[Case] = []
    left_out: Counter[str] = Counter()
    with caught(collected.counters, "failures and connections"):
        cases, left_out = cases_of(groups, evidence.connections, request.selection.alerts)
        if not cases and not left_out:
            cases = cases_of_engine(evidence.engine)
        cases = with_lines(cases)
    verdicts = [verdict_of(case, evidence, collected.keystore, request.alias) for case in cases]
    for place, fault in dict.fromkeys((_place(v), fault) for v in verdicts for fault in v.facts.faults):
        collected.counters.not_understood += 1
        collected.counters.problems.append(Problem(place, fault, REPORT))
    return Diagnosis(
        verdicts=tuple(sorted(verdicts, key=_order)),
        evidence=evidence,
        counters=collected.counters,
        logs=collected.logs,
        captures=collected.captures,
        not_grouped=collected.groups.skipped,
        northbound=collected.groups.northbound,
        left_out=left_out,
    )


def _place(verdict: Verdict) -> str:
    """Where a case comes from: its log, else its capture."""
    case = verdict.case
    if case.samples:
        return case.samples[0].place.path
    return case.connections[0].capture if case.connections else "evidence"


def _order(verdict: Verdict) -> tuple[bool, bool, int, int]:
    """Refused client certificates first; then the cases of the log; then most failures."""
    case = verdict.case
    return (
        not verdict.facts.client_certificate_matter, case.group is None, -case.failures,
        -len(case.connections),
    )  # fmt: skip


def simulate(collected: Collected, accepted: tuple[Name, ...] | None = None) -> list[tuple[Keystore, Choice]]:
    """Which certificate of each keystore Java would send.

    Args:
        collected: with at least one keystore.
        accepted: authorities that the backend accepts; ``None``: those of the evidence.

    Raises:
        InputError: there is no keystore.
    """
    evidence = collected.evidence
    stores = [*evidence.keystores, *evidence.environment.keystores.values()]
    if collected.keystore is not None:
        stores = [collected.keystore]
    if not stores:
        raise InputError("no keystore is among the evidence", "give one with --keystore FILE")
    request = next((c.request for c in evidence.connections if c.request is not None), None)
    run = next((run for run in evidence.s_clients if run.certificate_requested), None)
    shown = request or run
    types: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ()
    if accepted is None and shown is not None:
        accepted, types, schemes = shown.authorities, shown.key_types, shown.signature_schemes
    elif accepted is None and evidence.backend_cas:
        accepted = tuple(item.subject for item in evidence.backend_cas)
    return [(store, choose(store, collected.request.alias, accepted, types, schemes)) for store in stores]
