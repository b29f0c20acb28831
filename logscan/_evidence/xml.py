"""XML from outside, without its dangers: no external entities, no entity definitions, a bounded size."""

from __future__ import annotations

from xml.etree.ElementTree import Element, ParseError

from logscan._evidence.json_text import begin_of

MAX_BYTES = 64 << 20
"""Bytes of a document."""
MAX_DEPTH = 200
MAX_PARTS = 4_000_000
"""Tags and attributes of a document, about."""


def read_xml(data: bytes) -> Element:
    """The root of a document; tags without their namespaces.

    Raises:
        ValueError: it is no XML, defines entities, or is too large or too deep.
    """
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    data = begin_of(data)
    if len(data) > MAX_BYTES:
        raise ValueError(f"{len(data):,} bytes of XML; at most {MAX_BYTES:,} are read")
    if data.count(b"<") + data.count(b"=") > MAX_PARTS:
        raise ValueError(f"more than {MAX_PARTS:,} parts of XML: not read")
    try:
        root: Element = fromstring(data, forbid_dtd=False, forbid_entities=True, forbid_external=True)
    except ParseError as error:
        raise ValueError(f"no well-formed XML: {error}") from error
    except DefusedXmlException as error:
        raise ValueError("it defines XML entities, which are not read") from error
    except Exception as error:  # whatever a parser raises on bytes from outside: unknown encodings, depth
        raise ValueError(f"no XML that can be read: {error}") from error
    level = [root]
    depth = 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise ValueError(f"XML nested deeper than {MAX_DEPTH}")
        for element in level:
            if isinstance(element.tag, str):  # a comment's tag is a function
                element.tag = element.tag.rpartition("}")[2]
        level = [child for element in level for child in element]
    return root


def text_of(element: Element | None) -> str | None:
    """An element's text without blanks around it; ``None`` where there is none."""
    if element is None or element.text is None:
        return None
    return element.text.strip() or None


def child_text(element: Element, name: str) -> str | None:
    """The text of a child, whatever the capitals of its name."""
    folded = name.casefold()
    return next((text_of(child) for child in element if str(child.tag).casefold() == folded), None)
