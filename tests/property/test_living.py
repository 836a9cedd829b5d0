"""A fleet that changes in place is the fleet that is built anew from the same truth."""

from __future__ import annotations

import random
import tempfile
from contextlib import suppress
from copy import copy
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from numafit import (
    Claim,
    Fleet,
    HostInfo,
    InputError,
    PciPool,
    PciRequest,
    Request,
    StalePlacement,
)
from numafit.model.resources import Inventory, Provider, ResourceGroup, Resources
from tests.property.walks import walks
from tests.property.worlds import make_host, make_options, make_request

SEEDS = st.integers(0, 2**20)
DICE = st.randoms(use_true_random=False)
PREPARED = 6  # requests that are asked again after each step


def some_host(rng: random.Random, name: str) -> HostInfo:
    """With devices that have addresses, distances, inventories and traits, now and then."""
    info = make_host(rng, plain=rng.random() < 0.6)
    address = rng.randrange(100)
    pools = tuple(
        PciPool(
            pool.vendor_id,
            pool.product_id,
            pool.numa_node,
            pool.count,
            {**pool.tags, **({"rp_uuid": f"uuid{rng.randrange(9)}"} if rng.random() < 0.2 else {})},
            tuple(f"0000:{n:02x}:{address:02x}.{k}" for k in range(pool.count)),
        )
        if rng.random() < 0.6
        else pool
        for n, pool in enumerate(info.pci_pools or ())
    )
    provider = None
    if rng.random() < 0.3:
        provider = Provider(
            {rng.choice(["PCPU", "VCPU", "DISK_GB", "CUSTOM_A"]): Inventory(rng.randint(1, 64))},
            traits=rng.choice([None, frozenset({rng.choice("ABC")})]),
        )
    cells = len(info.cells)
    distances = ()
    if cells and rng.random() < 0.3:
        far = rng.randint(11, 40)
        distances = tuple(tuple(10 if a == b else far for b in range(cells)) for a in range(cells))
    return replace(
        info,
        name=name,
        pci_pools=pools,
        provider=provider,
        distances=distances,
        zone=rng.choice([None, None, "z1", "z2"]),
        disabled=rng.choice(["", "", "", "disabled"]),
    )


def of_what_is_there(fleet: Fleet) -> list[Request]:
    """A request for each kind of device and each resource class of the fleet's hosts."""
    found = {}
    for info in fleet.hostinfos():
        for pool in info.pci_pools or ():
            spec = {"vendor_id": pool.vendor_id, "product_id": pool.product_id}
            spec |= {key: pool.tags[key] for key in ("dev_type",) if key in pool.tags}
            found[str(spec)] = Request(None, pci=(PciRequest(1, (spec,), "preferred"),))
        for name in info.provider.inventories if info.provider else ():
            group = ResourceGroup(resources={name: 1})
            found[name] = Request(None, resources=Resources((group,)))
    return list(found.values())


def built_anew(truth: list[HostInfo | None], held: list[Claim]) -> Fleet:
    """Hosts that are there, and the claims on top of them."""
    there = [info for info in truth if info is not None]
    fleet = Fleet(there)
    for name in {claim.host_name for claim in held}:
        assert name
    found = fleet.adopt([claim.to_json() for claim in held], usage="on top")
    assert not found.lost, found.lost
    return fleet


def differences(one: HostInfo, other: HostInfo) -> list[Any]:
    return [
        (field.name, getattr(one, field.name), getattr(other, field.name))
        for field in fields(HostInfo)
        if field.compare and getattr(one, field.name) != getattr(other, field.name)
    ]


def assert_alike(fleet: Fleet, other: Fleet, rng: random.Random) -> None:
    """In what their hosts say, and in every answer."""
    assert fleet.check() is None
    gone = [info.disabled == "it was removed from the fleet" for info in fleet.hostinfos()]
    there = np.flatnonzero(~np.array(gone, bool))
    for ours, theirs in zip(there.tolist(), other.hostinfos(), strict=True):
        assert differences(fleet.hostinfo(ours), theirs) == []
    assert [fleet.usage(h) for h in there.tolist()] == [other.usage(h) for h in range(len(other))]
    near = {net for info in other.hostinfos() for cell in info.cells for net in cell.physnets}
    for _ in range(3):
        request, options = make_request(rng, rng.random() < 0.5), make_options(rng)
        fits = fleet.scan(request, **options)
        assert not fits[gone].any()
        assert fits[there].tolist() == other.scan(request, **options).tolist()
        counts = fleet.capacity(request, cap=3, **options)
        assert counts[there].tolist() == other.capacity(request, cap=3, **options).tolist()
        for h, ours in enumerate(there.tolist()):
            one, two = fleet.fit_on(request, ours, **options), other.fit_on(request, h, **options)
            assert bool(one) == bool(two)
            if one:
                assert one.cells == two.cells  # type: ignore[union-attr]
            else:
                # a physnet of hosts that are gone is told from one that nobody knows
                known = request.networks is None or request.networks.physnets <= near
                assert not known or one.reason == two.reason  # type: ignore[union-attr]


class Living(RuleBasedStateMachine):
    @initialize(seed=SEEDS, n=st.integers(0, 5))
    def begin(self, seed: int, n: int) -> None:
        rng = random.Random(seed)
        self.rng = rng
        self.count = 0
        self.truth: list[HostInfo | None] = [some_host(rng, self.name()) for _ in range(n)]
        self.fleet = Fleet(info for info in self.truth if info is not None)
        self.held: list[Claim] = []
        self.prepared: list[tuple[Any, Any]] = []

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
        mine = [claim for claim in self.held if claim.host == host]
        some = [claim for claim in mine if dice.random() < 0.7]
        told = Fleet([base])
        known = told.adopt([claim.to_json() for claim in some], usage="on top")
        taken = {claim.to_json() for claim in known.claims}
        row = told.hostinfo(0)
        result = self.fleet.replace(host, row)
        assert comparable(self.fleet.hostinfo(host)) == comparable(row)
        self.drop(result.lost)
        kept = [claim for claim in mine if claim.state == "held"]
        if {claim.to_json() for claim in kept} == taken and len(kept) == len(known.claims):
            self.truth[host] = base
        else:  # others are told from them by nothing
            self.fleet.release(kept)
            self.held = [claim for claim in self.held if claim not in kept]
            self.truth[host] = self.fleet.hostinfo(host)

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


def comparable(info: HostInfo) -> Any:
    return replace(info, pci_pools=tuple(sorted((info.pci_pools or ()), key=repr)))


TestLiving = Living.TestCase
TestLiving.settings = walks(60, 30)
