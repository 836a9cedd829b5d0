"""How quantities of a host read, in text and in pictures alike."""

from __future__ import annotations

from numafit.model.hostinfo import HostCell, HostInfo, PciPool
from numafit.model.values import flag


def memory(mib: int | None) -> str:
    """``16384`` -> ``"16 GiB"``; fractions of a GiB to one place where that is near enough."""
    if mib is None:
        return "not known"
    if mib >= 1024:
        size = mib / 1024
        return f"{size:.0f} GiB" if mib % 1024 == 0 or size >= 100 else f"{size:.1f} GiB"
    return f"{mib} MiB"


def page_size(kib: int) -> str:
    for unit, size in (("GiB", 1 << 20), ("MiB", 1 << 10)):
        if kib % size == 0:
            return f"{kib // size} {unit}"
    return f"{kib} KiB"


def cell_title(cell: HostCell) -> str:
    socket = "" if cell.socket is None else f", socket {cell.socket}"
    return f"cell {cell.id}{socket}"


def networks(cell: HostCell) -> str:
    """Empty where the cell is near none."""
    names = sorted(cell.physnets) + (["tunnels"] if cell.tunneled else [])
    return ", ".join(names)


def pool(found: PciPool) -> str:
    """``8 x 8086:1889 type-VF provider``."""
    words = [f"{found.count} x {found.vendor_id}:{found.product_id}"]
    tags = ("dev_type", "physical_network")
    words += [str(found.tags[tag]) for tag in tags if found.tags.get(tag)]
    if flag(found.tags.get("remote_managed")):
        words.append("remote-managed")
    return " ".join(words)


def pools_at(host: HostInfo, cell: HostCell | None) -> list[PciPool]:
    """Pools on a cell's node; ``None``: on no cell of the host."""
    pools = host.pci_pools or ()
    if cell is not None:
        return [one for one in pools if one.numa_node == cell.id]
    ids = {known.id for known in host.cells}
    return [one for one in pools if one.numa_node not in ids]


def state(cell: HostCell, cpu: int) -> str:
    """What a CPU is for: ``pinned``, ``dedicated``, ``shared``, or ``both`` where it is for
    shared and for dedicated vCPUs."""
    if cpu in cell.pinned_cpus:
        return "pinned"
    if cpu in cell.pcpuset:
        return "both" if cpu in cell.cpuset else "dedicated"
    return "shared"


def cores(cell: HostCell) -> list[list[int]]:
    """Sibling threads, core by core, in the order in which nova takes cores; then the CPUs that
    stand in no sibling set."""
    listed = [sorted(core) for core in cell.siblings]
    known = {cpu for core in listed for cpu in core}
    return listed + [[cpu] for cpu in sorted((cell.cpuset | cell.pcpuset) - known)]
