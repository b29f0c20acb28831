"""Servers of the lab: OpenSSL, nginx, HAProxy and Apache as they are, sockets that misbehave, firewalls between."""

from __future__ import annotations

import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

Stop = Callable[[], None]
Handler = Callable[[socket.socket], None]
LINGER_0 = struct.pack("ii", 1, 0)


class Server(Protocol):
    """Something that listens."""

    def start(self, port: int, space: Sequence[str], folder: Path) -> Stop:
        """Listen on a port, in a network namespace by a command's beginning; return how to stop."""


def until_open(port: int, space: Sequence[str]) -> None:
    """Wait for a listening port without connecting to it."""
    for _ in range(200):
        shown = subprocess.run(
            [*space, "ss", "-Hltn", f"sport = :{port}"], check=False, capture_output=True, text=True
        ).stdout
        if shown.strip():
            return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on {port}")


def stopping(process: subprocess.Popen[bytes]) -> Stop:
    """How to stop a process."""

    def stop() -> None:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    return stop


class OpenSsl:
    """``openssl s_server -WWW``: it answers with files of its folder."""

    def __init__(self, chain: tuple[str, str], *more: str) -> None:
        above = Path(chain[0]).with_suffix(".above")
        self.arguments = ["-cert", chain[0], "-key", chain[1], *more]
        if above.exists():
            self.arguments += ["-cert_chain", str(above)]

    def start(self, port: int, space: Sequence[str], folder: Path) -> Stop:
        """Listen."""
        log = (folder / "server.log").open("ab")
        command = [*space, "openssl", "s_server", "-accept", str(port), "-WWW", *self.arguments]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder)
        until_open(port, space)
        return stopping(process)


class Program:
    """A server that reads a configuration file, where PORT and FOLDER stand for what they say."""

    def __init__(self, command: Sequence[str], configuration: str) -> None:
        self.command, self.configuration = command, configuration

    def start(self, port: int, space: Sequence[str], folder: Path) -> Stop:
        """Listen."""
        text = self.configuration.replace("PORT", str(port)).replace("FOLDER", str(folder))
        (folder / "server.conf").write_text(text)
        log = (folder / "server.log").open("ab")
        command = [part.replace("FOLDER", str(folder)) for part in self.command]
        process = subprocess.Popen([*space, *command], stdout=log, stderr=log)
        until_open(port, space)
        return stopping(process)


def nginx(chain: tuple[str, str], server: str, *, before: str = "") -> Program:
    """Nginx with lines for its server."""
    return Program(
        ["nginx", "-p", "FOLDER", "-c", "FOLDER/server.conf", "-g", "daemon off; error_log stderr; pid FOLDER/nginx.pid;"],
        "worker_processes 1; events {} http { access_log off; client_body_temp_path FOLDER/b; proxy_temp_path FOLDER/p;"
        " ssl_protocols TLSv1.2 TLSv1.3; fastcgi_temp_path FOLDER/f; uwsgi_temp_path FOLDER/u; scgi_temp_path FOLDER/s; " + before +
        f" server {{ listen PORT ssl; server_name api.backend.example; ssl_certificate {chain[0]};"
        f" ssl_certificate_key {chain[1]}; default_type text/plain; {server} }} }}\n",
    )  # fmt: skip


def apache(chain: tuple[str, str], server: str) -> Program:
    """Apache with lines for its virtual host."""
    modules = "".join(
        f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"
        for name in ("mpm_event", "authz_core", "ssl", "socache_shmcb")
    )
    return Program(
        ["apache2", "-d", "FOLDER", "-f", "FOLDER/server.conf", "-DFOREGROUND"],
        f"{modules}ServerName api.backend.example\nListen 127.0.0.1:PORT\nPidFile FOLDER/apache.pid\nErrorLog /dev/stderr\n"
        f"DocumentRoot FOLDER/www\nMutex file:FOLDER\n<VirtualHost *:PORT>\nSSLEngine on\n"
        f"SSLCertificateFile {chain[0]}\nSSLCertificateKeyFile {chain[1]}\n{server}\n</VirtualHost>\n",
    )


def haproxy(chain: tuple[str, str], bind: str, more: str) -> Program:
    """HAProxy with options of its ``bind``, and lines of its frontend."""
    both = Path(chain[0]).with_suffix(".both")
    both.write_bytes(Path(chain[0]).read_bytes() + Path(chain[1]).read_bytes())
    return Program(
        ["haproxy", "-db", "-f", "FOLDER/server.conf"],
        "defaults\n mode http\n timeout connect 5s\n timeout client 5s\n timeout server 5s\n"
        f"frontend f\n bind 127.0.0.1:PORT ssl crt {both} {bind}\n{more}\n",
    )


class Plain:
    """A socket, and what is done with each connection."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler

    def start(self, port: int, space: Sequence[str], folder: Path) -> Stop:
        """Listen."""
        assert not space, "it is no process"
        listening = socket.create_server(("127.0.0.1", port), backlog=4)
        threading.Thread(target=self._serve, args=(listening,), daemon=True).start()
        return listening.close

    def _serve(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            connection.settimeout(8)
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        try:
            self.handler(connection)
        except OSError:
            pass
        finally:
            connection.close()


def reset(connection: socket.socket) -> None:
    """End with RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_0)
    connection.close()


def close_at_once(connection: socket.socket) -> None:
    """FIN before anything."""
    connection.shutdown(socket.SHUT_WR)
    time.sleep(0.3)


def close_after_hello(connection: socket.socket) -> None:
    """FIN as the answer to the ClientHello."""
    connection.recv(65536)
    connection.shutdown(socket.SHUT_WR)
    time.sleep(0.3)


def reset_at_once(connection: socket.socket) -> None:
    """RST before anything was read."""
    time.sleep(0.02)
    reset(connection)


