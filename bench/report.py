"""Rows of figures: printed as one table, kept as JSON."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from numafit.benching.figures import cpu_model, duration


@dataclass(frozen=True, slots=True)
class Row:
    """One question's answer. Times are seconds for one ``unit``; ``None``: not measured.

    ``ratio`` is what the target speaks of; ``at_least``/``at_most`` is the target.
    """

    question: str
    unit: str
    numafit: float
    nova: float | None = None
    memory_pass: float | None = None
    ratio: float | None = None
    ratio_of: str = ""
    at_least: float | None = None
    at_most: float | None = None

    @property
    def verdict(self) -> str:
        if self.ratio is None or (self.at_least is None and self.at_most is None):
            return ""
        low = self.at_least is not None and self.ratio < self.at_least
        high = self.at_most is not None and self.ratio > self.at_most
        return "MISSED" if low or high else "ok"

    @property
    def target(self) -> str:
        if self.at_least is not None:
            return f">= {self.at_least:,.4g}"
        return "" if self.at_most is None else f"<= {self.at_most:,.4g}"


def faster(
    question: str, unit: str, numafit: float, nova: float | None, at_least: float | None = None
) -> Row:
    """How many times faster than nova? No verdict where nova was not measured."""
    ratio = None if nova is None else nova / numafit
    return Row(question, unit, numafit, nova, None, ratio, "nova / numafit", at_least)


def seconds(value: float | None) -> str:
    return "" if value is None else duration(value)


HEADS = ("question", "one", "numafit", "nova 34", "memory pass", "ratio", "target", "")


def cells(row: Row) -> tuple[str, ...]:
    ratio = "" if row.ratio is None else f"{row.ratio:,.3g}"
    if row.ratio is not None and row.ratio >= 1000:
        ratio = f"{row.ratio:,.0f}"
    return (
        row.question,
        row.unit,
        seconds(row.numafit),
        seconds(row.nova),
        seconds(row.memory_pass),
        f"{ratio} {row.ratio_of}".strip(),
        row.target,
        row.verdict,
    )


def table(rows: Iterable[Row]) -> str:
    """For a terminal."""
    lines = [HEADS, *(cells(row) for row in rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(HEADS))]
    text = [
        "  ".join(f"{word:<{width}}" for word, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    return "\n".join([text[0], "-" * len(text[0]), *text[1:]])


def markdown(rows: Iterable[Row]) -> str:
    """For docs/performance.md."""
    lines = ["| " + " | ".join(HEADS[:-1]) + " |", "|" + "---|" * (len(HEADS) - 1)]
    for row in rows:
        words = [word.replace("<=", "≤").replace(">=", "≥") for word in cells(row)[:-1]]
        lines += [f"| {' | '.join(words)} |"]
    return "\n".join(lines)


def machine() -> dict[str, str]:
    """What the figures were taken on."""
    return {
        "when": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cpu": f"{cpu_model()}, {os.cpu_count()} CPUs",
        "python": sys.version.split()[0],
        "system": platform.system(),
    }


def save(path: Path, rows: Iterable[Row], missing: str | None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "machine": machine(),
        "nova": missing or "34",
        "rows": [{**asdict(row), "verdict": row.verdict} for row in rows],
    }
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
