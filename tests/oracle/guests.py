"""Random requests, and how they are fitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from numafit import (
    FitOptions,
    GuestCell,
    GuestTopology,
    HostCell,
    HostInfo,
    Limits,
    Networks,
    PciPool,
    PciRequest,
    Request,
)
from numafit.model.guest import MAX_MEMORY_MB

from .dials import Dials
from .hosts import PARENTS, PHYSNETS, PRODUCTS, PROVIDERS, RATIOS, SIZES, VENDORS

POLICIES = (None, "shared", "dedicated", "dedicated", "dedicated", "mixed")
THREADS = (None, None, "prefer", "isolate", "require", "require")
PAGES = (*[None] * 8, -1, -2, -3, -3, 0)
DEV_TYPES = ("type-PCI", "type-PF", "type-PF", "type-VF", "type-VF", "vdpa", None)


def options(rng: Random) -> FitOptions:
    limits: Any = rng.choice(("host", "host", None, "given"))
    if limits == "given":
        limits = Limits(rng.choice(RATIOS), rng.choice(RATIOS))
    return FitOptions(
        strategy=rng.choice(("spread", "spread", "pack", "closest")),
        limits=limits,
        physnet_affinity=rng.choice(("any", "any", "any", "all")),
        pci_matching=rng.choice(("nova", "nova", "exact")),
    )


def request(rng: Random, dials: Dials, hosts: Sequence[HostInfo], sizes: Sequence[int]) -> Request:
    """What somebody may ask for; mostly with an eye on one of the hosts, so that it often fits."""
    host = rng.choice(hosts) if rng.random() < dials.aimed else None
    pci: list[PciRequest] = []
    mapping = None
    bare = rng.random() < dials.bare
    if bare or rng.random() < dials.pci:
        pci, mapping = _pci(rng, dials, host)
    networks = None
    if rng.random() < dials.networks:
        nets = frozenset(net for net in PHYSNETS if rng.random() < 0.4)
        networks = Networks(nets, rng.random() < 0.3)
    guest = None if bare else _guest(rng, dials, host, sizes)
    return Request(guest, networks, pci, mapping)


def _guest(rng: Random, dials: Dials, host: HostInfo | None, sizes: Sequence[int]) -> GuestTopology:
    count = rng.choice(dials.guest_cells)
    cells = list(host.cells) if host else []
    rng.shuffle(cells)
    if cells and rng.random() < 0.9:
        count = min(count, len(cells))
    alike = rng.random() >= dials.unlike
    huge, many = rng.random() < dials.huge, rng.random() < dials.large
    made: list[GuestCell] = []
    vcpus = 0
    for n in range(count):
        found = _wanted(rng, cells[n % len(cells)] if cells else None, many, sizes)
        if huge:
            found["memory_mb"] = rng.choice((1 << 20, 3 << 20, 1 << 40, 1 << 45, MAX_MEMORY_MB))
        if alike and made:
            found["cpu_policy"] = made[0].cpu_policy
            found["cpu_thread_policy"] = made[0].cpu_thread_policy
            if rng.random() < 0.7:
                found["pagesize"], found["memory_mb"] = made[0].pagesize, made[0].memory_mb
        shared, dedicated = _vcpus(rng, found["cpu_policy"], found.pop("most"))
        ids = range(vcpus, vcpus + shared + dedicated)
        pinned = frozenset(rng.sample(ids, dedicated))
        vcpus += len(ids)
        made.append(GuestCell(frozenset(ids) - pinned, pinned, **found))
    return GuestTopology(tuple(made), rng.choice((None, None, None, "share", "isolate")))


def _wanted(rng: Random, cell: HostCell | None, many: bool, sizes: Sequence[int]) -> dict[str, Any]:
    """Of one guest cell: memory, policies, and the most vCPUs of a kind."""
    policy, threads = rng.choice(POLICIES), rng.choice(THREADS)
    size = rng.choice((*PAGES, *sizes) if rng.random() < 0.9 else SIZES)
    memory, most = rng.choice((0, 1, 2, 3, 4, 6, 8, 12)), 90 if many else 4
    if cell is not None:
        if rng.random() < 0.8:
            policy = rng.choice(("dedicated", "mixed") if cell.pcpuset else (None, "shared"))
            if cell.cpuset and rng.random() < 0.4:
                policy = rng.choice((None, "shared"))
        if threads == "isolate" and cell.cpuset != cell.pcpuset and rng.random() < 0.8:
            threads = None
        if size in SIZES and cell.page_pools:
            size = rng.choice(cell.page_pools).size_kib
        if rng.random() < 0.85:
            step = max(1, (size if size in SIZES else min(sizes)) // 1024)
            memory = step * rng.randint(0, max(1, min(cell.memory_mb or 0, 24) // step // 2))
        free = len(cell.cpuset if policy in (None, "shared") else cell.pcpuset - cell.pinned_cpus)
        most = max(1, free if rng.random() < 0.3 else free // 2)
    return {
        "memory_mb": memory,
        "pagesize": size,
        "cpu_policy": policy,
        "cpu_thread_policy": threads,
        "most": most,
    }


def _vcpus(rng: Random, policy: str | None, most: int) -> tuple[int, int]:
    """Floating and dedicated vCPUs of a cell."""
    some = rng.choice((1, 1, 2, rng.randint(1, most), most))
    if rng.random() < 0.02:
        return rng.choice((0, 1, some)), rng.choice((0, 1, some))  # whatever the policy
    if policy == "dedicated":
        return 0, some if rng.random() < 0.97 else 0
    if policy == "mixed":
        return rng.choice((0, 1, 1, 2)), rng.choice((0, 1, some, some))
    return some, 0


def _pci(
    rng: Random, dials: Dials, host: HostInfo | None
) -> tuple[list[PciRequest], Mapping[str, Sequence[str]] | None]:
    wanted = []
    mapping: dict[str, list[str]] = {}
    ids = rng.sample(("r1", "r10", "r1-1", "r2"), 3)
    pools = host.pci_pools if host else ()
    for number in range(rng.choice((1, 1, 1, 2, 2, 3))):
        count = rng.choice((1, 1, 1, 1, 1, 2, 2, 3, 0, -1))
        pool = rng.choice(pools) if pools else None
        specs = [_spec(rng, pool) for _ in range(rng.choice((1, 1, 1, 2)))]
        alias = None
        if rng.random() < dials.providers:
            alias = f"a{number}"
            known = [pool.tags["rp_uuid"]] if pool and "rp_uuid" in pool.tags else PROVIDERS
            uuids = [rng.choice(known) for _ in range(max(count, 1))]
            if rng.random() < 0.1:
                uuids.append(rng.choice(PROVIDERS))
            if rng.random() < 0.3:
                specs[0]["rp_uuids"] = ",".join(uuids)
            else:
                mapping |= {f"{ids[number]}-{n}": [uuid] for n, uuid in enumerate(uuids)}
        elif rng.random() < 0.5:
            alias = f"a{number}"
        policy = rng.choice((None, "legacy", "required", *["preferred"] * 3, "socket"))
        wanted.append(PciRequest(count, specs, policy, alias, ids[number]))
    return wanted, mapping or None


def _spec(rng: Random, pool: PciPool | None) -> dict[str, Any]:
    spec: dict[str, Any] = {"vendor_id": VENDORS[0]}
    if pool is not None and rng.random() < 0.8:
        spec = {
            key: value
            for key, value in pool.as_dict().items()
            if (key in ("vendor_id", "product_id", "dev_type") and rng.random() < 0.3)
            or (key == "dev_type" and value in ("type-PF", "vdpa"))
            or (key in ("physical_network", "remote_managed") and rng.random() < 0.4)
        }
        return spec or {"vendor_id": pool.vendor_id}
    for key, often, values in (
        ("product_id", 0.2, PRODUCTS[:2]),
        ("dev_type", 0.3, DEV_TYPES),
        ("physical_network", 0.15, ("foo", "Bar", None)),
        ("remote_managed", 0.1, ("true", "True", "false", None)),
        ("live_migratable", 0.05, ("true", "false")),
        ("numa_node", 0.02, (0, 1)),
        ("address", 0.02, PARENTS),
        ("traits", 0.05, ("CUSTOM_A",)),
        ("resource_class", 0.05, ("CUSTOM_B",)),
    ):
        if rng.random() < often:
            spec[key] = rng.choice(values)
    if rng.random() < 0.2:
        del spec["vendor_id"]
    return spec or {"vendor_id": VENDORS[0]}
