"""The engine's arrays, and what stands behind their numbers: names, CPU ids, pools, devices."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import numpy as np
import numpy.typing as npt

from numafit._header import REMOVED_CLASS
from numafit._slab import Slab
from numafit.columns.gather import Gatherer
from numafit.columns.layouts import Layout
from numafit.columns.names import Names
from numafit.columns.schema import COLUMNS, GIVEN, Arrays, counts_of
from numafit.columns.slabs import places, slab_for
from numafit.model.hostinfo import HostInfo, PciPool
from numafit.model.placement import PciAllocation
from numafit.model.resources import Provider, Resources
from numafit.rules.candidates import NO_RESOURCES, HostKind, not_judged, why_neither

DevicesTaken = dict[int, set[str]]
"""Pool -> addresses of its devices that claims have been given. A set is replaced, not changed."""


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a journal of claims: after ``line`` lines of the one with this ``id``."""

    id: str
    line: int


class Columns:
    """The arrays of ``struct nf_fleet``, and the names behind its numbers.

    ``nets`` maps a physnet to its network id (0 is the tunnel endpoint); ``page_kib`` lists the
    page sizes in KiB, ascending; ``cpu_layouts`` holds the interned CPU layouts. ``slab``: the
    block that the arrays of a large fleet lie in. ``identity``: the same in all requests that are
    prepared in these numbers; the engine gives it out, and forks keep it. ``ancestors``: of a fork
    (the number of the Engine that it was made of, the how maniest fork of that, its ancestors);
    ``gone``: claims of theirs that were given back since. ``identities``: those
    of before, to whose numbers others were added. ``living``: what their changes need, and
    ``tidy``: whether there was none. Changes hold ``changes_lock``, and ``devices_lock`` while
    what stands behind the numbers of a host is another. ``read_only``: they stand in memory that
    others see, and are not claimed from. ``engine``, ``parcel``: weak references to the Engine that
    they are lent to, and to what stands for them in a pickle.
    """

    names: Names
    nets: dict[str, int]
    cpu_layouts: list[Layout]
    classes: list[dict[str, Any]]
    providers: dict[str, int]
    pools: list[PciPool]
    devices_taken: DevicesTaken
    resource_classes: dict[str, int]
    providers_of_hosts: dict[int, Provider]
    host_kinds: list[HostKind]

    if TYPE_CHECKING:  # the arrays, by their names in schema.COLUMNS

        def __getattr__(self, name: str) -> npt.NDArray[Any]: ...

    else:

        def __getattr__(self, name):
            """What is decoded when somebody asks for it."""
            found = vars(self).get("_later", {}).get(name)
            if found is None:
                raise AttributeError(f"{name}: no column")
            for key, value in found().items():
                vars(self).setdefault(key, value)
            return vars(self)[name]

    def __init__(self, hosts: Iterable[HostInfo] | Gatherer) -> None:
        if not isinstance(hosts, Gatherer):
            gatherer = Gatherer()
            for host in hosts:
                gatherer.add_host(host)
            hosts = gatherer
        self._fill(hosts.arrays(), {**hosts.known(), "devices_taken": {}})

    @classmethod
    def of(cls, arrays: Arrays, known: Mapping[str, Any]) -> Columns:
        """From what ``given`` and ``known`` give. Raises InputError that names the first array
        whose shape does not go with the others."""
        columns = cls.__new__(cls)
        columns._fill(dict(arrays), known)
        return columns

    @classmethod
    def standing(
        cls,
        slab: Slab,
        counts: dict[str, int],
        arrays: Arrays,
        known: Mapping[str, Any],
        later: Mapping[str, Callable[[], Mapping[str, Any]]],
    ) -> Columns:
        """Columns that stand in a slab already and stay as they are. ``later``: for each attribute
        that ``known`` lacks what gives it, and perhaps others."""
        columns = cls.__new__(cls)
        vars(columns).update(known, **arrays)
        columns._begin(counts)
        columns._later = later
        columns.slab = slab
        columns.read_only = True
        return columns

    def _begin(self, counts: dict[str, int]) -> None:
        self.devices_lock = threading.RLock()
        self.changes_lock = threading.RLock()
        self.living: Any = None
        self.tidy = True
        self.saved_at: Position | None = None
        self._counts = counts
        self.n_hosts, self.n_cells = counts["n_hosts"], counts["n_cells"]
        self._shared: set[str] = set()
        self.identity: int | None = None
        self.identities: frozenset[int] = frozenset()
        self.ancestors: Any = None
        self.gone: WeakSet[Any] | None = None
        self.read_only = False
        self.engine: Callable[[], Any] | None = None
        self.parcel: Callable[[], Any] | None = None
        self.arrived: Any = None
        self._later: Mapping[str, Callable[[], Mapping[str, Any]]] = {}

    def _fill(self, arrays: dict[str, npt.NDArray[Any]], known: Mapping[str, Any]) -> None:
        """Takes the arrays out of ``arrays``, so that each can go once it is copied."""
        vars(self).update(known)
        self.knows_devices = any(pool.devices for pool in self.pools)
        self._begin(self._count(arrays))
        self.slab = slab_for(self._counts)
        if self.slab is not None:
            for name, place in zip(COLUMNS, places(self.slab, self._counts), strict=True):
                if name in arrays:
                    place[...] = arrays.pop(name)
                setattr(self, name, place)
            return
        for name, column in COLUMNS.items():
            array = arrays.get(name)
            if array is None:  # what nobody said anything of, and what the engine derives
                array = np.zeros(column.shape(self._counts), column.dtype)
            setattr(self, name, array)

    def _count(self, arrays: Arrays) -> dict[str, int]:
        counts = counts_of(arrays)
        hosts = counts["n_hosts"] = len(self.names)
        counts["n_layouts"] = len(self.cpu_layouts)
        for widest, part in (("max_cells", "cell"), ("max_pools", "pool")):
            first, end = arrays[f"host_first_{part}"], arrays[f"host_end_{part}"]
            own = end[:hosts].astype(np.int64) - first[:hosts]
            counts[widest] = int(own.max(initial=0))
        for widest, field in (("max_words", "n_words"), ("max_threads", "threads")):
            counts[widest] = int(arrays["layouts"][field][: counts["n_layouts"]].max(initial=0))
        counts["n_classes"] = len(self.classes)
        counts["n_host_classes"] = len(self.host_kinds)
        return counts

    def counts(self) -> dict[str, int]:
        """The numbers of ``struct nf_fleet`` by their names."""
        return self._counts

    def given(self) -> dict[str, npt.NDArray[Any]]:
        """The arrays that are not derived."""
        return {name: getattr(self, name) for name in GIVEN}

    def given_and_derived(self) -> dict[str, npt.NDArray[Any]]:
        """All arrays."""
        return {name: getattr(self, name) for name in COLUMNS}

    def known(self) -> dict[str, Any]:
        """What stands behind their numbers."""
        return {name: getattr(self, name) for name in Columns.__annotations__}

    def not_judged(self, host: int, asked: Resources | None) -> tuple[str, ...]:
        """What an answer for this host leaves open, in sentences."""
        kind = int(self.host_class[host])
        return () if kind == REMOVED_CLASS else self._left_open(kind, asked)

    def not_judged_of(
        self, asked: Resources | None, hosts: npt.NDArray[Any] | None
    ) -> dict[str, int]:
        """The same of many, those that are ruled out aside: sentence -> number of hosts."""
        kinds = self.host_class[: self.n_hosts] if hosts is None else self.host_class[hosts]
        kinds = kinds[kinds != REMOVED_CLASS]
        found: dict[str, int] = {}
        numbers = np.bincount(kinds, minlength=len(self.host_kinds))
        for kind in np.flatnonzero(numbers).tolist():
            if asked is not None and why_neither(self.host_kinds[kind], asked):
                continue
            for sentence in self._left_open(kind, asked):
                found[sentence] = found.get(sentence, 0) + int(numbers[kind])
        return found

    def _left_open(self, kind: int, asked: Resources | None) -> tuple[str, ...]:
        if asked is None:
            return (NO_RESOURCES,)
        return tuple(dict.fromkeys(not_judged(self.host_kinds[kind], asked)))

    def forked(self, slab: Slab | None, arrays: Arrays) -> Columns:
        """The same with these arrays, which ``Engine.fork`` made. What stands behind the numbers is
        shared until ``own`` takes a copy. The caller holds ``devices_lock``."""
        fork = copy(self)
        fork.devices_lock = threading.RLock()
        fork.changes_lock = threading.RLock()
        fork.living = None
        fork._counts = dict(self._counts)
        fork.slab = slab
        fork.read_only = False
        fork.engine = fork.parcel = fork.arrived = None
        for name, value in arrays.items():
            setattr(fork, name, value)
        fork.devices_taken = dict(self.devices_taken)
        self._shared, fork._shared = (set(Columns.__annotations__) for _ in range(2))
        return fork

    def own(self, name: str) -> Any:
        """What stands behind the numbers under this name, to be changed in place: forks keep it as
        it was."""
        if name in self._shared:
            setattr(self, name, copy(getattr(self, name)))
            self._shared.discard(name)
        return getattr(self, name)

    def devices_left(self, pool: int, count: int, released: Collection[str] = ()) -> list[str]:
        """Addresses of the ``count`` devices that are free, in the pool's order.

        Claims from C take devices without naming them. Those that Python has not named are then
        more than are free, and the last of them count as taken: nova hands those out first. The
        caller holds ``devices_lock``, or has the columns for itself.
        """
        taken: Collection[str] = self.devices_taken.get(pool, ())
        held = [device for device in taken if device not in released] if released else taken
        free = [device for device in self.pools[pool].devices if device not in held]
        return free[: max(count, 0)]

    def free_devices(self, pool: int) -> list[str]:
        """Addresses of a pool's free devices, the one that goes next first; empty: not known.

        nova hands out the last of its list first.
        """
        taken: Collection[str] = self.devices_taken.get(pool, ())
        return [device for device in reversed(self.pools[pool].devices) if device not in taken]

    def name_devices(
        self, allocations: Sequence[PciAllocation], later: DevicesTaken
    ) -> tuple[PciAllocation, ...]:
        """The devices that a claim is about to take; they are named now, as others may have gone
        since the placement was made. Nothing is changed: ``later`` is what ``devices_taken`` is to
        hold once it is taken. The caller holds ``devices_lock``."""
        if not any(self.pools[found.pool].devices for found in allocations):
            return tuple(allocations)
        named = []
        for found in allocations:
            taken = self._taken(found.pool, later)
            free = [d for d in reversed(self.pools[found.pool].devices) if d not in taken]
            devices = tuple(free[: found.count])
            taken.update(devices)
            named.append(replace(found, devices=devices))
        return tuple(named)

    def unname_devices(self, allocations: Iterable[PciAllocation], later: DevicesTaken) -> None:
        """As ``name_devices``, for devices that a claim is about to give back."""
        for found in allocations:
            if found.devices:
                self._taken(found.pool, later).difference_update(found.devices)

    def _taken(self, pool: int, later: DevicesTaken) -> set[str]:
        if pool not in later:
            # the key exists from here on, so that the engine need not make room for it
            later[pool] = set(self.devices_taken.setdefault(pool, set()))
        return later[pool]
