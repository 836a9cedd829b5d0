"""Results as CI systems show them: JUnit's XML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr


@dataclass(frozen=True, slots=True)
class Case:
    """``said``: the figure, also on success; ``fault``: why it fails, else empty; ``seconds``: what
    it took, ``None`` where time is not what was measured."""

    group: str
    name: str
    said: str
    fault: str = ""
    seconds: float | None = None


def suite(name: str, cases: Sequence[Case]) -> str:
    """One document with one test case for each."""
    failed = sum(bool(one.fault) for one in cases)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuite name={quoteattr(name)} tests="{len(cases)}" errors="0" skipped="0" '
        f'failures="{failed}">',
    ]
    for one in cases:
        where = f"classname={quoteattr(one.group)} name={quoteattr(one.name)}"
        time = "" if one.seconds is None else f' time="{one.seconds:.9f}"'
        lines.append(f"<testcase {where}{time}>")
        if one.fault:
            lines.append(f"<failure message={quoteattr(one.fault)}/>")
        lines.append(f"<system-out>{escape(one.said)}</system-out></testcase>")
    return "\n".join([*lines, "</testsuite>", ""])
