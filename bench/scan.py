"""How long does it take to ask a million hosts?"""

from __future__ import annotations

from typing import Any

import numpy as np

from bench import cases, stock
from bench.measure import prepared, take_turns, turn_of
from bench.report import Row
from bench.wide import Wide, wide

HOSTS = 1_000_000
SAMPLE = 40
DEVICE = [{"count": 1, "spec": [{"product_id": "1501"}], "numa_policy": "legacy"}]


def memory_pass(n_cells: int) -> Any:
    """An array of 64 bytes a cell, to be summed."""
    return np.ones((n_cells, 8))


def nova_fit(many: Wide, flavor: Any, answers: list[bool]) -> float | None:
    """Seconds a host of nova's fit, the call alone, on a sample of the same hosts."""
    if stock.missing() is not None:
        return None
    hosts = np.linspace(0, len(many.fleet) - 1, SAMPLE).astype(int).tolist()
    turns = []
    for host in hosts:
        nova = stock.Stock(many.row(host))
        fits = nova.fit(nova.instance(flavor)) is not None
        assert fits == answers[host], f"host {host}: nova says {fits}"
        turns.append(prepared(nova.fit, lambda n=nova: n.instance(flavor), 3))  # type: ignore[misc]
    return sum(take_turns(turns, 3)) / len(turns)


def measure(hosts: int = HOSTS) -> list[Row]:
    many = wide(hosts)
    fleet, numbers = many.fleet, memory_pass(2 * hosts)
    request = cases.request(cases.PINNED_8_GIANT)
    fits = fleet.scan(request).tolist()
    best = take_turns(
        [
            turn_of(numbers.sum),
            turn_of(lambda: fleet.scan(request)),
            turn_of(lambda: fleet.scan(request, threads=2)),
        ],
        9,
    )
    theirs = nova_fit(many, cases.PINNED_8_GIANT, fits)
    size = f"{hosts:,} hosts"
    rows = [
        Row(
            f"scan: pinned, 1 GiB pages, {size}", "scan", best[1], memory_pass=best[0],
            ratio=best[1] / best[0], ratio_of="x pass", at_most=4.0,
        ),
        Row(
            "scan: the same, a host", "host", best[1] / hosts, theirs,
            ratio=theirs and theirs * hosts / best[1], ratio_of="nova / numafit", at_least=10_000.0,
        ),
    ]  # fmt: skip
    rows.append(_threads(numbers, best))
    return [*rows, _near(numbers, hosts)]


def _threads(numbers: Any, best: list[float]) -> Row:
    """Either nearly twice as fast, or already bound by memory."""
    return Row(
        "scan: the same, two threads", "scan", best[2], memory_pass=best[0],
        ratio=max(best[1] / best[2] / 1.7, best[0] / 2 * 1.3 / best[2]),
        ratio_of="of 1.7 x, or of 1.3 x half a pass", at_least=1.0,
    )  # fmt: skip


def _near(numbers: Any, hosts: int) -> Row:
    fleet = wide(hosts, nets=True, pools=4).fleet
    request = cases.request(cases.PINNED_8_GIANT, ("net0", "net1"), DEVICE)
    assert 0.2 < fleet.scan(request).mean() < 0.95
    best = take_turns([turn_of(numbers.sum), turn_of(lambda: fleet.scan(request))], 9)
    return Row(
        "scan: 2 physnets and a device", "scan", best[1], memory_pass=best[0],
        ratio=best[1] / best[0], ratio_of="x pass", at_most=8.0,
    )  # fmt: skip
