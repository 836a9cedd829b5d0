"""Random inventories for hosts, and what guests ask of them."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from numafit import HostInfo, Request
from numafit.model.resources import MAX_UNITS, Inventory, Provider, ResourceGroup, Resources

TRAITS = ("CUSTOM_A", "CUSTOM_B")
OWN = "CUSTOM_THING"


def with_inventories(rng: Random, host: HostInfo) -> HostInfo:
    """About what its cells have, in steps and with least amounts, some of it reserved or in use."""
    cells = host.cells
    there = {
        "PCPU": (sum(len(cell.pcpuset) for cell in cells), sum(len(c.pinned_cpus) for c in cells)),
        "VCPU": (sum(len(cell.cpuset) for cell in cells), sum(c.cpu_usage for c in cells)),
        "MEMORY_MB": (sum(c.memory_mb or 0 for c in cells), sum(c.memory_usage for c in cells)),
        OWN: (rng.randint(0, 6), 0),
    }
    inventories = {}
    for name, (total, used) in there.items():
        if rng.random() < 0.02:
            continue
        inventories[name] = Inventory(
            min(total + rng.choice((0, 0, 1)), MAX_UNITS),
            rng.choice((0, 0, 0, 0, 1, 2)),
            rng.choice((1.0, 1.0, 1.0, 1.5, 2.0, 16.0, 0.5)),
            min_unit=2 if rng.random() < 0.06 else 1,
            max_unit=3 if rng.random() < 0.06 else MAX_UNITS,
            step_size=2 if rng.random() < 0.12 else 1,
            used=min(max(used + rng.choice((-1, 0, 0, 0, 1)), 0), MAX_UNITS),
        )
    traits = rng.choice((None, frozenset(t for t in TRAITS if rng.random() < 0.8)))
    return replace(host, provider=Provider(inventories, traits, elsewhere=frozenset()))


def with_resources(rng: Random, request: Request) -> Request:
    cells = () if request.guest is None else request.guest.cells
    isolated = request.guest is not None and request.guest.emulator_threads_policy == "isolate"
    amounts = {
        "PCPU": sum(len(cell.pcpuset) for cell in cells) + isolated,
        "VCPU": sum(len(cell.cpuset) for cell in cells),
        "MEMORY_MB": sum(cell.memory_mb for cell in cells),
        OWN: rng.choice((0, 0, 0, 1, 2)),
    }
    required = frozenset(trait for trait in TRAITS if rng.random() < 0.05)
    forbidden = frozenset(trait for trait in TRAITS if rng.random() < 0.03) - required
    group = ResourceGroup("", {n: k for n, k in amounts.items() if k}, required, forbidden)
    asked = Resources((group,))
    return Request(request.guest, request.networks, request.pci, request.provider_mapping, asked)
