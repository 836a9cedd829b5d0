"""Columns whose hosts have inventories: those that they lack follow from their cells."""

from __future__ import annotations

import numpy as np

from numafit.columns.columns import Columns
from numafit.columns.in_order import edges_of, in_order
from numafit.columns.resources import HostResources
from numafit.model.guest import Limits
from numafit.rules.inventories import CellTotals, derived_provider, with_ratios


def with_inventories(columns: Columns, ratios: Limits | None = None) -> Columns:
    """The same where each host has some; else others, in which those without have what
    ``rules.inventories`` derives. ``ratios``: allocation ratios in place of the hosts'."""
    told = columns.providers_of_hosts
    if len(told) == columns.n_hosts and ratios is None:
        return columns
    columns = in_order(columns)
    resources = HostResources()
    totals = _totals(columns)
    cpu, ram = columns.host_cpu_ratio.tolist(), columns.host_ram_ratio.tolist()
    for host, number in enumerate(columns.host_class.tolist()):
        provider = told.get(host)
        if provider is None:
            given = (_known(cpu[host]), _known(ram[host]))
            provider = derived_provider(CellTotals(*totals[host]), None, *given, ratios=ratios)
        elif ratios is not None:
            provider = with_ratios(provider, ratios)
        kind = columns.host_kinds[number]
        resources.add(provider, kind.zone, kind.disabled, kind.state)
    arrays = {**columns.given(), **resources.arrays()}
    return Columns.of(arrays, {**columns.known(), **resources.known()})


def _totals(columns: Columns) -> list[tuple[int, int, bool, int, int, int, int]]:
    """The fields of CellTotals of each host."""
    layouts = columns.cpu_layouts
    of_layout = np.array(
        [(len(one.shared), len(one.dedicated), not one.alike) for one in layouts], np.int64
    ).reshape(-1, 3)
    bits = np.unpackbits(columns.pinned.view(np.uint8)).reshape(-1, 64).sum(axis=1)
    pinned = np.concatenate(([0], np.cumsum(bits, dtype=np.int64)))
    words = np.array([one.n_words for one in layouts], np.int64)[columns.cell_layout]
    first = columns.cell_mask_at.astype(np.int64)
    cells = np.column_stack(
        (
            of_layout[columns.cell_layout],
            columns.cell_memory,
            pinned[first + words] - pinned[first],
            columns.cell_cpu_used,
            columns.cell_memory_used,
        )
    ).astype(np.int64)
    sums = np.concatenate((np.zeros((1, 7), np.int64), np.cumsum(cells, axis=0)))
    edges = edges_of(columns, "cell")
    hosts = sums[edges[1:]] - sums[edges[:-1]]
    return [(row[0], row[1], not row[2], *row[3:]) for row in hosts.tolist()]


def _known(ratio: float) -> float | None:
    return None if np.isnan(ratio) else ratio
