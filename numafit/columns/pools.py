"""PCI pools -> the engine's numbers: property sets interned as classes, nodes as cell indices."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from numafit.model.hostinfo import PciPool

ANYWHERE = -1
ELSEWHERE = -2

_KINDS = {"type-PF": 1, "type-VF": 2, "vdpa": 2}


def properties(pool: PciPool) -> dict[str, Any]:
    """What a request's spec is matched against: all of a pool but its count and its provider."""
    found: dict[str, Any] = {
        "vendor_id": pool.vendor_id,
        "product_id": pool.product_id,
        "numa_node": pool.numa_node,
    }
    found.update((key, value) for key, value in pool.tags.items() if key != "rp_uuid")
    return found


class Pools:
    """Columns of pools in nova's order: by number of properties, else as the host lists them
    (``nova.pci.stats.PciDeviceStats`` sorts them so)."""

    def __init__(self) -> None:
        self.classes: list[dict[str, Any]] = []
        self.providers: dict[str, int] = {}
        self.infos: list[PciPool] = []
        self.first = [0]
        self.class_of: list[int] = []
        self.cell: list[int] = []
        self.fleet_cell: list[int] = []
        self.provider: list[int] = []
        self.family: list[int] = []
        self.kind: list[int] = []
        self._class_ids: dict[Any, int] = {}

    def add_host(self, pools: Iterable[PciPool], cells: Iterable[int], first_cell: int) -> None:
        """``cells``: ids of the host's cells, which stand in the fleet from ``first_cell`` on."""
        places = {cell: n for n, cell in enumerate(cells)} if pools else {}
        families: dict[Any, int] = {}
        for pool in sorted(pools, key=lambda pool: len(pool.tags)):
            self.infos.append(pool)
            self.class_of.append(self._class(pool))
            cell = ANYWHERE
            if pool.numa_node is not None:
                cell = places.get(pool.numa_node, ELSEWHERE)
            self.cell.append(cell)
            self.fleet_cell.append(first_cell + cell if cell >= 0 else -1)
            provider = pool.tags.get("rp_uuid")
            self.provider.append(
                0
                if provider is None
                else self.providers.setdefault(provider, len(self.providers) + 1)
            )
            self.kind.append(_KINDS.get(str(pool.tags.get("dev_type")), 0))
            self.family.append(self._family(pool, families))
        self.first.append(len(self.infos))

    def _family(self, pool: PciPool, families: dict[Any, int]) -> int:
        """Only where the devices themselves are known: from counts alone, nova's scheduler too
        cannot tell which VFs a PF takes along."""
        address = pool.tags.get("address")
        if not pool.devices or address is None:
            return 0
        return families.setdefault(address, len(families) + 1)

    def _class(self, pool: PciPool) -> int:
        found = properties(pool)
        key = tuple(sorted((name, repr(value)) for name, value in found.items()))
        known = self._class_ids.get(key)
        if known is None:
            known = self._class_ids[key] = len(self.classes)
            self.classes.append(found)
        return known
