"""Verbs in any order: after each step a plain model of what is in use agrees with the fleet."""

from __future__ import annotations

import random
import tempfile
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from numafit import Fleet, Host, Placement, Request, StalePlacement
from numafit.claims import Claim
from numafit.model.placement import PlacementCell
from tests.property.walks import FEWER, walks
from tests.property.worlds import make_host, make_options, make_request

SEEDS = st.integers(0, 2**20)
DICE = st.randoms(use_true_random=False)


class Model:
    """What claims hold, in the words of the placements: nothing of the engine's."""

    def __init__(self, fleet: Fleet) -> None:
        self.start = [fleet.usage(host) for host in range(len(fleet))]
        self.cores = [{cell.id: cell.siblings for cell in info.cells} for info in fleet.hostinfos()]
        self.smallest = [
            {cell.id: min((p.size_kib for p in cell.page_pools), default=None) for cell in i.cells}
            for i in fleet.hostinfos()
        ]

    def pins(self, host: int, cell: PlacementCell) -> set[int]:
        taken = set(cell.pinning.values()) | set(cell.reserved)
        if cell.cpu_thread_policy == "isolate":
            cores = self.cores[host][cell.host_cell]
            taken |= {cpu for core in cores if core & taken for cpu in core}
        return taken

    def usage(self, held: list[Claim]) -> list[list[dict[str, Any]]]:
        expected = [
            {
                cell["id"]: {
                    "memory": cell["memory_usage"],
                    "cpus": cell["cpu_usage"],
                    "pinned": set(cell["pinned_cpus"]),
                    "pages": Counter({p["size_kb"]: p["used"] for p in cell["mempages"]}),
                }
                for cell in cells
            }
            for cells in self.start
        ]
        for claim in held:
            for cell in claim.placement.cells:
                there = expected[claim.host][cell.host_cell]
                there["memory"] += cell.memory_mb
                there["cpus"] += len(cell.cpuset)
                pins = self.pins(claim.host, cell)
                assert not pins & there["pinned"], "a CPU was given twice"
                there["pinned"] |= pins
                size = cell.pagesize or self.smallest[claim.host][cell.host_cell]
                if size:
                    there["pages"][size] += cell.memory_mb * 1024 // size
        return [list(cells.items()) for cells in expected]  # type: ignore[misc]


def usage_of(fleet: Fleet) -> list[list[tuple[int, dict[str, Any]]]]:
    return [
        [
            (
                cell["id"],
                {
                    "memory": cell["memory_usage"],
                    "cpus": cell["cpu_usage"],
                    "pinned": set(cell["pinned_cpus"]),
                    "pages": Counter({p["size_kb"]: p["used"] for p in cell["mempages"]}),
                },
            )
            for cell in fleet.usage(host)
        ]
        for host in range(len(fleet))
    ]


def same_columns(one: Fleet, other: Fleet) -> None:
    ours, theirs = one.columns(), other.columns()
    for name, column in ours.items():
        np.testing.assert_array_equal(theirs[name], column, err_msg=name)


