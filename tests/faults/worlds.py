"""Verbs that change a fleet, and all that can be told of it: in names, so that it is the same
whether its arrays have grown or not."""

from __future__ import annotations

import itertools
import os
import pickle
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import nanoarrow

from numafit import (
    Fleet,
    GuestCell,
    GuestTopology,
    HostCell,
    HostInfo,
    Journal,
    Limits,
    Request,
    shared,
)
from numafit.claims import Claim
from tests.faults.fleets import make_fleet, make_request, nova_row

_NUMBERS = itertools.count()
"""For files of their own."""


@dataclass
class World:
    """``others``: fleets that the verb does not change."""

    fleet: Fleet
    verb: Callable[[], object]
    held: list[Claim] = field(default_factory=list)
    others: tuple[Fleet, ...] = ()


def told(fleet: Fleet) -> Any:
    """Hosts by name, with their usage and claims; what the journal holds."""
    hosts = [
        (name, fleet.hostinfo(host), [claim.to_json() for claim in fleet.claims([host])])
        for host, name in enumerate(fleet.names)
    ]
    return hosts, None if fleet.journal is None else journalled(fleet.journal)


def journalled(journal: Journal) -> list[str]:
    """What another process would read of it."""
    copied = f"{journal.path}.copy"
    shutil.copy(journal.path, copied)
    with Journal(copied) as other:
        (summed,) = other.events(other.position)
    return sorted(one.to_json() for one in summed.take.values())


def _is_read(journal: Journal) -> bool:
    """Does it write to the file that is there when it is opened again?"""
    return os.path.samestat(os.stat(journal.path), os.fstat(journal._file.fileno()))


def state(world: World) -> Any:
    return (
        [told(fleet) for fleet in (world.fleet, *world.others)],
        [claim.state for claim in world.held],
    )


def locked(world: World) -> bool:
    """Does this thread still hold a lock of a fleet or a journal?"""
    locks: list[Any] = []
    for fleet in (world.fleet, *world.others):
        locks += (fleet._engine.columns.changes_lock, fleet._engine.columns.devices_lock)
        locks += () if fleet.journal is None else (fleet.journal.lock,)
    return any(lock._is_owned() for lock in locks)


def fault(world: World) -> str | None:
    """What does not hold together: columns, claims, or the fleet that is built anew from what this
    one tells, which is to give the same answers."""
    for fleet in (world.fleet, *world.others):
        if wrong := fleet.check():
            return wrong
        if fleet.journal is not None and not _is_read(fleet.journal):
            return "a journal that writes to a file that nobody will read"
        there = [host for host, name in enumerate(fleet.names) if name]
        if [fleet.index(fleet.names[host]) for host in there] != there:
            return "a name that leads elsewhere"
        anew = Fleet(map(fleet.hostinfo, there))
        for asked in (make_request(), _SHARED):
            counts = fleet.capacity(asked).tolist()
            if [counts[host] for host in there] != anew.capacity(asked).tolist():
                return f"{counts}, anew {anew.capacity(asked).tolist()}"
            if sum(counts) != sum(counts[host] for host in there):
                return "a host that was removed takes guests"
    for claim in world.held:
        kept = claim in world.fleet.claims([claim.host])
        if kept != (claim.state == "held") and not world.others:
            return f"{claim.state}, but {'kept' if kept else 'not kept'}"
    return None


def _info(name: str, cells: int = 1, cpus: int = 16, **more: Any) -> HostInfo:
    made = tuple(
        HostCell(n, frozenset(), frozenset(range(cpus * n, cpus * n + cpus)), 8192)
        for n in range(cells)
    )
    return HostInfo(made, name, **more)


_SHARED = Request(GuestTopology((GuestCell({0}, (), 512),)))


def _claimed() -> tuple[Fleet, list[Claim]]:
    fleet = make_fleet()
    return fleet, fleet.claim_all(fleet.fit(make_request()))


def add(_folder: Path) -> World:
    fleet, held = _claimed()
    more = [_info("new0", 2), _info("new1", 3, pci_pools=make_fleet().hostinfo(0).pci_pools)]
    return World(fleet, lambda: fleet.add(more), held)


def replace_in_place(_folder: Path) -> World:
    """The same shape; its claim is in usage, and its devices are free no more."""
    fleet, held = _claimed()
    info = replace(fleet.hostinfo(0), name="other")
    return World(fleet, lambda: fleet.replace(0, info), held)


def replace_by_another_shape(_folder: Path) -> World:
    fleet, held = _claimed()
    info = replace(_info("h0", 2), pci_pools=make_fleet().hostinfo(0).pci_pools)
    return World(fleet, lambda: fleet.replace("h0", info, claims="on top"), held)


def replace_and_lose(_folder: Path) -> World:
    fleet, held = _claimed()
    return World(fleet, lambda: fleet.replace("h0", _info("h0", 1, 4)), held)


def replace_with_journal(folder: Path) -> World:
    fleet, held = _journalled(folder)
    other = replace(make_fleet().hostinfo(0), name="renamed")
    return World(fleet, lambda: fleet.replace("h0", other, claims="on top"), held)


def remove(_folder: Path) -> World:
    fleet, held = _claimed()
    return World(fleet, lambda: fleet.remove("h0"), held)


