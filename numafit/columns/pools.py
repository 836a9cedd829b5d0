"""PCI pools -> the engine's numbers: property sets interned as classes, nodes as cell indices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from numafit._header import KIND_OTHER, KIND_PF, KIND_VF, POOL_ANYWHERE, POOL_ELSEWHERE
from numafit.columns import ranges
from numafit.columns.schema import COLUMNS
from numafit.model.hostinfo import PciPool

UNKNOWN = 0  # of providers and families
NO_NODE = -2

Numbers = npt.NDArray[np.int64]

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

    def add_host(
        self,
        pools: Iterable[PciPool],
        cells: Iterable[int],
        first_cell: int,
        classes: Iterable[int] | None = None,
    ) -> None:
        """``cells``: ids of the host's cells, which stand in the fleet from ``first_cell`` on.
        ``classes``: of pools that stand in nova's order already, where they are known."""
        if pools:
            if classes is None:
                pools = sorted(pools, key=rank)
                classes = map(self.class_of, pools)
            self._add(pools, classes, {cell: n for n, cell in enumerate(cells)}, first_cell)
        self.edges.append(len(self.infos))

    def _add(
        self,
        pools: Iterable[PciPool],
        classes: Iterable[int],
        places: Mapping[int, int],
        first_cell: int,
    ) -> None:
        families: dict[Any, int] = {}
        columns = self.columns
        for pool, number in zip(pools, classes, strict=True):
            self.infos.append(pool)
            tags = pool.tags
            cell = POOL_ANYWHERE
            if pool.numa_node is not None:
                cell = places.get(pool.numa_node, POOL_ELSEWHERE)
            self.fleet_cell.append(first_cell + cell if cell >= 0 else -1)
            columns["pool_class"].append(number)
            columns["pool_cell"].append(cell)
            columns["pool_provider"].append(_number(tags.get("rp_uuid"), self.providers))
            columns["pool_family"].append(_family(pool, families))
            columns["pool_kind"].append(_KINDS.get(str(tags.get("dev_type")), KIND_OTHER))
            columns["pool_count"].append(pool.count)

    def add_hosts(
        self,
        pools: Sequence[PciPool],
        classes: Sequence[int],
        lengths: Numbers,
        hosts: Numbers,
        cells: Numbers,
        first_cell: int,
    ) -> None:
        """Pools of many hosts, ``lengths`` of them each, whose devices have no addresses.
        ``cells``: ids of the cells, ``hosts``: whose each of these is."""
        owners = np.repeat(np.arange(len(lengths)), lengths)
        order = np.lexsort((np.array([rank(pool) for pool in pools], np.int64), owners)).tolist()
        ours = [pools[n] for n in order]
        given = [NO_NODE if pool.numa_node is None else pool.numa_node for pool in ours]
        nodes = np.array(given, np.int64)
        # a cell and a pool that names it have one key
        keys = hosts << 32 | cells
        by_key = np.argsort(keys, kind="stable")
        wanted = owners << 32 | np.maximum(nodes, 0)
        at = np.searchsorted(keys, wanted, sorter=by_key)
        there = at < len(keys)
        at = by_key[np.where(there, at, 0)] if len(keys) else at
        there &= nodes >= 0
        there[there] = keys[at[there]] == wanted[there]
        cell = np.where(there, at - np.searchsorted(hosts, owners), POOL_ELSEWHERE)
        tags = [pool.tags for pool in ours]
        self.infos += ours
        self.fleet_cell += np.where(there, first_cell + at, -1).tolist()
        columns = self.columns
        columns["pool_class"] += [classes[n] for n in order]
        columns["pool_cell"] += np.where(nodes == NO_NODE, POOL_ANYWHERE, cell).tolist()
        columns["pool_provider"] += [_number(one.get("rp_uuid"), self.providers) for one in tags]
        columns["pool_family"] += [UNKNOWN] * len(ours)
        columns["pool_kind"] += [_KINDS.get(str(one.get("dev_type")), KIND_OTHER) for one in tags]
        columns["pool_count"] += [pool.count for pool in ours]
        self.edges += (self.edges[-1] + np.cumsum(lengths)).tolist()

    def class_of(self, pool: PciPool) -> int:
        """The number of a pool's property set."""
        found = properties(pool)
        key = class_key(found)
        known = self.class_ids.get(key)
        if known is None:
            known = self.class_ids[key] = len(self.classes)
            self.classes.append(found)
        return known


def rank(pool: PciPool) -> int:
    """Nova goes through a host's pools by this, and as the host lists them."""
    return len(pool.tags)


def _number(name: Any, known: dict[Any, int]) -> int:
    """That of a name, from 1 on in the order in which they are met."""
    return UNKNOWN if name is None else known.setdefault(name, len(known) + 1)


def _family(pool: PciPool, families: dict[Any, int]) -> int:
    """Only where the devices themselves are known: from counts alone, nova's scheduler too
    cannot tell which VFs a PF takes along."""
    return _number(pool.tags.get("address"), families) if pool.devices else UNKNOWN
