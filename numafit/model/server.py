"""Server: one that exists, with what it was started with and what it holds on its host."""

from __future__ import annotations

from dataclasses import dataclass

from numafit.model import fields
from numafit.model.flavor import Flavor, Image
from numafit.model.guest import Networks, PciRequest
from numafit.model.placement import Placement


@dataclass(frozen=True, slots=True)
class HeldDevice:
    """A PCI device that a server has: its address, ``vendor:product`` in hexadecimal digits, and
    the NUMA node it is on, ``None`` where that is not known."""

    address: str
    kind: str
    numa_node: int | None = None


@dataclass(frozen=True, slots=True)
class Server:
    """A server that exists.

    ``host``: name of its compute node, ``""`` where it has none. ``flavor`` and ``image`` as they
    were when it was started or resized. ``placement``: its cells on that host; without cells where
    it has no NUMA topology, ``None`` where the source does not tell. ``pci``: what it asked for by
    aliases and ports, ``None`` where the source does not tell. ``moving``: it is between two hosts,
    or waits for a resize to be confirmed. ``state``: nova's ``vm_state``, ``""`` where it is not
    known; ``vnic_types``: of its ports, ``None`` where the source does not tell.
    """

    uuid: str
    name: str
    host: str
    flavor: Flavor
    image: Image
    placement: Placement | None = None
    networks: Networks | None = None
    pci: tuple[PciRequest, ...] | None = None
    devices: tuple[HeldDevice, ...] = ()
    moving: bool = False
    state: str = ""
    vnic_types: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("uuid", "name", "host", "state"):
            fields.text(name, getattr(self, name))
        fields.instance("flavor", self.flavor, Flavor)
        fields.instance("image", self.image, Image)
        fields.instance("placement", self.placement, Placement, none=True)
        fields.instance("networks", self.networks, Networks, none=True)

    @property
    def label(self) -> str:
        """Its name, or its uuid where it has none."""
        return self.name or self.uuid
