"""Entries of one message joined into failed handshakes, named and counted."""
