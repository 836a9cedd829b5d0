"""How much is there in a fleet, and how much of it is in use?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from numafit._header import NO_HOST
from numafit.fleet import Fleet


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over all host cells. ``dedicated_cpus``: those in use of the ``dedicated_limit`` that
    there are; ``shared_vcpus``: vCPUs that float over the ``shared_limit`` CPUs for them;
    ``memory_mb``: MiB in use of ``memory_limit``."""

    LIMITED: ClassVar = ("dedicated_cpus", "memory_mb")

    dedicated_cpus: int
    dedicated_limit: int
    shared_vcpus: int
    shared_limit: int
    memory_mb: int
    memory_limit: int

    def limit(self, name: str) -> int:
        return self.dedicated_limit if name == "dedicated_cpus" else self.memory_limit

    def row(self) -> dict[str, int]:
        return {
            "dedicated_cpus": self.dedicated_cpus,
            "shared_vcpus": self.shared_vcpus,
            "memory_mb": self.memory_mb,
        }


def totals(fleet: Fleet) -> Totals:
    """Of this moment, but for what other threads claim meanwhile."""
    columns = dict(fleet.columns(copy=False))
    own = columns["cell_host"] != NO_HOST
    if not own.all():
        for name in (
            "cell_layout",
            "cell_free",
            "cell_cpu_used",
            "cell_memory_used",
            "cell_memory",
        ):
            columns[name] = columns[name][own]
    layouts = columns["layouts"][columns["cell_layout"]]
    dedicated = int(layouts["n_dedicated"].sum(dtype=np.int64))
    return Totals(
        dedicated_cpus=dedicated - int(columns["cell_free"].sum(dtype=np.int64)),
        dedicated_limit=dedicated,
        shared_vcpus=int(columns["cell_cpu_used"].sum()),
        shared_limit=int(layouts["n_shared"].sum(dtype=np.int64)),
        memory_mb=int(columns["cell_memory_used"].sum()),
        memory_limit=int(columns["cell_memory"].sum()),
    )
