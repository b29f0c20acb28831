"""Compare logscan with tshark on a large capture: handshakes found, processor time and memory.

    python benchmarks/captures.py                                  # 500 MB, 19,000 handshakes, three rounds
    python benchmarks/captures.py --megabytes 100 --handshakes 3800

The capture repeats the real handshakes of tests/data/tls with other ports, addresses and times, between
connections that carry bulk data, as on a busy Message Processor. The first table is the goal: `logscan
diagnose` with its defaults in at most half of the processor time of `tshark -Y tls.handshake`, under 150 MiB.
The second compares what the readers find: CertificateRequests, empty Certificates, alerts that can be read.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "tests/data/tls"


def packets_of(path: Path) -> list[bytes]:
    """The packets of a little-endian pcap."""
    data = path.read_bytes()
    at, found = 24, []
    while at < len(data):
        size = struct.unpack_from("<I", data, at + 8)[0]
        found.append(data[at + 16 : at + 16 + size])
        at += 16 + size
    return found


def with_port(packet: bytes, old: int, new: int, host: int) -> bytes:
    """The packet with another client port and address (Ethernet, IPv4)."""
    changed = bytearray(packet)
    at = 14 + (packet[14] & 15) * 4
    for offset, address in ((at, 26), (at + 2, 30)):
        if struct.unpack_from(">H", packet, offset)[0] == old:
            struct.pack_into(">H", changed, offset, new)
            changed[address + 2 : address + 4] = host.to_bytes(2, "big")
    return bytes(changed)


class Writer:
    """A capture that is written packet by packet, 20 microseconds apart."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._now = 1_700_000_000_000_000
        self.size = file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))

    def put(self, packet: bytes) -> None:
        """Write a packet."""
        self._now += 20
        seconds, micros = divmod(self._now, 1_000_000)
        self.size += self._file.write(
            struct.pack("<IIII", seconds, micros, len(packet), len(packet)) + packet
        )


class Bulk:
    """A connection that has been open for long and carries data of its server."""

    def __init__(self, sample: list[bytes], number: int, writer: Writer) -> None:
        port = client_port(sample)
        for packet in sample[:-6]:
            writer.put(with_port(packet, port, 33_000 + number, 1))
        last = with_port(sample[-7], port, 33_000 + number, 1)
        self._head = bytearray(last[:34])
        self._ends = struct.unpack_from(">HHII", last, 34)
        self._moved = len(last) - 34 - (last[46] >> 4) * 4

    def put(self, body: bytes, writer: Writer) -> None:
        """The next packet, and the other end's acknowledgement."""
        source, target, sequence, acknowledged = self._ends
        struct.pack_into(">H", self._head, 16, 40 + len(body))
        at = (sequence + self._moved) & 0xFFFFFFFF
        self._moved += len(body)
        tcp = struct.pack(">HHIIBBHHH", source, target, at, acknowledged, 80, 24, 512, 0, 0)
        writer.put(bytes(self._head) + tcp + body)
        back = self._head[:26] + self._head[30:34] + self._head[26:30]
        struct.pack_into(">H", back, 16, 40)
        at = (sequence + self._moved) & 0xFFFFFFFF
        tcp = struct.pack(">HHIIBBHHH", target, source, acknowledged, at, 80, 16, 512, 0, 0)
        writer.put(bytes(back) + tcp)


def client_port(packets: list[bytes]) -> int:
    """The port that the first packet comes from."""
    return int(struct.unpack_from(">H", packets[0], 34)[0])


