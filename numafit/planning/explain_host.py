"""What may change on a host, by what a refusal names: the space that ``explain_search`` walks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property

from numafit.host import Host
from numafit.model.guest import GuestCell, GuestTopology, PciRequest
from numafit.model.hostinfo import HostCell, HostInfo, PciPool
from numafit.model.options import FitOptions
from numafit.model.placement import Placement
from numafit.model.refusal import CellRefusal, Refusal
from numafit.model.request import Request
from numafit.model.resources import Provider, Resources
from numafit.planning.explain_changed_host import (
    CPU_CLASSES,
    DEDICATED,
    DEVICE,
    FAR,
    FLOATING,
    FREE,
    FREED,
    JOIN,
    KIB,
    LEAVE,
    MEMORY,
    METADATA,
    NEAR,
    NO_TRAIT,
    PAGES,
    POOL,
    SERVICE,
    SHARED,
    TRAIT,
    UNITS,
    ZONE,
    cell_of,
    changed_host,
    most_of,
    pages_of,
    smallest_pages,
    threads_of,
)
from numafit.planning.explain_search import Changes, Key
from numafit.planning.explain_words import Part, host_part
from numafit.rules.filters import why_filtered
from numafit.rules.pci_filter import matches, providers, usable

Step = tuple[Key, int]

TOO_FEW_FREE = ("free_cpus", "unlisted_cpus")
WRONG_CORES = ("isolate_cores", "require_cores", "emulator_cpu")
ABOUT_DEVICES = ("pci_devices", "pci_numa", "pci_together", "together")
ABOUT_NETWORKS = ("physnet", "tunnel", "networks", "together")
LARGE_KIB = 2048
"""Pages that a cell without large ones is given where large ones are asked for."""


def failing(refusal: Refusal) -> list[CellRefusal]:
    """Pairs of cells of which one at least must change: those of a guest cell that no host cell
    takes, where there is one, else all that fail."""
    pairs = [pair for pair in refusal.cells if pair.reason != "fits"]
    placed = {pair.guest_cell for pair in refusal.cells if pair.reason == "fits"}
    stuck = [pair.guest_cell for pair in pairs if pair.guest_cell not in placed]
    return [pair for pair in pairs if not stuck or pair.guest_cell == stuck[0]]


def must_mend(refusal: Refusal) -> bool:
    """Have guest cells no host cells of their own, whatever else there is? What mends that may
    give units back: how many are missing shows later."""
    guests = {pair.guest_cell for pair in refusal.cells}
    fits = [pair for pair in refusal.cells if pair.reason == "fits"]
    placed = {pair.guest_cell for pair in fits}
    return placed != guests or len({pair.host_cell for pair in fits}) < len(guests)


def are_alike(cells: Sequence[GuestCell]) -> bool:
    return len(set(map(_kind_of, cells))) == 1


def are_twins(guest: GuestTopology | None) -> bool:
    """Does it not matter which guest cell is where? Isolated emulator threads are with the
    first."""
    if guest is None or not are_alike(guest.cells):
        return False
    return len(guest.cells) == 1 or guest.emulator_threads_policy != "isolate"


def _kind_of(cell: GuestCell) -> tuple[object, ...]:
    """Equal for cells that are alike in all but the numbers of their vCPUs."""
    policies = cell.cpu_policy, cell.cpu_thread_policy
    return len(cell.cpuset), len(cell.pcpuset), cell.memory_mb, cell.pagesize, policies


class HostSpace:
    """Changes of one host, for one request."""

    def __init__(self, info: HostInfo, request: Request, options: FitOptions) -> None:
        self.info, self.request, self.options = info, request, options

    def judge(self, changes: Changes) -> Placement | Refusal:
        return Host(self._host(changes)).fit(self.request, self.options)

    def changed(self, changes: Changes) -> tuple[HostInfo, Request]:
        return self._host(changes), self.request

    def _host(self, changes: Changes) -> HostInfo:
        return changed_host(self.info, changes, self.spare)

    def with_devices(self) -> HostInfo:
        """With as many devices as are asked for, on every node."""
        keys = [*((POOL, n) for n in range(len(self.info.pci_pools or ()))), *self.spare]
        return self._host(dict.fromkeys(keys, self._devices))

    @property
    def _devices(self) -> int:
        """The most of a kind that the request could take."""
        return sum(max(asked.count, 1) for asked in self.request.pci)

    def units(self, key: Key, amount: int) -> int:
        return amount

    def all_at_once(self) -> Changes:
        return {}

    def common(self, changes: Changes) -> Changes:
        return {key[:2] if key[0] == FREE else key: n for key, n in changes.items()}

    def twins(self, changes: Changes) -> list[Changes]:
        return [self.common(changes)]

    def part(self, key: Key, changes: Changes) -> Part:
        return host_part(self.info, self.spare, key, changes[key])

    def steps(self, changes: Changes, refusal: Refusal) -> Iterator[Step]:
        info = self._host(changes)
        reason = refusal.reason
        if reason == "host_class":
            yield from self._of_kind(info, changes)
            return
        if reason == "resource" and not must_mend(refusal):
            yield from self._of_units(changes, refusal.subject, refusal.wanted - refusal.available)
        if reason in ABOUT_DEVICES:
            yield from self._of_devices(changes, refusal)
        if reason in ABOUT_NETWORKS:
            yield from self._of_networks(info, changes)
        if reason != "pci_devices":
            for pair in self._in_turn(changes, failing(refusal)):
                yield from self._of_pair(info, changes, pair)

    def _in_turn(self, changes: Changes, pairs: list[CellRefusal]) -> list[CellRefusal]:
        """Where it does not matter which guest cell is where, host cells are made to take one in
        their order, each before the next: any other order comes to the same."""
        begun = [self._places[key[1]] for key in changes if key[0] in FREED]
        if not self._one_by_one or not begun:
            return pairs
        last = max(begun)
        unfinished = [pair for pair in pairs if self._places[pair.host_cell] == last]
        return unfinished or [pair for pair in pairs if self._places[pair.host_cell] > last]

    @cached_property
    def _one_by_one(self) -> bool:
        """Nothing but cells and units is asked for, and these give out units in any order."""
        asked = self.request
        return are_twins(asked.guest) and not (asked.resources and (asked.networks or asked.pci))

    @cached_property
    def _places(self) -> dict[int, int]:
        return {cell.id: n for n, cell in enumerate(self.info.cells)}

    def _raised(self, changes: Changes, key: Key, by: int) -> Iterator[Step]:
        """By so much more, or as far as it goes; a cell's CPUs are freed in one order."""
        if key[0] == FREE and any(one[:2] == key[:2] and one != key for one in changes):
            return
        now = changes.get(key, 0)
        most = self._devices if key[0] in (POOL, DEVICE) else most_of(self.info, key)
        then = min(now + by, most)
        if then > now:
            yield key, then

    # --- a guest cell on a host cell

    def _of_pair(self, info: HostInfo, changes: Changes, pair: CellRefusal) -> Iterator[Step]:
        assert self.request.guest is not None
        guest = self.request.guest.cells[pair.guest_cell]
        cell, number = cell_of(info, pair.host_cell), pair.host_cell
        short = pair.wanted - pair.available
        reason = pair.reason
        if reason in TOO_FEW_FREE or reason in WRONG_CORES:
            # of cores nobody says how many CPUs are missing: one after the other
            more = short if reason in TOO_FEW_FREE else 1
            for threads in _orders(cell, guest):
                yield from self._raised(changes, (FREE, number, threads), more)
            yield from self._raised(changes, (DEDICATED, number), more)
        elif reason == "dedicated_total":
            yield from self._raised(changes, (DEDICATED, number), short)
        elif reason == "shared_total":
            yield from self._raised(changes, (SHARED, number), short)
        elif reason == "cpu_limit":
            yield from self._raised(changes, (FLOATING, number), short)
            yield from self._raised(changes, (SHARED, number), 1)
        elif reason in ("memory", "memory_limit"):
            yield from self._raised(changes, (MEMORY, number), short)
        elif reason in ("pages", "page_size"):
            yield from self._of_pages(cell, changes, guest)

    def _of_pages(self, cell: HostCell, changes: Changes, guest: GuestCell) -> Iterator[Step]:
        kib = guest.memory_mb * KIB
        for size in sizes_for(cell, guest):
            if kib % size == 0:
                pool = pages_of(cell, size)
                short = kib // size - (pool.total - pool.used - pool.reserved)
                yield from self._raised(changes, (PAGES, cell.id, size), max(short, 1))

    # --- networks and devices

    def _of_networks(self, info: HostInfo, changes: Changes) -> Iterator[Step]:
        networks = self.request.networks
        assert networks is not None
        for name in [*sorted(networks.physnets), *[""] * networks.tunneled]:
            near = {cell.id for cell in info.cells if _is_near(cell, name)}
            for cell in info.cells if near else ():
                if self.options.physnet_affinity == "all" and cell.id in near:
                    yield from self._raised(changes, (FAR, cell.id, name), 1)
                elif self.options.physnet_affinity == "any" and cell.id not in near:
                    yield from self._raised(changes, (NEAR, cell.id, name), 1)

    def _of_devices(self, changes: Changes, refusal: Refusal) -> Iterator[Step]:
        alone = refusal.reason in ("pci_devices", "pci_numa")
        for number, asked in enumerate(self.request.pci):
            if alone and number != refusal.detail:
                continue
            known = [((POOL, n), pool) for n, pool in enumerate(self.info.pci_pools or ())]
            for key, pool in [*known, *self.spare.items()]:
                if _serves(asked, pool, self._providers(asked)):
                    yield from self._raised(changes, key, 1)

    def _providers(self, asked: PciRequest) -> list[str]:
        return providers(asked, self.request.provider_mapping)

    @cached_property
    def spare(self) -> dict[Key, PciPool]:
        """A device that a request could take, for each node that has none like it."""
        found: dict[Key, PciPool] = {}
        pools = self.info.pci_pools or ()
        nodes: list[int | None] = [cell.id for cell in self.info.cells]
        for number, asked in enumerate(self.request.pci):
            for uuid in dict.fromkeys(self._providers(asked)) or [""]:
                like = _like(asked, pools, uuid)
                for node in nodes or [None]:
                    there = [pool for pool in pools if pool.numa_node == node]
                    new = replace(like, numa_node=node)
                    wanted = [uuid] if uuid else []
                    there += [pool for pool in found.values() if pool == new]
                    if _serves(asked, new, wanted) and not any(
                        _serves(asked, pool, wanted) for pool in there
                    ):
                        found[DEVICE, number, node, uuid] = new
        return found

    # --- the host as placement knows it

    def _of_kind(self, info: HostInfo, changes: Changes) -> Iterator[Step]:
        """Each of these stands in the way: the service, the zone, traits, aggregates, a class of
        which the host has no inventory."""
        asked = self.request.resources
        if info.disabled:
            yield from self._raised(changes, (SERVICE,), 1)
        if asked is None:
            return
        if asked.zone is not None and info.zone not in (None, asked.zone):
            yield from self._raised(changes, (ZONE, asked.zone), 1)
        if info.state.aggregate_metadata is not None and why_filtered(info.state, asked.conditions):
            for name, value in asked.conditions.aggregate_specs:
                yield from self._raised(changes, (METADATA, name, value), 1)
        provider = info.provider
        if provider is None:
            return
        for query in filter(None, (asked, asked.second)):
            for key in _missing(query, provider):
                yield from self._raised(changes, key, 1)
            for name, short in _too_few(query, provider):
                yield from self._of_sets(changes, name, short)
                yield from self._raised(changes, (UNITS, name), short)

    def _of_units(self, changes: Changes, name: str, short: int) -> Iterator[Step]:
        """Units, or what gives them back where it is freed on a cell."""
        yield from self._raised(changes, (UNITS, name), short)
        yield from self._of_sets(changes, name, 1)
        for cell in self.info.cells:
            if name == "PCPU":
                known = [key for key in changes if key[:2] == (FREE, cell.id)]
                yield from self._raised(changes, known[0] if known else (FREE, cell.id, 1), short)
            elif name == "VCPU":
                yield from self._raised(changes, (FLOATING, cell.id), short)
            elif name == "MEMORY_MB":
                yield from self._raised(changes, (MEMORY, cell.id), short)
                for pool in cell.page_pools:
                    pages = -(-short * KIB // pool.size_kib)
                    yield from self._raised(changes, (PAGES, cell.id, pool.size_kib), pages)

    def _of_sets(self, changes: Changes, name: str, by: int) -> Iterator[Step]:
        """CPUs are more where more stand in the set that they are counted by."""
        if name in CPU_CLASSES:
            for cell in self.info.cells:
                yield from self._raised(changes, (CPU_CLASSES[name], cell.id), by)


def _missing(asked: Resources, provider: Provider) -> Iterator[Key]:
    if provider.traits is not None:
        for trait in sorted(asked.required - provider.traits - provider.traits_elsewhere):
            yield TRAIT, trait
        for trait in sorted(asked.forbidden & provider.traits):
            yield NO_TRAIT, trait
    if provider.aggregates is not None:
        for one_of in asked.member_of:
            if not one_of & provider.aggregates:
                yield from ((JOIN, name) for name in sorted(one_of))
        for name in sorted(asked.forbidden_aggregates & provider.aggregates):
            yield LEAVE, name


def _too_few(asked: Resources, provider: Provider) -> Iterator[tuple[str, int]]:
    """Classes that the host has none of, or of which a guest gets fewer at once, and how many
    units fewer."""
    for name, amount in asked.amounts.items():
        inventory = provider.inventories.get(name)
        nowhere = provider.elsewhere is not None and name not in provider.elsewhere
        if inventory is None and (nowhere or name in provider.absent):
            yield name, amount
        elif inventory is not None and amount > inventory.max_unit:
            yield name, amount - inventory.max_unit


def _orders(cell: HostCell, guest: GuestCell) -> list[int]:
    """How many free threads of a core count for the guest."""
    widest = threads_of(cell)
    if guest.cpu_thread_policy == "isolate":
        return [widest]
    if guest.cpu_thread_policy == "require":
        return list(range(2, widest + 1)) or [1]
    return [1]


def sizes_for(cell: HostCell, guest: GuestCell) -> list[int]:
    """Page sizes that would do for the guest, KiB; one that the cell lacks where it is named."""
    there = sorted(pool.size_kib for pool in cell.page_pools)
    if not guest.pagesize:
        small = smallest_pages(cell)
        return [] if small is None else [small.size_kib]
    if guest.pagesize == -1:
        return there[:1]
    if guest.pagesize == -2:
        return there[1:] or ([LARGE_KIB] if there and there[0] < LARGE_KIB else [])
    return there if guest.pagesize == -3 else [guest.pagesize]


def _is_near(cell: HostCell, name: str) -> bool:
    return name in cell.physnets if name else cell.tunneled


def _serves(asked: PciRequest, pool: PciPool, uuids: list[str]) -> bool:
    found = pool.as_dict()
    if uuids and pool.tags.get("rp_uuid") not in uuids:
        return False
    return matches(asked, found) and usable(asked, found)


def _like(asked: PciRequest, pools: tuple[PciPool, ...], uuid: str) -> PciPool:
    """A pool of the device that is asked for: as the host has it elsewhere, else as the first
    spec of the request says."""
    for pool in pools:
        if _serves(asked, pool, [uuid] if uuid else []):
            tags = {name: value for name, value in pool.tags.items() if name != "address"}
            return replace(pool, tags=tags, devices=(), count=0)
    spec = dict(asked.spec[0]) if asked.spec else {}
    vendor, product = spec.pop("vendor_id", ""), spec.pop("product_id", "")
    for name in ("numa_node", "rp_uuids", "traits", "resource_class"):
        spec.pop(name, None)
    tags = {**spec, "rp_uuid": uuid} if uuid else spec
    return PciPool(str(vendor), str(product), None, 0, tags)
