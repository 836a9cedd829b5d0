"""The guest topology that a flavor and an image ask for together."""

from __future__ import annotations

from numafit.model.flavor import Flavor, Image
from numafit.model.guest import GuestCell, GuestTopology
from numafit.model.values import refuse
from numafit.rules.cpu_policy import CpuDemand, cpu_demand
from numafit.rules.cpurules import cpus_of
from numafit.rules.extra_specs import Asked, asked_for
from numafit.rules.guest_cells import check_memory, node_count, shares
from numafit.rules.memory_encryption import check_locked_memory
from numafit.rules.pages import cell_page_size, page_size
from numafit.rules.pci_alias import KEY as ALIAS_KEY


def guest_topology(flavor: Flavor, image: Image | None = None) -> GuestTopology | None:
    """The guest's NUMA topology, or ``None`` where nothing asks for one.

    Asking are a number of NUMA nodes, a page size, dedicated vCPUs and persistent memory. The
    rules are those of nova's ``numa_get_constraints``, in its order.

    Raises ``InvalidRequest`` for what nova refuses; its ``nova_exception`` names nova's error.
    """
    asked = asked_for(flavor, image)
    cpus = cpu_demand(asked)
    nodes = node_count(asked)
    pages = page_size(asked)
    check_locked_memory(asked)
    pinned = cpus.policy in ("dedicated", "mixed")
    if not (nodes or pages or pinned or _wants_persistent_memory(asked)):
        return None
    return _topology(asked, cpus, nodes or 1, pages)


def _topology(asked: Asked, cpus: CpuDemand, nodes: int, pages: float | None) -> GuestTopology:
    parts = shares(asked, nodes)
    if cpus.thread_policy == "":
        # nova fails where it writes the empty policy into a cell
        raise refuse(
            "ValueError",
            "hw:cpu_thread_policy",
            "",
            "a policy, or no such key",
            "Remove the key from the flavor.",
        )
    # what follows nova accepts, though no host can have it: every error of nova comes before
    pagesize = cell_page_size(asked, pages)
    check_memory(parts)
    dedicated = cpus_of(cpus.dedicated)
    cells = tuple(
        GuestCell(
            cpuset=part.vcpus - dedicated,
            pcpuset=part.vcpus & dedicated,
            memory_mb=part.memory_mb,
            pagesize=pagesize,
            cpu_policy=cpus.policy,
            cpu_thread_policy=cpus.thread_policy,
        )
        for part in parts
    )
    return GuestTopology(cells, cpus.emulator_threads, asked.specs.get(ALIAS_KEY) or "")


def _wants_persistent_memory(asked: Asked) -> bool:
    """Whether ``hw:pmem`` names anything: nova then makes a topology of one cell at least."""
    return any(label.strip() for label in asked.specs.get("hw:pmem", "").split(","))
