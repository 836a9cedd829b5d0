"""A fleet that changes in place is the fleet that is built anew from the same truth."""

from __future__ import annotations

import pickle
import random
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from numafit import (
    Claim,
    Fleet,
    HostInfo,
    InputError,
    Journal,
    Limits,
    Refusal,
    Request,
    StalePlacement,
    shared,
)
from numafit.model.resources import Provider, ResourceGroup, Resources
from numafit.rules.variants import Variant
from tests.property.living_handed import HandedOver
from tests.property.living_rows import RowsCome
from tests.property.living_truth import (
    GONE,
    assert_alike,
    built_anew,
    comparable,
    named,
    of_what_is_there,
    said,
    some_host,
)
from tests.property.nova_database import Database
from tests.property.walks import walks
from tests.property.worlds import make_options, make_request

SEEDS = st.integers(0, 2**20)
DICE = st.randoms(use_true_random=False)
PREPARED = 6  # requests that are asked again after each step


class Living(RowsCome, HandedOver, RuleBasedStateMachine):
    @initialize(seed=SEEDS, n=st.integers(0, 5))
    def begin(self, seed: int, n: int) -> None:
        rng = random.Random(seed)
        self.rng = rng
        self.count = 0
        self.truth: list[HostInfo | None] = [some_host(rng, self.name()) for _ in range(n)]
        self.fleet = Fleet(info for info in self.truth if info is not None)
        self.held: list[Claim] = []
        self.prepared: list[tuple[Any, Any]] = []
        self.refused: list[tuple[Refusal, Any]] = []
        self.streams: list[Iterator[Claim | None]] = []
        self.forked: tuple[Fleet, list[HostInfo | None], dict[Claim, str]] | None = None
        self.folder = tempfile.TemporaryDirectory()
        self.journal = Journal(Path(self.folder.name) / "claims")
        self.fleet.adopt(self.journal)
        self.database = Database(Path(self.folder.name) / "cell.db")
        self.before: tuple[Fleet, list[HostInfo], list[str]] | None = None

    def teardown(self) -> None:
        if hasattr(self, "journal"):
            self.journal.close()
            self.folder.cleanup()

    def name(self) -> str:
        self.count += 1
        return f"host{self.count}"

    def one(self, dice: random.Random) -> int | None:
        there = [n for n, info in enumerate(self.truth) if info is not None]
        return dice.choice(there) if there else None

    def drop(self, lost: tuple[Claim, ...]) -> None:
        for claim in lost:
            assert claim.state == "lost"
            assert claim.why
            assert claim.placement.cells is not None
            with pytest.raises(Exception, match="lost"):
                self.fleet.release(claim)
        self.held = [claim for claim in self.held if claim not in lost]

    @rule(dice=DICE, n=st.integers(1, 3))
    def add(self, dice: random.Random, n: int) -> None:
        infos = [some_host(dice, self.name()) for _ in range(n)]
        assert self.fleet.add(infos) == list(range(len(self.truth), len(self.truth) + n))
        self.truth += infos

    @rule(dice=DICE)
    def a_host_that_cannot_be_changes_nothing(self, dice: random.Random) -> None:
        bad = some_host(dice, "bad")
        if not bad.cells:
            return
        bad = replace(bad, cells=(replace(bad.cells[0], memory_mb=None), *bad.cells[1:]))
        with pytest.raises(InputError, match="memory_mb"):
            self.fleet.add([some_host(dice, "good"), bad])
        host = self.one(dice)
        if host is not None:
            with pytest.raises(InputError, match="memory_mb"):
                self.fleet.replace(host, bad)

    @rule(dice=DICE, rename=st.booleans())
    def replace_on_top(self, dice: random.Random, rename: bool) -> None:
        host = self.one(dice)
        if host is None:
            return
        info = self.truth[host]
        assert info is not None
        name = self.name() if rename else info.name
        change = dice.random()
        if change < 0.4:
            new = replace(info, name=name)  # what is in use, and no more
            new = replace(
                new,
                cells=tuple(replace(cell, cpu_usage=dice.randint(0, 9)) for cell in new.cells),
            )
        else:
            new = some_host(dice, name)
        before = [claim for claim in self.held if claim.host == host]
        result = self.fleet.replace(host, new, claims="on top")
        self.truth[host] = new
        if change < 0.4:
            assert set(result.lost) <= set(before)
        self.drop(result.lost)
        for claim in before:
            if claim.state == "held":
                assert (claim.host, claim.host_name) == (host, name)

    @rule(dice=DICE)
    def replace_in_usage(self, dice: random.Random) -> None:
        host = self.one(dice)
        if host is None:
            return
        info = self.truth[host]
        assert info is not None
        base = info if dice.random() < 0.6 else some_host(dice, info.name)
        mine, row, known = self.in_use_of_some(dice, host, base)
        result = self.fleet.replace(host, row)
        assert comparable(self.fleet.hostinfo(host)) == comparable(row)
        self.drop(result.lost)
        self.keep_those(host, base, mine, known)

    @rule(dice=DICE)
    def remove(self, dice: random.Random) -> None:
        host = self.one(dice)
        info = None if host is None else self.truth[host]
        if host is None or info is None:
            return
        mine = [claim for claim in self.held if claim.host == host]
        result = self.fleet.remove(dice.choice([host, info.name]))
        assert result.removed == (info.name,)
        assert set(result.lost) == set(mine)
        self.drop(result.lost)
        self.truth[host] = None
        assert self.fleet.names[host] == ""

    @rule(dice=DICE)
    def come_back(self, dice: random.Random) -> None:
        gone = [n for n, info in enumerate(self.truth) if info is None]
        if not gone:
            return
        host = dice.choice(gone)
        new = some_host(dice, self.name())
        self.fleet.replace(host, new)
        self.truth[host] = new

    @rule(dice=DICE, tied=st.booleans(), way=st.sampled_from(["host", "prepared", "placement"]))
    def claim(self, dice: random.Random, tied: bool, way: str) -> None:
        host = self.one(dice)
        if host is None:
            return
        request, options = make_request(dice, tied), make_options(dice)
        if dice.random() < 0.4:
            names = dice.sample(["PCPU", "VCPU", "DISK_GB", "CUSTOM_A"], dice.randint(1, 2))
            group = ResourceGroup(resources={name: dice.randint(1, 3) for name in names})
            request = Request(
                request.guest,
                networks=request.networks,
                pci=request.pci,
                resources=Resources((group,)),
            )
        with suppress(StalePlacement):
            if way == "placement":
                found = self.fleet.fit_on(request, host, **options)
                if found:
                    self.held.append(self.fleet.claim(found))  # type: ignore[arg-type]
            else:
                asked = self.fleet.prepare(request) if way == "prepared" else request
                if way == "prepared":
                    self.prepared.append((request, asked))
                self.held.append(self.fleet.claim(asked, host=host, **options))

    @rule(dice=DICE)
    def prepare(self, dice: random.Random) -> None:
        """Requests for devices and classes that the fleet has, which change their numbers."""
        asking = [make_request(dice, True), *of_what_is_there(self.fleet)]
        for request in dice.sample(asking, min(len(asking), 3)):
            self.prepared.append((request, self.fleet.prepare(request)))

    @invariant()
    def requests_prepared_before_are_good(self) -> None:
        if not hasattr(self, "fleet"):
            return
        del self.prepared[:-PREPARED]
        fork = self.fleet.fork()
        for request, ready in self.prepared:
            fits = self.fleet.scan(copy(request)).tolist()  # one that it has not met
            assert self.fleet.scan(ready).tolist() == fits
            assert fork.scan(ready).tolist() == fits

    @precondition(lambda self: self.held)
    @rule(dice=DICE)
    def release(self, dice: random.Random) -> None:
        going = dice.sample(self.held, dice.randint(1, len(self.held)))
        self.fleet.release(going)
        self.held = [claim for claim in self.held if claim not in going]

    @rule()
    def compact(self) -> None:
        hosts = [claim.host for claim in self.held]
        becomes = self.fleet.compact().tolist()
        there = [info for info in self.truth if info is not None]
        assert [n for n in becomes if n >= 0] == list(range(len(there)))
        assert [n >= 0 for n in becomes] == [info is not None for info in self.truth]
        self.truth = list(there)
        assert [claim.host for claim in self.held] == [becomes[host] for host in hosts]
        assert len(self.fleet) == len(there)

    @rule()
    def save_and_load(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "fleet.npz"
            self.fleet.save(path)
            texts = [claim.to_json() for claim in self.held]
            again = Fleet.load(path, claims=texts)
        assert_alike(self.fleet, again, self.rng)
        again.release(again.claims())
        assert list(again.hostinfos()) == [info for info in self.plain() if info is not None]

    def plain(self) -> list[HostInfo]:
        return list(Fleet(info for info in self.truth if info is not None).hostinfos())

    @rule(dice=DICE)
    def a_fork_goes_its_own_way(self, dice: random.Random) -> None:
        fork = self.fleet.fork()
        before = list(self.fleet.hostinfos())
        fork.add(some_host(dice, "fork"))
        host = self.one(dice)
        if host is not None:
            fork.replace(host, some_host(dice, "other"))
            fork.remove(dice.choice([host, "fork"]))
        assert fork.check() is None
        assert list(self.fleet.hostinfos()) == before

    @rule(dice=DICE)
    def set_traits_and_ratios(self, dice: random.Random) -> None:
        host = self.one(dice)
        if host is None:
            return
        self.drop(self.fleet.set(host, traits=["T"]).lost)
        info = self.truth[host]
        assert info is not None
        provider = info.provider or Provider({})
        self.truth[host] = replace(info, provider=replace(provider, traits=frozenset({"T"})))

    @rule(dice=DICE)
    def set_cpus_pages_and_ratios(self, dice: random.Random) -> None:
        host = self.one(dice)
        if host is None:
            return
        info = self.truth[host]
        assert info is not None
        cpus = sorted(frozenset[int]().union(*(c.pcpuset | c.cpuset for c in info.cells)))
        sizes = [pool.size_kib for cell in info.cells for pool in cell.page_pools]
        some = dice.sample(cpus, dice.randint(0, len(cpus)))
        other = [cpu for cpu in cpus if cpu not in some]
        given = {
            "dedicated_cpus": dice.choice([None, some]),
            "shared_cpus": dice.choice([None, other]),
            "reserved_pages": dice.choice([None, {size: dice.randint(0, 9) for size in sizes}]),
            "ratios": dice.choice([None, Limits(4.0, 1.5), Limits(0.5, 1.0)]),
        }
        try:
            becomes = Variant.of(*given.values(), None).apply(info)
            Fleet([becomes])
        except InputError:
            with pytest.raises(InputError):
                self.fleet.set(host, **given)
            return
        self.drop(self.fleet.set(host, **given).lost)
        self.truth[host] = becomes

    @rule(dice=DICE)
    def refuse(self, dice: random.Random) -> None:
        """Two refusals of one moment; one is read now."""
        host = self.one(dice)
        if host is None:
            return
        asking = [make_request(dice, True), *of_what_is_there(self.fleet)]
        for request in dice.sample(asking, min(len(asking), 4)):
            now, later = (self.fleet.explain(request, host) for _ in range(2))
            if now is not None and later is not None:
                self.refused.append((later, said(now)))

    @invariant()
    def refusals_say_what_they_said(self) -> None:
        if not hasattr(self, "fleet"):
            return
        while len(self.refused) > 2 * PREPARED:
            later, words = self.refused.pop(0)
            assert said(later) == words
        assert all(said(copy(later)) == words for later, words in self.refused[:1])

    @rule(dice=DICE)
    def begin_a_stream(self, dice: random.Random) -> None:
        requests = [make_request(dice, True) for _ in range(8)]
        self.streams.append(self.fleet.schedule(requests, dice.choice(["first", "spread"])))

    @precondition(lambda self: self.streams)
    @rule(dice=DICE)
    def go_on_with_a_stream(self, dice: random.Random) -> None:
        claim = next(dice.choice(self.streams), None)
        if claim is not None:
            self.held.append(claim)

    @rule()
    def it_travels(self) -> None:
        # what was prepared for the fleet that this one is a fork of is good here, and stays here
        mine = [one for one in self.prepared if one[1].columns is self.fleet._columns]
        requests, ready = zip(*mine, strict=True) if mine else ((), ())
        fleet, held, there = pickle.loads(pickle.dumps((self.fleet, self.held, ready)))
        assert_alike(fleet, built_anew(self.truth, self.held), self.rng)
        assert [one.to_json() for one in held] == [one.to_json() for one in self.held]
        for request, one in zip(requests, there, strict=True):
            assert fleet.scan(one).tolist() == fleet.scan(copy(request)).tolist()
        fleet.release(held)
        assert [one for one in self.plain() if one] == [
            one for one in fleet.hostinfos() if one.disabled != GONE
        ]
        with shared.share(self.fleet) as memory:
            assert_alike(shared.open(memory), built_anew(self.truth, self.held), self.rng)

    @rule()
    def fork(self) -> None:
        held = {claim: claim.to_json() for claim in self.held}
        self.forked = self.fleet.fork(), list(self.truth), held

    @precondition(lambda self: self.forked and self.forked[2])
    @rule(dice=DICE)
    def release_in_the_fork(self, dice: random.Random) -> None:
        """Whatever has become of them in the fleet since."""
        fork, _truth, held = self.forked
        going = dice.sample(list(held), dice.randint(1, len(held)))
        fork.release(going)
        for claim in going:
            del held[claim]

    @precondition(lambda self: self.forked)
    @rule(dice=DICE)
    def compact_the_fork(self, dice: random.Random) -> None:
        fork, truth, held = self.forked
        alone = [n for n, info in enumerate(truth) if info and not named(held, info.name)]
        if alone:
            gone = dice.choice(alone)
            fork.remove(gone)
            truth[gone] = None
        fork.compact()
        truth[:] = [info for info in truth if info is not None]

    @invariant()
    def the_fork_is_what_it_was(self) -> None:
        if not hasattr(self, "fleet") or self.forked is None:
            return
        fork, truth, held = self.forked
        texts = list(held.values())
        anew = Fleet(info for info in truth if info is not None)
        assert not anew.adopt(texts, usage="on top").lost
        assert_alike(fork, anew, self.rng)

    @invariant()
    def the_journal_has_what_is_held(self) -> None:
        if not hasattr(self, "fleet"):
            return
        (summed,) = self.journal.events(self.journal.position)
        written = sorted(one.to_json() for one in summed.take.values())
        assert written == sorted(claim.to_json() for claim in self.held)

    @invariant()
    def it_is_the_fleet_that_is_built_anew(self) -> None:
        if not hasattr(self, "fleet"):
            return
        assert {claim.to_json() for claim in self.fleet.claims()} == {
            claim.to_json() for claim in self.held
        }
        assert_alike(self.fleet, built_anew(self.truth, self.held), self.rng)
        for n, info in enumerate(self.truth):
            if info is not None:
                assert self.fleet.index(info.name) == n


TestLiving = Living.TestCase
TestLiving.settings = walks(60, 30)
