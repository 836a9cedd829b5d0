"""A request with changes made to it: what each key of ``explain_request`` does.

What placement is asked for follows from the flavor: fewer vCPUs ask for fewer ``PCPU`` or ``VCPU``,
less memory for less ``MEMORY_MB``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from numafit.model.guest import GuestCell, GuestTopology, Networks, PciRequest
from numafit.model.request import Request
from numafit.model.resources import ResourceGroup, Resources
from numafit.planning.explain_search import Changes

CELLS, POLICY, THREADS, EMULATOR, PAGE_SIZE = "cells", "policy", "threads", "emulator", "page size"
FEWER_DEDICATED, FEWER_SHARED, LESS_MEMORY = "fewer dedicated", "fewer shared", "less memory"
NETWORK, DEVICES, PREFERRED = "network", "devices", "preferred"
FEWER_UNITS, NO_NEED, NO_BAN, ANY_ZONE = "fewer units", "no need", "no ban", "any zone"
NOT_IN, NO_GROUP, NO_CONDITION = "not in", "no group", "no condition"
EACH = -1
"""In the place of a guest cell's number: the same of each of them."""
HYPERTHREADING = "HW_CPU_HYPERTHREADING"
PINNED = ("dedicated", "mixed")


def changed_request(request: Request, changes: Changes) -> Request | None:
    """``None``: the changes go together with nothing that may be asked for."""
    if not changes:
        return request
    guest, resources = request.guest, request.resources
    if guest is None and (POLICY, "dedicated") in changes:
        guest = _topology_of(resources)
    if guest is not None:
        alone = len(guest.cells) == 1 and _asks(guest.cells[0])
        shape, resources = _shaped(guest, resources, changes)
        smaller = _smaller(shape.cells, resources, changes)
        if smaller is None:
            return None
        cells, resources = smaller
        guest = replace(shape, cells=cells)
        if any(cell.cpu_policy == "mixed" for cell in cells) and not (
            any(cell.cpuset for cell in cells) and any(cell.pcpuset for cell in cells)
        ):
            return None  # of a mixed guest some vCPUs are dedicated and some are not
        if alone and len(cells) == 1 and not _asks(cells[0]):
            # nothing asks for a topology any more; what placement is asked for counts alone
            guest = None
            if resources is None:
                return None
    resources = _of_placement(resources, changes)
    pci = _pci(request.pci, changes)
    return Request(
        guest, _networks(request.networks, changes), pci, request.provider_mapping, resources
    )


# --- the topology, and what follows from it


def _shaped(
    guest: GuestTopology, resources: Resources | None, changes: Changes
) -> tuple[GuestTopology, Resources | None]:
    cells = guest.cells
    emulator = guest.emulator_threads_policy
    named = {key[0]: key[1] for key in changes if len(key) == 2}
    if CELLS in named:
        cells = _split(cells, named[CELLS])
    if POLICY in named:
        cells = tuple(_with_policy(cell, named[POLICY]) for cell in cells)
        resources = _other_policy(resources, guest, named[POLICY])
        emulator = emulator if named[POLICY] in PINNED else None
    if THREADS in named:
        cells = tuple(replace(cell, cpu_thread_policy=None) for cell in cells)
        resources = _without_trait(resources, HYPERTHREADING)
    if EMULATOR in named:
        emulator = None
        resources = _without_emulator(resources)
    if PAGE_SIZE in named:
        cells = tuple(replace(cell, pagesize=named[PAGE_SIZE]) for cell in cells)
    return GuestTopology(cells, emulator), resources


def _topology_of(resources: Resources | None) -> GuestTopology | None:
    """The one cell of a guest that had no topology, by what it asks of placement."""
    asked = {} if resources is None else resources.amounts
    vcpus, none = frozenset(range(asked.get("VCPU", 0))), frozenset[int]()
    if not vcpus:
        return None
    return GuestTopology((GuestCell(vcpus, none, asked.get("MEMORY_MB", 0), None, "shared"),))


def _asks(cell: GuestCell) -> bool:
    return cell.cpu_policy in PINNED or bool(cell.pagesize)


def _split(cells: tuple[GuestCell, ...], number: int) -> tuple[GuestCell, ...]:
    """Cells that are alike, as so many that are."""
    vcpus = sorted(vcpu for cell in cells for vcpu in cell.cpuset | cell.pcpuset)
    memory = sum(cell.memory_mb for cell in cells)
    pinned = bool(cells[0].pcpuset)
    share = len(vcpus) // number
    parts = [frozenset(vcpus[n * share : (n + 1) * share]) for n in range(number)]
    none: frozenset[int] = frozenset()
    return tuple(
        replace(
            cells[0],
            cpuset=none if pinned else part,
            pcpuset=part if pinned else none,
            memory_mb=memory // number,
        )
        for part in parts
    )


def _with_policy(cell: GuestCell, policy: str) -> GuestCell:
    vcpus, none = cell.cpuset | cell.pcpuset, frozenset[int]()
    pinned = policy in PINNED
    return replace(
        cell,
        cpuset=none if pinned else vcpus,
        pcpuset=vcpus if pinned else none,
        cpu_policy=policy,
        cpu_thread_policy=cell.cpu_thread_policy if pinned else None,
    )


