"""How much is there in a fleet, or on each of its hosts, and how much of it is in use?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from numafit._header import NO_HOST, REMOVED_CLASS

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over all host cells. ``dedicated_cpus``: those in use of the ``dedicated_limit`` that
    there are; ``shared_vcpus``: vCPUs that float over the ``shared_limit`` CPUs for them;
    ``memory_mb``: MiB in use of ``memory_limit``."""

    hosts: int
    cells: int
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


def totals(columns: Arrays) -> Totals:
    """Of these columns, as they are; rows that belong to no host count for nothing."""
    own: Any = columns["cell_host"] != NO_HOST
    if own.all():
        own = slice(None)
    numbers = {
        name: int(columns[name][own].sum(dtype=np.int64))
        for name in ("cell_free", "cell_cpu_used", "cell_memory_used", "cell_memory")
    }
    layouts = columns["layouts"]
    alike = np.bincount(columns["cell_layout"][own], minlength=len(layouts))
    dedicated = int(alike @ layouts["n_dedicated"].astype(np.int64))
    return Totals(
        hosts=int(np.count_nonzero(columns["host_class"] != REMOVED_CLASS)),
        cells=int(alike.sum()),
        dedicated_cpus=dedicated - numbers["cell_free"],
        dedicated_limit=dedicated,
        shared_vcpus=numbers["cell_cpu_used"],
        shared_limit=int(alike @ layouts["n_shared"].astype(np.int64)),
        memory_mb=numbers["cell_memory_used"],
        memory_limit=numbers["cell_memory"],
    )


def by_host(columns: Arrays, n_hosts: int) -> dict[str, npt.NDArray[np.int64]]:
    """The same numbers for each host; 0 for one that was removed."""
    own = np.flatnonzero(columns["cell_host"] != NO_HOST)
    host = columns["cell_host"][own].astype(np.int64)
    layouts = columns["layouts"][columns["cell_layout"][own]]

    def summed(values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        found = np.zeros(n_hosts, np.int64)
        np.add.at(found, host, values.astype(np.int64))
        return found

    dedicated = layouts["n_dedicated"].astype(np.int64)
    return {
        "cells": np.bincount(host, minlength=n_hosts),
        "dedicated_cpus": summed(dedicated),
        "dedicated_used": summed(dedicated - columns["cell_free"][own]),
        "shared_cpus": summed(layouts["n_shared"]),
        "shared_vcpus_used": summed(columns["cell_cpu_used"][own]),
        "memory_mb": summed(columns["cell_memory"][own]),
        "memory_used_mb": summed(columns["cell_memory_used"][own]),
    }
