"""Paths, streams and addresses as the bytes of their text; knows no log format."""
