"""A host as a tree of text."""

from __future__ import annotations

from collections.abc import Iterator

from numafit.cpuset import format_cpu_list
from numafit.model.hostinfo import HostCell, HostInfo, PagePool
from numafit.model.resources import Inventory
from numafit.plurals import counted
from numafit.rules.versions import dotted
from numafit.views import words


def host_text(host: HostInfo) -> str:
    """Cells with their CPUs, memory, pages, networks and devices; distances below."""
    lines = [host.name or "host"]
    if not host.cells:
        lines.append("└─ no NUMA topology")
    rest = list(rest_lines(host))
    for n, cell in enumerate(host.cells):
        last = n == len(host.cells) - 1 and not rest
        lines.append(("└─ " if last else "├─ ") + words.cell_title(cell))
        inner = list(_cell(host, cell))
        for m, line in enumerate(inner):
            lines.append(
                ("   " if last else "│  ") + ("└─ " if m == len(inner) - 1 else "├─ ") + line
            )
    for m, line in enumerate(rest):
        lines.append(("└─ " if m == len(rest) - 1 else "├─ ") + line)
    return "\n".join(lines + _distances(host))


def _cell(host: HostInfo, cell: HostCell) -> Iterator[str]:
    yield from _cpus(cell)
    used = f", {words.memory(cell.memory_usage)} used" if cell.memory_usage else ""
    yield f"memory {words.memory(cell.memory_mb)}{used}"
    for pool in cell.page_pools:
        yield _pages(pool)
    if words.networks(cell):
        yield f"near {words.networks(cell)}"
    for found in words.pools_at(host, cell):
        yield words.pool(found)


def _cpus(cell: HostCell) -> Iterator[str]:
    cores = words.cores(cell)
    widest = max(map(len, cores), default=0)
    threads = f" of {widest} threads" if widest > 1 else ""
    number = f"{counted(len(cores), 'core')}{threads}"
    cpus = format_cpu_list(cpu for core in cores for cpu in core)
    yield f"{number}: {cpus}" if cores else "no CPUs"
    if cell.cpuset == cell.pcpuset:
        free = cell.pcpuset - cell.pinned_cpus
        if cell.pinned_cpus:
            yield f"pinned {format_cpu_list(cell.pinned_cpus)}"
            yield f"free {format_cpu_list(free) or 'none'}"
    else:
        if cell.cpuset:
            yield f"shared {format_cpu_list(cell.cpuset)}{_usage(cell)}"
        if cell.pcpuset:
            left = format_cpu_list(cell.pcpuset - cell.pinned_cpus) or "none"
            yield f"dedicated {format_cpu_list(cell.pcpuset)}, free {left}"


def _usage(cell: HostCell) -> str:
    floats = "floats" if cell.cpu_usage == 1 else "float"
    return f", {counted(cell.cpu_usage, 'vCPU')} {floats} there" if cell.cpu_usage else ""


def _pages(pool: PagePool) -> str:
    parts = [f"{pool.total} in all"]
    if pool.used:
        parts.append(f"{pool.used} used")
    if pool.reserved:
        parts.append(f"{pool.reserved} reserved")
    if len(parts) > 1:
        parts.append(f"{pool.total - pool.used - pool.reserved} free")
    return f"pages of {words.page_size(pool.size_kib)}: {', '.join(parts)}"


def rest_lines(host: HostInfo) -> Iterator[str]:
    """Of no cell: devices without a node, ratios, what placement and the scheduler know."""
    for found in words.pools_at(host, None):
        yield f"on no node: {words.pool(found)}"
    ratios = (host.cpu_allocation_ratio, host.ram_allocation_ratio)
    if any(ratio is not None for ratio in ratios):
        cpus, ram = ("none" if ratio is None else f"{ratio:g}" for ratio in ratios)
        yield f"allocation ratios: CPUs {cpus}, memory {ram}"
    yield from _placement(host)
    yield from _state(host)


def _placement(host: HostInfo) -> Iterator[str]:
    known = host.provider
    if known is not None:
        for name, one in sorted(known.inventories.items()):
            yield _inventory(name, one)
        for what in ("traits", "aggregates"):
            names = getattr(known, what)
            if names is not None:
                yield f"{what}: {', '.join(sorted(names)) or 'none'}"
    if host.zone is not None:
        yield f"availability zone {host.zone}"
    if host.service and host.service != host.name:
        yield f"compute service {host.service}"
    if host.disabled:
        yield f"takes no guests: {host.disabled}"


def _inventory(name: str, one: Inventory) -> str:
    parts = [f"{one.total} in all"]
    if one.reserved:
        parts.append(f"{one.reserved} reserved")
    if one.allocation_ratio != 1.0:
        parts.append(f"given out {one.allocation_ratio:g} times")
    parts.append(f"{one.used} used")
    parts.append(f"{max(one.limit - one.used, 0)} free")
    return f"{name}: {', '.join(parts)}{' (derived)' if one.derived else ''}"


def _state(host: HostInfo) -> Iterator[str]:
    state = host.state
    if state.aggregate_metadata is not None:
        pairs = (
            f"{key}={'|'.join(sorted(values))}"
            for key, values in sorted(state.aggregate_metadata.items())
        )
        yield f"aggregate metadata: {', '.join(pairs) or 'none'}"
    version = state.hypervisor_version
    words = [state.hypervisor_type or "", dotted(version) if version else ""]
    instances = ("/".join(one) for one in dict.fromkeys(state.instances or ()))
    words.append(f"for {', '.join(instances)}" if state.instances else "")
    if any(words):
        yield f"hypervisor {' '.join(filter(None, words))}"


def _distances(host: HostInfo) -> list[str]:
    if not host.distances:
        return []
    width = max(len(str(value)) for row in host.distances for value in row)
    width = max(width, *(len(str(cell.id)) for cell in host.cells)) + 2
    head = "".join(f"{cell.id:>{width}}" for cell in host.cells)
    rows = [
        f"{cell.id:>{width}}" + "".join(f"{value:>{width}}" for value in row)
        for cell, row in zip(host.cells, host.distances, strict=True)
    ]
    return ["distances", " " * width + head, *rows]
