"""Has a count grown? And how a person, a program and a CI system are told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from numafit.benching.junit import Case, suite

MOST = 0.03
"""Growth that is let pass: it is made of what nobody changed, such as where a table begins."""
Counts = dict[str, dict[str, int]]
"""Part -> operation -> count."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One operation: what was counted now and in the baseline, ``None`` where it is not there.
    ``fault``: why the gate fails, else empty."""

    part: str
    name: str
    now: int | None
    before: int | None
    fault: str = ""

    @property
    def growth(self) -> float:
        return self.now / self.before - 1.0 if self.now and self.before else 0.0

    def __str__(self) -> str:
        if self.fault and (self.now is None or self.before is None or not self.now):
            return f"{self.part}: {self.name}: {self.fault}"
        return f"{self.part}: {self.name}: {self.before:,} -> {self.now:,} ({self.growth:+.1%})"


def verdicts_of(
    part: str, now: dict[str, int], before: dict[str, int], most: float
) -> list[Verdict]:
    """One verdict for each operation that is there now or was in the baseline."""
    found = []
    for name in sorted(now.keys() | before.keys()):
        counted, known = now.get(name), before.get(name)
        fault = ""
        if counted is None:
            fault = "in baseline.json, and measured no more"
        elif not counted:
            fault = "nothing was counted"
        elif known is None:
            fault = "not in baseline.json"
        elif counted > known * (1.0 + most):
            fault = f"grown by {counted / known - 1.0:.1%}, {most:.0%} is let pass"
        found.append(Verdict(part, name, counted, known, fault))
    return found


def as_json(verdicts: Sequence[Verdict], tools: dict[str, str]) -> str:
    """Everything, also where nothing failed."""
    rows = [
        {
            "part": one.part,
            "name": one.name,
            "count": one.now,
            "baseline": one.before,
            "growth": round(one.growth, 6),
            "fault": one.fault or None,
        }
        for one in verdicts
    ]
    return json.dumps({"tools": tools, "counts": rows}, indent=1) + "\n"


def as_junit(verdicts: Sequence[Verdict]) -> str:
    """One test case per operation; the figures stand in its output on success too."""
    cases = []
    for one in verdicts:
        said = f"count {one.now}, baseline {one.before}, growth {one.growth:+.2%}"
        cases.append(Case(one.part, one.name, said, str(one) if one.fault else ""))
    return suite("bench-gate", cases)