def generate(path: Path, megabytes: float, handshakes: int, seed: int) -> int:
    """Write the capture; return the number of its handshakes."""
    rnd = random.Random(seed)
    paths = sorted(path for path in SAMPLES.glob("*/*.pcap") if path.parent.name != "variants")
    samples = [packets for packets in map(packets_of, paths) if len(packets) > 7]
    bulk = [b"\x17\x03\x03\x05\xa3" + rnd.randbytes(1443) for _ in range(16)]
    with path.open("wb") as file:
        writer = Writer(file)
        happy = packets_of(SAMPLES / "openssl/happy_v1.2.pcap")
        flows = [Bulk(happy, number, writer) for number in range(20)]
        for number in range(handshakes - len(flows)):
            chosen = samples[number % len(samples)]
            port = client_port(chosen)
            for packet in chosen:
                writer.put(with_port(packet, port, 34_000 + number % 30_000, 2 + number // 30_000))
            while writer.size < megabytes * 1e6 * (number + 1) / handshakes:
                rnd.choice(flows).put(rnd.choice(bulk), writer)
    return handshakes


def measured(command: list[str]) -> tuple[float, float, float, bytes]:
    """Wall seconds, processor seconds, peak MiB and output of a command."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, command
    return time.perf_counter() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, out


OURS = """
import sys
from logscan._evidence.capture.keylog import KeyLog
from logscan._evidence.capture.read_capture import CaptureCounters, read_capture
found = [c for c in read_capture(sys.argv[1], KeyLog(), CaptureCounters(), print)]
print(sum(c.request is not None for c in found), sum(c.client_chain == () for c in found),
      sum(a.name != "encrypted" for c in found for a in c.alerts), len(found))
"""


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--megabytes", type=float, default=500)
    parser.add_argument("--handshakes", type=int, default=19_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--keep", help="write the capture to this path and keep it")
    args = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(args.keep or f"{folder}/big.pcap")
        handshakes = generate(path, args.megabytes, args.handshakes, 1)
        print(f"{path.stat().st_size / 1e6:.0f} MB, {handshakes:,} handshakes")
        diagnose = [args.python, "-m", "logscan", "diagnose", str(path), "--format", "json"]
        goal = {
            "logscan diagnose": diagnose,
            "logscan diagnose --max-connections 1000": [*diagnose, "--max-connections", "1000"],
            "logscan diagnose --max-connections 100000": [*diagnose, "--max-connections", "100000"],
        }
        found = {"logscan": [args.python, "-c", OURS, str(path)]}
        if shutil.which("tshark"):
            fields = ["tls.handshake.type", "tls.handshake.certificates_length", "tls.alert_message.desc"]
            shown = [part for field in fields for part in ("-e", field)]
            kind = "tls.handshake.type==13||tls.handshake.certificates_length==0||tls.alert_message.desc"
            start = ["tshark", "-r", str(path), "-T", "fields"]
            goal["tshark -Y tls.handshake"] = [*start, "-Y", "tls.handshake", *shown]
            found["tshark"] = [*start, "-Y", kind, *shown]
        print(
            "\n| reader | wall s | CPU s | MiB | accepted, refused or open, left out |\n|---|---|---|---|---|"
        )
        for name, command in goal.items():
            print(row(name, command, args.rounds, of_json if "logscan" in name else lambda _: ""))
        print(
            "\n| reader | wall s | CPU s | MiB | requests, empty Certificates, alerts |"
            "\n|---|---|---|---|---|"
        )
        for name, command in found.items():
            print(row(name, command, args.rounds, lambda out, name=name: counts(name, out)))  # type: ignore[misc]


def row(name: str, command: list[str], rounds: int, say: Callable[[bytes], str]) -> str:
    """The median of some runs, as a row of a table."""
    runs = sorted(measured(command) for _ in range(rounds))
    wall, used, memory, out = runs[len(runs) // 2]
    return f"| {name} | {wall:.2f} | {used:.2f} | {memory:.0f} | {say(out)} |"


def of_json(out: bytes) -> str:
    """What diagnose counted."""
    seen = json.loads(out)["capture"]
    accepted, total = seen["accepted"], seen["handshakes"]
    return f"{accepted:,}, {total - accepted:,}, {seen['left_out']:,}"


def counts(name: str, out: bytes) -> str:
    """The counts of a reader, in the same form for both."""
    if name == "logscan":
        return ", ".join(f"{int(number):,}" for number in out.split()[:3])
    rows = [line.split(b"\t") for line in out.splitlines()]
    requests = sum(row[0].split(b",").count(b"13") for row in rows)
    empty = sum(row[1].split(b",").count(b"0") for row in rows)
    alerts = sum(len([1 for part in row[2].split(b",") if part]) for row in rows)
    return f"{requests:,}, {empty:,}, {alerts:,}"


if __name__ == "__main__":
    main()
