"""Compare logscan with tshark on a capture of 200 MB: handshakes found, processor time and memory.

    python benchmarks/captures.py --megabytes 200

The capture has real handshakes (tests/data/tls, with other ports) between connections that carry bulk data,
as on a busy Message Processor: one handshake for some hundred packets.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "tests/data/tls"
HANDSHAKES = (
    "jsse17/empty_keystore_v1.2.pcap", "openssl/happy_v1.2.pcap", "go/expired_v1.2.pcap",
    "openssl/ca_mismatch_v1.2.pcap", "python/happy_v1.3.pcap",
)  # fmt: skip


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


def generate(path: Path, megabytes: float, seed: int) -> int:
    """Write the capture; return the number of its handshakes."""
    rnd = random.Random(seed)
    samples = [packets_of(SAMPLES / name) for name in HANDSHAKES]
    handshakes = 0
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        size, now = 24, 1_700_000_000_000_000

        def put(packet: bytes) -> None:
            nonlocal size, now
            now += 100
            file.write(
                struct.pack("<IIII", now // 1_000_000, now % 1_000_000, len(packet), len(packet)) + packet
            )
            size += 16 + len(packet)

        bulk = [rnd.randbytes(1448) for _ in range(16)]
        flows: list[tuple[bytes, tuple[int, int, int, int]]] = []
        moved = [1_000_000] * 20
        for number in range(20):
            sample = samples[1]
            port = struct.unpack_from(">H", sample[0], 34)[0]
            for packet in sample[:-6]:
                put(with_port(packet, port, 33_000 + number, 1))
            handshakes += 1
            last = with_port(sample[-7], port, 33_000 + number, 1)
            flows.append((last[:34], struct.unpack_from(">HHII", last, 34)))
        while size < megabytes * 1e6:
            for number, (head, (source, target, sequence, acknowledged)) in enumerate(flows):
                for _ in range(40):
                    body = b"\x17\x03\x03\x05\xa3" + bulk[rnd.randrange(16)][5:]
                    ip = bytearray(head)
                    struct.pack_into(">H", ip, 16, 20 + 20 + len(body))
                    header = struct.pack(
                        ">HHIIBBHHH",
                        source,
                        target,
                        (sequence + moved[number]) & 0xFFFFFFFF,
                        acknowledged,
                        80,
                        24,
                        512,
                        0,
                        0,
                    )
                    put(bytes(ip) + header + body)
                    moved[number] += len(body)
            chosen = rnd.choice(samples)
            port = struct.unpack_from(">H", chosen[0], 34)[0]
            handshakes += 1
            for packet in chosen:
                put(with_port(packet, port, 34_000 + handshakes % 30_000, 2 + handshakes // 30_000))
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
    parser.add_argument("--megabytes", type=float, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--keep", help="write the capture to this path and keep it")
    args = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(args.keep or f"{folder}/big.pcap")
        handshakes = generate(path, args.megabytes, 1)
        print(f"{path.stat().st_size / 1e6:.0f} MB, {handshakes:,} handshakes")
        commands = {"logscan": [args.python, "-c", OURS, str(path)]}
        if shutil.which("tshark"):
            kind = "tls.handshake.type==13||tls.handshake.certificates_length==0||tls.alert_message.desc"
            fields = ["tls.handshake.type", "tls.handshake.certificates_length", "tls.alert_message.desc"]
            shown = [part for field in fields for part in ("-e", field)]
            commands["tshark"] = ["tshark", "-r", str(path), "-Y", kind, "-T", "fields", *shown]
        print(
            "\n| reader | wall s | CPU s | MiB | CertificateRequests, empty Certificates, alerts"
            " |\n|---|---|---|---|---|"
        )
        for name, command in commands.items():
            rounds = sorted(measured(command) for _ in range(args.rounds))
            wall, used, memory, out = rounds[len(rounds) // 2]
            print(f"| {name} | {wall:.2f} | {used:.2f} | {memory:.0f} | {counts(name, out)} |")


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
