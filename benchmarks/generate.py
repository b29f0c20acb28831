"""Write a realistic Message Processor log of any size, and the list of its failed handshakes.

    python benchmarks/generate.py system.log --size 1GiB --seed 7 --failing 0.001
    python benchmarks/generate.py storm.log --failing 0.1 --irregular 0.6 --layout random --java 17
    python benchmarks/generate.py one.log --size 0 --one-id 1000000

writes ``system.log`` and, beside it, ``system.log.truth.jsonl``: one JSON object per failed handshake, in
the order of their first lines. The same arguments always give the same bytes. The script needs only the
standard library, so it runs before anything is installed. It streams: memory does not grow with the size.

The entries of many messages alternate, on several threads. Failing messages are chosen at random from
:data:`faults.FAULTS`: the three generations of Java's wording, retries (two failed handshakes in one
message), lines without channel or SSLInfo, and northbound failures. All other messages are noise: stack
traces that are no TLS failure, text that mentions the needles, entries without context, messages of several
lines.

``--layout`` and ``--java`` say how the file is printed (:mod:`printing`, :mod:`faults`). The truth holds for
each of them: a value that a layout does not print is null.

``--irregular`` makes a share of the failing messages irregular, in the ways of :data:`IRREGULAR` or those of
``--ways``. Rows of such messages name the way (``"irregular": "logged-twice"``) and say what happened: one
row per handshake that failed, or per exception where nothing but exceptions is logged; a value that no line
names is null, and so is the time of an entry without one. How many failed handshakes a reader counts there
depends on its rules. All other rows stay exact.

``--one-id`` adds one message of so many entries: endless retries, each a regular failed handshake, in the
truth. ``--exceptions-of-one-id`` adds one message of so many exceptions alone; their rows are irregular. As
long as there is other traffic, its entries stand between those of such a message.
"""

from __future__ import annotations

import argparse
import heapq
import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TextIO

import printing
from faults import DECOYS, JAVAS, NOISE, NOISE_TRACE, Fault, faults_of

ORGS = ("acme", "globex", "initech")
ENVS = ("prod", "test", "dr")
PROXIES = (
    "payments-v1", "payments-v2", "orders", "catalog", "customers", "shipping-quotes", "oauth2",
    "inventory", "loyalty", "stores", "Introspection", "providersearch", "fx_rates", "kyc-check",
)  # fmt: skip
TARGETS = (
    ("10.20.30.40", 443), ("10.20.31.7", 8443), ("192.168.101.7", 443), ("172.16.9.12", 9443),
    ("203.0.113.25", 443), ("198.51.100.77", 8443),
)  # fmt: skip
ALIASES = ("partner-client-2026", "mtls-key", "nonprod-api.mycompany.com", "backend client")
IRREGULAR = (
    "no-sslinfo", "unique-text", "logged-twice", "six-lines", "exception-alone", "two-threads",
    "several-exceptions", "later-retry", "untimed", "interleaved",
)  # fmt: skip
"""The ways in which a failing message is irregular:

no-sslinfo          its second line is absent
unique-text         its exception ends with a text that no other has
logged-twice          a second layer logs the same exception again
six-lines           a retry whose lines mix with those of the first try, on one thread
exception-alone     neither of the first two lines
two-threads         a retry on another thread at the same time
several-exceptions  further exceptions, of other failures, without lines of their own
later-retry         a retry more than a second later
untimed             entries without a time; not in layouts with a prefix, which would make them part of others
interleaved         its entries alternate with those of another message on the same thread
"""


@dataclass(frozen=True)
class Recipe:
    """What a log is made of, beside its size, seed and share of failing messages."""

    layout: str = "single"
    java: int | None = None
    """8, 11, 17 or 21; None mixes the generations."""
    root_first: bool = False
    """The root cause first, and ``Wrapped by:`` in place of ``Caused by:``."""
    irregular: float = 0.0
    ways: tuple[str, ...] = IRREGULAR
    one_id: int = 0
    exceptions_of_one_id: int = 0
    concurrent: int = 40
    """Messages that are open at once."""


