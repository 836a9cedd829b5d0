"""NUMA nodes of sysfs: their CPUs, on and off, their memory and their pages."""

from __future__ import annotations

import re

from numafit.errors import InputError
from numafit.model.hostinfo import OfflineCpus, PagePool
from numafit.readers.sysfs_cpus import CPUS, core_of, cpus_of, online_cpus, present_cpus
from numafit.readers.tree import Tree

NODES = "devices/system/node"
_NODE = re.compile(r"node[0-9]{1,9}")
_LINK = re.compile(r"cpu([0-9]{1,5})")
_HUGE = re.compile(r"hugepages-([0-9]{1,9})kB")
_TOTAL = re.compile(r"MemTotal:\s*([0-9]{1,15}) kB")
_HALF_GIB_KIB = 512 << 10


def read_nodes(tree: Tree) -> dict[int, frozenset[int]]:
    """NUMA node -> its CPUs that are on: of its list, its mask or, where a copy lacks both, its
    links, or those of its CPUs. Empty where the tree shows no nodes.

    Raises ``InputError`` where a file does not hold what the kernel writes there.
    """
    nodes: dict[int, frozenset[int]] = {}
    from_cpus: dict[int, set[int]] | None = None
    for name in tree.names(NODES):
        if _NODE.fullmatch(name):
            base = f"{NODES}/{name}"
            as_list, as_mask = f"{base}/cpulist", f"{base}/cpumap"
            try:
                if tree.exists(as_list) or tree.exists(as_mask):
                    nodes[int(name[4:])] = cpus_of(tree, as_list, as_mask)
                else:
                    linked = _linked(tree, int(name[4:]))
                    if not linked:
                        from_cpus = _links_of_cpus(tree) if from_cpus is None else from_cpus
                        linked = frozenset(from_cpus.get(int(name[4:]), ()))
                    nodes[int(name[4:])] = linked & (online_cpus(tree) or linked)
            except InputError as error:
                raise error.within(tree.name) from None
    return dict(sorted(nodes.items()))


def _linked(tree: Tree, node: int) -> frozenset[int]:
    """The CPUs that the node has links to; in a copy they may lead nowhere."""
    names = map(_LINK.fullmatch, tree.names(f"{NODES}/node{node}"))
    return frozenset(int(name[1]) for name in names if name)


def _links_of_cpus(tree: Tree) -> dict[int, set[int]]:
    """NUMA node -> the CPUs that have a link to it."""
    found: dict[int, set[int]] = {}
    for entry in tree.names(CPUS):
        cpu = _LINK.fullmatch(entry)
        for name in tree.names(f"{CPUS}/{entry}") if cpu else ():
            if cpu and _NODE.fullmatch(name):
                found.setdefault(int(name[4:]), set()).add(int(cpu[1]))
    return found


def cpus_off(tree: Tree, nodes: dict[int, frozenset[int]], on: frozenset[int]) -> list[OfflineCpus]:
    """The CPUs of each node that are there and off. Linux keeps a node's links to them, and
    neither lists them nor shows their cores; some copies hold their cores all the same."""
    there = present_cpus(tree)
    found = []
    for node, listed in nodes.items():
        off = (listed | _linked(tree, node)) - on
        off &= there if there is not None else off
        if off:
            cores = dict.fromkeys(core_of(tree, cpu) for cpu in sorted(off))
            found.append(OfflineCpus(node, off, tuple(core for core in cores if core)))
    return found


def memory_kib(tree: Tree, node: int) -> int | None:
    """All memory of a node; ``None`` where the copy does not hold it."""
    path = f"{NODES}/node{node}/meminfo"
    text = tree.text(path)
    if not text:
        return None
    found = _TOTAL.search(text)
    if found is None:
        raise InputError(None, path, text, "a line such as 'Node 0 MemTotal: 65536 kB'")
    return int(found[1])


def page_pools(
    tree: Tree, node: int, total_kib: int | None, base_kib: int | None = None
) -> tuple[PagePool, ...]:
    """The smallest pages, of ``base_kib``, are what huge ones leave, as libvirt counts them; they
    are left out where the memory is not known.

    Sysfs does not hold their size: unless the caller knows it, it is 4 KiB, or 64 KiB where
    huge pages have 512 MiB, which only arm64 with such a base has.
    """
    base = f"{NODES}/node{node}/hugepages"
    huge = []
    for name in tree.names(base):
        size = _HUGE.fullmatch(name)
        count = tree.whole(f"{base}/{name}/nr_hugepages") if size else None
        if size and count is not None:
            huge.append(PagePool(int(size[1]), count))
    huge.sort(key=lambda pool: pool.size_kib)
    if total_kib is None:
        return tuple(huge)
    if base_kib is None:
        base_kib = 64 if any(pool.size_kib == _HALF_GIB_KIB for pool in huge) else 4
    rest = max(total_kib - sum(pool.size_kib * pool.total for pool in huge), 0)
    return (PagePool(base_kib, rest // base_kib), *huge)
