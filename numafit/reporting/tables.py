"""Which tables does a report have, and what stands in them?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from numafit.errors import printable
from numafit.planning import headroom_words, stranded_words
from numafit.planning.explain import KINDS
from numafit.planning.explain_fleet import FleetExplanation
from numafit.planning.headroom import Headroom
from numafit.planning.make_room import MadeRoom
from numafit.planning.move_plan import rows as steps_of
from numafit.planning.stranded import Stranded

CHANGED = {
    "request": "a change to the request",
    "host": "a change to the host",
    "guest": "guests that leave",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """``value``: what it is sorted by, where ``text`` does not say it. ``host``: the number of the
    host that it names, whose picture it opens."""

    text: str
    value: float | None = None
    host: int | None = None


@dataclass(frozen=True, slots=True)
class Column:
    label: str
    number: bool = False
    help: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """``name``: its id in the page."""

    name: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]


def cell(value: object) -> Cell:
    """Numbers as a person reads them, and as a program sorts them."""
    if value is None:
        return Cell("-", -1)
    if isinstance(value, Cell):
        return value
    if isinstance(value, int):
        return Cell(f"{value:,}", value)
    if isinstance(value, float):
        return Cell(f"{value:.2f}", value)
    return Cell(printable(str(value)))


def table(
    name: str, caption: str, columns: Sequence[Column], rows: Iterable[Iterable[object]]
) -> Table:
    return Table(name, caption, columns, [[cell(one) for one in row] for row in rows])


def numbers_of_hosts(names: Sequence[str]) -> dict[str, int]:
    """Names that one host alone has."""
    twice: set[str] = set()
    found: dict[str, int] = {}
    for n, name in enumerate(names):
        if name in found:
            twice.add(name)
        found[name] = n
    return {name: n for name, n in found.items() if name and name not in twice}


def flavors(room: Headroom) -> Table:
    taking = np.count_nonzero(room.reached, axis=0).tolist()
    capped = np.any(room.reached >= room.cap, axis=0).tolist()
    rows = []
    for n, name in enumerate(room.flavors):
        most, plus = int(room.at_most[n]), "+" if capped[n] else ""
        bound = "" if room.all_exact[n] else "≤ "
        in_all = int(room.in_all[n])
        rows.append(
            (
                name,
                Cell(f"{in_all:,}{plus}", in_all),
                Cell(f"{bound}{most:,}{plus}", most),
                taking[n],
                headroom_words.ends(room, name),
            )
        )
    columns = (
        Column("Flavor"),
        Column("In all", True, "guests that the scheduler reaches"),
        Column("Any order", True, "guests that any choice of host cells could reach"),
        Column("Hosts with room", True),
        Column("Ended by", help="what refuses the next guest once a host is full (hosts)"),
    )
    return table("flavors", "Room for each flavor, as if it came alone", columns, rows)


def makes(room: Headroom) -> Table:
    """Hosts that are built alike."""
    rows = [(group.name, len(group.hosts)) for group in room.by("kind")]
    return table(
        "makes", "Hosts that are built alike", (Column("Kind"), Column("Hosts", True)), rows
    )


def kinds(lost: Stranded) -> Table:
    columns = (
        Column("What"),
        Column("Free", True),
        Column("Stranded", True, "free, and in reach of no flavor"),
        Column("Fragmentation", True, "the part of it that a guest cannot reach, on average"),
    )
    return table(
        "kinds", "What is free, and what of it is stranded", columns, stranded_words.kinds(lost)
    )


def causes(lost: Stranded) -> Table:
    columns = (
        Column("What"),
        Column("Stranded", True),
        Column("Hosts", True),
        Column("Lacks", help="what refuses the next guest there"),
        Column("Freed by"),
    )
    return table("causes", "What stranded units wait for", columns, stranded_words.causes(lost))


def reasons(name: str, flavor: str, found: FleetExplanation) -> Table:
    rows = [
        (one.reason.words, one.reason.hosts, one.never, one.reason.miss or None)
        for one in found.causes
    ]
    columns = (
        Column("Why not"),
        Column("Hosts", True),
        Column("Never", True, "hosts that could not take it were they empty"),
        Column("Nearest miss"),
    )
    return table(name, f"Why hosts refuse {flavor}", columns, rows)


def nearest(
    name: str, flavor: str, found: FleetExplanation, numbers: Mapping[str, int]
) -> Table | None:
    """Hosts that miss it least, with the smallest change of each kind that would do."""
    there = [kind for kind in KINDS if any(one.of(kind) for one in found.nearest)]
    if not there:
        return None
    rows = [
        (host_cell(one.known_as, numbers), *map(one.smallest_words, there)) for one in found.nearest
    ]
    columns = (Column("Host"), *(Column(CHANGED[kind].capitalize()) for kind in there))
    return table(name, f"Smallest changes by which {flavor} would fit", columns, rows)


def host_cell(name: str, numbers: Mapping[str, int]) -> Cell:
    return Cell(printable(name), host=numbers.get(name))


def steps(plan: MadeRoom, numbers: Mapping[str, int]) -> Table:
    rows: list[tuple[Any, ...]] = [
        (n, guest, host_cell(source, numbers), host_cell(target, numbers), memory, gain)
        for n, guest, source, target, memory, gain in steps_of(plan.steps)
    ]
    columns = (
        Column("Step"),
        Column("Guest"),
        Column("From"),
        Column("To"),
        Column("Memory, MiB", True),
        Column("Gain", True, "how many more guests fit after it"),
    )
    return table("steps", "Live migrations, in this order", columns, rows)


def counts(plan: MadeRoom) -> Table:
    rows = [(flavor, *both) for flavor, both in plan.counts.items()]
    columns = (Column("Flavor"), Column("Fit before", True), Column("After", True))
    return table("counts", "Room before and after the moves", columns, rows)
