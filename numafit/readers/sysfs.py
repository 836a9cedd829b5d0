"""A live ``/sys`` or a copy of it -> the host as hardware shows it, its devices and interfaces.

Read are ``devices/system/node`` (CPUs, memory, page pools, distances), ``devices/system/cpu``
(threads of a core, sockets), ``bus/pci/devices`` and ``class/net``. CPUs that are off belong to no
cell, as libvirt has it.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from numafit.errors import InputError
from numafit.model.hostinfo import MAX_CELLS, HostCell, HostInfo, PagePool
from numafit.model.interface import NetInterface
from numafit.model.pci_device import PciDevice
from numafit.readers.sysfs_cpus import core_of, online_cpus
from numafit.readers.sysfs_net import read_interfaces, read_nodes
from numafit.readers.sysfs_pci import read_devices
from numafit.readers.tree import Tree, open_tree

LIVE = "/sys"
_CPU = "devices/system/cpu"
_NODE = "devices/system/node"
_HUGE = re.compile(r"hugepages-([0-9]{1,9})kB")
_TOTAL = re.compile(r"MemTotal:\s*([0-9]{1,15}) kB")
BASE_PAGE_KIB = 4
"""Sysfs does not hold the smallest page size; it is 4 KiB but on some arm64 and ppc64 kernels."""


@dataclass(frozen=True, slots=True)
class SysfsMachine:
    """``devices``: every PCI function; ``interfaces``: those of ``class/net``."""

    host: HostInfo
    devices: tuple[PciDevice, ...]
    interfaces: tuple[NetInterface, ...]


def read_sysfs(path: str | os.PathLike[str] = LIVE) -> SysfsMachine:
    """The machine of a directory or tar archive. Its host is called by the name of the file.

    Raises ``InputError`` with the file, the path in it, the value and what was expected.
    """
    file = os.fspath(path)
    tree = open_tree(file, ("devices", "system"))
    try:
        host = HostInfo(
            _cells(tree), _name(file), distances=_distances(tree, list(read_nodes(tree)))
        )
        return SysfsMachine(host, read_devices(tree), read_interfaces(tree))
    except InputError as error:
        raise error.within(file) from None


def _name(file: str) -> str:
    if file == LIVE:
        return os.uname().nodename
    return os.path.basename(os.path.abspath(file)).partition(".tar")[0]


def _cells(tree: Tree) -> tuple[HostCell, ...]:
    nodes = read_nodes(tree)
    if len(nodes) > MAX_CELLS:
        raise InputError(None, _NODE, len(nodes), f"at most {MAX_CELLS} nodes")
    online = online_cpus(tree)
    if not nodes:
        # a kernel without NUMA: all is one cell, whose memory sysfs does not tell
        return (_cell(tree, 0, online or frozenset()),)
    cells = []
    taken: set[int] = set()
    for n, cpus in nodes.items():
        # some firmware lists a CPU in two nodes: the first keeps it
        here = (cpus if online is None else cpus & online) - taken
        taken |= here
        cells.append(_cell(tree, n, here))
    return tuple(cells)


def _cell(tree: Tree, node: int, cpus: frozenset[int]) -> HostCell:
    total_kib = _memory_kib(tree, node)
    sockets = {tree.whole(f"{_CPU}/cpu{cpu}/topology/physical_package_id") for cpu in cpus}
    socket = sockets.pop() if len(sockets) == 1 else None
    return HostCell(
        id=node,
        cpuset=cpus,
        pcpuset=cpus,
        memory_mb=total_kib // 1024,
        siblings=_siblings(tree, cpus),
        page_pools=_pools(tree, node, total_kib),
        socket=socket if socket is not None and socket >= 0 else None,
    )


def _siblings(tree: Tree, cpus: frozenset[int]) -> tuple[frozenset[int], ...]:
    """Cores in the order of their first thread; a core that spans two cells is cut."""
    cores: list[frozenset[int]] = []
    seen: set[int] = set()
    for cpu in sorted(cpus):
        if cpu in seen:
            continue
        core = ((core_of(tree, cpu) & cpus) | {cpu}) - seen
        seen |= core
        cores.append(frozenset(core))
    return tuple(cores)


def _memory_kib(tree: Tree, node: int) -> int:
    found = _TOTAL.search(tree.text(f"{_NODE}/node{node}/meminfo") or "")
    return int(found[1]) if found else 0


def _pools(tree: Tree, node: int, total_kib: int) -> tuple[PagePool, ...]:
    """The smallest pages are what huge ones leave, as libvirt counts them."""
    base = f"{_NODE}/node{node}/hugepages"
    huge = []
    for name in tree.names(base):
        size = _HUGE.fullmatch(name)
        count = tree.whole(f"{base}/{name}/nr_hugepages") if size else None
        if size and count is not None:
            huge.append(PagePool(int(size[1]), count))
    rest = max(total_kib - sum(pool.size_kib * pool.total for pool in huge), 0)
    small = PagePool(BASE_PAGE_KIB, rest // BASE_PAGE_KIB)
    return (small, *sorted(huge, key=lambda pool: pool.size_kib))


def _distances(tree: Tree, nodes: list[int]) -> tuple[tuple[int, ...], ...]:
    rows = []
    for node in nodes:
        path = f"{_NODE}/node{node}/distance"
        words = (tree.text(path) or "").split()
        if not words:
            return ()
        # a kernel prints a column for each node that is on; copies may keep rows of fewer
        if len(nodes) < len(words) and max(nodes) < len(words):
            words = [words[n] for n in nodes]
        if len(words) != len(nodes) or not all(word.isdigit() and len(word) < 6 for word in words):
            raise InputError(None, path, " ".join(words), f"{len(nodes)} distances")
        rows.append(tuple(int(word) for word in words))
    return tuple(rows)
