"""What does an answer about stranded units say to people? Rows of its tables, and a line."""

from __future__ import annotations

from numafit.planning.reasons import NOTHING_ASKS
from numafit.planning.stranded import Stranded


def of_unit(kind: str, unit: str) -> str:
    return f"{kind}, MiB" if unit == "MiB" else kind


def kinds(answer: Stranded) -> list[tuple[str, int, int, float]]:
    """Of each kind: what it is, free and stranded units on all hosts, fragmentation."""
    columns = (answer.free_in_all.tolist(), answer.in_all.tolist(), answer.index.tolist())
    return [
        (of_unit(kind, unit), *numbers)
        for kind, unit, *numbers in zip(answer.kinds, answer.units, *columns, strict=True)
    ]


def causes(answer: Stranded) -> list[tuple[str, int, int, str, str]]:
    """Of each cause: what is stranded, units, hosts, what they lack, and what would free them.
    What no flavor asks for is no cause."""
    units = dict(zip(answer.kinds, answer.units, strict=True))
    return [
        (of_unit(one.kind, units[one.kind]), one.units, one.hosts, one.lacks, one.freed_by)
        for one in answer.causes
        if one.lacks != NOTHING_ASKS
    ]


def asked_by_none(answer: Stranded) -> str:
    """Kinds that stand in no flavor, in one line; empty: each is asked for."""
    units = dict(zip(answer.kinds, answer.units, strict=True))
    named = [
        f"{one.kind} ({one.units:,}{' MiB' * (units[one.kind] == 'MiB')})"
        for one in answer.causes
        if one.lacks == NOTHING_ASKS
    ]
    return ", ".join(named)
