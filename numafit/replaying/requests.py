"""What a case asks for, as a Request with its options."""

from __future__ import annotations

from typing import Any

from numafit.model.flavor import Flavor, Image
from numafit.model.guest import GuestCell, GuestTopology, Limits, Networks, PciRequest
from numafit.model.request import Request
from numafit.replaying.cases import Case
from numafit.rules.guest_topology import guest_topology
from numafit.rules.pci_alias import parse_aliases, pci_requests
from numafit.rules.pci_policy import pci_numa_policy


def flavor_and_image(case: Case) -> tuple[Flavor, Image]:
    return Flavor(**case["flavor"]), Image(**(case.get("image") or {}))


def request_of(case: Case, wanted: Case | None = None) -> Request:
    """``wanted``: the request within a sequence; else the case itself is one.

    A case recorded in a running nova has no flavor: there the guest topology and the PCI requests
    stand themselves.
    """
    asked = case if wanted is None else wanted
    networks = asked.get("networks")
    if asked.get("flavor") is None:
        guest: GuestTopology | None = guest_of(asked["instance_numa"])
        pci = list(map(pci_request, asked["pci_requests"]))
    else:
        flavor, image = flavor_and_image(asked)
        guest = guest_topology(flavor, image)
        pci = pci_of(case, flavor, image)
        pci += map(pci_request, asked.get("port_requests") or ())
    return Request(
        guest,
        # nova hands networks to the fit within the limits
        networks=Networks(**networks) if networks and case["limits"] else None,
        pci=pci,
        provider_mapping=asked.get("provider_mapping"),
    )


def options_of(case: Case) -> dict[str, Any]:
    """Keywords for ``fit`` and ``capacity``."""
    return {
        "strategy": "pack" if case["conf"]["pack"] else "spread",
        "limits": Limits(**case["limits"]) if case["limits"] else None,
    }


def pci_of(case: Case, flavor: Flavor, image: Image) -> list[PciRequest]:
    """The flavor's own PCI requests."""
    aliases = parse_aliases(case["conf"]["pci_alias"])
    return list(pci_requests(flavor, aliases, numa_policy=pci_numa_policy(flavor, image)))


def pci_request(found: Case) -> PciRequest:
    return PciRequest(
        found["count"],
        found["spec"],
        found["numa_policy"],
        found.get("alias_name"),
        found.get("request_id"),
    )


def guest_of(topology: Case) -> GuestTopology:
    """``instance_numa`` of a case, or the topology that a ``constraints`` case expects."""
    return GuestTopology(
        tuple(
            GuestCell(
                cpuset=frozenset(cell["cpuset"]),
                pcpuset=frozenset(cell["pcpuset"]),
                memory_mb=cell["memory_mb"],
                pagesize=cell["pagesize"],
                cpu_policy=cell["cpu_policy"],
                cpu_thread_policy=cell["cpu_thread_policy"],
            )
            for cell in topology["cells"]
        ),
        topology["emulator_threads_policy"],
    )
