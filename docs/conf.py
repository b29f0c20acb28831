"""The site (``sphinx-build docs site``) and the man page (``sphinx-build -b man docs man``)."""

from logscan import __version__

project = "logscan"
author = "the logscan developers"
copyright = author  # noqa: A001 (Sphinx calls it so)
release = version = __version__
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
root_doc = "index"
myst_heading_anchors = 3
suppress_warnings = ["myst.header", "misc.highlighting_failure"]
html_theme = "furo"
html_title = "logscan"
man_pages = [("reference", "logscan", "find and explain TLS handshake failures of Apigee Edge", [author], 1)]
exclude_patterns = ["site", "man"]
