"""PCI pools -> the engine's numbers: property sets interned as classes, nodes as cell indices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from numafit._header import KIND_OTHER, KIND_PF, KIND_VF, POOL_ANYWHERE, POOL_ELSEWHERE
from numafit.columns import ranges
from numafit.columns.schema import COLUMNS
from numafit.model.hostinfo import PciPool

UNKNOWN = 0  # of providers and families

_KINDS = {"type-PF": KIND_PF, "type-VF": KIND_VF, "vdpa": KIND_VF}


def properties(pool: PciPool) -> dict[str, Any]:
    """What a request's spec is matched against: all of a pool but its count and its provider."""
    found: dict[str, Any] = {
        "vendor_id": pool.vendor_id,
        "product_id": pool.product_id,
        "numa_node": pool.numa_node,
    }
    found.update((key, value) for key, value in pool.tags.items() if key != "rp_uuid")
    return found


def class_key(found: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Equal for properties of one class."""
    return tuple(sorted((name, repr(value)) for name, value in found.items()))


class Pools:
    """Columns of pools in nova's order: by number of properties, else as the host lists them
    (``nova.pci.stats.PciDeviceStats`` sorts them so)."""

    def __init__(self, beside: Pools | None = None) -> None:
        self.classes: list[dict[str, Any]] = beside.classes if beside else []
        self.providers: dict[str, int] = beside.providers if beside else {}
        self.class_ids: dict[Any, int] = beside.class_ids if beside else {}
        self.infos: list[PciPool] = []
        self.fleet_cell: list[int] = []
        self.edges = [0]
        self.columns: defaultdict[str, list[int]] = defaultdict(list)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        made = {
            name: np.array(values, COLUMNS[name].dtype) for name, values in self.columns.items()
        }
        return made | ranges.from_edges("pool", np.array(self.edges))

    def known(self) -> dict[str, Any]:
        """What stands behind the numbers, by the names of Columns' attributes."""
        return {"classes": self.classes, "providers": self.providers, "pools": self.infos}

    def add_host(self, pools: Iterable[PciPool], cells: Iterable[int], first_cell: int) -> None:
        """``cells``: ids of the host's cells, which stand in the fleet from ``first_cell`` on."""
        places = {cell: n for n, cell in enumerate(cells)} if pools else {}
        families: dict[Any, int] = {}
        columns = self.columns
        for pool in sorted(pools, key=lambda pool: len(pool.tags)):
            self.infos.append(pool)
            cell = POOL_ANYWHERE
            if pool.numa_node is not None:
                cell = places.get(pool.numa_node, POOL_ELSEWHERE)
            self.fleet_cell.append(first_cell + cell if cell >= 0 else -1)
            columns["pool_class"].append(self._class(pool))
            columns["pool_cell"].append(cell)
            columns["pool_provider"].append(_number(pool.tags.get("rp_uuid"), self.providers))
            columns["pool_family"].append(_family(pool, families))
            columns["pool_kind"].append(_KINDS.get(str(pool.tags.get("dev_type")), KIND_OTHER))
            columns["pool_count"].append(pool.count)
        self.edges.append(len(self.infos))

    def _class(self, pool: PciPool) -> int:
        found = properties(pool)
        key = class_key(found)
        known = self.class_ids.get(key)
        if known is None:
            known = self.class_ids[key] = len(self.classes)
            self.classes.append(found)
        return known


def _number(name: Any, known: dict[Any, int]) -> int:
    """That of a name, from 1 on in the order in which they are met."""
    return UNKNOWN if name is None else known.setdefault(name, len(known) + 1)


def _family(pool: PciPool, families: dict[Any, int]) -> int:
    """Only where the devices themselves are known: from counts alone, nova's scheduler too
    cannot tell which VFs a PF takes along."""
    return _number(pool.tags.get("address"), families) if pool.devices else UNKNOWN
