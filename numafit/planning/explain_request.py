"""What may change of a request, by what a refusal names: a space for ``explain_search``."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import permutations
from math import floor, gcd

from numafit.host import Host
from numafit.model.guest import MAX_MEMORY_MB, GuestCell, GuestTopology, Limits
from numafit.model.hostinfo import HostCell, HostInfo
from numafit.model.options import FitOptions
from numafit.model.placement import Placement
from numafit.model.refusal import CellRefusal, Refusal
from numafit.model.request import Request
from numafit.model.resources import Resources
from numafit.planning.explain_changed_host import KIB, cell_of, pages_of, smallest_pages
from numafit.planning.explain_changed_request import (
    ANY_ZONE,
    CELLS,
    DEVICES,
    EACH,
    EMULATOR,
    FEWER_DEDICATED,
    FEWER_SHARED,
    FEWER_UNITS,
    LESS_MEMORY,
    NETWORK,
    NO_BAN,
    NO_CONDITION,
    NO_GROUP,
    NO_NEED,
    NOT_IN,
    PAGE_SIZE,
    PINNED,
    POLICY,
    PREFERRED,
    THREADS,
    changed_request,
    to_spare,
)
from numafit.planning.explain_host import (
    ABOUT_DEVICES,
    ABOUT_NETWORKS,
    Step,
    are_alike,
    are_twins,
    failing,
    sizes_for,
)
from numafit.planning.explain_search import Changes, Key
from numafit.planning.explain_words import Part, request_part
from numafit.rules.filters import why_filtered

TOO_MANY_DEDICATED = ("dedicated_total", "free_cpus", "unlisted_cpus")
WRONG_CORES = ("isolate_cores", "require_cores", "emulator_cpu")
TOO_MANY_SHARED = ("shared_total", "cpu_limit")
TOO_MUCH_MEMORY = (
    "page_multiple",
    "pages",
    "pages_total",
    "memory",
    "memory_total",
    "memory_limit",
)
NUMBERS = frozenset((FEWER_DEDICATED, FEWER_SHARED, LESS_MEMORY))
"""What may be less of single guest cells."""
MOST_TWINS = 4
"""Guest cells whose orders are gone through."""
FOLLOWING = {"PCPU": FEWER_DEDICATED, "VCPU": FEWER_SHARED, "MEMORY_MB": LESS_MEMORY}
"""Resource classes whose amounts follow from a topology."""


class RequestSpace:
    """Changes of one request, on one host as it is."""

    def __init__(self, info: HostInfo, request: Request, options: FitOptions) -> None:
        self.info, self.request, self.options = info, request, options
        self._host = Host(info)

    def judge(self, changes: Changes) -> Placement | Refusal | None:
        changed = changed_request(self.request, changes)
        if changed is None:
            return None
        if changed.guest is None and self.request.guest is not None and not self.info.provider:
            return None  # nothing would be judged any more
        return self._host.fit(changed, self.options)

    def changed(self, changes: Changes) -> tuple[HostInfo, Request]:
        found = changed_request(self.request, changes)
        assert found is not None
        return self.info, found

    def units(self, key: Key, amount: int) -> int:
        if key[0] == CELLS:
            number: int = key[1]
            return abs(number - self.cells({}))
        return amount

    def all_at_once(self) -> Changes:
        return {}

    def common(self, changes: Changes) -> Changes:
        """What all guest cells have less is what each of them has less."""
        found: dict[Key, int] = {}
        for key, amount in changes.items():
            each = range(self.cells(changes)) if key[-1] == EACH else ()
            found |= {(key[0], n): amount for n in each} or {key: amount}
        return found

    def twins(self, changes: Changes) -> Iterator[Changes]:
        """Of guest cells that are alike it does not matter which has less."""
        common = self.common(changes)
        cells = self.cells(changes)
        if not are_twins(self.request.guest) or cells > MOST_TWINS:
            yield common
            return
        for order in permutations(range(cells)):
            yield {
                (key[0], order[key[1]]) if key[0] in NUMBERS else key: amount
                for key, amount in common.items()
            }

    def cells(self, changes: Changes) -> int:
        guest = self.request.guest
        now = 0 if guest is None else len(guest.cells)
        numbers: list[int] = [key[1] for key in changes if key[0] == CELLS]
        return numbers[0] if numbers else now

    def part(self, key: Key, changes: Changes) -> Part:
        return request_part(self.request, key, changes[key], self.cells(changes))

    def steps(self, changes: Changes, refusal: Refusal) -> Iterator[Step]:
        changed = changed_request(self.request, changes)
        assert changed is not None
        reason = refusal.reason
        if reason == "host_class":
            yield from self._of_kind(changes, changed.resources)
        if reason in ("host_class", "resource"):
            short = max(refusal.wanted - refusal.available, 1)
            yield from self._of_units(changes, changed, refusal.subject, short)
        if reason in ABOUT_DEVICES:
            yield from self._of_devices(changes)
        if reason in ABOUT_NETWORKS and changed.networks is not None:
            nets = [*sorted(changed.networks.physnets), *[""] * changed.networks.tunneled]
            yield from (((NETWORK, name), 1) for name in nets)
        yield from self._of_shape(changes)
        if changed.guest is None:
            return
        if reason not in ("pci_devices", "host_class", "resource"):
            for pair in failing(refusal):
                yield from self._of_pair(changes, changed.guest, pair)

    # --- the shape of the topology

    def _of_shape(self, changes: Changes) -> Iterator[Step]:
        """One step each, whatever stands in the way."""
        taken = {key[0] for key in changes}
        for key in self._shapes:
            # a number of vCPUs fewer is one of the shape it was counted in
            if key[0] not in taken and not (key[0] in (CELLS, POLICY) and taken & NUMBERS):
                yield key, 1

    @cached_property
    def _shapes(self) -> list[Key]:
        guest = self.request.guest
        if guest is None:
            return [(POLICY, "dedicated")]
        cells = guest.cells
        found: list[Key] = [(CELLS, number) for number in self._splits(cells)]
        policies = {cell.cpu_policy or "shared" for cell in cells}
        if len(policies) == 1:
            found += [(POLICY, one) for one in ("shared", "dedicated") if one not in policies]
        if any(cell.cpu_thread_policy not in (None, "prefer") for cell in cells):
            found.append((THREADS, None))
        if guest.emulator_threads_policy == "isolate":
            found.append((EMULATOR, None))
        if len({cell.pagesize for cell in cells}) == 1:
            sizes = {pool.size_kib for cell in self.info.cells for pool in cell.page_pools}
            asked = cells[0].pagesize
            others = sorted(sizes - {asked}, reverse=True)
            found += [(PAGE_SIZE, size) for size in [*others, *[None] * (asked is not None)]]
        return found

    def _splits(self, cells: tuple[GuestCell, ...]) -> Iterator[int]:
        """Other numbers of cells that share all evenly, as flavors do."""
        first = cells[0]
        if not are_alike(cells) or (first.cpuset and first.pcpuset):
            return
        vcpus = len(cells) * len(first.cpuset | first.pcpuset)
        memory = len(cells) * first.memory_mb
        for number in range(1, len(self.info.cells) + 1):
            even = vcpus % number == 0 and memory % number == 0
            there = number <= vcpus and memory // number <= MAX_MEMORY_MB
            if number != len(cells) and even and there:
                yield number

    # --- numbers of the topology

    def _of_pair(self, changes: Changes, guest: GuestTopology, pair: CellRefusal) -> Iterator[Step]:
        n = pair.guest_cell
        cell, reason = guest.cells[n], pair.reason
        short = max(pair.wanted - pair.available, 1)
        if reason in TOO_MANY_DEDICATED:
            yield from self._fewer(changes, guest, FEWER_DEDICATED, n, short)
        elif reason in WRONG_CORES:
            yield from self._fewer(changes, guest, FEWER_DEDICATED, n, 1)
        elif reason in TOO_MANY_SHARED:
            yield from self._fewer(changes, guest, FEWER_SHARED, n, short)
        elif reason in TOO_MUCH_MEMORY:
            there = cell_of(self.info, pair.host_cell)
            least = largest_memory(there, cell, self._ram_ratio)
            if least is not None and least < cell.memory_mb:
                yield from self._fewer(changes, guest, LESS_MEMORY, n, cell.memory_mb - least)

    @property
    def _ram_ratio(self) -> float | None:
        limits = self.options.limits
        if isinstance(limits, Limits):
            return limits.ram_allocation_ratio
        return None if limits is None else self.info.ram_allocation_ratio

    def _fewer(
        self, changes: Changes, guest: GuestTopology, what: str, n: int, by: int
    ) -> Iterator[Step]:
        """Of this guest cell, and where there are several that are alike of each of them."""
        taken = {key[1] for key in changes if key[0] == what}
        if EACH not in taken and to_spare(guest.cells[n], what) >= by:
            yield (what, n), changes.get((what, n), 0) + by
        alike = len({to_spare(cell, what) for cell in guest.cells}) == 1 < len(guest.cells)
        if alike and taken <= {EACH} and to_spare(guest.cells[n], what) >= by:
            yield (what, EACH), changes.get((what, EACH), 0) + by

    # --- devices and placement

    def _of_devices(self, changes: Changes) -> Iterator[Step]:
        for n, asked in enumerate(self.request.pci):
            fewer = changes.get((DEVICES, n), 0)
            if fewer < asked.count:
                yield (DEVICES, n), fewer + 1
            if asked.numa_policy != "preferred" and (PREFERRED, n) not in changes:
                yield (PREFERRED, n), 1

    def _of_units(
        self, changes: Changes, changed: Request, name: str, short: int
    ) -> Iterator[Step]:
        asked = changed.resources
        if asked is None or not name:
            return
        guest = changed.guest
        if guest is None or name not in FOLLOWING:
            if asked.amounts.get(name, 0) >= short + (name in FOLLOWING):
                yield (FEWER_UNITS, name), changes.get((FEWER_UNITS, name), 0) + short
            return
        whats = [FOLLOWING[name]]
        if name == "VCPU" and "PCPU" in asked.amounts:
            whats = [FEWER_DEDICATED, FEWER_SHARED]  # nova's second query
        for what in whats:
            for n in range(len(guest.cells)):
                yield from self._fewer(changes, guest, what, n, short)
            each = -(-short // len(guest.cells))
            yield from self._fewer(changes, guest, what, 0, each)

    def _of_kind(self, changes: Changes, asked: Resources | None) -> Iterator[Step]:
        info = self.info
        if asked is None:
            return
        if asked.zone is not None and info.zone not in (None, asked.zone):
            yield (ANY_ZONE,), 1
        if why_filtered(info.state, asked.conditions):
            for field in ("aggregate_specs", "capabilities", "image"):
                for one in getattr(asked.conditions, field):
                    yield (NO_CONDITION, field, one), 1
        provider = info.provider
        if provider is None:
            return
        if provider.traits is not None:
            for trait in sorted(asked.required - provider.traits - provider.traits_elsewhere):
                yield (NO_NEED, trait), 1
            for trait in sorted(asked.forbidden & provider.traits):
                yield (NO_BAN, trait), 1
        if provider.aggregates is not None:
            for one_of in asked.member_of:
                if not one_of & provider.aggregates:
                    yield (NO_GROUP, one_of), 1
            for name in sorted(asked.forbidden_aggregates & provider.aggregates):
                yield (NOT_IN, name), 1
        for name, amount in asked.amounts.items():
            if name not in provider.inventories and name not in FOLLOWING:
                gone = changes.get((FEWER_UNITS, name), 0)
                yield (FEWER_UNITS, name), gone + amount


def largest_memory(cell: HostCell, guest: GuestCell, ratio: float | None) -> int | None:
    """The most MiB, up to what it wants, that this host cell would give the guest cell; ``None``:
    there is no such amount."""
    pinned = guest.cpu_policy in PINNED
    bound = guest.memory_mb
    if guest.cpu_policy != "dedicated" and ratio is not None:
        bound = min(bound, floor((cell.memory_mb or 0) * ratio) - cell.memory_usage)
    if not cell.page_pools and not guest.pagesize:
        there = cell.memory_mb or 0
        return min(bound, there - cell.memory_usage if pinned else there)
    least = smallest_pages(cell)
    sizes = sizes_for(cell, guest)
    amounts = []
    for size in sizes:
        pool = pages_of(cell, size)
        free = pool.total
        if guest.pagesize or pinned or least is None:
            free -= pool.used + pool.reserved
        step = size * KIB // gcd(size, KIB)
        kib = min(bound * KIB, free * size)
        amounts.append(kib // step * step // KIB)
    return max(amounts, default=None)
