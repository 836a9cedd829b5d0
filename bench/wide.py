"""Fleets of a million hosts in seconds: the columns of a few hosts repeated, and each host's usage
drawn anew with numpy. No two hosts are alike, and half of each is used on average."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from bench import cases
from numafit import Fleet, Host
from numafit._engine import ManyHosts
from numafit.columns import Columns


def wide_fleet(n_hosts: int, templates: Sequence[Host], seed: int = 1, used: float = 0.5) -> Fleet:
    """``n_hosts`` hosts, each like one of the templates (2 cells, drawn at random), with its own
    pinned CPUs (each CPU with probability ``used``), pages, memory and devices in use."""
    base = Columns([host.hostinfo for host in templates])
    columns = _repeat(base, n_hosts, np.random.default_rng(seed), used)
    fleet = Fleet.__new__(Fleet)
    fleet._columns = columns
    fleet._engine = ManyHosts(columns)
    return fleet


def templates(
    count: int = 16, cpus: Any = (48, 64, 80, 96), nets: bool = False, pools: int = 0
) -> list[Host]:
    """Hosts without usage, to be repeated."""
    near = {0: ["net0"], 1: ["net0", "net1"]} if nets else None
    return [
        Host.from_nova(
            cases.topology(seed, cpus=cpus, used=0.0, nets=near),
            cases.pools(seed, count=pools) if pools else None,
            name=f"host{seed}",
        )
        for seed in range(count)
    ]


def _repeat(base: Columns, n: int, rng: np.random.Generator, used: float) -> Columns:
    which = rng.integers(0, base.n_hosts, n)
    counts = np.diff(base.host_first_cell)[which].astype(np.int64)
    cells = _members(base.host_first_cell, which, counts)
    made = copy.copy(base)
    made.n_hosts, made.n_cells = n, len(cells)
    made.names = [f"host{number}" for number in range(n)]
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
    table = made.layout_table[made.cell_layout]
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