def remove_with_journal(folder: Path) -> World:
    fleet, held = _journalled(folder)
    return World(fleet, lambda: fleet.remove("h0"), held)


def bring_back(_folder: Path) -> World:
    fleet, held = _claimed()
    fleet.remove(0)
    return World(fleet, lambda: fleet.replace(0, _info("back", 2)), held)


def set_host(_folder: Path) -> World:
    """Otherwise configured: the claim on CPU 15 is lost where that is shared."""
    fleet, held = _claimed()
    verb = lambda: fleet.set("h0", dedicated_cpus="4-15", ratios=Limits(4.0, 1.0))  # noqa: E731
    return World(fleet, verb, held)


def update_rows(_folder: Path) -> World:
    _name, topology, pools = nova_row(0)
    fleet, held = _claimed()
    return World(fleet, lambda: fleet.update_rows([("h0", topology, pools)]), held)


def compact(_folder: Path) -> World:
    fleet = Fleet([_info("gone"), *make_fleet().hostinfos()])
    held = fleet.claim_all(fleet.fit(make_request()))
    fleet.remove("gone")
    return World(fleet, lambda: fleet.compact(), held)


def copies(_folder: Path) -> World:
    fleet, held = _claimed()

    def verb() -> None:
        for made in (fleet.fork(), fleet.copy(), fleet + fleet[[0]], fleet[::-1]):
            made.add(_info("more"))
        fleet.with_hosts(_info("row"), 2)

    return World(fleet, verb, held)


def release_in_fork(_folder: Path) -> World:
    fleet, held = _claimed()
    fork = fleet.fork()
    return World(fork, lambda: fork.release(held), held, (fleet,))


def adopt(_folder: Path) -> World:
    fleet, held = _claimed()
    other = make_fleet()
    texts = [claim.to_json() for claim in held[:1]]
    return World(other, lambda: other.adopt(texts, usage="on top"), [], (fleet,))


def adopt_in_usage(_folder: Path) -> World:
    fleet, held = _claimed()
    fleet.save(_folder / "held.npz")
    other = Fleet.load(_folder / "held.npz")
    return World(other, lambda: other.adopt([held[0].to_json()]), [], (fleet,))


def _journalled(folder: Path) -> tuple[Fleet, list[Claim]]:
    fleet = make_fleet()
    fleet.adopt(Journal(folder / f"{next(_NUMBERS)}.claims"))
    return fleet, fleet.claim_all(fleet.fit(make_request(), limit=1))


def claim_with_journal(folder: Path) -> World:
    fleet, held = _journalled(folder)
    return World(fleet, lambda: fleet.claim(make_request(), host=1), held)


def release_with_journal(folder: Path) -> World:
    fleet, held = _journalled(folder)
    return World(fleet, lambda: fleet.release(held[0]), held)


def trim(folder: Path) -> World:
    fleet, held = _journalled(folder)
    journal = fleet.journal
    assert journal is not None
    fleet.release(held)
    return World(fleet, journal.trim, held)


def forget(folder: Path) -> World:
    """A claim that could not be taken again."""
    path = folder / f"{next(_NUMBERS)}.claims"
    with Journal(path) as journal:
        made = make_fleet()
        made.adopt(journal)
        made.claim(make_request(), host=1)
    fleet, journal = make_fleet()[[0]], Journal(path)
    (lost,) = fleet.adopt(journal).lost
    assert lost.number is not None
    return World(fleet, lambda: journal.forget([lost.number]))


def adopt_to_journal(folder: Path) -> World:
    fleet, _held = _journalled(folder)
    other = make_fleet()
    taken = other.claim(make_request(3), host=1)
    return World(fleet, lambda: fleet.adopt([taken.to_json()], usage="on top"), [], (other,))


def travel(folder: Path) -> World:
    """A pickle of the fleet, a request that was prepared for it and its claims; shared memory."""
    fleet, held = _claimed()
    prepared = fleet.prepare(make_request())

    def verb() -> None:
        there, asked, claims = pickle.loads(pickle.dumps((fleet, prepared, held), 5))
        there.release(claims)
        there.capacity(asked)
        with shared.share(fleet) as lent:
            shared.open(lent, check=True).capacity(make_request())
        shared.write(fleet, folder / "fleet.numafit")
        shared.open(folder / "fleet.numafit").fork().add(_info("more"))

    return World(fleet, verb, held)


def from_arrow(_folder: Path) -> World:
    """The stream is there before: who makes arrays, be it pyarrow's C++ or nanoarrow's C, ends the
    process where it has no memory."""
    stream = nanoarrow.c_array_stream(make_fleet())
    return World(make_fleet(), lambda: Fleet.from_arrow(stream))


WORLDS: dict[str, Callable[[Path], World]] = {
    world.__name__: world
    for world in (
        add, replace_in_place, replace_by_another_shape, replace_and_lose, replace_with_journal,
        remove, remove_with_journal, bring_back, set_host, update_rows, compact, copies,
        release_in_fork, adopt, adopt_in_usage, claim_with_journal, release_with_journal,
        trim, forget, adopt_to_journal, travel, from_arrow,
    )
}  # fmt: skip
