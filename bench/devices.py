"""What do PCI requests add to a fit?"""

from __future__ import annotations

from typing import Any

from bench import cases, stock
from bench.measure import prepared, take_turns, turn_of
from bench.report import Row, faster
from numafit import Host

TWO = [
    {"count": 1, "spec": [{"vendor_id": "8086", "product_id": "1501"}], "numa_policy": "legacy"},
    {"count": 1, "spec": [{"vendor_id": "8086", "product_id": "1503"}], "numa_policy": "legacy"},
]


def measure() -> list[Row]:
    text, pools = cases.topology(5, cpus=32, used=0.25), cases.pools(5, count=16)
    host = Host.from_nova(text, pools)
    plain, two = cases.request(cases.PINNED_4), cases.request(cases.PINNED_4, pci=TWO)
    assert host.fit(plain)
    assert host.fit(two)
    turns = [
        turn_of(lambda: host.fit(plain), 300),
        turn_of(lambda: host.fit(two), 300),
        turn_of(lambda: host.fit(two).pci, 100),  # type: ignore[union-attr]
    ]
    if stock.missing() is None:
        nova = stock.Stock(text, pools)
        asked: Any = nova.requests(TWO)
        assert nova.fit(nova.instance(cases.PINNED_4), pci=asked) is not None
        turns.append(
            prepared(
                lambda guest: nova.fit(guest, pci=asked),
                lambda: nova.instance(cases.PINNED_4),
                20,
            )
        )
    best = take_turns(turns)
    theirs = best[3] if len(best) > 3 else None
    return [
        Row(
            "devices: 2 requests over 16 pools",
            "fit",
            best[1],
            theirs,
            ratio=best[1] / best[0],
            ratio_of="x without",
            at_most=3.0,
        ),
        faster("devices: the same, allocation read", "fit", best[2], theirs),
        _refused(),
    ]


def _refused() -> Row:
    """8 guest cells on 16 host cells; the devices are there, but never near enough."""
    text = cases.topology(3, 16, 16, used=0.0)
    host = Host.from_nova(text, cases.pools(3, cells=16, count=16))
    flavor = cases.flavor("wide", 32, 8192, cpu_policy="dedicated", numa_nodes="8")
    wanted = [
        {"count": 60, "spec": [{"vendor_id": "8086"}], "numa_policy": "required"},
        {"count": 9, "spec": [{"product_id": "1501"}], "numa_policy": "required"},
    ]
    request = cases.request(flavor, pci=wanted)
    assert not host.fit(request)
    least = take_turns([turn_of(lambda: host.fit(request), 20)], 10)[0]
    return Row(
        "devices: 8 guest cells on 16, refused", "fit", least,
        ratio=least * 1e3, ratio_of="ms", at_most=1.0,
    )  # fmt: skip
