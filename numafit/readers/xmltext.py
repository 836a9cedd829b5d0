"""XML files -> elements: bounded, without entities and doctypes; errors name the way."""

from __future__ import annotations

import os
import re
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from numafit.errors import InputError
from numafit.extras import need
from numafit.readers import bounds, checks
from numafit.readers.textfile import read_text

_DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>")
_DOCTYPE = re.compile(r"<!DOCTYPE\s+[A-Za-z]+\s+SYSTEM\s+\"[\w./:-]*\"\s*>")


def read_xml(path: str | os.PathLike[str], *, doctype: bool = False) -> Element:
    """The root of an XML file. ``doctype``: a plain ``<!DOCTYPE x SYSTEM "x.dtd">``, as hwloc
    writes, is passed over; what it names is never read.

    Raises ``InputError`` with the file and, where it is not XML, line and column.
    """
    return parse_xml(read_text(path), os.fspath(path), doctype=doctype)


def read_many(path: str | os.PathLike[str]) -> list[Element]:
    """The roots of a file that holds one document behind the other, as a loop over
    ``virsh nodedev-dumpxml`` writes them."""
    text = _without_declarations(read_text(path))
    return list(parse_xml(f"<documents>{text}</documents>", os.fspath(path)))


def _without_declarations(text: str) -> str:
    # by hand: a pattern that looks for the end of each start takes quadratic time
    first, *others = text.split("<?xml")
    kept = [first]
    for other in others:
        _inside, end, after = other.partition("?>")
        # one without an end stays, for the parser to complain about
        kept.append(after if end else f"<?xml{other}")
    return "".join(kept)


def parse_xml(text: str, file: str | None = None, *, doctype: bool = False) -> Element:
    if doctype:
        text = _DOCTYPE.sub("", text, count=1)
    # the encoding was settled when the text was read
    if declaration := _DECLARATION.match(text):
        text = text[declaration.end() :]
    if text.count("<") > bounds.XML_TAGS:
        raise InputError(file, None, f"{text.count('<')} tags", f"at most {bounds.XML_TAGS} tags")
    try:
        root: Element = need("defusedxml.ElementTree", "xml").fromstring(text, forbid_dtd=True)
    except ParseError as error:
        line, column = error.position
        found = text.splitlines()[line - 1 : line]
        raise InputError(
            file, f"line {line}, column {column}", found[0] if found else "", "XML"
        ) from None
    except ValueError as error:  # defusedxml's: entities, doctypes, external references
        raise InputError(
            file, None, type(error).__name__, "XML without a doctype and entities"
        ) from None
    except RecursionError:
        raise InputError(file, None, "deep nesting", "XML nested less deeply") from None
    _check_depth(root, file)
    return root


def _check_depth(root: Element, file: str | None) -> None:
    level = [root]
    for _ in range(bounds.XML_DEPTH):
        level = [child for element in level for child in element]
        if not level:
            return
    raise InputError(file, None, "deep nesting", f"at most {bounds.XML_DEPTH} levels of elements")


def attribute(element: Element, name: str, way: str) -> str:
    """An attribute that must be there; ``way``: the XPath of the element, for messages."""
    value = element.get(name)
    if value is None:
        raise InputError(None, f"{way}/@{name}", None, "an attribute; it is missing")
    return value


def whole(text: str | None, way: str, low: int, high: int) -> int:
    """A decimal or 0x hexadecimal number."""
    plain = (text or "").strip()
    try:
        value = int(plain, 16 if plain.lower().startswith("0x") else 10) if len(plain) < 25 else -1
    except ValueError:
        value = None
    return checks.whole(way, value if value is not None else plain, low, high)


def attribute_number(element: Element, name: str, way: str, low: int, high: int) -> int:
    return whole(attribute(element, name, way), f"{way}/@{name}", low, high)


def child(element: Element, name: str, way: str) -> Any:
    """A child that must be there."""
    found = element.find(name)
    if found is None:
        raise InputError(None, f"{way}/{name}", None, "an element; it is missing")
    return found