def reset_after_hello(connection: socket.socket) -> None:
    """RST as the answer to the ClientHello."""
    connection.recv(65536)
    reset(connection)


def never_answers(connection: socket.socket) -> None:
    """Read all, say nothing."""
    while connection.recv(65536):
        pass


def says(text: bytes, *, first: bool = False) -> Handler:
    """Plain text as the answer, or before the client spoke."""

    def handler(connection: socket.socket) -> None:
        if not first:
            connection.recv(65536)
        connection.sendall(text)
        time.sleep(0.1)
        if first:
            connection.recv(65536)
        connection.shutdown(socket.SHUT_WR)
        time.sleep(0.3)

    return handler


class Between:
    """A TCP proxy before another server, on the next port: a load balancer that cuts or swallows.

    Args:
        server: what stands beyond it.
        how: "reset" or "close" the client's connection at its second flight, "swallow" that flight, "pass" all,
            "slow" all, or pass all until the server answers the second flight, and then "refuse" by RST.
        limit: bytes of the server that are passed on.
    """

    def __init__(self, server: Server, how: str, limit: int = 1 << 30) -> None:
        self.server, self.how, self.limit = server, how, limit

    def start(self, port: int, space: Sequence[str], folder: Path) -> Stop:
        """Listen."""
        inner = self.server.start(port + 1000, space, folder)
        outer = Plain(lambda connection: self._pass(connection, port + 1000)).start(port, space, folder)

        def stop() -> None:
            outer()
            inner()

        return stop

    def _pass(self, client: socket.socket, port: int) -> None:
        answered = threading.Event()
        with socket.create_connection(("127.0.0.1", port), 8) as server:
            threading.Thread(target=self._back, args=(server, client, answered), daemon=True).start()
            server.sendall(client.recv(65536))
            while data := client.recv(65536):
                if self.how == "refuse":
                    answered.set()
                    server.sendall(data)
                if self.how == "reset":
                    reset(client)
                    return
                if self.how == "close":
                    client.shutdown(socket.SHUT_WR)
                    time.sleep(0.3)
                    return
                if self.how in {"pass", "slow"}:
                    server.sendall(data)

    def _back(self, server: socket.socket, client: socket.socket, answered: threading.Event) -> None:
        left = self.limit
        try:
            while data := server.recv(65536):
                if self.how == "slow":
                    time.sleep(1)
                if answered.is_set():
                    reset(client)
                    return
                if left > 0:
                    client.sendall(data[:left])
                left -= len(data)
        except OSError:
            pass


class Beside:
    """A server on whose way a device (:mod:`data.lab.lab_inject`) answers the second flight."""

    def __init__(self, server: Server, ttl: int) -> None:
        self.server, self.ttl = server, ttl

    def start(self, port: int, space: Sequence[str], folder: Path) -> Stop:
        """Listen."""
        stop = self.server.start(port, space, folder)
        script = str(Path(__file__).with_name("lab_inject.py"))
        process = subprocess.Popen(
            ["ip", "netns", "exec", "labr", sys.executable, script, "lab1b", str(port), str(self.ttl)],
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        process.stdout.readline()

        def both() -> None:
            stopping(process)()
            stop()

        return both


class Demanding:
    """A TLS server that looks for the client's certificate after the handshake, and hangs up without one."""

    def __init__(self, chain: tuple[str, str], clients: str) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*chain)
        self.context.load_verify_locations(clients)
        self.context.verify_mode = ssl.CERT_OPTIONAL

    def start(self, port: int, space: Sequence[str], folder: Path) -> Stop:
        """Listen."""
        return Plain(self._serve).start(port, space, folder)

    def _serve(self, connection: socket.socket) -> None:
        with self.context.wrap_socket(connection, server_side=True) as tls:
            tls.recv(4096)
            if tls.getpeercert():
                tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
            tls.settimeout(1)
            tls.unwrap().close()


class Network:
    """Client, router and server in three network namespaces; the router is a firewall."""

    CLIENT, SERVER = "10.71.1.2", "10.71.2.2"

    def __init__(self) -> None:
        self.names = ("labc", "labr", "labs")
        self.close()
        for name in self.names:
            self._do(f"ip netns add {name}")
            self._do(f"ip -n {name} link set lo up")
        for number, other in ((1, "labc"), (2, "labs")):
            self._do(f"ip link add lab{number}a netns {other} type veth peer name lab{number}b netns labr")
            for space, link, address in ((other, f"lab{number}a", 2), ("labr", f"lab{number}b", 1)):
                self._do(f"ip -n {space} addr add 10.71.{number}.{address}/24 dev {link}")
                self._do(f"ip -n {space} link set {link} up")
                # Packets as on a real wire: not joined, and with checksums.
                self._do(f"ip netns exec {space} ethtool -K {link} tso off gso off gro off tx off rx off")
            self._do(f"ip -n {other} route add default via 10.71.{number}.1")
        self._do("ip netns exec labr sysctl -qw net.ipv4.ip_forward=1")

    @staticmethod
    def _do(command: str) -> None:
        subprocess.run(command.split(), check=True, capture_output=True)

    def firewall(self, *rules: str) -> None:
        """What the router does with packets that it forwards."""
        text = (
            "flush ruleset\ntable ip f { chain c { type filter hook forward priority 0;\n"
            + "\n".join(rules)
            + "\n}\n}\n"
        )
        subprocess.run(
            ["ip", "netns", "exec", "labr", "nft", "-f", "-"],
            check=True,
            capture_output=True,
            input=text.encode(),
        )

    def close(self) -> None:
        """Remove it."""
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


IN_CLIENT, IN_SERVER = ("ip", "netns", "exec", "labc"), ("ip", "netns", "exec", "labs")
