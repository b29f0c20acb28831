"""Packet captures: packets, TCP streams, TLS records, connections."""
