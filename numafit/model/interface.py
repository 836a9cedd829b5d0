"""Network interfaces of a host as its kernel shows them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NetInterface:
    """One entry of ``/sys/class/net``. ``pci_address``: of the PCI function beneath it, ``None``
    where there is none; ``numa_node``: that function's, ``None`` where the platform does not say.
    ``lower``: the interfaces that it stands on (members of a bond or bridge, link of a VLAN).
    ``physical_function``: whether its device can have VFs."""

    name: str
    pci_address: str | None = None
    numa_node: int | None = None
    lower: tuple[str, ...] = ()
    physical_function: bool = False


def netdevs_of(interfaces: Iterable[NetInterface]) -> dict[str, tuple[str, bool]]:
    """Interfaces by name as ``DeviceSpec.parse`` asks for them."""
    return {
        one.name: (one.pci_address, one.physical_function)
        for one in interfaces
        if one.pci_address is not None
    }
