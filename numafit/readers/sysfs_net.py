"""``/sys/class/net`` -> interfaces, what they stand on, and the PCI function beneath them.

Read are ``device`` (a link), ``lower_*`` (links, of every stacked interface since Linux 3.9),
``bonding/slaves`` and ``brif`` (for copies without them), and of VLANs ``iflink``.
"""

from __future__ import annotations

import re

from numafit.model.interface import NetInterface
from numafit.readers.tree import Tree

_NET = "class/net"
_DEVICES = "bus/pci/devices"
_PCI = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
# what Linux lets a name be: no slash and no blank; here also nothing that a terminal acts upon
_NAME = re.compile(r"[!-.0-~]{1,15}")
_LOWER = "lower_"


def read_interfaces(tree: Tree) -> tuple[NetInterface, ...]:
    """The interfaces of a tree of sysfs, in text order; none where it has no ``class/net``.

    Raises ``InputError`` where a file does not hold what the kernel writes there.
    """
    # bonding_masters stands among them and is a file
    names = [
        name for name in tree.names(_NET) if _NAME.fullmatch(name) and tree.names(f"{_NET}/{name}")
    ]
    by_index = {
        index: name for name in names if (index := tree.whole(f"{_NET}/{name}/ifindex")) is not None
    }
    return tuple(_interface(tree, name, by_index) for name in names)


def read_nodes_by_address(tree: Tree) -> dict[str, int | None]:
    """PCI address -> NUMA node of its function; ``None`` where the platform does not say."""
    found: dict[str, int | None] = {}
    for address in tree.names(_DEVICES):
        node = tree.whole(f"{_DEVICES}/{address}/numa_node")
        found[address] = node if node is not None and node >= 0 else None
    return found


def _interface(tree: Tree, name: str, by_index: dict[int, str]) -> NetInterface:
    base = f"{_NET}/{name}"
    device = _pci_device(tree, base)
    node = virtual_functions = None
    if device is not None:
        node = tree.whole(f"{device}/numa_node")
        virtual_functions = tree.whole(f"{device}/sriov_totalvfs")
    return NetInterface(
        name,
        device.rpartition("/")[2] if device is not None else None,
        node if node is not None and node >= 0 else None,
        _lower(tree, base, name, by_index),
        bool(virtual_functions),
    )


def _pci_device(tree: Tree, base: str) -> str | None:
    """The path of the last PCI function on the way to the device: virtio devices lie below one."""
    found = tree.resolve(f"{base}/device")
    parts = found.split("/") if found is not None else []
    while parts and not _PCI.fullmatch(parts[-1]):
        parts.pop()
    return "/".join(parts) or None


def _lower(tree: Tree, base: str, name: str, by_index: dict[int, str]) -> tuple[str, ...]:
    found = {
        entry.removeprefix(_LOWER): None for entry in tree.names(base) if entry.startswith(_LOWER)
    }
    found |= dict.fromkeys((tree.text(f"{base}/bonding/slaves") or "").split())
    found |= dict.fromkeys(tree.names(f"{base}/brif"))
    if not found and "DEVTYPE=vlan" in (tree.text(f"{base}/uevent") or ""):
        link = tree.whole(f"{base}/iflink")
        if link in by_index and by_index[link] != name:
            found[by_index[link]] = None
    return tuple(one for one in found if _NAME.fullmatch(one))
