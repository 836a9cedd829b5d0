"""Columns of ``compute_nodes`` that speak of a host as a whole -> NodeFacts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from numafit.errors import InputError
from numafit.model.host_state import NOTHING_KNOWN, HostState
from numafit.model.resources import MAX_UNITS
from numafit.readers import checks
from numafit.readers.hypervisor import STATE_COLUMNS, state_of_row
from numafit.rules.inventories import NodeTotals

_WHOLE = ("vcpus", "memory_mb", "local_gb", "running_vms")
_USED = ("vcpus_used", "memory_mb_used", "local_gb_used")
_DISK_RATIO = "disk_allocation_ratio"
DISABLED = "disabled"
"""No column of nova's: why the host's service takes no guests, from the table ``services``."""
RESERVED = ("vcpus_reserved", "memory_mb_reserved")
"""No columns either: what is in use and no guest has, from the table ``instances``."""

SERVICE = "host"
"""The name of nova-compute, by which aggregates have the host."""

TEXT_COLUMNS = frozenset((SERVICE, "supported_instances", "hypervisor_type", "cpu_info"))
NODE_COLUMNS = (*_WHOLE, *_USED, _DISK_RATIO, *STATE_COLUMNS)
NODE_KEYS = frozenset((*NODE_COLUMNS, *RESERVED, SERVICE, DISABLED))


class NodeFacts(NamedTuple):
    """``totals``: ``None`` where the row holds none; ``disabled``: why the service takes no
    guests."""

    totals: NodeTotals | None = None
    disabled: str = ""
    state: HostState = NOTHING_KNOWN
    service: str = ""


def node_columns(row: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a row that ``read_node`` reads."""
    return {name: row[name] for name in row.keys() & NODE_KEYS if row[name] is not None}


def read_node(columns: Mapping[str, Any] | None) -> NodeFacts:
    """Raises ``InputError`` that names the column at fault."""
    if columns is None:
        return NodeFacts()
    if not isinstance(columns, Mapping):
        raise InputError(None, "node", columns, "a mapping of the row's other columns, or None")
    found: dict[str, Any] = {
        name: checks.whole(name, columns[name], 0, MAX_UNITS)
        for name in (*_WHOLE, *RESERVED)
        if name in columns
    }
    for name in _USED:
        if name in columns:
            # nova writes less than 0 where more was given back than taken
            found[name] = max(checks.whole(name, columns[name], -MAX_UNITS, MAX_UNITS), 0)
    if _DISK_RATIO in columns:
        # 0.0 until the host reports its ratio
        found[_DISK_RATIO] = checks.number(_DISK_RATIO, columns[_DISK_RATIO]) or None
    disabled = checks.label(DISABLED, columns.get(DISABLED, ""))
    # a host that has not reported yet has zeros, which say nothing
    told = bool(found.get("memory_mb") or found.get("vcpus"))
    return NodeFacts(
        NodeTotals(**found) if told else None,
        disabled,
        state_of_row(columns),
        checks.label(SERVICE, columns.get(SERVICE, "")),
    )
