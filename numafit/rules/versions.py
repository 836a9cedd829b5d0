"""Does a hypervisor's version satisfy an image's ``img_hv_requested_version``?

The image's versions are of any kind that PEP 440 knows, the hypervisor's are numbers with dots.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping

VERSION = re.compile(
    r"v?((?P<epoch>\d+)!)?(?P<release>\d+(\.\d+)*)"
    r"(?P<pre>[-_.]?(alpha|a|beta|b|preview|pre|c|rc)[-_.]?\d*)?"
    r"(?P<post>-\d+|[-_.]?(post|rev|r)[-_.]?\d*)?"
    r"(?P<dev>[-_.]?dev[-_.]?\d*)?"
    r"(?P<local>\+[a-z0-9]+([-_.][a-z0-9]+)*)?",
    re.ASCII | re.IGNORECASE,
)
PREDICATE = re.compile(r"\s*(?P<sign><=|>=|<|>|!=|==)\s*(?P<version>\S+)\s*")
_SIGNS: Mapping[str, Callable[[int, int], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
}
_STEP = 1000


def dotted(version: int) -> str:
    """``8002000`` -> ``8.2.0``."""
    return ".".join(map(str, _parts(version)))


def from_dotted(text: str) -> int:
    """``"8.2.0"`` -> ``8002000``. Raises ``ValueError`` for what nova cannot have as a number."""
    version = 0
    for part in text.split("."):
        if not part.isascii() or not part.isdigit() or len(part) > 3:
            raise ValueError(text)
        version = version * _STEP + int(part)
    return version


def _parts(version: int) -> tuple[int, ...]:
    parts: tuple[int, ...] = ()
    while version:
        version, part = divmod(version, _STEP)
        parts = (part, *parts)
    return parts


def satisfies(version: int, predicates: str) -> bool:
    """``predicates``: as image properties are checked to have them, such as ``>=6.0,<8``."""
    for part in predicates.split(","):
        found = PREDICATE.fullmatch(part)
        other = found and VERSION.fullmatch(found["version"])
        if not found or not other:
            raise ValueError(part)
        if not _SIGNS[found["sign"]](_order(_parts(version), other), 0):
            return False
    return True


def _order(release: tuple[int, ...], other: re.Match[str]) -> int:
    """Below 0 where the plain ``release`` comes before ``other``, above where it comes behind."""
    if int(other["epoch"] or 0):
        return -1
    theirs = tuple(map(int, other["release"].split(".")))
    mine, theirs = _bare(release), _bare(theirs)
    if mine != theirs:
        return -1 if mine < theirs else 1
    if other["pre"] is not None:
        return 1
    if other["post"] is not None:
        return -1
    if other["dev"] is not None:
        return 1
    return 0 if other["local"] is None else -1


def _bare(release: tuple[int, ...]) -> tuple[int, ...]:
    """1.0 and 1 are the same."""
    while release and release[-1] == 0:
        release = release[:-1]
    return release