def _smaller(
    cells: Sequence[GuestCell], resources: Resources | None, changes: Changes
) -> tuple[tuple[GuestCell, ...], Resources | None] | None:
    """``None``: there is not so much of it in a cell, which keeps a vCPU and a MiB."""
    ways: Mapping[str, tuple[Callable[[GuestCell, int], GuestCell], str]] = {
        FEWER_DEDICATED: (_fewer_dedicated, "PCPU"),
        FEWER_SHARED: (_fewer_shared, "VCPU"),
        LESS_MEMORY: (_less_memory, "MEMORY_MB"),
    }
    found = list(cells)
    for key, amount in changes.items():
        if key[0] in ways:
            make, name = ways[key[0]]
            where = range(len(found)) if key[1] == EACH else [key[1]]
            for n in where:
                if n >= len(found) or to_spare(found[n], key[0]) < amount:
                    return None
                found[n] = make(found[n], amount)
                resources = _take(resources, name, amount)
    return tuple(found), resources


def to_spare(cell: GuestCell, what: str) -> int:
    """How much of it may go."""
    if what == LESS_MEMORY:
        return cell.memory_mb - 1
    some = cell.pcpuset if what == FEWER_DEDICATED else cell.cpuset
    others = len(cell.pcpuset | cell.cpuset) - len(some)
    return len(some) - (not others)


def _fewer_dedicated(cell: GuestCell, by: int) -> GuestCell:
    return replace(cell, pcpuset=frozenset(sorted(cell.pcpuset)[: len(cell.pcpuset) - by]))


def _fewer_shared(cell: GuestCell, by: int) -> GuestCell:
    return replace(cell, cpuset=frozenset(sorted(cell.cpuset)[: len(cell.cpuset) - by]))


def _less_memory(cell: GuestCell, by: int) -> GuestCell:
    return replace(cell, memory_mb=cell.memory_mb - by)


# --- networks and devices


def _networks(networks: Networks | None, changes: Changes) -> Networks | None:
    gone = {key[1] for key in changes if key[0] == NETWORK}
    if networks is None or not gone:
        return networks
    return Networks(networks.physnets - gone, networks.tunneled and "" not in gone)


def _pci(requests: tuple[PciRequest, ...], changes: Changes) -> list[PciRequest]:
    found = []
    for n, one in enumerate(requests):
        count = one.count - changes.get((DEVICES, n), 0)
        policy = "preferred" if (PREFERRED, n) in changes else one.numa_policy
        if count > 0 or one.count <= 0:
            alias, group = one.alias_name, one.request_id
            found.append(PciRequest(count, one.spec, policy, alias, group))
    return found


# --- placement


def _of_placement(resources: Resources | None, changes: Changes) -> Resources | None:
    for key, amount in changes.items():
        if resources is None:
            break
        if key[0] == FEWER_UNITS:
            resources = _take(resources, key[1], amount)
        elif key[0] in (NO_NEED, NO_BAN):
            resources = _without_trait(resources, key[1])
        elif key[0] == ANY_ZONE:
            resources = replace(resources, zone=None)
        elif key[0] == NOT_IN:
            kept = resources.forbidden_aggregates - {key[1]}
            resources = replace(resources, forbidden_aggregates=kept)
        elif key[0] == NO_CONDITION:
            _word, field, one = key
            conditions = resources.conditions
            left: Any = tuple(each for each in getattr(conditions, field) if each != one)
            resources = replace(resources, conditions=replace(conditions, **{field: left}))
        elif key[0] == NO_GROUP:
            others = tuple(one for one in resources.member_of if one != key[1])
            resources = replace(resources, member_of=others)
    return resources


def _each_group(
    resources: Resources | None, make: Callable[[ResourceGroup], ResourceGroup]
) -> Resources | None:
    if resources is None:
        return None
    groups = tuple(map(make, resources.groups))
    fallback = resources.fallback
    if fallback is not None:
        fallback = tuple(map(make, fallback))
    return replace(resources, groups=groups, fallback=fallback)


def _take(resources: Resources | None, name: str, amount: int) -> Resources | None:
    """So many units fewer of a class; nova's second query has ``VCPU`` for ``PCPU``."""

    def fewer(group: ResourceGroup) -> ResourceGroup:
        asked = dict(group.resources)
        known = "VCPU" if name == "PCPU" and name not in asked else name
        if known not in asked:
            return group
        asked[known] = max(asked[known] - amount, 0)
        return replace(group, resources={one: n for one, n in asked.items() if n})

    return _each_group(resources, fewer)


def _without_emulator(resources: Resources | None) -> Resources | None:
    """The CPU of isolated emulator threads is not asked for in the second query."""
    found = _take(resources, "PCPU", 1)
    return (
        None if found is None or resources is None else replace(found, fallback=resources.fallback)
    )


def _without_trait(resources: Resources | None, trait: str) -> Resources | None:
    def free(group: ResourceGroup) -> ResourceGroup:
        gone = {trait}
        return replace(group, required=group.required - gone, forbidden=group.forbidden - gone)

    return _each_group(resources, free)


def _other_policy(
    resources: Resources | None, guest: GuestTopology, policy: str
) -> Resources | None:
    """All vCPUs are ``PCPU``, and ``VCPU`` in nova's second query; or all are ``VCPU``."""
    if policy not in PINNED and guest.emulator_threads_policy == "isolate":
        resources = _without_emulator(resources)
    if resources is None:
        return None
    shared = tuple(_all_as("VCPU", group) for group in resources.groups)
    if policy not in PINNED:
        found = replace(resources, groups=shared, fallback=None)
        return _without_trait(found, HYPERTHREADING)
    dedicated = tuple(_all_as("PCPU", group) for group in resources.groups)
    return replace(resources, groups=dedicated, fallback=shared)


def _all_as(name: str, group: ResourceGroup) -> ResourceGroup:
    asked = dict(group.resources)
    vcpus = asked.pop("VCPU", 0) + asked.pop("PCPU", 0)
    return replace(group, resources={**asked, name: vcpus} if vcpus else asked)
