"""What a guest asks for: cells, networks, PCI devices, and the limits it is held to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from numafit.errors import MisuseError

PAGES_SMALL = -1
PAGES_LARGE = -2
PAGES_ANY = -3

CPU_POLICIES = ("dedicated", "shared", "mixed")
THREAD_POLICIES = ("prefer", "isolate", "require")
EMULATOR_POLICIES = ("isolate", "share")
PCI_NUMA_POLICIES = ("required", "legacy", "preferred", "socket")

MAX_MEMORY_MB = 1 << 50
"""A bound that keeps KiB in 64 bits; no machine has an exbibyte of memory in one cell."""


@dataclass(frozen=True, slots=True)
class GuestCell:
    """One NUMA cell of a guest.

    ``cpuset``: vCPUs that float over the host's shared CPUs. ``pcpuset``: vCPUs with a host CPU
    of their own. ``memory_mb``: MiB. ``pagesize``: KiB, ``-1`` small, ``-2`` large, ``-3`` any,
    ``None`` where none was asked for. Policies are nova's words, or ``None``.
    """

    cpuset: frozenset[int]
    pcpuset: frozenset[int]
    memory_mb: int
    pagesize: int | None = None
    cpu_policy: str | None = None
    cpu_thread_policy: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "cpuset", frozenset(self.cpuset))
        object.__setattr__(self, "pcpuset", frozenset(self.pcpuset))
        if not 0 <= self.memory_mb <= MAX_MEMORY_MB:
            raise MisuseError(f"memory_mb={self.memory_mb}: expected 0 to {MAX_MEMORY_MB} MiB")
        if self.pagesize is not None and not -3 <= self.pagesize <= MAX_MEMORY_MB:
            raise MisuseError(f"pagesize={self.pagesize}: expected KiB, or -1, -2 or -3")
        _one_of("cpu_policy", self.cpu_policy, CPU_POLICIES)
        _one_of("cpu_thread_policy", self.cpu_thread_policy, THREAD_POLICIES)


@dataclass(frozen=True, slots=True)
class GuestTopology:
    """The guest's cells in guest order, and where its emulator threads run."""

    cells: tuple[GuestCell, ...]
    emulator_threads_policy: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "cells", tuple(self.cells))
        if not self.cells:
            raise MisuseError("a guest topology has at least one cell; pass None for no topology")
        _one_of("emulator_threads_policy", self.emulator_threads_policy, EMULATOR_POLICIES)


@dataclass(frozen=True, slots=True)
class Networks:
    """The guest's networks that may have NUMA affinity.

    ``physnets``: names of the physical networks of its flat and VLAN networks. ``tunneled``:
    whether any of its networks is a tunnel (VXLAN, GRE, Geneve).
    """

    physnets: frozenset[str] = frozenset()
    tunneled: bool = False

    def __post_init__(self) -> None:
        given: object = self.physnets
        if isinstance(given, str):
            raise MisuseError(f"physnets={given!r}: expected a set of names, not a string")
        object.__setattr__(self, "physnets", frozenset(self.physnets))
        object.__setattr__(self, "tunneled", bool(self.tunneled))


@dataclass(frozen=True, slots=True)
class PciRequest:
    """``count`` devices that each match one of the dicts in ``spec``; 0 and less take nothing.

    ``numa_policy`` is ``"required"``, ``"socket"``, ``"legacy"``, ``"preferred"`` or ``None``
    (which nova treats as legacy).
    """

    count: int
    spec: tuple[Mapping[str, Any], ...]
    numa_policy: str | None = None
    alias_name: str | None = None
    request_id: str | None = None

    def __init__(
        self,
        count: int,
        spec: Iterable[Mapping[str, Any]],
        numa_policy: str | None = None,
        alias_name: str | None = None,
        request_id: str | None = None,
    ) -> None:
        _one_of("numa_policy", numa_policy, PCI_NUMA_POLICIES)
        object.__setattr__(self, "count", int(count))
        object.__setattr__(self, "spec", tuple(dict(entry) for entry in spec))
        object.__setattr__(self, "numa_policy", numa_policy)
        object.__setattr__(self, "alias_name", alias_name)
        object.__setattr__(self, "request_id", request_id)


@dataclass(frozen=True, slots=True)
class Limits:
    """Allocation ratios that shared and mixed guests are held to (nova's
    ``cpu_allocation_ratio`` and ``ram_allocation_ratio`` of the compute node)."""

    cpu_allocation_ratio: float = 1.0
    ram_allocation_ratio: float = 1.0

    def __post_init__(self) -> None:
        for name in ("cpu_allocation_ratio", "ram_allocation_ratio"):
            value = float(getattr(self, name))
            if not 0.0 <= value < float("inf"):
                raise MisuseError(f"{name}={value}: expected a number of 0 or more")
            object.__setattr__(self, name, value)


def _one_of(name: str, value: str | None, allowed: tuple[str, ...]) -> None:
    if value is not None and value not in allowed:
        raise MisuseError(f"{name}={value!r}: expected one of {', '.join(allowed)}, or None")
