"""Reports made without logs: a storm, a quiet month, ten thousand incidents; with a known cause."""

from __future__ import annotations

import random
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from logscan._failures.hints import hint_for
from logscan._failures.timeline import Timeline
from logscan.overviews import Event, Onset, Overview, Shared
from logscan.values import Counters, Incident, Report

EPOCH = datetime(1970, 1, 1)
NAMES = (("bad_certificate", ("client-certificate",)), ("certificate_required", ("client-certificate",)),
         ("handshake_failure", ("client-certificate", "protocol")))  # fmt: skip


TIMES: dict[Incident, list[datetime]] = {}
"""The failures of each incident that was made here."""


def incident(times: list[datetime], number: int, **values: Any) -> Incident:
    """One incident with these failures."""
    line = Timeline(64)
    for time in times:
        line.add((time - EPOCH) // timedelta(microseconds=1))
    alert, families = NAMES[0]
    fields: dict[str, Any] = {
        "org": "acme", "env": "prod", "proxy": f"payments-v{number}", "alert": alert, "side": "southbound", "by": (),
        "failed_handshakes": len(times), "messages": len(times), "first_time": min(times), "last_time": max(times),
        "keystores": ("java.security.KeyStore@52de60d9",), "key_aliases": ("payments-key",),
        "truststores": ("java.security.KeyStore@1b2c3d4e",), "targets": ("10.0.45.15:443",), "revisions": ("7",),
        "hosts": ("mp03",), "sample_message_ids": tuple(f"rrt-0a{number:06x}-c-geu1-{at:05d}-8812345-{at}" for at in range(3)),
        "bars": line.bars(), "families": families,
    }  # fmt: skip
    fields |= values
    fields.setdefault("family", fields["families"][0])
    target = fields["targets"][0]
    fields.setdefault("hint", hint_for(fields["alert"], fields["family"], fields["keystores"][0], target))
    made = Incident(**fields)
    TIMES[made] = times
    return made


def report_of(incidents: list[Incident], log_end: datetime, **values: Any) -> Report:
    """A report of incidents, with what is said first."""
    incidents.sort(key=lambda each: -each.failed_handshakes)
    counters = Counters()
    counters.files, counters.bytes = 12, 1_400_000_000
    sure = [each for each in incidents if not each.is_ambiguous]
    last = max(each.last_time for each in incidents if each.last_time)
    lines: dict[str, Timeline] = {}
    for each in incidents:
        line = lines.setdefault(each.alert, Timeline(1_500))
        for time in TIMES[each]:
            line.add((time - EPOCH) // timedelta(microseconds=1))
    overview = Overview(
        "client-certificate",
        failed=sum(each.failed_handshakes for each in sure),
        possible=sum(each.failed_handshakes for each in incidents if each.is_ambiguous),
        first=min(each.first_time for each in incidents if each.first_time), last=last, log_end=log_end,
        is_over=log_end - last > timedelta(minutes=5), zone="UTC", hosts=8,
        bars=tuple((name, line.bars()) for name, line in lines.items()), **values,
    )  # fmt: skip
    return Report(incidents, [], Counter({"protocol_version": 3}), 12, counters, overview)


def storm(number: int = 1_500, failures: int = 40) -> Report:
    """Twenty minutes, from 03:14 on: nearly all to one backend, on one host, after a new revision."""
    chance = random.Random(17)
    begin = datetime(2026, 11, 23, 3, 14)
    incidents = []
    for at in range(number):
        alert, families = NAMES[0] if at % 7 else NAMES[1 + at % 2]
        many = max(1, int(failures * 12 / (1 + at / 20)))
        start = begin + timedelta(seconds=min(600, chance.expovariate(1 / 120)))
        length = 600 if at % 3 == 0 else 1150 - (start - begin).total_seconds()
        times = [start + timedelta(seconds=chance.triangular(0, length, length / 4)) for _ in range(many)]
        several = at % 5 == 0
        incidents.append(incident(
            times, at, alert=alert, families=families, env=("prod", "prod", "test")[at % 3], proxy=f"payments-v{at // 3}",
            targets=("10.0.45.15:443", "10.0.45.16:443") if several else (f"10.0.45.{15 if at % 24 else 17 + at % 9}:443",),
            hosts=("mp03",) if at % 9 else ("mp03", "mp04"),
            keystores=("java.security.KeyStore@52de60d9", "java.security.KeyStore@77aa0b12") if at % 50 == 4 else ("java.security.KeyStore@52de60d9",),
            revisions=("8", "7") if at % 4 else ("8",),
        ))  # fmt: skip
    onset = Onset(begin, (
        Event("revision", begin - timedelta(seconds=41), "revision 8 of payments-v0 is first seen, before it 7", "mp03/system.log:88211"),
        Event("restart", begin - timedelta(minutes=6), "the Message Processor mp03 starts", "mp03/system.log:71002"),
    ), 16 << 20)  # fmt: skip
    targets = Counter({"10.0.45.15:443": 31_000, "10.0.45.16:443": 900, "10.0.45.18:443": 210})
    return report_of(
        incidents, begin + timedelta(minutes=19, seconds=20), onset=onset,
        findings=("96 % go to one backend, 10.0.45.15:443, from 480 API proxies", "1 of 8 Message Processors, mp03, logs 89 % of them",
                  "all use alias payments-key"),
        shared=(Shared("target", tuple(targets.most_common()), 11, sum(targets.values())),),
    )  # fmt: skip


def month(stray: bool = True) -> Report:
    """A quiet month of three incidents, nightly; and a line that is nine years old."""
    chance = random.Random(4)
    begin = datetime(2026, 10, 26)
    incidents = []
    for at, hour in enumerate((2, 3, 14)):
        times = [
            begin + timedelta(days=day, hours=hour, minutes=chance.randint(0, 59), seconds=chance.randint(0, 59))
            for day in range(29) if day % (at + 1) == 0 for _ in range(chance.randint(1, 6))
        ]  # fmt: skip
        if stray and at == 2:
            times.append(datetime(2017, 10, 23, 5, 28, 57))
        incidents.append(
            incident(
                times,
                at,
                proxy=("orders-v1", "invoices-v2", "payments-v1")[at],
                targets=(f"10.1.0.{at + 5}:8443",),
            )
        )
    return report_of(incidents, datetime(2026, 11, 23, 23, 59), findings=("They have nothing in common: 3 backends, 3 API proxies",))  # fmt: skip


def many(number: int = 10_000) -> Report:
    """Ten thousand incidents of a week, with everything different that can be."""
    chance = random.Random(10)
    begin = datetime(2026, 11, 16)
    incidents = []
    for at in range(number):
        times = [
            begin + timedelta(seconds=chance.randint(0, 7 * 86400)) for _ in range(1 + 2_000 // (at + 20))
        ]
        alert, families = NAMES[at % 3]
        incidents.append(incident(
            times, at, alert=alert, families=families, env=("prod", "test", "dev")[at % 3], proxy=f"service-{at:05d}-v1",
            targets=tuple(f"backend-{(at * 7 + n) % 900}.internal.example:443" for n in range(1 + at % 3)),
            hosts=tuple(f"mp{(at + n) % 12:02d}" for n in range(1 + at % 2)), key_aliases=(f"key-{at % 40}",),
            keystores=(f"java.security.KeyStore@{at * 2654435761 % 2**32:08x}",),
        ))  # fmt: skip
    return report_of(incidents, begin + timedelta(days=7))
