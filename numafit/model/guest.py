"""What a guest asks for: cells, networks, PCI devices, and the limits it is held to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from numafit._header import MAX_AMOUNT, PAGES_ANY
from numafit.errors import InvalidValue
from numafit.model import fields

CPU_POLICIES = ("dedicated", "shared", "mixed")
THREAD_POLICIES = ("prefer", "isolate", "require")
EMULATOR_POLICIES = ("isolate", "share")
PCI_NUMA_POLICIES = ("required", "legacy", "preferred", "socket")

MAX_MEMORY_MB = MAX_AMOUNT
"""A bound that keeps KiB in 64 bits; no machine has so much memory."""


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
        object.__setattr__(self, "cpuset", fields.ids("cpuset", self.cpuset, "vCPU ids"))
        object.__setattr__(self, "pcpuset", fields.ids("pcpuset", self.pcpuset, "vCPU ids"))
        fields.keep_number(self, "memory_mb", 0, MAX_MEMORY_MB, "MiB")
        if self.pagesize is not None:
            fields.keep_number(self, "pagesize", PAGES_ANY, MAX_MEMORY_MB, "KiB")
        fields.word("cpu_policy", self.cpu_policy, CPU_POLICIES)
        fields.word("cpu_thread_policy", self.cpu_thread_policy, THREAD_POLICIES)

    @property
    def pinned(self) -> int:
        """Host CPUs that its dedicated vCPUs take; with other policies they are passed over."""
        return len(self.pcpuset) if self.cpu_policy in ("dedicated", "mixed") else 0


@dataclass(frozen=True, slots=True)
class GuestTopology:
    """The guest's cells in guest order, and where its emulator threads run.

    ``aliases``: the PCI aliases that the flavor behind it names (``qat:1,gpu:2``), which are not
    part of the topology: a Request has to be told of them.
    """

    cells: tuple[GuestCell, ...]
    emulator_threads_policy: str | None = None
    aliases: str = field(default="", compare=False, repr=False)

    def __post_init__(self) -> None:
        cells = fields.many("cells", self.cells, GuestCell, "a GuestCell", "a list of GuestCells")
        object.__setattr__(self, "cells", cells)
        if not cells:
            raise InvalidValue(
                "cells", self.cells, "at least one cell", "Pass None for a guest of no topology."
            )
        fields.word("emulator_threads_policy", self.emulator_threads_policy, EMULATOR_POLICIES)
        fields.text("aliases", self.aliases)


@dataclass(frozen=True, slots=True)
class Networks:
    """The guest's networks that may have NUMA affinity.

    ``physnets``: names of the physical networks of its flat and VLAN networks. ``tunneled``:
    whether any of its networks is a tunnel (VXLAN, GRE, Geneve).
    """

    physnets: frozenset[str] = frozenset()
    tunneled: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "physnets", fields.names("physnets", self.physnets))
        object.__setattr__(self, "tunneled", fields.yes_or_no("tunneled", self.tunneled))


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
        fields.word("numa_policy", numa_policy, PCI_NUMA_POLICIES)
        fields.text("alias_name", alias_name, none=True)
        fields.text("request_id", request_id, none=True)
        entries = fields.many("spec", spec, Mapping, "a mapping", "a list of mappings")
        object.__setattr__(self, "count", fields.whole("count", count))
        object.__setattr__(self, "spec", tuple(map(dict, entries)))
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
            object.__setattr__(self, name, fields.real(name, getattr(self, name)))
