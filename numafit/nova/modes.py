"""How numafit is asked inside nova: nova's rules, or more where all of nova runs with numafit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nova import conf

from numafit.errors import MisuseError

CONF = conf.CONF


@dataclass(frozen=True)
class Modes:
    """``strategy``: ``None`` for what ``[compute] packing_host_numa_cells_allocation_strategy``
    says, or ``"closest"``; ``physnet_affinity`` and ``pci_matching`` as ``Host.fit`` has them."""

    strategy: str | None = None
    physnet_affinity: str = "any"
    pci_matching: str = "nova"

    def __post_init__(self) -> None:
        for name, words in (
            ("strategy", (None, "closest")),
            ("physnet_affinity", ("any", "all")),
            ("pci_matching", ("nova", "exact")),
        ):
            if getattr(self, name) not in words:
                raise MisuseError(f"{name}={getattr(self, name)!r}: expected one of {words}")

    def options(self) -> dict[str, Any]:
        """Keywords for ``fit`` and ``scan``."""
        pack = CONF.compute.packing_host_numa_cells_allocation_strategy
        return {
            "strategy": self.strategy or ("pack" if pack else "spread"),
            "physnet_affinity": self.physnet_affinity,
            "pci_matching": self.pci_matching,
        }


NOVA = Modes()
current = NOVA


def use(modes: Modes) -> None:
    """Only ``install()`` may: nova's own code would refuse what these modes find."""
    global current
    current = modes
