"""In place of certifi's own module in the archive: the authorities are those that the launcher found."""

import os
from pathlib import Path


def where() -> str:
    """The path of a PEM file: that of SSL_CERT_FILE, else certifi's own."""
    return os.environ.get("SSL_CERT_FILE") or str(Path(__file__).with_name("cacert.pem"))


def contents() -> str:
    """The text of that file."""
    return Path(where()).read_text(encoding="utf-8")
