"""How wide the columns of a table are, and what a terminal that is too narrow for it gets.

No number, name or word is broken: where one is longer than a line, the terminal breaks it, and what
is copied from there is whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from numafit.extras import need

GAP = 3
"""Blanks between two columns; one stands before the first, and one behind the last."""
Rows = Sequence[Sequence[str]]
_NUMBER = re.compile(r"\W*\d{1,3}(,\d{3}){1,4}\W*")
"""``547,840``. A list of so few CPUs of three digits looks the same, and stays whole too."""


def terminal_width() -> int:
    """In columns; 80 where there is no terminal."""
    width: int = need("rich.console", "cli").Console().width
    return width


def line_length(widths: Sequence[int]) -> int:
    """Of a table with columns of these widths."""
    return sum(widths) + GAP * len(widths) - 1


def widths_of(columns: Sequence[str], rows: Rows, whole: Sequence[str]) -> list[int] | None:
    """How wide each column is, so that a line holds all: the widest are made narrower first, none
    below its longest word, and none of ``whole`` below its longest cell. ``None``: no line is wide
    enough."""
    cells = list(zip(*rows, strict=True)) or [()] * len(columns)
    widths = [_longest([head, *below]) for head, below in zip(columns, cells, strict=True)]
    over = line_length(widths) - terminal_width()
    if over <= 0:
        return widths
    least = [
        max(
            _longest(_words(head)),
            _longest(below if head in whole else [word for cell in below for word in _words(cell)]),
        )
        for head, below in zip(columns, cells, strict=True)
    ]
    for _ in range(over):
        wide = [n for n, width in enumerate(widths) if width > least[n]]
        if not wide:
            return None
        widths[max(wide, key=widths.__getitem__)] -= 1
    return widths


def stacked(columns: Sequence[str], rows: Rows) -> Iterator[str]:
    """Lines of blocks, one per row, with an empty line between two: ``column   value``."""
    label = _longest(columns) + GAP
    room = terminal_width() - label - 1
    for n, row in enumerate(rows):
        if n:
            yield ""
        for name, cell in zip(columns, row, strict=True):
            first, *more = wrapped(cell, room)
            yield f" {name}{' ' * (label - _length(name))}{first}".rstrip()
            yield from (" " * (label + 1) + line for line in more)


def wrapped(text: str, width: int) -> list[str]:
    """``text`` in lines of at most ``width``, broken between words; a list without blanks that is
    longer than a line is broken behind commas. What is longer still stays whole."""
    if _length(text) <= width:
        return [text]
    lines = [""]
    for word in text.split(" "):
        for n, part in enumerate(_words(word) if _length(word) > width else [word]):
            blank = " " if n == 0 and lines != [""] else ""
            if lines[-1] and _length(lines[-1] + blank + part) > width:
                lines.append(part)
            else:
                lines[-1] += blank + part
    return lines


def _words(text: str) -> list[str]:
    """What a line may end behind: each word, and each comma that is none of a number's."""
    return [
        part
        for word in text.split(" ")
        for part in ([word] if _NUMBER.fullmatch(word) else re.findall(r"[^,]*,+|[^,]+", word))
    ]


def _longest(texts: Sequence[str]) -> int:
    return max(map(_length, texts), default=0)


def _length(text: str) -> int:
    """Columns of a terminal that ``text`` takes."""
    length: int = need("rich.cells", "cli").cell_len(text)
    return length
