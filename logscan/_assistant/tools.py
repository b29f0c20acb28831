"""Tools: what an assistant may ask. Each reads below the roots and gives what ``--format json`` prints."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from logscan._assistant.answers import Draft
from logscan._assistant.roots import Roots
from logscan._jobs._options import listed, several
from logscan._scanning.plan import Limits
from logscan.errors import UsageError
from logscan.values import Counters, Found, Problem, Report

MAX_ENTRY = 64 << 10
"""Bytes kept of one entry; the others are counted (``cut_bytes``)."""
LIMITS = Limits(max_entry=MAX_ENTRY, workers=1)
SAMPLES = 3
"""Messages of an incident whose entries are given."""
ENTRIES = 20
"""Entries of them."""
PASSWORD = "LOGSCAN_KEYSTORE_PASSWORD"  # noqa: S105 (the name of a variable)
_SELECTING = ("alert", "family", "org", "env", "proxy", "side", "since", "until", "tz")

Arguments = Mapping[str, Any]
"""As the schema of a tool allows them."""


def report(roots: Roots, given: Arguments) -> Draft:
    """Incidents: see :mod:`logscan._assistant.offers`."""
    result, _, draft = _report(roots, given, several(given.get("by")))
    draft.found = _report_json(result, given["limit"], draft)
    return draft


def incident(roots: Roots, given: Arguments) -> Draft:
    """One incident, with entries of its first messages."""
    from logscan._failures.meanings import meanings

    result, paths, draft = _report(roots, given, ())
    draft.found = {
        "meaning": next((row.text for row in meanings() if row.name == given["alert"]), None),
        "report": _report_json(result, given["limit"], draft),
        "entries": [],
    }
    ids = [name for one in result.incidents[: given["limit"]] for name in one.sample_message_ids]
    if wanted := list(dict.fromkeys(ids))[:SAMPLES]:
        draft.found["entries"] = _entries(wanted, paths, ENTRIES, Counters(), draft)
    return draft


def search(roots: Roots, given: Arguments) -> Draft:
    """The entries of some messages."""
    counters, draft = Counters(), Draft({})
    paths = roots.logs(given.get("paths"), counters.problems)
    entries = _entries(list(several(given["message_id"])), paths, given["limit"], counters, draft)
    draft.found = {"entries": entries, **_run(counters, draft)}
    return draft


def diagnose(roots: Roots, given: Arguments) -> Draft:
    """Why a certificate was refused, by all evidence there is."""
    from logscan._jobs.diagnose import judge_collected
    from logscan._render.diagnosis.data import as_json

    collected, draft = _collected(roots, given)
    diagnosis = judge_collected(collected)
    draft.complete = _is_complete(diagnosis.counters.problems)
    found = json.loads(as_json(diagnosis))
    draft.more += Counter({"verdicts": max(0, len(found["verdicts"]) - given["limit"])})
    found["verdicts"] = found["verdicts"][: given["limit"]]
    draft.found = found
    return draft


def simulate(roots: Roots, given: Arguments) -> Draft:
    """Which certificate of a keystore Java would send."""
    from logscan._evidence.distinguished_names import parse
    from logscan._jobs.diagnose import simulate as choices_of
    from logscan._render.diagnosis.data import choice_dict

    names = []
    for text in several(given.get("accept")):
        try:
            names.append(parse(text))
        except ValueError as error:
            raise UsageError(f"accept {text}: {error}", "write it as openssl or Java prints it") from error
    collected, draft = _collected(roots, given, needs_paths=False)
    choices = choices_of(collected, tuple(names) or None)
    draft.found = {
        "choices": [{"keystore": store.name, **choice_dict(choice)} for store, choice in choices],
        "problems": [str(problem) for problem in collected.counters.problems],
    }
    draft.complete = _is_complete(collected.counters.problems)
    return draft


def sources(roots: Roots, given: Arguments) -> Draft:
    """What may be read."""
    problems: list[Problem] = []
    rows: list[dict[str, Any]] = []
    draft = Draft({})
    for source in roots.sources(problems):
        if len(rows) < given["limit"]:
            time = source.modified.isoformat(timespec="seconds")
            rows.append({"path": source.path, "bytes": source.size, "modified": time})
        else:
            draft.more["files"] += 1
    draft.found = {
        "roots": list(roots.paths),
        "files": rows,
        "problems": [str(problem) for problem in problems],
    }
    draft.complete = _is_complete(problems)
    return draft


TOOLS: dict[str, Callable[[Roots, Arguments], Draft]] = {
    "report": report,
    "incident": incident,
    "search": search,
    "diagnose": diagnose,
    "simulate": simulate,
    "sources": sources,
}


def _report(roots: Roots, given: Arguments, by: tuple[str, ...]) -> tuple[Report, list[str], Draft]:
    from logscan._jobs._selecting import selection_of
    from logscan._jobs.report import report_selected

    problems: list[Problem] = []
    selecting: Any = {name: given[name] for name in _SELECTING if name in given}
    selection = selection_of(selecting)
    paths = roots.logs(given.get("paths"), problems)
    result = report_selected(paths, selection, by=listed(by), limits=LIMITS)
    result.counters.problems[:0] = problems
    return result, paths, Draft({}, _is_complete(result.counters.problems))


def _report_json(result: Report, limit: int, draft: Draft) -> dict[str, Any]:
    """What ``logscan report --format json`` prints, of the first incidents."""
    from logscan._render.data import to_json

    left = result.incidents[limit:]
    if left:
        draft.more["incidents"] += len(left)
        draft.more["failed handshakes beyond the limit"] += sum(one.failed_handshakes for one in left)
    found: dict[str, Any] = json.loads(
        "".join(to_json(result._replace(incidents=result.incidents[:limit]), False))
    )
    return found


def _entries(
    ids: list[str], paths: list[str], limit: int, counters: Counters, draft: Draft
) -> list[dict[str, Any]]:
    """The first entries of some messages, as ``logscan search --json`` prints them; all are counted."""
    from logscan._jobs.search import find

    rows: list[dict[str, Any]] = []
    for found in find(ids, paths, counters, limits=LIMITS, index=None):
        if len(rows) < limit:
            rows.append(_row(found, draft))
        else:
            draft.more["entries"] += 1
    return rows


def _row(found: Found, draft: Draft) -> dict[str, Any]:
    """One entry. Its secrets are masked before it is taken apart: a key may have many lines."""
    from logscan._entries.parse import parse
    from logscan._render.data import entry_row, json_line
    from logscan._support.redact import redact_bytes

    data = redact_bytes(found.span.data, draft.masked, draft.note)
    span = found.span._replace(data=data)
    row: dict[str, Any] = json.loads(json_line(entry_row(parse(span, Counters()), span)))
    return row


def _run(counters: Counters, draft: Draft) -> dict[str, Any]:
    """What a run counted."""
    from logscan._render.data import counters_dict

    draft.complete = _is_complete(counters.problems)
    return {
        "counters": counters_dict(counters),
        "problems": [str(problem) for problem in counters.problems],
    }


def _collected(roots: Roots, given: Arguments, *, needs_paths: bool = True) -> tuple[Any, Draft]:
    """All evidence that was read."""
    from logscan._jobs.diagnose import collect, request_of

    problems: list[Problem] = []
    names = given.get("paths")
    paths = roots.evidence(names, problems) if names or needs_paths else []
    keys = ("alert", "since", "until", "tz", "org", "env", "proxy", "alias")
    diagnosing: Any = {key: given[key] for key in keys if key in given}
    diagnosing |= {"workers": 1, "max_entry_bytes": MAX_ENTRY}
    if "keystore" in given:
        diagnosing["keystore"] = roots.resolve(given["keystore"])
    diagnosing["backend_ca"] = [roots.resolve(name) for name in given.get("backend_ca", ())]
    if password := os.environ.get(PASSWORD):
        diagnosing["password"] = (password,)
    collected = collect(request_of(tuple(paths), diagnosing))
    collected.counters.problems[:0] = problems
    return collected, Draft({})


def _is_complete(problems: list[Problem]) -> bool:
    return not any(problem.fatal for problem in problems)
