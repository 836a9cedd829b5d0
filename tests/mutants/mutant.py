"""One change to one file, and the list of changes that change nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

SAME = Path(__file__).with_name("same.txt")


@dataclass(frozen=True)
class Mutant:
    """``text[start:end]`` of a file, given as a path in the tree, becomes ``new``."""

    file: str
    start: int
    end: int
    new: str
    line: int
    spans: int
    before: str
    after: str

    @property
    def key(self) -> tuple[str, str, str]:
        """Told without line numbers: what ``same.txt`` says stays true as files grow."""
        return self.file, self.before, self.after

    @property
    def lines(self) -> tuple[int, int]:
        """The first and the last that it changes."""
        return self.line, self.line + self.spans

    def applied(self, text: str) -> str:
        return text[: self.start] + self.new + text[self.end :]

    @property
    def told(self) -> str:
        """As ``same.txt`` tells it."""
        return f"{self.file}\n- {self.before}\n+ {self.after}\n"


def change(file: str, text: str, start: int, end: int, new: str) -> Mutant:
    first = text.rfind("\n", 0, start) + 1
    last = text.find("\n", end)
    last = len(text) if last < 0 else last
    before = text[first:last]
    after = text[first:start] + new + text[end:last]
    line = text.count("\n", 0, start) + 1
    return Mutant(
        file, start, end, new, line, text.count("\n", start, end), one_line(before), one_line(after)
    )


def one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def known_same(path: Path = SAME) -> dict[tuple[str, str, str], str]:
    """Each entry of ``same.txt``: ``file``, ``- line``, ``+ line``, then the reason, then an empty
    line."""
    found: dict[tuple[str, str, str], str] = {}
    for entry in re.split(r"\n\s*\n", path.read_text()):
        lines = [line for line in entry.splitlines() if line and not line.startswith("#")]
        if not lines:
            continue
        file, before, after, *reason = lines
        if before[:2] != "- " or after[:2] != "+ " or not reason:
            raise ValueError(f"{path}: not a mutant with its reason:\n{entry}")
        found[file, before[2:], after[2:]] = one_line(" ".join(reason))
    return found
