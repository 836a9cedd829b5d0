"""How numafit is asked inside nova: nova's rules, or more where all of nova runs with numafit."""

from __future__ import annotations

from dataclasses import dataclass

from nova import conf

from numafit.model import fields
from numafit.model.guest import Limits
from numafit.model.options import PCI_MATCHINGS, PHYSNET_AFFINITIES, FitOptions

CONF = conf.CONF


@dataclass(frozen=True)
class Modes:
    """``strategy``: ``None`` for what ``[compute] packing_host_numa_cells_allocation_strategy``
    says, or ``"closest"``; ``physnet_affinity`` and ``pci_matching`` as FitOptions has them."""

    strategy: str | None = None
    physnet_affinity: str = "any"
    pci_matching: str = "nova"

    def __post_init__(self) -> None:
        fields.word("strategy", self.strategy, ("closest",))
        fields.word("physnet_affinity", self.physnet_affinity, PHYSNET_AFFINITIES, none=False)
        fields.word("pci_matching", self.pci_matching, PCI_MATCHINGS, none=False)

    def options(self, limits: Limits | str | None = "host") -> FitOptions:
        """How guests are fitted under these modes and nova's configuration."""
        pack = CONF.compute.packing_host_numa_cells_allocation_strategy
        strategy = self.strategy or ("pack" if pack else "spread")
        return FitOptions(strategy, limits, self.physnet_affinity, self.pci_matching)


NOVA = Modes()
current = NOVA


def use(modes: Modes) -> None:
    """Only ``install()`` may: nova's own code would refuse what these modes find."""
    global current
    current = modes
