"""A live ``/sys`` or a copy of it -> the host as hardware shows it, its devices and interfaces.

Read are ``devices/system/node`` (CPUs, memory, page pools, distances), ``devices/system/cpu``
(threads of a core, sockets), ``bus/pci/devices`` and ``class/net``. CPUs that are off belong to no
cell, as libvirt has it; they stand beside the host. What a copy lacks is said, and is not 0.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from numafit.cpuset import cpu_words, format_cpu_list
from numafit.errors import InputError
from numafit.model.hostinfo import MAX_CELLS, HostCell, HostInfo
from numafit.model.interface import NetInterface
from numafit.model.pci_device import PciDevice
from numafit.plurals import counted
from numafit.readers.naming import host_name
from numafit.readers.sysfs_cpus import core_of, online_cpus, present_cpus
from numafit.readers.sysfs_net import read_interfaces
from numafit.readers.sysfs_nodes import NODES, cpus_off, memory_kib, page_pools, read_nodes
from numafit.readers.sysfs_pci import read_devices
from numafit.readers.tree import Tree, open_tree

LIVE = "/sys"
_CPU = "devices/system/cpu"


@dataclass(frozen=True, slots=True)
class SysfsMachine:
    """``devices``: every PCI function; ``interfaces``: those of ``class/net``."""

    host: HostInfo
    devices: tuple[PciDevice, ...]
    interfaces: tuple[NetInterface, ...]


def read_sysfs(path: str | os.PathLike[str] = LIVE) -> SysfsMachine:
    """The machine of a directory or tar archive. Its host is called by the name of the file.

    Raises ``InputError`` with the file, the path in it, the value and what was expected; so too
    for a tree that shows no CPU that is on.
    """
    file = os.fspath(path)
    tree = open_tree(file, ("devices", "system"))
    try:
        return SysfsMachine(_host(tree, file), read_devices(tree), read_interfaces(tree))
    except InputError as error:
        raise error.within(file) from None


def _host(tree: Tree, file: str) -> HostInfo:
    live = file == LIVE
    nodes = read_nodes(tree)
    if len(nodes) > MAX_CELLS:
        raise InputError(None, NODES, len(nodes), f"at most {MAX_CELLS} nodes")
    on = online_cpus(tree)
    # a kernel without NUMA has no nodes: all is one cell
    listed = nodes or {0: on or frozenset()}
    if on is None:
        on = frozenset().union(*listed.values())
    cells = []
    taken: set[int] = set()
    alone: set[int] = set()
    for n, cpus in listed.items():
        # some firmware lists a CPU in two nodes: the first keeps it
        here = (cpus & on) - taken
        taken |= here
        cells.append(_cell(tree, n, here, live, alone))
    if not taken:
        hint = "The copy needs devices/system/cpu and devices/system/node."
        raise InputError(None, NODES if nodes else _CPU, None, "at least one CPU that is on", hint)
    off = cpus_off(tree, nodes, on)
    return HostInfo(
        tuple(cells),
        os.uname().nodename if live else host_name(file),
        distances=_distances(tree, list(nodes)),
        offline=tuple(off),
        remarks=tuple(
            remark
            for remark in (
                _lost(on - taken, "in no node: no guest is placed there"),
                _lost(
                    (present_cpus(tree) or frozenset()).difference(on, *(one.cpus for one in off)),
                    "off, and of no node that is shown",
                ),
                _lost(
                    frozenset(alone),
                    f"without siblings in {_CPU}/cpu*/topology: each counts as a core of its own",
                ),
                _gap(cells),
            )
            if remark
        ),
    )


def _lost(cpus: frozenset[int], what: str) -> str:
    if not cpus:
        return ""
    return f"{cpu_words(cpus)} {'is' if len(cpus) == 1 else 'are'} {what}"


def _gap(cells: Iterable[HostCell]) -> str:
    unknown = format_cpu_list(cell.id for cell in cells if cell.memory_mb is None)
    if not unknown:
        return ""
    one = unknown.isdigit()
    nodes, where = (f"node {unknown}", unknown) if one else (f"nodes {unknown}", "*")
    return f"the memory of {nodes} is not known: there is none in {NODES}/node{where}/meminfo"


def _cell(tree: Tree, node: int, cpus: frozenset[int], live: bool, alone: set[int]) -> HostCell:
    """``alone`` gets the CPUs that say nothing of their siblings."""
    total_kib = memory_kib(tree, node)
    page_kib = os.sysconf("SC_PAGE_SIZE") >> 10 if live else None
    if total_kib is None and page_kib is not None:
        # a kernel without NUMA has one cell
        total_kib = os.sysconf("SC_PHYS_PAGES") * page_kib
    sockets = {tree.whole(f"{_CPU}/cpu{cpu}/topology/physical_package_id") for cpu in cpus}
    socket = sockets.pop() if len(sockets) == 1 else None
    return HostCell(
        id=node,
        cpuset=cpus,
        pcpuset=cpus,
        memory_mb=None if total_kib is None else total_kib // 1024,
        siblings=_siblings(tree, cpus, alone),
        page_pools=page_pools(tree, node, total_kib, page_kib),
        socket=socket if socket is not None and socket >= 0 else None,
    )


def _siblings(tree: Tree, cpus: frozenset[int], alone: set[int]) -> tuple[frozenset[int], ...]:
    """Cores in the order of their first thread; a core that spans two cells is cut."""
    cores: list[frozenset[int]] = []
    seen: set[int] = set()
    for cpu in sorted(cpus):
        if cpu in seen:
            continue
        told = core_of(tree, cpu)
        if not told:
            alone.add(cpu)
        core = ((told & cpus) | {cpu}) - seen
        seen |= core
        cores.append(frozenset(core))
    return tuple(cores)


def _distances(tree: Tree, nodes: list[int]) -> tuple[tuple[int, ...], ...]:
    rows = []
    for node in nodes:
        path = f"{NODES}/node{node}/distance"
        words = (tree.text(path) or "").split()
        if not words:
            return ()
        # a kernel prints a column for each node that is on; copies may keep rows of fewer
        if len(nodes) < len(words) and max(nodes) < len(words):
            words = [words[n] for n in nodes]
        if len(words) != len(nodes) or not all(word.isdigit() and len(word) < 6 for word in words):
            raise InputError(None, path, " ".join(words), counted(len(nodes), "distance"))
        rows.append(tuple(int(word) for word in words))
    return tuple(rows)
