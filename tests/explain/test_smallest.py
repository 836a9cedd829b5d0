"""On small worlds no smaller set of changes exists than the one that is named: all are tried.

What fits is judged by the oracle of the tests, not by the engine. A short run stands in
``make test``; ``make refusals`` is the long one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import combinations
from random import Random

from numafit import (
    FitOptions,
    GuestCell,
    GuestTopology,
    Host,
    HostCell,
    HostInfo,
    PciPool,
    PciRequest,
    Refusal,
    Request,
)
from numafit.planning.explain import Suggestion, explain
from tests.oracle.fit import fit
from tests.oracle.state import HostState

from . import by_force_host, by_force_request, small_worlds

CASES = int(os.environ.get("NUMAFIT_SMALL_WORLDS", "60"))
MOST_PARTS = 2
"""Sets of more parts are too many to try: of a suggestion of three, sets of up to two are."""
Size = tuple[int, int]


def cases(seed: str) -> Iterator[tuple[HostInfo, Request, FitOptions]]:
    rng = Random(seed)
    found = 0
    while found < CASES:
        info = small_worlds.host(rng)
        request, options = small_worlds.request(rng, info), small_worlds.options(rng)
        if isinstance(Host(info).fit(request, options), Refusal):
            found += 1
            yield info, request, options


def fits(info: HostInfo, request: Request, options: FitOptions) -> bool:
    return fit(HostState(info), request, options) is not None


def first(found: tuple[Suggestion, ...]) -> Size:
    """The size that no other set may be below; without a suggestion none of those tried may do."""
    return found[0].size if found else (MOST_PARTS + 1, 0)


def test_no_smaller_change_of_a_host_would_do() -> None:
    helped = 0
    for info, request, options in cases("hosts"):
        told = explain(info, request, options=options, kinds=["host"], wanted=1)
        assert told.ended
        found = told.of("host")
        size = first(found)
        helped += bool(found)
        if found:
            assert fits(found[0].host, request, options)
        every = list(by_force_host.changes(info, request, options))
        for parts in range(1, min(size[0], MOST_PARTS) + 1):
            for some in combinations(every, parts):
                units = sum(change.units for change in some)
                places = {change.place for change in some}
                if len(places) < parts or (parts, units) >= size:
                    continue
                changed = info
                for change in some:
                    changed = change.make(changed)
                assert not fits(changed, request, options), (info, request, options, places)
    assert CASES / 5 < helped < CASES


def test_no_smaller_change_of_a_request_would_do() -> None:
    helped = 0
    for info, request, options in cases("requests"):
        told = explain(info, request, options=options, kinds=["request"], wanted=1)
        assert told.ended
        found = told.of("request")
        size = first(found)
        helped += bool(found)
        if found:
            assert fits(info, found[0].request, options)
        for parts, units, other in by_force_request.requests(
            info, request, min(size[0], MOST_PARTS)
        ):
            if parts and (parts, units) < size:
                assert not fits(info, other, options), (info, request, options, other)
    assert helped > CASES / 5


def test_a_device_that_two_requests_could_take_is_named_once() -> None:
    cells = tuple(HostCell(n, frozenset({n}), frozenset(), 64) for n in range(2))
    info = HostInfo(cells, pci_pools=(PciPool("8086", "1", 0, 1, {"dev_type": "type-PCI"}),))
    two = [PciRequest(1, [{"product_id": "1"}], "preferred", name) for name in ("a", "b")]
    told = explain(info, Request(GuestTopology((GuestCell({0}, (), 1, None, "shared"),)), pci=two))
    assert [str(one) for one in told.of("host")] == [
        f"1 more free device (8086:1 type-PCI) on node {node}" for node in (0, 1)
    ]
