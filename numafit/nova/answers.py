"""numafit's answers -> nova's objects and exceptions."""

from __future__ import annotations

import builtins
from typing import Any

from nova import exception, objects

from numafit.errors import InvalidRequest
from numafit.model.guest import GuestTopology
from numafit.model.placement import Placement
from numafit.nova.convert import field

_DECIDED = ("id", "pagesize", "cpu_pinning_raw", "cpuset_reserved")


def placed(topology: Any, placement: Placement) -> Any:
    """The ``InstanceNUMATopology`` of a guest on its host cells; the guest asked about stays as
    it was."""
    cells = []
    for asked, found in zip(topology.cells, placement.cells, strict=True):
        values: dict[str, Any] = {
            name: field(asked, name)
            for name in asked.fields
            if asked.obj_attr_is_set(name) and name not in _DECIDED
        }
        cell = objects.InstanceNUMACell(id=found.host_cell, pagesize=found.pagesize, **values)
        if found.cpu_policy in ("dedicated", "mixed"):
            if found.pinning:
                cell.cpu_pinning = dict(found.pinning)
            cell.cpuset_reserved = set(found.reserved) or None
        cells.append(cell)
    return objects.InstanceNUMATopology(
        cells=cells, emulator_threads_policy=field(topology, "emulator_threads_policy")
    )


def asked(guest: GuestTopology | None) -> Any:
    """The ``InstanceNUMATopology`` of a guest that has no host yet."""
    if guest is None:
        return None
    return objects.InstanceNUMATopology(
        cells=[
            objects.InstanceNUMACell(
                id=n,
                cpuset=set(cell.cpuset),
                pcpuset=set(cell.pcpuset),
                memory=cell.memory_mb,
                pagesize=cell.pagesize,
                cpu_policy=cell.cpu_policy,
                cpu_thread_policy=cell.cpu_thread_policy,
            )
            for n, cell in enumerate(guest.cells)
        ],
        emulator_threads_policy=guest.emulator_threads_policy,
    )


def error(found: InvalidRequest) -> Exception:
    """The exception that nova raises for the same input, with numafit's words."""
    name = found.nova_exception
    kind = getattr(exception, name, None) or getattr(builtins, name, exception.Invalid)
    made: Exception = kind(str(found))
    return made
