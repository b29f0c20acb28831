"""Causes between the two hosts: the connection was cut, was not answered, or is no TLS."""

from __future__ import annotations

from logscan._diagnosis.causes._base import (
    IF_CUT,
    OTHERWISE,
    Assessment,
    cause,
    excluded,
    likely,
    possible,
    proven,
)
from logscan._diagnosis.causes.agreement import MOST_OF_JAVA
from logscan._diagnosis.facts import Facts
from logscan._evidence.capture.connection import EMPTY

LARGE = 1_200
"""Bytes of a message from which on it needs several packets on every path."""
_POST_QUANTUM = ("MLKEM", "Kyber")


@cause(
    IF_CUT,
    title="Something between cut the connection: a firewall, a load balancer or a proxy",
    remedy=(
        "Capture on both hosts at the same time. If only one of them sees the reset, it comes from between:"
        " ask the network's operator for its rules, idle times and limits."
    ),
)
def cut_by_network(facts: Facts) -> Assessment:
    """Never proven: a reset or an end of the connection shows no sender beyond doubt."""
    if facts.accepted or facts.received is False or facts.not_tls is not None or facts.unanswered:
        return excluded("the connection was not cut")
    if facts.foreign_end is not None:
        return likely(
            facts.foreign_end, facts.quote("closed"), ("capture",),
            doubt="some systems send resets of their own with other values",
        )  # fmt: skip
    if not facts.cut or facts.refused_on_wire:
        return excluded("an alert ended the handshake")
    quotes = facts.quote("closed", "alert")
    if facts.closed is None:
        return possible("the log shows no alert: who ended the connection is not known", quotes, ("capture",))
    ended = "a reset" if facts.closed == "reset" else "the end of the connection"
    if facts.hello_only:
        why = f"{ended} is the only answer to the ClientHello"
        return likely(why, quotes, ("backend-log",), doubt="the backend itself may have closed it")
    if facts.sent == EMPTY:
        return possible(
            f"{ended} came right after an empty Certificate: the backend may have refused",
            quotes,
            ("backend-log",),
        )
    return possible(f"the server's side ended it with {ended}, without an alert", quotes, ("backend-log",))


@cause(
    IF_CUT,
    title="The backend did not answer in time",
    remedy=(
        "Capture on the backend: if the message does not arrive there, something between drops it (a"
        " firewall, a path with a smaller packet size); if it arrives, the backend is overloaded or hangs."
    ),
)
def no_answer(facts: Facts) -> Assessment:
    """The log says that the handshake timed out, or the capture shows a message without an answer."""
    if facts.accepted:
        return excluded("the backend answered")
    if facts.silent_after is not None:
        why = f"nothing came to the client's {facts.silent_after} for {facts.silent_seconds:.0f} s"
        return proven(why, facts.quote("silent", "alert"))
    if facts.unanswered:
        return proven("the log says that the handshake took too long", facts.quote("alert"))
    return excluded("the handshake did not time out")


@cause(
    IF_CUT,
    title="A message of the handshake is too large: for Java, or for the way",
    remedy=(
        "Have the chain shortened, or set -Djdk.tls.maxHandshakeMessageSize on the Message Processor. If a"
        " large message gets no answer: find the largest packet that passes (ping -M do -s 1472 HOST, then"
        " smaller), correct the path's MTU, and let a firewall pass ClientHello messages of several packets."
    ),
)
def handshake_too_large(facts: Facts) -> Assessment:
    """Never proven: a message that needs several packets had no answer, or Java refused a long chain."""
    if facts.accepted:
        return excluded("the handshake was completed")
    if facts.received is False:
        return _too_large_for_java(facts)
    if not facts.unanswered:
        return excluded("no answer is missing")
    large = facts.flight_size > LARGE
    groups = (
        [name for name in facts.offer.groups if any(part in name for part in _POST_QUANTUM)]
        if facts.offer
        else []
    )
    if large:
        why = f"the message without an answer has {facts.flight_size:,} bytes: it needs several packets"
        return likely(
            why, facts.quote("silent"), ("capture",), doubt="the backend may hang for another reason"
        )
    if groups:
        why = f"the ClientHello has a large post-quantum key ({groups[0]}): it needs two packets"
        return likely(
            why, facts.quote("silent", "offer"), ("capture",), doubt="the backend may hang for another reason"
        )
    if facts.offer is None:
        return possible("the sizes of the messages are not known", facts.quote("alert"), ("capture",))
    return excluded("no large message is missing an answer")


def _too_large_for_java(facts: Facts) -> Assessment:
    """Whether Java refused a message because of its size."""
    quotes = facts.quote("alert", "server_chain")
    if facts.flight_size > MOST_OF_JAVA:
        why = f"the backend's certificates have {facts.flight_size:,} bytes; Java takes {MOST_OF_JAVA:,}"
        return likely(why, quotes, ("log",), doubt="jdk.tls.maxHandshakeMessageSize may be larger")
    if facts.alert == "ca_list_too_long" and not facts.request_size > MOST_OF_JAVA:
        why = facts.text or "Java says that a message is too long"
        return likely(why, quotes, ("capture",), doubt="the list of accepted authorities may be the message")
    if facts.alert is None and facts.version == "TLS 1.3":
        return possible("TLS 1.3 hides how long the backend's messages are", quotes, ("s_client", "log"))
    return excluded("no message is too large for Java")


@cause(
    IF_CUT,
    title="The backend does not speak TLS on this port",
    remedy="Correct the port or the scheme in the target's URL, or switch TLS on at the backend.",
)
def not_tls(facts: Facts) -> Assessment:
    """The capture shows what the backend answered in clear, or Java says that it got no TLS."""
    if facts.accepted:
        return excluded("the backend speaks TLS")
    if facts.not_tls is not None:
        return proven(f"the backend answered in clear: {facts.not_tls}", facts.quote("not_tls", "alert"))
    if facts.alert == "not_tls_on_this_port":
        return proven(facts.text or "Java received what is no TLS", facts.quote("alert"))
    if facts.hello_only and facts.closed is not None:
        return possible("the server closed without a word of TLS", facts.quote("closed"), ("s_client",))
    return excluded("the backend answered with TLS, or not at all")


@cause(
    OTHERWISE,
    title="Edge took the target server out of rotation after failures",
    remedy=(
        "Mend what failed before (see the other cases); the HealthMonitor brings a server back,"
        " without one only a restart or a new deployment does."
    ),
)
def target_out_of_rotation(facts: Facts) -> Assessment:
    """The log says that the target server reached its number of failures."""
    if facts.alert == "target_out_of_rotation":
        return proven(facts.text or "the log says so", facts.quote("alert"))
    return excluded("the log does not say so")


@cause(
    OTHERWISE,
    title="The connection to the backend failed before TLS",
    remedy="Check the host name, the port, and the way to the backend: curl -v telnet://HOST:PORT.",
)
def no_connection(facts: Facts) -> Assessment:
    """The log names a fault of the connection, and a capture shows no TLS."""
    if facts.is_alien and facts.alert != "target_out_of_rotation" and not facts.wire:
        return proven(facts.text or f"the log says {facts.alert}", facts.quote("alert"))
    return excluded("TLS was begun")
