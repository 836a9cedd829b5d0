"""Fleets of a million hosts in seconds: the columns of a few hosts repeated, and each host's usage
drawn anew with numpy. No two hosts are alike, and half of each is used on average."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench import cases
from numafit import Fleet, Host
from numafit._engine import ManyHosts
from numafit.columns import Columns
from numafit.columns.names import Names

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
) -> Wide:
    """``n_hosts`` hosts of ``cells`` cells: each like one of 16, with its own pinned CPUs (each
    CPU with probability ``used``), pages, memory and devices in use."""
    near = {n: ["net0", "net1"] if n % 2 else ["net0"] for n in range(cells)} if nets else None
    texts = [cases.topology(n, cells, cpus, used=0.0, nets=near) for n in range(TEMPLATES)]
    base = Columns(
        Host.from_nova(text, cases.pools(n, cells, pools) if pools else None).hostinfo
        for n, text in enumerate(texts)
    )
    rng = np.random.default_rng(seed)
    which = rng.integers(0, TEMPLATES, n_hosts)
    fleet = Fleet.__new__(Fleet)
    fleet._columns = _repeat(base, which, rng, used)
    fleet._engine = ManyHosts(fleet._columns)
    return Wide(fleet, texts, which)


def _repeat(base: Columns, which: Any, rng: np.random.Generator, used: float) -> Columns:
    n = len(which)
    counts = np.diff(base.host_first_cell)[which].astype(np.int64)
    cells = _members(base.host_first_cell, which, counts)
    made = copy.copy(base)
    made.n_hosts, made.n_cells = n, len(cells)
    made.names = Names()
    for number in range(n):
        made.names.append(f"host{number}")
    made.host_first_cell = _offsets(counts)
    for name in ("host_cpu_ratio", "host_ram_ratio", "host_distance_at", "host_generation"):
        setattr(made, name, getattr(base, name)[which])
    for name in (
        "cell_id",
        "cell_socket",
        "cell_layout",
        "cell_memory",
        "cell_page_sizes",
        "cell_nets",
        "cell_free",
        "cell_devices",
        "cell_cpu_room",
        "cell_memory_room",
    ):
        setattr(made, name, getattr(base, name)[cells])
    for name in ("pages_total", "pages_used", "pages_free", "cell_cores"):
        setattr(made, name, np.ascontiguousarray(getattr(base, name)[:, cells]))
    _use(made, base, rng, used)
    _use_pools(made, base, rng, which)
    return made


def _use(made: Columns, base: Columns, rng: np.random.Generator, used: float) -> None:
    n = made.n_cells
    share = np.clip(rng.normal(used, used / 2, (len(made.page_kib), n)), 0.0, 1.0)
    made.pages_used = (made.pages_total * share).astype(made.pages_total.dtype)
    made.pages_free = (made.pages_total - made.pages_used).astype(made.pages_free.dtype)
    kib = made.page_kib.astype(np.int64)[:, None]
    made.cell_memory_used = ((made.pages_used * kib).sum(axis=0) // 1024).astype(
        made.cell_memory.dtype
    )
    table = made.layouts[made.cell_layout]
    made.cell_cpu_used = rng.integers(0, table["n_shared"].astype(np.int64) * 8 + 1).astype(
        base.cell_cpu_used.dtype
    )
    words = table["n_words"].astype(np.int64)
    made.cell_mask_at = _offsets(words)[:-1].astype(base.cell_mask_at.dtype)
    flat = _members(table["mask_at"].astype(np.int64), np.arange(n), words)
    taken = np.packbits(rng.random((len(flat), 64)) < used, axis=1).view(np.uint64).ravel()
    made.pinned = made.layout_words[flat] & taken


def _use_pools(made: Columns, base: Columns, rng: np.random.Generator, which: Any) -> None:
    counts = np.diff(base.host_first_pool)[which].astype(np.int64)
    pools = _members(base.host_first_pool, which, counts)
    made.host_first_pool = _offsets(counts)
    for name in ("class", "cell", "provider", "family", "kind", "taken", "hidden"):
        setattr(made, f"pool_{name}", getattr(base, f"pool_{name}")[pools])
    free = rng.integers(0, base.pool_count[pools] + 1) if len(pools) else np.zeros(0)
    made.pool_count = np.where(free > 0, free, -1).astype(np.int32)
    made.pools = [base.pools[pool] for pool in pools] if len(pools) < 100_000 else base.pools
    made.cell_devices = np.zeros(made.n_cells, base.cell_devices.dtype)
    host = np.repeat(np.arange(made.n_hosts), counts)
    at = made.host_first_cell[:-1][host].astype(np.int64) + made.pool_cell
    np.add.at(made.cell_devices, at, np.maximum(made.pool_count, 0).astype(base.cell_devices.dtype))


def _offsets(counts: Any) -> Any:
    return np.concatenate(([0], np.cumsum(counts))).astype(np.uint32)


def _members(first: Any, which: Any, counts: Any) -> Any:
    """Indices first[which] .. + counts - 1 of each, one after the other."""
    starts = np.asarray(first, np.int64)[which]
    ends = np.cumsum(counts)
    return np.repeat(starts - (ends - counts), counts) + np.arange(ends[-1] if len(ends) else 0)
