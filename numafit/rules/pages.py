"""The memory page size that a request asks for."""

from __future__ import annotations

import math
import re

from numafit._header import PAGES_ANY, PAGES_LARGE, PAGES_SMALL
from numafit.model.guest import MAX_MEMORY_MB
from numafit.model.values import conflict, refuse
from numafit.rules.extra_specs import Asked

_KEY = "hw:mem_page_size"
_IMAGE_KEY = "hw_mem_page_size"
_WORDS = {"any": PAGES_ANY, "large": PAGES_LARGE, "small": PAGES_SMALL}
# oslo.utils, IEC units: '1MB' and '1MiB' are the same, 'b' is a bit; a newline may follow
_SIZE = re.compile(r"([-+]?(?:\d+(?:\.\d+)?|\.\d+))(?:([KMGTPEZYRQ])i?)?(b|bit|B)\n?")
_PREFIXES = " KMGTPEZYRQ"


def page_size(asked: Asked) -> float | None:
    """The page size in KiB before it is cut to a whole number, or -1 small, -2 large, -3 any.

    ``None`` and 0 ask for no topology, a fraction such as that of ``"1b"`` does: nova cuts it
    to 0 only when it writes it into the guest's cells. An image may narrow ``any`` and
    ``large`` of its flavor, and nothing else.

    Raises ``InvalidRequest``: for a text that is not a size, for an image that may not choose.
    """
    flavor = asked.specs.get(_KEY)
    image = asked.image.text(_IMAGE_KEY)
    if not flavor:
        if image:
            raise refuse(
                "MemoryPageSizeForbidden",
                _IMAGE_KEY,
                image,
                f"a flavor with {_KEY} 'any' or 'large'",
            )
        return None
    size = _size(_KEY, flavor)
    if not image:
        return size
    if size in (PAGES_ANY, PAGES_LARGE):
        return _size(_IMAGE_KEY, image)
    raise conflict(
        "MemoryPageSizeForbidden",
        _KEY,
        flavor,
        _IMAGE_KEY,
        image,
        f"Set {_KEY} to 'any' or 'large' to let images choose.",
    )


def cell_page_size(asked: Asked, size: float | None) -> int | None:
    """``size`` as the guest's cells hold it: whole KiB, or one of the three words.

    Raises ``InvalidRequest`` for sizes that no host can have: below -3, or more than 64 bits.
    """
    if size is None:
        return None
    if not PAGES_ANY <= int(size) <= MAX_MEMORY_MB:
        key = _IMAGE_KEY if asked.image.text(_IMAGE_KEY) else _KEY
        text = asked.image.text(_IMAGE_KEY) or asked.specs[_KEY]
        raise refuse("MemoryPageSizeInvalid", key, text, f"0 to {MAX_MEMORY_MB} KiB")
    return int(size)


def _size(key: str, text: str) -> float:
    if text in _WORDS:
        return _WORDS[text]
    expected = "small, large, any, a number of KiB, or a size such as 2MB or 1GiB"
    if text.isdigit():
        try:
            return int(text)
        except ValueError:
            # isdigit() holds for '²' too, int() does not; nova lets that error out
            raise refuse("ValueError", key, text, expected) from None
    try:
        size = size_in_kib(text)
    except OverflowError:
        raise refuse("OverflowError", key, text, expected) from None
    if size is None:
        raise refuse("MemoryPageSizeInvalid", key, text, expected)
    return size


def size_in_kib(text: str) -> float | None:
    """KiB of a text with a unit, such as ``2MB`` or ``1GiB``; ``None`` where it is not a size.

    Raises ``OverflowError`` for a number that a double cannot hold.
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        return None
    number, prefix, unit = match.groups(" ")
    magnitude = float(number) if unit == "B" else float(number) / 8
    return math.ceil(magnitude * (1 << 10 * _PREFIXES.index(prefix))) / 1024
