"""Fleets of two-cell hosts whose free CPUs lie scattered, as guests leave them that come and go.

Made like the data sets of VMR2L (Ding et al., EuroSys 2025), whose files are at
https://github.com/zhykoties/VMR2L_eurosys: hosts of two cells with 44 CPUs each and their memory in
huge pages; flavors of 2 to 64 vCPUs with 2 GiB each, those of 32 and more in halves over both
cells; most guests are small. Nothing of those files is copied: the guests are drawn here.
"""

from __future__ import annotations

import random

import numpy as np

from numafit import Claim, Flavor, Fleet, HostCell, HostInfo, PagePool, Request

CPUS = 44
MEMORY_MB = 2 * 1024 * CPUS
PAGE_KIB = 2048
SHARES = {2: 36, 4: 42, 8: 13, 16: 6, 32: 2, 64: 1}
"""vCPUs -> guests in a hundred."""
WIDE = 32
"""vCPUs from which a guest stands in both cells."""
OFTEN = 16
"""The fragment rate is that of guests with as many vCPUs."""
KEPT = 0.82
"""The part of its CPUs that a fleet has in use in the end."""


def host(name: str, cpus: int = CPUS) -> HostInfo:
    memory = cpus * 2 * 1024
    pages = (PagePool(4, 0), PagePool(PAGE_KIB, memory * 1024 // PAGE_KIB))
    return HostInfo(
        cells=[
            HostCell(n, (), range(n * cpus, n * cpus + cpus), memory, page_pools=pages)
            for n in (0, 1)
        ],
        name=name,
    )


def flavor(vcpus: int) -> Request:
    specs = {
        "hw:cpu_policy": "dedicated",
        "hw:numa_nodes": "2" if vcpus >= WIDE else "1",
        "hw:mem_page_size": str(PAGE_KIB),
    }
    return Request(Request.for_server(Flavor(f"v{vcpus}", vcpus, vcpus * 2048, specs)).guest)


FLAVORS = {vcpus: flavor(vcpus) for vcpus in SHARES}


def scattered(
    hosts: int, seed: int = 1, kept: float = KEPT, cpus: int = CPUS
) -> tuple[Fleet, dict[str, Claim]]:
    """Guests come to hosts at random until many find no place, then leave at random until so many
    CPUs are used as ``kept`` says."""
    dice = random.Random(seed)
    fleet = Fleet([host(f"h{n}", cpus) for n in range(hosts)])
    kinds = [vcpus for vcpus in SHARES if vcpus <= 2 * cpus]
    weights = [SHARES[vcpus] for vcpus in kinds]
    held: list[tuple[int, Claim]] = []
    used = refused = 0
    while refused < 20:
        vcpus = dice.choices(kinds, weights)[0]
        order = np.array([dice.random() for _ in range(hosts)])
        (claim,) = fleet.schedule([FLAVORS[vcpus]], order)
        if claim is None:
            refused += 1
            continue
        held.append((vcpus, claim))
        used += vcpus
    dice.shuffle(held)
    while used > kept * hosts * 2 * cpus:
        vcpus, claim = held.pop()
        fleet.release(claim)
        used -= vcpus
    return fleet, {f"v{vcpus} {n}": claim for n, (vcpus, claim) in enumerate(held)}
