"""Fleets of a million hosts in seconds: the columns of a few hosts repeated, and each host's usage
drawn anew with numpy. No two hosts are alike, and half of each is used on average."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bench import cases
from numafit import Fleet, Host
from numafit._engine import ManyHosts
from numafit._header import POOL_GONE
from numafit.columns import Columns
from numafit.columns.in_order import edges_of
from numafit.columns.names import Names
from numafit.columns.ranges import edges_from, from_edges, picked, rows
from numafit.columns.schema import GIVEN
from numafit.model.resources import Inventory, Provider

TEMPLATES = 16


@dataclass(frozen=True, slots=True)
class Wide:
    """A fleet, and how to write its hosts as nova stores them."""

    fleet: Fleet
    texts: list[str]
    which: Any

    def row(self, host: int) -> str:
        """``compute_nodes.numa_topology`` of one host, with its usage."""
        made = json.loads(self.texts[self.which[host]])
        cells = made["nova_object.data"]["cells"]
        for cell, used in zip(cells, self.fleet.usage(host), strict=True):
            data = cell["nova_object.data"]
            data["cpu_usage"], data["memory_usage"] = used["cpu_usage"], used["memory_usage"]
            data["pinned_cpus"] = used["pinned_cpus"]
            for pool, pages in zip(data["mempages"], used["mempages"], strict=True):
                pool["nova_object.data"]["used"] = pages["used"]
        return json.dumps(made)


def wide(
    n_hosts: int,
    seed: int = 1,
    used: float = 0.5,
    cpus: Any = (48, 64, 80, 96),
    nets: bool = False,
    pools: int = 0,
    cells: int = 2,
    inventories: Mapping[str, int] | None = None,
) -> Wide:
    """``n_hosts`` hosts of ``cells`` cells: each like one of 16, with its own pinned CPUs (each
    CPU with probability ``used``), pages, memory, devices and units of ``inventories`` in use."""
    near = {n: ["net0", "net1"] if n % 2 else ["net0"] for n in range(cells)} if nets else None
    provider = Provider({k: Inventory(v) for k, v in inventories.items()}) if inventories else None
    texts = [cases.topology(n, cells, cpus, used=0.0, nets=near) for n in range(TEMPLATES)]
    base = Columns(
        replace(
            Host.from_nova(text, cases.pools(n, cells, pools) if pools else None).hostinfo,
            provider=provider,
        )
        for n, text in enumerate(texts)
    )
    rng = np.random.default_rng(seed)
    which = rng.integers(0, TEMPLATES, n_hosts)
    fleet = Fleet.__new__(Fleet)
    fleet._columns = _repeat(base, which, rng, used)
    fleet._engine = ManyHosts(fleet._columns)
    return Wide(fleet, texts, which)


def _repeat(base: Columns, which: Any, rng: np.random.Generator, used: float) -> Columns:
    cells_of, pools_of = (np.diff(edges_of(base, part))[which] for part in ("cell", "pool"))
    members = {
        "host_room": which,
        "n_cells": rows(base.host_first_cell[which], cells_of),
        "n_pools": rows(base.host_first_pool[which], pools_of),
    }
    made = {name: picked(array, GIVEN[name], members) for name, array in base.given().items()}
    made |= from_edges("cell", edges_from(cells_of)) | from_edges("pool", edges_from(pools_of))
    _use(made, rng, used)
    limit = made["resource_limit"]
    _put(made, "resource_used", rng.random(limit.shape) * limit * used * 2)
    _use_pools(made, rng, np.repeat(np.arange(len(which)), pools_of))
    pools = members["n_pools"]
    known = {
        **base.known(),
        "names": Names(f"host{number}" for number in range(len(which))),
        "pools": [base.pools[pool] for pool in pools] if len(pools) < 100_000 else base.pools,
    }
    return Columns.of(made, known)


def _use(made: dict[str, Any], rng: np.random.Generator, used: float) -> None:
    total = made["pages_total"]
    share = np.clip(rng.normal(used, used / 2, total.shape), 0.0, 1.0)
    _put(made, "pages_used", total * share)
    _put(made, "pages_free", total - made["pages_used"])
    kib = made["page_kib"].astype(np.int64)[:, None]
    _put(made, "cell_memory_used", (made["pages_used"] * kib).sum(axis=0) // 1024)
    table = made["layouts"][made["cell_layout"]]
    _put(made, "cell_cpu_used", rng.integers(0, table["n_shared"].astype(np.int64) * 8 + 1))
    words = table["n_words"].astype(np.int64)
    _put(made, "cell_mask_at", edges_from(words)[:-1])
    flat = rows(table["mask_at"], words)
    taken = np.packbits(rng.random((len(flat), 64)) < used, axis=1).view(np.uint64).ravel()
    made["pinned"] = made["layout_words"][flat] & taken


def _use_pools(made: dict[str, Any], rng: np.random.Generator, host: Any) -> None:
    count = made["pool_count"]
    free = rng.integers(0, count + 1) if len(count) else np.zeros(0)
    _put(made, "pool_count", np.where(free > 0, free, POOL_GONE))
    devices = np.zeros_like(made["cell_devices"])
    at = made["host_first_cell"][host].astype(np.int64) + made["pool_cell"]
    np.add.at(devices, at, np.maximum(made["pool_count"], 0).astype(devices.dtype))
    made["cell_devices"] = devices


def _put(made: dict[str, Any], name: str, values: Any) -> None:
    made[name] = values.astype(GIVEN[name].dtype)
