"""The hosts of a world in a fleet that has a history; it has to answer as one that is new."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

from numafit import Fleet, HostInfo, shared

from .dials import EVERYTHING
from .hosts import USUAL_SIZES, host


def lived(hosts: Sequence[HostInfo], rng: Random) -> Fleet:
    """The same hosts at the same indices."""
    return rng.choice(TRAVELS)(rng.choice(LIVES)(list(hosts), rng))


def others(rng: Random, count: int) -> list[HostInfo]:
    return [host(rng, EVERYTHING, f"x{n}", rng.choice(USUAL_SIZES)) for n in range(count)]


def _replaced(hosts: list[HostInfo], rng: Random) -> Fleet:
    fleet = Fleet(others(rng, len(hosts)))
    for index in rng.sample(range(len(hosts)), len(hosts)):
        fleet.replace(index, hosts[index])
    return fleet


def _came_one_by_one(hosts: list[HostInfo], rng: Random) -> Fleet:
    fleet = Fleet(others(rng, rng.randrange(3)))
    gone = fleet.names
    for one in hosts:
        fleet.add(one)
    for name in gone:
        fleet.remove(name)
    fleet.compact()
    return fleet


def _went_and_came_back(hosts: list[HostInfo], rng: Random) -> Fleet:
    fleet = Fleet([*hosts[::-1], *others(rng, 1)])
    for name in fleet.names:
        fleet.remove(name)
    fleet.add(hosts)
    fleet.compact()
    return fleet


def _loaded(fleet: Fleet) -> Fleet:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "fleet.npz")
        fleet.save(path)
        return Fleet.load(path)


def _opened(fleet: Fleet) -> Fleet:
    with shared.share(fleet) as there:
        return shared.open(there).fork()


def _stayed(fleet: Fleet) -> Fleet:
    return fleet


def _pickled(fleet: Fleet) -> Fleet:
    found: Fleet = pickle.loads(pickle.dumps(fleet))
    return found


LIVES: tuple[Callable[[list[HostInfo], Random], Fleet], ...] = (
    _replaced,
    _came_one_by_one,
    _went_and_came_back,
)
TRAVELS: tuple[Callable[[Fleet], Fleet], ...] = (
    _stayed,
    Fleet.fork,
    _loaded,
    _opened,
    _pickled,
)
