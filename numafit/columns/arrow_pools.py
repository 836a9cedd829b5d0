"""PCI pools of many hosts -> the columns of pools."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

import numpy as np

from numafit.columns.arrow_parts import Numbers, Part, Unlike
from numafit.columns.pools import Pools
from numafit.errors import InputError
from numafit.model.hostinfo import MAX_ID, PciPool

_NO_NODE = -2
_REMEMBERED = 4096
_KEY = b'"rp_uuid"'
_PROVIDER = re.compile(rb'(?<!\\)"rp_uuid": "([^"\\\x00-\x1f]*)"')

ReadPool = Callable[[dict[str, Any]], PciPool]


@dataclass(slots=True)
class _Kind:
    """Pools that differ in counts and resource providers alone."""

    pool: PciPool
    number: int
    known: dict[int, PciPool] = field(default_factory=dict)

    def now(self, count: int, provider: str | None) -> PciPool:
        if provider is not None:
            return self.pool.now(count, {**self.pool.tags, "rp_uuid": provider})
        found = self.known.get(count)
        if found is None:
            if len(self.known) >= _REMEMBERED:
                self.known.clear()
            found = self.known[count] = self.pool.now(count, dict(self.pool.tags))
        return found


class PoolKinds:
    """``read``: a pool from its fields."""

    def __init__(self, pools: Pools, read: ReadPool) -> None:
        self._pools = pools
        self._read = read
        self._kinds: dict[tuple[bytes, bytes, int, bytes, bool], _Kind] = {}

    def add(
        self, lists: Part | None, n_hosts: int, hosts: Numbers, cells: Numbers, first_cell: int
    ) -> None:
        """``cells``: ids of cells, ``hosts``: whose each of them is; they stand in the fleet from
        ``first_cell`` on."""
        if lists is None:
            self._pools.add_hosts([], [], np.zeros(n_hosts, np.int64), hosts, cells, first_cell)
            return
        lengths, values = lists.lists()
        fields = values.fields()
        if not {"vendor_id", "product_id", "count"} <= fields.keys():
            raise Unlike
        if "devices" in fields and fields["devices"].lists()[1].n:
            raise Unlike  # each address is one pool's alone: such hosts are few
        nodes = np.full(values.n, _NO_NODE)
        if "numa_node" in fields:
            nodes = fields["numa_node"].whole_or_none(-1, MAX_ID, _NO_NODE)
        counts = fields["count"].whole(0, MAX_ID)
        tags = fields["tags"].texts() if "tags" in fields else repeat(b"", values.n)
        infos, numbers = [], []
        for vendor, product, node, text, count in zip(
            fields["vendor_id"].texts(),
            fields["product_id"].texts(),
            nodes.tolist(),
            tags,
            counts.tolist(),
            strict=True,
        ):
            provider, rest = _apart(text)
            key = (vendor, product, node, rest, provider is not None)
            kind = self._kinds.get(key)
            if kind is None:
                if len(self._kinds) >= _REMEMBERED:
                    self._kinds.clear()
                kind = self._kinds[key] = self._learn(vendor, product, node, text, provider)
            infos.append(kind.now(count, provider))
            numbers.append(kind.number)
        self._pools.add_hosts(infos, numbers, lengths, hosts, cells, first_cell)

    def _learn(
        self, vendor: bytes, product: bytes, node: int, text: bytes, provider: str | None
    ) -> _Kind:
        given = {
            "vendor_id": _decoded(vendor),
            "product_id": _decoded(product),
            "numa_node": None if node == _NO_NODE else node,
            "count": 0,
            "tags": _decoded(text),
        }
        try:
            pool = self._read(given)
        except InputError:
            raise Unlike from None
        if provider is not None and pool.tags.get("rp_uuid") != provider:
            raise Unlike
        return _Kind(pool, self._pools.class_of(pool))


def _apart(tags: bytes) -> tuple[str | None, bytes]:
    """The resource provider that tags in JSON name, and the tags without it."""
    if tags.count(_KEY) != 1:
        return None, tags
    found = _PROVIDER.search(tags)
    if found is None:
        return None, tags
    return _decoded(found[1]), tags[: found.start(1)] + tags[found.end(1) :]


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeError:
        raise Unlike from None
