"""What is said on standard error meanwhile, for an answer that is read elsewhere than there."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from typing import TextIO

PREFIX = "numafit: "


class _Heard(io.TextIOBase):
    """Writes on, and remembers."""

    def __init__(self, stream: TextIO | None) -> None:
        self.text = ""
        self._stream = stream

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError("text alone is written to standard error")
        self.text += text
        return len(text) if self._stream is None else self._stream.write(text)

    def flush(self) -> None:
        if self._stream is not None:
            self._stream.flush()


@contextmanager
def heard() -> Iterator[list[str]]:
    """The lines, without the name of the program, once the block has ended."""
    lines: list[str] = []
    stream = _Heard(sys.stderr)
    with redirect_stderr(stream):
        yield lines
    lines += [line.removeprefix(PREFIX) for line in stream.text.splitlines()]
