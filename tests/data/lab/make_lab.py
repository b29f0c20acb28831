"""Record the lab again: a real JSSE client against real servers, on loopback or through a router.

    cd tests && sudo python -m data.lab.make_lab [TEXT ...]    # only situations with a TEXT in their name

Needs root, dumpcap, a JDK, openssl, nginx, apache2, haproxy, nft, ip and ethtool. Without TEXT everything is
made anew, keys too, which takes ten minutes; with TEXT the recordings go to a folder of their own, to try.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from data.lab.lab_cases import ORDINARY, Case, Options, selected
from data.lab.lab_pki import HOST, Pki
from data.lab.lab_servers import IN_CLIENT, IN_SERVER, Network, OpenSsl

LAB = Path(__file__).parent
JAVA = LAB.parent / "java"
FIRST_PORT = 24000


class Recorder:
    """Runs the cases, one after the other."""

    def __init__(self, folder: Path, into: Path, pki: Pki, network: Network) -> None:
        self.folder, self.into, self.pki, self.network = folder, into, pki, network
        self.port = FIRST_PORT
        (folder / "strict.security").write_text(
            "jdk.certpath.disabledAlgorithms=MD2, MD5, RSA keySize < 2048, DSA keySize < 2048, EC keySize < 224\n"
        )
        subprocess.run(["javac", "--release", "17", "-d", folder, JAVA / "MpClient.java"], check=True)

    def record(self, case: Case) -> dict[str, Any]:
        """One situation; its row of the truth."""
        self.port += 1
        work = self.folder / case.name
        (work / "www").mkdir(parents=True)
        (work / "www/secure.html").write_text("ok\n")
        (work / "ok.txt").write_text("ok\n")
        work.chmod(0o777)
        routed = bool(case.rules or case.networks)
        space = IN_SERVER if routed else ()
        self.network.firewall(*case.rules)
        stop = case.server.start(self.port, space, work)
        pcap, log = self.into / f"{case.name}.pcap", self.into / f"{case.name}.log"
        logs = [log]
        if case.before or case.lines:
            names = dict.fromkeys(["mp-1", *(name for name, _ in (*case.before, *case.lines))])
            logs = [self.into / f"{case.name}.{name}.log" for name in names]
            log = logs[0]
        client = self._client(case, case.client, log)
        try:
            for name, options in case.before:
                earlier = self._client(case, options, self.into / f"{case.name}.{name}.log")
                subprocess.run(earlier, check=True, stdout=subprocess.DEVNULL, timeout=60)
            if case.late:
                running = subprocess.Popen(client, stdout=subprocess.PIPE)
                assert running.stdout is not None
                first = running.stdout.readline()  # the handshake is done
                capture = self._capture(pcap, routed)
                said = (first + running.communicate(timeout=30)[0]).decode()
            else:
                capture = self._capture(pcap, routed)
                said = subprocess.run(client, check=True, stdout=subprocess.PIPE, timeout=60).stdout.decode()
            time.sleep(0.7)
            capture.send_signal(signal.SIGINT)
            capture.wait(10)
        finally:
            stop()
        if case.also:
            self._s_client(case)
        for name, line in case.lines:
            add(self.into / f"{case.name}.{name}.log", line)
        for one in logs:
            if not one.exists():
                add(one, ORDINARY)
        print(f"{case.name:36} {pcap.stat().st_size:6} {' | '.join(said.split(chr(10)))[:150]}", flush=True)
        return {
            "name": case.name,
            "pcap": pcap.name,
            "log": [one.name for one in logs],
            "tls": case.tls,
            "causes": list(case.causes),
            "tells": case.tells,
            "shown_by": case.silent,
            "near": list(case.near),
            "beside": case.beside,
            "evidence": case.evidence,
            "client": said.strip().split("\n"),
        }

    def _client(self, case: Case, changes: Options, log: Path) -> list[str]:
        routed = bool(case.rules or case.networks)
        java = f"/usr/lib/jvm/{case.home}/bin/java" if case.home else "java"
        options = {
            "host": Network.SERVER if routed else "127.0.0.1",
            "port": str(self.port),
            "log": str(log),
            "sni": HOST,
            "verify": HOST,
            "trust": "pki/root.pem",
            "protocols": f"TLSv{case.tls}",
            "path": "/ok.txt",
            "timeout": "3000",
            "message": f"rrt-lab-{self.port}-1",
            **changes,
        }
        if not options["sni"]:
            del options["sni"]
        for name in ("trust", "keystore"):
            if name in options:
                options[name] = str(self.into / options[name])
        jvm = [part.replace("FOLDER", str(self.folder)) for part in case.java]
        given = [f"{name}={value}" for name, value in options.items()]
        return [
            *(IN_CLIENT if routed else ()),
            java,
            "-Xshare:auto",
            *jvm,
            "-cp",
            str(self.folder),
            "MpClient",
            *given,
        ]

    def _capture(self, pcap: Path, routed: bool) -> subprocess.Popen[bytes]:
        pcap.unlink(missing_ok=True)
        place = [*IN_CLIENT] if routed else []
        link = "lab1a" if routed else "lo"
        process = subprocess.Popen(
            [*place, "dumpcap", "-q", "-P", "-i", link, "-w", str(pcap), "-f", f"tcp port {self.port}"],
            stderr=subprocess.PIPE,
        )
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith(b"File:"):
                break
        time.sleep(0.3)
        return process

    def _s_client(self, case: Case) -> None:
        """What openssl shows of the server itself."""
        stop = OpenSsl(self.pki.server(str(case.also))).start(self.port + 500, (), self.folder)
        version = "-tls1_2" if case.tls == "1.2" else "-tls1_3"
        shown = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{self.port + 500}", "-servername", HOST, "-showcerts", version],
            check=False, stdin=subprocess.DEVNULL, capture_output=True,
        )  # fmt: skip
        stop()
        (self.into / f"{case.name}.s_client.txt").write_bytes(shown.stdout)


def add(log: Path, line: str) -> None:
    """Append an entry of this moment."""
    with log.open("a") as file:
        file.write(time.strftime("%Y-%m-%d %H:%M:%S,500 ", time.gmtime()) + line + "\n")


def main(wanted: list[str]) -> None:
    """Record."""
    if os.geteuid():
        raise SystemExit("needs root: captures, and networks of its own")
    into = Path(tempfile.mkdtemp()) if wanted else LAB
    into.chmod(0o755)
    print(into)
    for old in (*into.glob("*.pcap"), *into.glob("*.log"), *into.glob("*.txt"), *into.glob("pki/*")):
        old.unlink()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)
        secret = folder / "secret"
        secret.mkdir()
        pki = Pki(secret, into / "pki")
        network = Network()
        try:
            recorder = Recorder(folder, into, pki, network)
            rows = [recorder.record(case) for case in selected(pki, wanted)]
            lines = ",\n".join(json.dumps(row) for row in rows)
            (into / "truth.json").write_text(f"[\n{lines}\n]\n")
        finally:
            network.close()


if __name__ == "__main__":
    main(sys.argv[1:])
