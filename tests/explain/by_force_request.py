"""Every change to a small request that docs/guide/why-not.md lists, made without a look at
``numafit.planning``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from typing import Any, NamedTuple

from numafit import GuestCell, GuestTopology, HostInfo, Networks, PciRequest, Request

from .small_worlds import asked_of_placement

Cells = tuple[GuestCell, ...]
NONE: frozenset[int] = frozenset()
PINNED = ("dedicated", "mixed")


class Shape(NamedTuple):
    """The topology before numbers are taken from it; None where it stays as it is."""

    parts: int
    units: int
    cells: Cells
    emulator: str | None


class Numbers(NamedTuple):
    parts: int
    units: int
    make: Callable[[Cells], Cells | None]


def requests(info: HostInfo, request: Request, most: int) -> Iterator[tuple[int, int, Request]]:
    """Each request that up to ``most`` changes make of this one: their number, units, itself."""
    assert request.guest is not None
    others = list(of_the_rest(request))
    for shape in shapes(info, request):
        if shape.parts > most:
            continue
        for less in numbers(shape.cells, most - shape.parts):
            cells = less.make(shape.cells)
            if cells is None or not sound(request.guest.cells, cells):
                continue
            for parts, units, networks, pci in others:
                if shape.parts + less.parts + parts <= most:
                    guest = GuestTopology(cells, shape.emulator)
                    resources = None if request.resources is None else asked_of_placement(guest)
                    yield (
                        shape.parts + less.parts + parts,
                        shape.units + less.units + units,
                        Request(guest, networks, pci, resources=resources),
                    )


def asks(cells: Cells) -> bool:
    """Is there more than one cell, or what makes a topology of one?"""
    return len(cells) > 1 or bool(cells[0].pagesize) or cells[0].cpu_policy in PINNED


def sound(before: Cells, cells: Cells) -> bool:
    """One that stays a topology, with vCPUs of both kinds where it is mixed."""
    if len(before) == 1 and asks(before) and not asks(cells):
        return False
    mixed = any(cell.cpu_policy == "mixed" for cell in cells)
    return not mixed or (any(c.cpuset for c in cells) and any(c.pcpuset for c in cells))


def shapes(info: HostInfo, request: Request) -> Iterator[Shape]:
    guest = request.guest
    assert guest is not None
    cells = guest.cells
    policies = {cell.cpu_policy or "shared" for cell in cells}
    threads = any(cell.cpu_thread_policy in ("isolate", "require") for cell in cells)
    sizes: list[Any] = []
    if len({cell.pagesize for cell in cells}) == 1:
        known = {pool.size_kib for cell in info.cells for pool in cell.page_pools}
        sizes = [size for size in (None, *known) if size != cells[0].pagesize]
    for number, policy, free, quiet, size in product(
        [None, *splits(info, cells)],
        [None, *({"shared", "dedicated"} - policies if len(policies) == 1 else ())],
        [False, True] if threads else [False],
        [False, True] if guest.emulator_threads_policy == "isolate" else [False],
        ["as it is", *sizes],
    ):
        made, emulator = cells, guest.emulator_threads_policy
        if number is not None:
            made = split(made, number)
        if policy is not None:
            made = tuple(with_policy(cell, policy) for cell in made)
            emulator = None if policy == "shared" else emulator
        if free:
            made = tuple(replace(cell, cpu_thread_policy=None) for cell in made)
        if size != "as it is":
            made = tuple(replace(cell, pagesize=size) for cell in made)
        units = 0 if number is None else abs(number - len(cells))
        ones = [policy is not None, free, quiet, size != "as it is"]
        parts = sum(ones) + (number is not None)
        yield Shape(parts, units + sum(ones), made, None if quiet else emulator)


def splits(info: HostInfo, cells: Cells) -> list[int]:
    first = cells[0]
    blank = [replace(cell, cpuset=NONE, pcpuset=NONE) for cell in cells]
    counts = {(len(cell.cpuset), len(cell.pcpuset)) for cell in cells}
    if len(set(blank)) > 1 or len(counts) > 1 or (first.cpuset and first.pcpuset):
        return []
    vcpus = sum(len(cell.cpuset | cell.pcpuset) for cell in cells)
    memory = sum(cell.memory_mb for cell in cells)
    return [
        n
        for n in range(1, len(info.cells) + 1)
        if n != len(cells) and n <= vcpus and vcpus % n == 0 and memory % n == 0
    ]


def split(cells: Cells, number: int) -> Cells:
    vcpus = sum(len(cell.cpuset | cell.pcpuset) for cell in cells)
    memory = sum(cell.memory_mb for cell in cells)
    share = vcpus // number
    kind = "pcpuset" if cells[0].pcpuset else "cpuset"
    return tuple(
        replace(
            cells[0],
            memory_mb=memory // number,
            **{kind: frozenset(range(n * share, (n + 1) * share))},
        )
        for n in range(number)
    )


def with_policy(cell: GuestCell, policy: str) -> GuestCell:
    vcpus = cell.cpuset | cell.pcpuset
    if policy == "shared":
        return replace(
            cell, cpuset=vcpus, pcpuset=NONE, cpu_policy="shared", cpu_thread_policy=None
        )
    return replace(cell, cpuset=NONE, pcpuset=vcpus, cpu_policy="dedicated")


def numbers(cells: Cells, most: int) -> Iterator[Numbers]:
    """Fewer vCPUs and less memory, of single cells or of each."""
    choices = []
    for kind in ("pcpuset", "cpuset", "memory_mb"):
        has = [amount_of(cell, kind) for cell in cells]
        ways: list[tuple[int, int, tuple[int, ...]]] = [(0, 0, (0,) * len(cells))]
        if len(set(has)) == 1 and len(cells) > 1:
            ways += [(1, n, (n,) * len(cells)) for n in range(1, has[0] + 1)]
        for each in product(*(range(n + 1) for n in has)):
            parts = sum(n > 0 for n in each)
            if 0 < parts <= most:
                ways.append((parts, sum(each), each))
        choices.append([way for way in ways if way[0] <= most])
    for pinned, shared, memory in product(*choices):
        parts = pinned[0] + shared[0] + memory[0]
        if parts <= most:
            taken = pinned[2], shared[2], memory[2]
            units = pinned[1] + shared[1] + memory[1]
            yield Numbers(parts, units, lambda some, taken=taken: smaller(some, *taken))


def amount_of(cell: GuestCell, kind: str) -> int:
    return cell.memory_mb if kind == "memory_mb" else len(getattr(cell, kind))


def smaller(
    cells: Cells, pinned: tuple[int, ...], shared: tuple[int, ...], memory: tuple[int, ...]
) -> Cells | None:
    made = []
    for cell, p, s, m in zip(cells, pinned, shared, memory, strict=True):
        one = replace(
            cell,
            pcpuset=frozenset(sorted(cell.pcpuset)[p:]),
            cpuset=frozenset(sorted(cell.cpuset)[s:]),
            memory_mb=cell.memory_mb - m,
        )
        if (p or s) and not one.cpuset | one.pcpuset:
            return None
        if m and not one.memory_mb:
            return None
        made.append(one)
    return tuple(made)


def of_the_rest(
    request: Request,
) -> Iterator[tuple[int, int, Networks | None, list[PciRequest]]]:
    """Networks and devices: parts, units, and what is left of them."""
    nets = request.networks
    names = [] if nets is None else [*sorted(nets.physnets), *[""] * nets.tunneled]
    dropped = [
        {name for name, gone in zip(names, flags, strict=True) if gone}
        for flags in product((False, True), repeat=len(names))
    ]
    for gone in dropped:
        left = nets
        if nets is not None:
            left = Networks(nets.physnets - gone, nets.tunneled and "" not in gone)
        for wanted in product(*map(devices, request.pci)):
            parts = len(gone) + sum(one[0] for one in wanted)
            units = len(gone) + sum(one[1] for one in wanted)
            yield parts, units, left, [one[2] for one in wanted if one[2] is not None]


def devices(asked: PciRequest) -> Iterator[tuple[int, int, PciRequest | None]]:
    for fewer in range(asked.count + 1):
        for policy in {asked.numa_policy, "preferred"}:
            parts = (fewer > 0) + (policy != asked.numa_policy)
            units = fewer + (policy != asked.numa_policy)
            left = asked.count - fewer
            yield parts, units, PciRequest(left, asked.spec, policy) if left else None
