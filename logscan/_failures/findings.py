"""Findings: what failed handshakes have in common, in sentences, from how often each value was seen."""

from __future__ import annotations

from datetime import timedelta

from logscan._failures.in_common import InCommon, parts
from logscan._failures.members import EPOCH, MICROSECOND
from logscan.overviews import Shared

COMMON = 0.8
"""The part of the failures from which on they have a value in common."""
NEARLY_ALL = 0.9
"""The part that two or three causes have together."""
LEAST = 10
"""Failures from which on two or three causes are looked for."""
PART = 0.1
"""The part of the failures that each of two or three causes has at least."""
LONGER = timedelta(minutes=10)
"""How much longer the last host fails than all others, so that it stands out."""
_MANY = {"target": "backends", "alias": "aliases", "proxy": "API proxies", "host": "hosts"}
_NUMBERS = {2: "Two", 3: "Three"}


def findings_of(common: InCommon, hosts: int) -> tuple[str, ...]:
    """What the failures have in common, the most telling first; or that it is nothing.

    Args:
        common: the failures.
        hosts: Message Processors whose logs were read.
    """
    shared = {one.dimension: one for one in common.shared()}
    if common.count < 2:
        return ()
    found = [
        *_backend(common, shared),
        *_keystore(common, shared),
        *_host(common, shared, hosts),
        *_last_host(common, hosts),
    ]
    for name, words in (("proxy", "come from one API proxy"), ("env", "are in one environment")):
        one = shared.get(name)
        if one is None or not _covers(one, common.count):
            continue
        # Of what there is one only it is worth saying where other things differ.
        if one.different > 1 or (name == "proxy" and not found and _varies(shared)):
            found.append(f"{_percent(one.values[0][1], common.count)} {words}, {one.values[0][0]}")
    if found:
        return tuple(found)
    return _several(common, shared) or _nothing(common, shared)


def _backend(common: InCommon, shared: dict[str, Shared]) -> list[str]:
    one = shared.get("target")
    if one is None or not _covers(one, common.count):
        return []
    target, number = one.values[0]
    proxies = common.beside("target", target, "proxy")
    begin = f"{_percent(number, common.count)} go to one backend, {target}"
    if proxies.total > 1:
        return [f"{begin}, from {proxies} API proxies"]
    return [begin] if one.different > 1 or proxies.total != 1 else [f"{begin}, from one API proxy"]


def _keystore(common: InCommon, shared: dict[str, Shared]) -> list[str]:
    keystore, alias, found = shared.get("keystore"), shared.get("alias"), []
    if keystore is not None and keystore.values[0][0] == "null":
        if keystore.share >= COMMON and keystore.known >= COMMON * common.count:
            number = _percent(keystore.values[0][1], common.count)
            found.append(f"{number} have no keystore configured (KeyStore:null)")
    elif alias is not None and _covers(alias, common.count) and alias.values[0][0] != "null":
        name, number_of = alias.values[0]
        text = f"{_percent(number_of, common.count)} use alias {name}"
        targets = shared.get("target")
        if targets is not None and targets.different > 1 and not _covers(targets, common.count):
            text += f", towards {targets.different:,} backends"
        found.append(text)
    return found


def _host(common: InCommon, shared: dict[str, Shared], hosts: int) -> list[str]:
    one = shared.get("host")
    if one is None or hosts < 2:
        return []
    if one.different == 1:
        return [f"1 of {hosts:,} hosts fails: {one.values[0][0]}"]
    if _covers(one, common.count):
        return [
            f"{_percent(one.values[0][1], common.count)} are on one host of {hosts:,}, {one.values[0][0]}"
        ]
    if one.different <= hosts // 2:
        names = ", ".join(name for name, _ in one.values[:4])
        return [f"{one.different:,} of {hosts:,} hosts fail: {names}{', …' if one.different > 4 else ''}"]
    return []


def _last_host(common: InCommon, hosts: int) -> list[str]:
    """The only host that goes on failing, with the keystore object that it has had all the time."""
    spans = common.hosts.spans()
    if hosts < 2 or not spans:
        return []
    last = max(spans, key=lambda name: spans[name][1])
    rest = [span[1] for name, span in spans.items() if name != last]
    if not rest:
        return []
    until = max(rest)
    begin, end = spans[last]
    if end - until < LONGER // MICROSECOND or begin > until:
        return []
    time = EPOCH + until * MICROSECOND
    text = f"Since {time:%Y-%m-%d %H:%M:%S} only {last} fails"
    held = [(key, span) for key, span in common.keystores.spans().items() if parts(key)[0] == last]
    same = [parts(key)[2] for key, (first, final) in held if first <= until < final]
    newer = [key for key, (first, _) in held if first > until]
    if same and not newer:
        text += (
            f", with the keystore object that it had before ({same[0]}): it may still hold the old keystore;"
            " restart that Message Processor"
        )
    return [text]


def _several(common: InCommon, shared: dict[str, Shared]) -> tuple[str, ...]:
    """Two or three values that take nearly all failures together."""
    for name in ("target", "alias"):
        one, many = shared.get(name), _MANY[name]
        if one is None or common.count < LEAST:
            continue
        for number in (2, 3):
            top = one.values[:number]
            if (
                len(top) == number
                and sum(count for _, count in top) >= NEARLY_ALL * common.count
                and all(count >= PART * common.count for _, count in top)
            ):
                each = ", ".join(f"{value} {_percent(count, common.count)}" for value, count in top)
                every = "all" if one.different == number else "most"
                return (
                    f"{_NUMBERS[number]} {many} have {every} of them: {each}. There may be {number} causes",
                )
    return ()


def _nothing(common: InCommon, shared: dict[str, Shared]) -> tuple[str, ...]:
    counts = [
        f"{shared[name].different:,} {many}"
        for name, many in _MANY.items()
        if name in shared and shared[name].different > 1
    ]
    if not counts:
        return ()
    most = max(shared[name].values[0][1] for name in _MANY if name in shared and shared[name].different > 1)
    return (
        f"Nothing in common: {', '.join(counts)}; none of them has more than {_percent(most, common.count)}",
    )


def _varies(shared: dict[str, Shared]) -> bool:
    return any(shared[name].different > 1 for name in ("target", "alias", "host") if name in shared)


def _covers(one: Shared, count: int) -> bool:
    return bool(one.values) and one.values[0][1] >= COMMON * count


def _percent(number: int, count: int) -> str:
    """A part in words that never round to a whole that it is not."""
    if number == count:
        return "All"
    part = 100 * number / count
    if part > 99:
        return "Over 99 %"
    return f"{part:.0f} %" if part >= 1 else "Under 1 %"
