"""Exact matching of PCI requests against brute force over every assignment of devices."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations_with_replacement, permutations

from numafit.host import Host
from numafit.model.guest import GuestCell, GuestTopology, PciRequest
from numafit.model.hostinfo import HostCell, HostInfo, PagePool, PciPool
from numafit.model.placement import Placement
from numafit.model.request import Request

TRIES = 10_000
POLICIES = ("required", "socket", "legacy", "preferred")


def make_case(rng: random.Random) -> tuple[HostInfo, list[PciRequest], list[int] | None]:
    n_cells = rng.randint(1, 4)
    sockets = [None if rng.random() < 0.05 else n // 2 for n in range(n_cells)]
    cells = [
        HostCell(n, frozenset({n}), frozenset({n}), 1024, socket=sockets[n]) for n in range(n_cells)
    ]
    pools = []
    at_an_address = rng.choice([1, 2, 2, 3])
    for n in range(rng.randint(1, 6)):
        address = f"0000:{n // at_an_address + 1:02x}:00.0"
        kind = rng.choice(["type-VF", "type-VF", "type-PF", "type-PCI"])
        count = 1 if kind == "type-PF" else rng.randint(1, 3)
        listed = rng.random() < 0.5
        pools.append(
            PciPool(
                "8086",
                rng.choice(["10ed", "154c"]),
                rng.choice([None, *range(n_cells)]),
                count,
                {"dev_type": kind, "address": address, "net": rng.choice("ab")},
                tuple(f"{address[:-4]}{n:02x}.{k + 1}" for k in range(count)) if listed else (),
            )
        )
    requests = []
    for _ in range(rng.randint(1, 3)):
        spec = {"vendor_id": "8086"}
        if rng.random() < 0.5:
            spec["product_id"] = rng.choice(["10ed", "154c"])
        if rng.random() < 0.4:
            spec["net"] = rng.choice("ab")
        if rng.random() < 0.3:
            spec["dev_type"] = rng.choice(["type-VF", "type-PF"])
        requests.append(PciRequest(rng.randint(0, 3), [spec], rng.choice(POLICIES)))
    chosen = sorted(rng.sample(range(n_cells), rng.randint(1, n_cells)))
    return HostInfo(tuple(cells), pci_pools=tuple(pools)), requests, chosen


def allowed(info: HostInfo, request: PciRequest, pool: PciPool, chosen: Sequence[int]) -> bool:
    """By the rules in words: the specs, no PF that was not asked for, and the NUMA policy."""
    properties = pool.as_dict()
    if not any(all(properties.get(k) == v for k, v in spec.items()) for spec in request.spec):
        return False
    asked_pf = any(spec.get("dev_type") == "type-PF" for spec in request.spec)
    if pool.tags["dev_type"] == "type-PF" and not asked_pf:
        return False
    policy = request.numa_policy
    if policy == "preferred" or pool.numa_node in chosen:
        return True
    if policy == "legacy":
        return pool.numa_node is None
    if policy == "socket" and pool.numa_node is not None:
        sockets = {cell.id: cell.socket for cell in info.cells}
        if None in sockets.values():
            return False
        return sockets[pool.numa_node] in {sockets[cell] for cell in chosen}
    return False


def draws(
    info: HostInfo, requests: Sequence[PciRequest], chosen: Sequence[int]
) -> Iterator[list[tuple[int, ...]]]:
    """Every way to name a pool for each device of each request."""
    pools = info.pci_pools or ()
    if not requests:
        yield []
        return
    able = [n for n, pool in enumerate(pools) if allowed(info, requests[0], pool, chosen)]
    for mine in combinations_with_replacement(able, requests[0].count):
        for others in draws(info, requests[1:], chosen):
            yield [mine, *others]


def excluded(info: HostInfo, used: Sequence[int]) -> bool:
    """Devices of two kinds at one address at once, where the host came with a device list."""
    pools = info.pci_pools or ()
    return any(
        pools[a].tags["dev_type"] != pools[b].tags["dev_type"]
        and pools[a].devices
        and pools[b].devices
        and pools[a].tags["address"] == pools[b].tags["address"]
        for a in used
        for b in used
    )


def possible(info: HostInfo, requests: Sequence[PciRequest], chosen: Sequence[int]) -> bool:
    pools = info.pci_pools or ()
    for way in draws(info, requests, chosen):
        used = [pool for mine in way for pool in mine]
        if all(used.count(n) <= pool.count for n, pool in enumerate(pools)) and not excluded(
            info, used
        ):
            return True
    return False


def test_exact_matching_accepts_what_brute_force_accepts() -> None:
    rng = random.Random(34)
    accepted = nova_refused = 0
    for number in range(TRIES):
        info, requests, chosen = make_case(rng)
        assert chosen is not None
        host = Host(info)
        exact = host.supports_pci(requests, chosen, pci_matching="exact")
        assert bool(exact) == possible(info, requests, chosen), (number, info, requests, chosen)
        if exact:
            accepted += 1
            nova_refused += not host.supports_pci(requests, chosen)
            check_draws(info, requests, chosen, host, exact.draws)
    print(f"exact accepts {accepted} of {TRIES}; nova refuses {nova_refused} of those")
    assert TRIES // 4 < accepted < TRIES * 3 // 4
    assert nova_refused > 50


def check_draws(
    info: HostInfo,
    requests: Sequence[PciRequest],
    chosen: Sequence[int],
    host: Host,
    draws: Sequence[tuple[int, int, int]],
) -> None:
    """The allocation itself holds: counts, policies, pools not overdrawn, nothing excluded."""
    pools = host.pools()
    for n, request in enumerate(requests):
        mine = [(pool, count) for r, pool, count in draws if r == n]
        assert sum(count for _pool, count in mine) == request.count
        assert all(allowed(info, request, pools[pool], chosen) for pool, _count in mine)
    for n, pool in enumerate(pools):
        assert sum(count for _r, p, count in draws if p == n) <= pool.count
    assert not excluded(info, [pool for _request, pool, _count in draws])


def test_exact_fit_accepts_what_brute_force_over_cells_and_devices_accepts() -> None:
    """Every guest: all assignments of its cells to host cells, each with all of its devices."""
    rng = random.Random(35)
    accepted = nova_refused = 0
    for number in range(TRIES):
        info, requests, _chosen = make_case(rng)
        cells = tuple(
            replace(
                cell,
                pcpuset=frozenset(range(4 * cell.id, 4 * cell.id + rng.randint(1, 4))),
                page_pools=(PagePool(4, 1 << 18),),
            )
            for cell in info.cells
        )
        info = replace(info, cells=cells)
        guest = GuestTopology(
            tuple(
                GuestCell(
                    frozenset(),
                    frozenset(range(4 * n, 4 * n + rng.randint(1, 3))),
                    1,
                    cpu_policy="dedicated",
                )
                for n in range(rng.randint(1, min(3, len(cells))))
            )
        )
        request = Request(guest, pci=requests)
        host = Host(info)
        exact = host.fit(request, pci_matching="exact")
        ways = (
            way
            for way in permutations(cells, len(guest.cells))
            if all(
                len(cell.pcpuset) <= len(there.pcpuset)
                for cell, there in zip(guest.cells, way, strict=True)
            )
        )
        expect = any(possible(info, requests, [cell.id for cell in way]) for way in ways)
        assert bool(exact) == expect, (number, info, request)
        if isinstance(exact, Placement):
            accepted += 1
            nova_refused += not host.fit(request)
            chosen = [cell.host_cell for cell in exact.cells]
            draws = [(one.request, one.pool, one.count) for one in exact.pci]
            check_draws(info, requests, chosen, host, draws)
    print(f"exact fits {accepted} of {TRIES}; nova refuses {nova_refused} of those")
    assert TRIES // 4 < accepted < TRIES * 3 // 4
    assert nova_refused > 50
