"""What each kind of world has more of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Dials:
    """Choices to draw from, and how often (0 to 1) a thing is there at all."""

    verb: str = "fit"
    n_hosts: int = 4
    n_asks: int = 4
    host_cells: tuple[int, ...] = (0, 1, 1, 2, 2, 2, 3, 4)
    guest_cells: tuple[int, ...] = (1, 1, 1, 2, 2, 3)
    widths: tuple[int, ...] = (1, 2, 2, 4, 0)  # threads of a core; 0: of each another number
    cores: Sequence[int] = (1, 2, 3)  # of a cell
    sets: tuple[str, ...] = ("same", "same", "dedicated", "shared", "cores", "split", "odd")
    large: float = 0.02  # cells of more CPUs than a word has bits
    huge: float = 0.02  # hosts and guests with memory near the largest that there can be
    loose: tuple[int, ...] = (0, 0, 0, 1, 2)  # CPUs in no sibling set
    usage: float = 0.5
    devices: float = 0.4  # hosts with pools
    families: float = 0.4  # pools with an address
    alike: float = 0.5  # hosts that are like another but for their usage
    aimed: float = 0.85  # guests made with an eye on a host
    unlike: float = 0.3  # guests whose cells differ in more than size
    pci: float = 0.35  # requests for devices
    networks: float = 0.25
    bare: float = 0.05  # requests without a guest topology
    providers: float = 0.2  # requests for devices that placement has allocated


EVERYTHING = Dials()
KINDS: dict[str, Dials] = {
    "unlike": replace(
        EVERYTHING,
        host_cells=(2, 2, 3, 3, 4),
        guest_cells=(2, 2, 3),
        unlike=1.0,
        devices=0.2,
        pci=0.1,
        bare=0.0,
    ),
    "pci": replace(
        EVERYTHING,
        host_cells=(1, 2, 2, 3),
        guest_cells=(1, 1, 2),
        devices=1.0,
        families=0.8,
        pci=1.0,
        bare=0.2,
        providers=0.3,
    ),
    "siblings": replace(
        EVERYTHING,
        host_cells=(1, 1, 2),
        guest_cells=(1, 1, 2),
        widths=(0, 0, 0, 2, 3, 4),
        sets=("same", "split", "odd", "odd", "dedicated"),
        loose=(0, 0, 1, 2),
        devices=0.0,
        pci=0.0,
        networks=0.1,
        bare=0.0,
    ),
    "capacity": replace(
        EVERYTHING, verb="capacity", usage=0.3, host_cells=(1, 2, 2, 3), pci=0.25, bare=0.0
    ),
    "mix": replace(EVERYTHING, verb="mix", usage=0.3, host_cells=(1, 2, 2, 3), pci=0.25, bare=0.0),
    "claims": replace(EVERYTHING, verb="claims", usage=0.3, host_cells=(1, 2, 2, 3)),
    "wide": replace(
        EVERYTHING,
        n_hosts=2,
        host_cells=(4, 5, 6),
        guest_cells=(2, 3, 4),
        unlike=0.6,
        usage=0.3,
        pci=0.5,
        devices=0.7,
        networks=0.6,
    ),
    "fleet": replace(EVERYTHING, verb="fleet", n_hosts=120, n_asks=12),
    "everything": replace(EVERYTHING, verb="everything"),
}
