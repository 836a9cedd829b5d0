"""Random refusals of the oracle's worlds: what is suggested does, by engine and oracle; with one
unit less of any part it does not.

A short run stands in ``make test``; ``make refusals`` is the long one, of 20,000.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from random import Random

import pytest

from numafit import (
    FitOptions,
    Host,
    HostCell,
    HostInfo,
    PagePool,
    Placement,
    Refusal,
    Request,
)
from numafit.model.hostinfo import MAX_PAGE_COUNT
from numafit.planning.explain_changed_host import PAGES, changed_host, most_of
from numafit.planning.explain_host import HostSpace
from numafit.planning.explain_request import RequestSpace
from numafit.planning.explain_search import less, size_of, smallest
from tests.oracle.fit import fit
from tests.oracle.placement import with_inventories, with_resources
from tests.oracle.state import HostState
from tests.oracle.worlds import world

REFUSALS = int(os.environ.get("NUMAFIT_REFUSALS", "150"))
KINDS = ("unlike", "pci", "siblings", "wide", "everything")
SEED = 16
BUDGET = 120
"""A search that takes longer ends with what may not be the smallest: that has to do, too."""
Case = tuple[HostInfo, Request, FitOptions, Refusal]


def refusals(kind: str) -> Iterator[Case]:
    found = number = 0
    while found < REFUSALS // len(KINDS):
        made = world(kind, SEED, number)
        number += 1
        for info in made.hosts:
            for ask in made.asks:
                answer = Host(info).fit(ask.requests[0], ask.options)
                if isinstance(answer, Refusal) and answer.reason != "undecided":
                    found += 1
                    yield info, ask.requests[0], ask.options, answer


def test_what_is_suggested_does_where_placement_counts_too() -> None:
    """Inventories in steps, with units reserved, least and most amounts, and traits."""
    helped: Counter[str] = Counter()
    for kind in KINDS:
        for n, (info, request, options, _refusal) in enumerate(refusals(kind)):
            rng = Random(f"{kind} {n}")
            told, wants = with_inventories(rng, info), with_resources(rng, request)
            for space in (HostSpace(told, wants, options), RequestSpace(told, wants, options)):
                for one in smallest(space, 2, BUDGET)[0]:
                    host, asked = space.changed(one.changes)
                    assert by_oracle(host, asked, options), (kind, n)
                    for key in one.changes:
                        helped[str(key[0])] += 1
                        fewer = less(one.changes, key)
                        if space.judge(fewer) is not None:
                            assert not by_oracle(*space.changed(fewer), options), (kind, n)
    assert min(helped["units"], helped["fewer units"]) >= REFUSALS / 30, helped


def test_no_more_pages_are_suggested_than_a_cell_has_numbers_for() -> None:
    pages = (PagePool(4, MAX_PAGE_COUNT), PagePool(8, MAX_PAGE_COUNT - 1))
    info = HostInfo([HostCell(0, range(4), (), 1 << 24, page_pools=pages)])
    most = most_of(info, (PAGES, 0, 8))
    assert most == 1
    changed = changed_host(info, {(PAGES, 0, 8): most}, {})
    assert changed.cells[0].page_pools[-1].total == MAX_PAGE_COUNT


def by_oracle(info: HostInfo, request: Request, options: FitOptions) -> bool:
    return fit(HostState(info), request, options) is not None


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_suggested_does_and_one_unit_less_does_not(kind: str) -> None:
    helped: Counter[str] = Counter()
    for info, request, options, _refusal in refusals(kind):
        for space in (
            HostSpace(info, request, options),
            RequestSpace(info, request, options),
        ):
            found, _ended = smallest(space, 2, BUDGET)
            sizes = [size_of(space, one.changes) for one in found]
            assert sizes == sorted(sizes)
            for one in found:
                helped[type(space).__name__] += 1
                host, asked = space.changed(one.changes)
                assert isinstance(Host(host).fit(asked, options), Placement)
                assert by_oracle(host, asked, options)
                for key in one.changes:
                    fewer = less(one.changes, key)
                    answer = space.judge(fewer)
                    assert not isinstance(answer, Placement)
                    if answer is not None:
                        assert not by_oracle(*space.changed(fewer), options)
    assert min(helped.values()) > REFUSALS / len(KINDS) / 20
    assert len(helped) == 2