class FleetMachine(RuleBasedStateMachine):
    @initialize(seed=SEEDS, plain=st.booleans(), n=st.integers(1, 4))
    def begin(self, seed: int, plain: bool, n: int) -> None:
        rng = random.Random(seed)
        self.fleet = Fleet(make_host(rng, plain) for _ in range(n))
        self.model = Model(self.fleet)
        self.held: list[Claim] = []

    @rule(dice=DICE, tied=st.booleans())
    def claim_what_fits(self, dice: random.Random, tied: bool) -> None:
        request, options = make_request(dice, tied), make_options(dice)
        fits = self.fleet.scan(request, **options)
        found = self.fleet.fit(request, **options)
        assert len(found) == fits.sum()
        if found:
            self.take(dice.choice(found))

    def take(self, placement: Placement) -> None:
        with suppress(StalePlacement):  # nova too fits some guests that it then cannot take
            self.held.append(self.fleet.claim(placement))

    @rule(dice=DICE, tied=st.booleans(), choose=st.sampled_from(["first", "spread", "pack"]))
    def schedule_a_few(self, dice: random.Random, tied: bool, choose: str) -> None:
        request, options = make_request(dice, tied), make_options(dice)
        for claim in self.fleet.schedule([request] * 3, choose=choose, **options):
            if claim is None:
                # nova too fits some guests that it then cannot take
                for host in np.flatnonzero(self.fleet.scan(request, **options)):
                    with pytest.raises(StalePlacement):
                        self.fleet.claim(request, host=host, **options)
                break
            self.held.append(claim)

    @rule(dice=DICE)
    def take_all_or_none(self, dice: random.Random) -> None:
        request = make_request(dice, tied=False)
        wanted = self.fleet.fit(request) * 2
        before = usage_of(self.fleet)
        try:
            self.held += self.fleet.claim_all(wanted)
        except StalePlacement:
            assert usage_of(self.fleet) == before

    @precondition(lambda self: self.held)
    @rule(dice=DICE)
    def release_some(self, dice: random.Random) -> None:
        going = dice.sample(self.held, dice.randint(1, len(self.held)))
        self.fleet.release(going)
        self.held = [claim for claim in self.held if claim not in going]

    @rule(dice=DICE, tied=st.booleans())
    def count_as_fitting_and_claiming_does(self, dice: random.Random, tied: bool) -> None:
        request, options = make_request(dice, tied), make_options(dice)
        counts = self.fleet.capacity(request, cap=5, **options).tolist()
        for info, expected in zip(self.fleet.hostinfos(), counts, strict=True):
            host, count = Host(info), 0
            while count < 5 and isinstance(found := host.fit(request, **options), Placement):
                try:
                    host.claim(found)
                except StalePlacement:
                    break
                count += 1
            assert count == expected

    @rule(dice=DICE)
    def count_a_mix(self, dice: random.Random) -> None:
        options = make_options(dice)
        requests = [make_request(dice, tied=False) for _ in range(dice.randint(1, 3))]
        weights = [dice.choice([1.0, 2.0, 0.5]) for _ in requests]
        counts = self.fleet.capacity(requests, cap=4, weights=weights, **options).tolist()
        for info, expected in zip(self.fleet.hostinfos(), counts, strict=True):
            assert mixed(Host(info), requests, weights, options, 4) == expected

    @rule()
    def save_and_load(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "fleet.npz"
            self.fleet.save(path)
            same_columns(self.fleet, Fleet.load(path))

    @rule()
    def travel_as_arrow(self) -> None:
        again = Fleet.from_arrow(pyarrow.table(self.fleet))
        assert usage_of(again) == usage_of(self.fleet)
        assert list(again.hostinfos()) == list(self.fleet.hostinfos())

    @rule()
    def build_anew_from_what_it_says(self) -> None:
        again = Fleet(self.fleet.hostinfos())
        assert usage_of(again) == usage_of(self.fleet)

    @invariant()
    def all_is_kept(self) -> None:
        if not hasattr(self, "fleet"):
            return
        assert self.fleet.check() is None
        assert usage_of(self.fleet) == self.model.usage(self.held)


def mixed(
    host: Host, requests: list[Request], weights: list[float], options: dict[str, Any], cap: int
) -> list[int]:
    """Guests in turns, as ``Fleet.capacity`` describes it."""
    counts, open_to = [0] * len(requests), set(range(len(requests)))
    while open_to:
        turn = min(open_to, key=lambda k: ((counts[k] + 1) / weights[k], k))
        found = host.fit(requests[turn], **options)
        try:
            if not isinstance(found, Placement):
                raise StalePlacement("refused")
            host.claim(found)
        except StalePlacement:
            open_to.discard(turn)
            continue
        counts[turn] += 1
        if counts[turn] == cap:
            open_to.discard(turn)
    return counts


TestFleet = FleetMachine.TestCase
TestFleet.settings = walks(60, 25)


def test_threads_that_claim_and_release_leave_a_whole_fleet() -> None:
    fleet = Fleet(make_host(random.Random(seed), plain=True) for seed in range(8))
    model, before = Model(fleet), fleet.columns()
    kept: list[Claim] = []
    failed: list[BaseException] = []

    def work(seed: int) -> None:
        rng, mine = random.Random(seed), []
        try:
            for _ in range(40 if FEWER else 150):
                request = make_request(rng, tied=rng.random() < 0.5)
                try:
                    host = rng.randrange(len(fleet))
                    mine.append(fleet.claim(request, host=host))
                except StalePlacement:
                    pass
                if mine and rng.random() < 0.4:
                    fleet.release(mine.pop(rng.randrange(len(mine))))
                if rng.random() < 0.1:
                    fleet.scan(request)
                    fleet.capacity(request, cap=3)
        except BaseException as error:
            failed.append(error)
        kept.extend(mine)

    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not failed, failed
    assert fleet.check() is None
    assert usage_of(fleet) == model.usage(kept)
    fleet.release(kept)
    for name, column in fleet.columns().items():
        if name != "host_generation":
            np.testing.assert_array_equal(column, before[name], err_msg=name)