USUAL = Recipe()


class Line(NamedTuple):
    """An entry without its time and context, which :func:`entries` adds."""

    thread: str
    rest: str
    begins: dict[str, Any] | None = None
    """The failed handshake that begins with this line."""
    context: str | None = None
    """The context, if it is not that of its message."""
    wait: float = 0.0
    """Milliseconds of the log that pass before this entry, at least."""
    untimed: bool = False


class Traffic:
    """Makes messages, at random, from one seed."""

    def __init__(self, seed: int, failing: float, recipe: Recipe = USUAL) -> None:
        self.random = random.Random(seed)
        self.odd = random.Random(f"irregular {seed}")
        self.irregular = recipe.irregular
        prefixed = printing.layout_of(recipe.layout, seed).prefix
        self.kinds = [kind for kind in recipe.ways if not (prefixed and kind == "untimed")]
        self.faults = faults_of(recipe.java, root_first=recipe.root_first)
        self.whole = [
            fault
            for fault in self.faults
            if fault.southbound_lines and fault.exception and fault.side == "southbound"
        ]
        """Those that are logged with three lines."""
        self.alone = [fault for fault in self.whole if fault.refused_by != "unknown"]
        """Those whose exception alone shows that TLS failed."""
        self.failing = failing
        self.sequence = 100_000
        self.channel = 400_000
        self.weights = [fault.weight for fault in self.faults]
        self.pid = self.random.randrange(2_000, 30_000)
        self.stores = {name: f"{self.random.getrandbits(30):x}" for name in (*ALIASES, "trust")}
        self.targets: dict[tuple[str, str, str], tuple[tuple[str, int], str, bool]] = {}

    def message(self) -> tuple[str, str, list[Line]]:
        """One message: the context of its lines, its id, its entries."""
        rnd = self.random
        if rnd.random() < 0.02:
            return "", "", [self._without_context()]
        about, context = self._names()
        mid, proxy = about["message_id"], about["proxy"]
        thread = f"NIOThread@{rnd.randrange(8)}"
        lines = [Line(thread, self._noise(proxy))]
        if rnd.random() < self.failing:
            if self.irregular and self.odd.random() < self.irregular:
                return context, mid, lines + self._irregular(about, context, thread)
            fault = rnd.choices(self.faults, self.weights)[0]
            lines += self._failure(fault, about, thread)
            if rnd.random() < 0.1:  # a retry: a second failed handshake of the same message
                lines += self._failure(fault, about, thread)
        else:
            lines += [Line(thread, self._noise(proxy)) for _ in range(rnd.choice((0, 1, 1, 2, 3)))]
            if rnd.random() < 0.0005:
                lines.append(Line(thread, rnd.choice(DECOYS).format(proxy=proxy)))
            if rnd.random() < 0.01:
                lines.append(Line(thread, rnd.choice(NOISE_TRACE)))
        return context, mid, lines

    def _names(self) -> tuple[dict[str, Any], str]:
        """What the lines of a new message name, and their context."""
        rnd = self.random
        self.sequence += 1
        router = ("router01.example.com", "router02.example.com")[self.sequence & 1]
        mid = f"{router}-{self.pid}-{self.sequence}-1"
        proxy = rnd.choice(PROXIES)
        org, env = rnd.choice(ORGS), rnd.choice(ENVS)
        revision = str(1 + len(proxy) % 17)
        about = {"message_id": mid, "org": org, "env": env, "proxy": proxy, "revision": revision}
        return about, f"org:{org} env:{env} api:{proxy} rev:{revision} messageid:{mid} "

    def _noise(self, proxy: str) -> str:
        rnd = self.random
        number = rnd.randrange(10_000_000)
        return (
            NOISE[number % len(NOISE)].format(
                flag="false", client=f"client-{number % 997}", proxy=proxy, n=number, k=number % 89 + 1
            )
            + "\n"
        )

    def _without_context(self) -> Line:
        rnd = self.random
        number = rnd.randrange(10_000)
        return Line(
            f"Apigee-Main-{number % 12}",
            f"INFO MESSAGING.CONFIGURATION - ConfigService.poll() : no change since version {number} \n",
        )

    def _failure(self, fault: Fault, about: dict[str, Any], thread: str) -> list[Line]:
        rnd = self.random
        self.channel += rnd.randrange(1, 9)
        place = (about["org"], about["env"], about["proxy"])
        if place not in self.targets:
            self.targets[place] = (rnd.choice(TARGETS), rnd.choice(ALIASES), rnd.random() < 0.7)
        (host, port), alias, configured = self.targets[place]
        keystore = f"java.security.KeyStore@{self.stores[alias]}" if configured else "null"
        trust = f"java.security.KeyStore@{self.stores['trust']}"
        age = rnd.randrange(20, 900)
        truth: dict[str, Any] = {
            **about, "alert": fault.alert, "refused_by": fault.refused_by, "side": fault.side,
            "channel_id": None, "remote_host": None, "remote_port": None, "keystore": None,
            "key_alias": None, "truststore": None,
        }  # fmt: skip
        seen = {"channel_id": self.channel, "remote_host": host, "remote_port": port}
        request = f"HTTPRequest@{rnd.getrandbits(31):x}"
        if fault.side == "northbound":
            local = f"10.1.1.{rnd.randrange(2, 250)}"
            truth |= {"channel_id": self.channel, "remote_host": local, "remote_port": 41000 + age}
            return [
                Line(
                    thread,
                    "ERROR HTTP.SERVER - HTTPServer$Context.onInputException() : Message id:"
                    f"{about['message_id']} SSLClientChannel[Accepted: Remote:{local}:{41000 + age}"
                    f" Local:10.1.1.1:8998]@{self.channel} useCount=1 bytesRead=0 bytesWritten=0"
                    f" age={age}ms lastIO={age}ms isOpen=true.onExceptionRead exception: {{}}\n"
                    f"{fault.exception}\n{fault.frames}",
                    truth,
                )
            ]
        if not fault.southbound_lines:
            return [
                Line(
                    thread,
                    "ERROR ADAPTORS.HTTP.FLOW - AbstractResponseListener.onException() :"
                    f" AbstractResponseListener.onError(HTTPResponse@{rnd.getrandbits(31):x},"
                    f" {fault.message})\n{fault.exception}\n{fault.frames}",
                    truth,
                )
            ]
        truth |= seen
        if fault.alert == "handshake_timeout":
            return [
                Line(
                    thread,
                    "ERROR HTTP.CLIENT - HTTPClient$Context.handshakeTimeout() : SSLClientChannel["
                    f"Connected: Remote:{host}:{port} Local:10.1.1.5]@{self.channel} useCount=1"
                    " bytesRead=0 bytesWritten=0 age=55221ms lastIO=55221ms isOpen=true handshake"
                    " timeout\t\n",
                    truth,
                )
            ]
        truth |= {
            "keystore": keystore, "key_alias": alias if configured else "null", "truststore": trust,
        }  # fmt: skip
        return [
            Line(
                thread,
                f"ERROR HTTP.CLIENT - HTTPClient$Context.handshakeFailed() : SSLClientChannel[C:{host}:"
                f"{port} Remote host:0.0.0.0:{50000 + age}]@{self.channel} useCount=1 bytesRead=0"
                f" bytesWritten=0 age={age}ms  lastIO={age}ms  handshake failed, message:"
                f" {fault.message}\n",
                truth,
            ),
            Line(
                thread,
                "ERROR HTTP.CLIENT - HTTPClient$Context.handshakeFailed() : SSLInfo: KeyStore:"
                f"{keystore} KeyAlias:{truth['key_alias']} TrustStore:{trust}\n",
            ),
            Line(
                thread,
                "ERROR ADAPTORS.HTTP.FLOW - RequestWriteListener.onException() :"
                f" RequestWriteListener.onException({request})\n{fault.exception}\n{fault.frames}",
            ),
        ]

    def _irregular(self, about: dict[str, Any], context: str, thread: str) -> list[Line]:
        """The lines of a message that fails in one of the irregular ways."""
        kind = self.odd.choice(self.kinds)
        return [
            line if line.begins is None else line._replace(begins=line.begins | {"irregular": kind})
            for line in self._irregular_lines(kind, about, context, thread)
        ]

    def _irregular_lines(self, kind: str, about: dict[str, Any], context: str, thread: str) -> list[Line]:
        odd = self.odd
        fault = odd.choice(self.whole)
        first = self._failure(fault, about, thread)
        failed, info, exception = first
        match kind:
            case "no-sslinfo":
                assert failed.begins is not None
                nothing = dict.fromkeys(("keystore", "key_alias", "truststore"))
                return [failed._replace(begins=failed.begins | nothing), exception]
            case "unique-text":
                text = f"{fault.exception} (request {odd.getrandbits(40):x}, attempt {odd.randrange(9)})"
                return [
                    failed,
                    info,
                    exception._replace(rest=exception.rest.replace(fault.exception, text, 1)),
                ]
            case "logged-twice":
                return [*first, self._exception(fault, thread)]
            case "six-lines":
                again = self._failure(fault, about, thread)
                return _woven(first, again) if odd.random() < 0.5 else [*first, *again]
            case "exception-alone":
                return [self._exception(odd.choice(self.alone), thread, about)]
            case "two-threads":
                number = (int(thread.rpartition("@")[2]) + 1) % 8
                return _woven(first, self._failure(fault, about, f"NIOThread@{number}"))
            case "several-exceptions":
                others = odd.choices(self.alone, k=odd.randrange(2, 6))
                return [*first, *(self._exception(other, thread, about) for other in others)]
            case "later-retry":
                again = self._failure(fault, about, thread)
                return [*first, again[0]._replace(wait=1_000 + odd.random() * 4_000), *again[1:]]
            case "untimed":
                chosen = odd.choice(((0,), (1,), (2,), (1, 2), (0, 1, 2)))
                return [line._replace(untimed=at in chosen) for at, line in enumerate(first)]
        other, other_context = self._names()
        with_it = self._failure(odd.choice(self.whole), other, thread)
        return _woven(
            [line._replace(context=context) for line in first],
            [line._replace(context=other_context) for line in with_it],
        )

    def _exception(self, fault: Fault, thread: str, about: dict[str, Any] | None = None) -> Line:
        """An exception without further lines; with `about`, it begins a failed handshake."""
        number = f"HTTPResponse@{self.odd.getrandbits(31):x}"
        truth = None
        if about is not None:
            unknown = ("channel_id", "remote_host", "remote_port", "keystore", "key_alias", "truststore")
            named = {"alert": fault.alert, "refused_by": fault.refused_by, "side": fault.side}
            truth = {**about, **named, **dict.fromkeys(unknown)}
        return Line(
            thread,
            "ERROR ADAPTORS.HTTP.FLOW - AbstractResponseListener.onException() :"
            f" AbstractResponseListener.onError({number}, {fault.message})\n"
            f"{fault.exception}\n{fault.frames}",
            truth,
        )

    def storm(self, entries: int) -> Iterator[Line]:
        """So many entries of one message: retry after retry, each a failed handshake of three lines."""
        about, context = self._names()
        for _ in range(entries // 3):
            fault = self.odd.choice(self.whole)
            yield from (line._replace(context=context) for line in self._failure(fault, about, "NIOThread@5"))
        for _ in range(entries % 3):
            yield Line("NIOThread@5", self._noise(about["proxy"]), context=context)

    def exceptions(self, count: int) -> Iterator[Line]:
        """So many exceptions of one message, and nothing else of it."""
        about, context = self._names()
        for _ in range(count):
            line = self._exception(self.odd.choice(self.alone), "NIOThread@6", about)
            assert line.begins is not None
            begins = line.begins | {"irregular": "exceptions-of-one-id"}
            yield line._replace(context=context, begins=begins)


def _woven(first: Sequence[Line], second: Sequence[Line]) -> list[Line]:
    """The lines of two failures in turn."""
    return [line for pair in zip(first, second, strict=True) for line in pair]


class Log:
    """Puts the entries of many messages in an order, with times."""

    def __init__(self, traffic: Traffic, seed: int, recipe: Recipe) -> None:
        self.traffic = traffic
        self.random = random.Random(seed + 1)
        self.order = random.Random(f"order {seed}")
        """For what only some recipes have, so that all others keep their bytes."""
        self.concurrent = recipe.concurrent
        self.elapsed = 0.0
        self.active: list[tuple[str, list[Line]]] = []
        self.later: list[tuple[float, int, str, list[Line]]] = []
        """Messages whose next entry waits, by its time."""
        self.storms = [
            storm
            for storm, wanted in (
                (traffic.storm(recipe.one_id), recipe.one_id),
                (traffic.exceptions(recipe.exceptions_of_one_id), recipe.exceptions_of_one_id),
            )
            if wanted
        ]

    def entries(self, enough: Callable[[], bool], milliseconds: float) -> Iterator[tuple[str, Line]]:
        """Entries with their contexts; the time of each is in :attr:`elapsed`."""
        while True:
            while len(self.active) < self.concurrent and not enough():
                context, _, lines = self.traffic.message()
                lines.reverse()
                self.active.append((context, lines))
            self._wake()
            if self.storms and (not self.active or self.order.random() < 0.5):
                line = self._of_storm()
                if line is None:
                    continue
                context = ""
            elif self.active:
                context, line = self._of_message()
            else:
                return
            self.elapsed += self.random.random() * milliseconds
            yield context if line.context is None else line.context, line

    def _of_storm(self) -> Line | None:
        place = self.order.randrange(len(self.storms))
        line = next(self.storms[place], None)
        if line is None:
            del self.storms[place]
        return line

    def _of_message(self) -> tuple[str, Line]:
        place = self.random.randrange(len(self.active))
        context, lines = self.active[place]
        line = lines.pop()
        if not lines or lines[-1].wait:
            self.active[place] = self.active[-1]
            self.active.pop()
            if lines:
                due = self.elapsed + lines[-1].wait
                heapq.heappush(self.later, (due, self.order.getrandbits(40), context, lines))
        return context, line

    def _wake(self) -> None:
        """Bring back the messages whose time has come; where nothing else is left, the time comes."""
        while self.later and (self.later[0][0] <= self.elapsed or not (self.active or self.storms)):
            due, _, context, lines = heapq.heappop(self.later)
            self.elapsed = max(self.elapsed, due)
            self.active.append((context, lines))


def entries(
    seed: int,
    failing: float,
    start: datetime,
    enough: Callable[[], bool],
    *,
    milliseconds: float = 2.0,
    recipe: Recipe = USUAL,
) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """Entries in the order of the log, each with the failed handshake that begins there, if any.

    When ``enough()`` is true, no new message begins, and open messages are completed.
    """
    printer = printing.Printer(printing.layout_of(recipe.layout, seed))
    log = Log(Traffic(seed, failing, recipe), seed, recipe)
    second = -1
    stamp = ""
    for context, line in log.entries(enough, milliseconds):
        whole, fraction = divmod(int(log.elapsed), 1000)
        if whole != second:
            second = whole
            stamp = (start + timedelta(seconds=whole)).strftime("%Y-%m-%d %H:%M:%S")
        when = "" if line.untimed else f"{stamp},{fraction:03d}"
        begins = line.begins
        if begins is not None:
            begins = printer.truth(begins | {"time": when or None})
        yield printer.entry(when, context, line.thread, line.rest), begins


def write(
    log: BinaryIO,
    truth: TextIO | None,
    size: int,
    *,
    seed: int = 1,
    failing: float = 0.001,
    start: datetime = datetime(2026, 11, 23),
    milliseconds: float = 2.0,
    recipe: Recipe = USUAL,
) -> int:
    """Write whole messages until `size` bytes are reached; return the bytes written."""
    written = 0
    pending: list[str] = []
    produced = 0

    def enough() -> bool:
        return produced >= size

    made = entries(seed, failing, start, enough, milliseconds=milliseconds, recipe=recipe)
    for text, begins in made:
        pending.append(text)
        produced += len(text)
        if begins is not None and truth is not None:
            truth.write(json.dumps(begins) + "\n")
        if len(pending) >= 4096:
            written += log.write("".join(pending).encode())
            pending = []
    return written + log.write("".join(pending).encode())


def parse_size(text: str) -> int:
    """Bytes of a size such as ``1GiB``, ``64MiB``, ``500kB`` or ``1000``."""
    match = re.fullmatch(r"(?i)(\d+)\s*([kmgt]?)(i?)b?", text)
    if not match:
        raise argparse.ArgumentTypeError(f"not a size: {text!r} (try 64MiB or 1GiB)")
    number, unit, binary = match.groups()
    base = 1024 if binary else 1000
    power: int = base ** " kmgt".index(unit.lower() or " ")
    return int(number) * power


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("log", type=Path, help="log to write; its truth is written beside it")
    parser.add_argument("--size", type=parse_size, default=parse_size("64MiB"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--failing", type=float, default=0.001, help="share of failing messages")
    parser.add_argument("--start", type=datetime.fromisoformat, default=datetime(2026, 11, 23))
    parser.add_argument("--milliseconds", type=float, default=2.0, help="longest gap between entries")
    parser.add_argument("--layout", choices=printing.NAMES, default="single")
    parser.add_argument("--java", choices=[*map(str, JAVAS), "random"], help="default: a mixture")
    parser.add_argument("--root-first", action="store_true", help="Wrapped by: in place of Caused by:")
    parser.add_argument(
        "--irregular", type=float, default=0.0, metavar="SHARE", help="of the failing messages"
    )
    parser.add_argument("--ways", default=",".join(IRREGULAR), metavar="WAY,…", help="default: %(default)s")
    parser.add_argument("--one-id", type=int, default=0, metavar="N", help="add a message of N entries")
    parser.add_argument(
        "--exceptions-of-one-id", type=int, default=0, metavar="N", help="add a message of N exceptions"
    )
    parser.add_argument("--concurrent", type=int, default=USUAL.concurrent, help="messages open at once")
    args = parser.parse_args()
    if unknown := set(args.ways.split(",")) - set(IRREGULAR):
        parser.error(f"no way to be irregular: {', '.join(sorted(unknown))}")
    drawn = random.Random(f"java {args.seed}").choice([*JAVAS])
    recipe = Recipe(
        layout=args.layout,
        java=drawn if args.java == "random" else int(args.java) if args.java else None,
        root_first=args.root_first,
        irregular=args.irregular,
        ways=tuple(args.ways.split(",")),
        one_id=args.one_id,
        exceptions_of_one_id=args.exceptions_of_one_id,
        concurrent=args.concurrent,
    )
    truth_path = args.log.with_name(args.log.name + ".truth.jsonl")
    with open(args.log, "wb") as log, open(truth_path, "w", encoding="utf-8") as truth:
        size = write(
            log, truth, args.size,
            seed=args.seed, failing=args.failing, start=args.start, milliseconds=args.milliseconds,
            recipe=recipe,
        )  # fmt: skip
    print(f"{args.log}: {size:,} bytes, truth in {truth_path.name}")


if __name__ == "__main__":
    main()
