"""Fleets, hosts and prepared requests go through pickles, and nothing that is damaged comes out."""

from __future__ import annotations

import copy
import gc
import io
import multiprocessing
import pickle
import random
import sys
import weakref
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest

from numafit import Fleet, Host, InputError, MisuseError
from numafit.columns import slabs
from tests.unit.travelling import REQUEST, ROOT, asked, make_fleet, make_host, same

PROTOCOLS = range(2, pickle.HIGHEST_PROTOCOL + 1)
SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def fleet() -> Fleet:
    return make_fleet(7)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("hosts", [0, 1, 7])
def test_a_fleet_comes_back_with_its_usage(protocol: int, hosts: int) -> None:
    fleet = make_fleet(hosts)
    claims = [fleet.claim(REQUEST, host) for host in range(0, hosts, 3)]
    again = pickle.loads(pickle.dumps(fleet, protocol))
    assert type(again) is Fleet
    assert same(again, fleet)
    assert list(again.hostinfos()) == list(fleet.hostinfos())
    assert again.check() is None
    fleet.release(claims)
    if hosts:
        assert (fleet.capacity(REQUEST)[0], again.capacity(REQUEST)[0]) == (2, 1)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_belongs_together_does_so_on_the_other_side(fleet: Fleet, protocol: int) -> None:
    ready = fleet.prepare(REQUEST)
    for things in ([fleet, ready], [ready, fleet], [ready, ready, fleet]):
        arrived: list[Any] = pickle.loads(pickle.dumps(things, protocol))
        mine = next(one for one in arrived if isinstance(one, Fleet))
        for one in arrived:
            if one is not mine:
                assert mine.capacity(one).tolist() == [2] * 7
                with pytest.raises(MisuseError, match="prepared for another fleet"):
                    fleet.scan(one)
        assert mine.claim(next(one for one in arrived if one is not mine), 0).pci[0].devices
        assert mine.check() is None


def test_a_prepared_request_alone_brings_its_fleets_numbers() -> None:
    ready = make_fleet(3).prepare(REQUEST)
    gc.collect()
    data = pickle.dumps(ready)
    assert pickle.loads(data).request.guest == REQUEST.guest


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_host_comes_back(protocol: int) -> None:
    for known in (make_host(1), make_host(1)):
        host = Host(known)
        host.claim(REQUEST)
        again = pickle.loads(pickle.dumps(host, protocol))
        assert type(again) is Host
        assert again.hostinfo == host.hostinfo
        assert again.capacity(REQUEST) == 1
    without = Host(make_fleet(1).hostinfo(0))
    without._pools_known = False
    assert pickle.loads(pickle.dumps(without, protocol)).hostinfo.pci_pools is None


def test_columns_go_out_of_band(fleet: Fleet) -> None:
    buffers: list[pickle.PickleBuffer] = []
    data = pickle.dumps([fleet, fleet.prepare(REQUEST)], 5, buffer_callback=buffers.append)
    assert len(buffers) == 1
    assert len(data) < 3000 < len(buffers[0].raw())
    for given in (buffers, [bytes(buffers[0])], [bytearray(buffers[0])]):
        again, ready = pickle.loads(data, buffers=given)
        assert same(again, fleet)
        assert again.claim(ready, 0)
        # memory of its own: the buffer may be anybody's
        assert same(pickle.loads(data, buffers=buffers)[0], fleet)


class OnlyNumafit(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if not module.startswith("numafit."):
            raise pickle.UnpicklingError(f"{module}.{name}")
        return super().find_class(module, name)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_nothing_but_numafits_own_is_needed_to_load_a_fleet(fleet: Fleet, protocol: int) -> None:
    for thing in (fleet, Host(make_host(1))):
        data = pickle.dumps(thing, protocol)
        if protocol < 3:  # bytes were not yet known
            continue
        assert type(OnlyNumafit(io.BytesIO(data)).load()) is type(thing)


def test_a_damaged_buffer_is_an_input_error(fleet: Fleet) -> None:
    fleet.claim(REQUEST, 2)
    buffers: list[pickle.PickleBuffer] = []
    data = pickle.dumps(fleet, 5, buffer_callback=buffers.append)
    whole = bytes(buffers[0])
    rng = random.Random(4)
    passed = 0
    for _ in range(400):
        at = rng.randrange(len(whole))
        damaged = whole[:at] + bytes([whole[at] ^ 1 << rng.randrange(8)]) + whole[at + 1 :]
        try:
            again = pickle.loads(data, buffers=[damaged])
        except InputError:
            continue
        # what follows from the rest is worked out anew, and between parts there is nothing
        passed += 1
        assert same(again, fleet)
    assert passed < 200
    for size in (0, 1, 8192, len(whole) - 1):
        with pytest.raises(InputError):
            pickle.loads(data, buffers=[whole[:size]])
    with pytest.raises(InputError):
        pickle.loads(pickle.dumps(fleet, 4).replace(b"kinds", b"kinda"))


def test_processes_get_fleets_as_arguments(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, ROOT])  # spawned processes take it over
    fleet.claim(REQUEST, 3)
    with ProcessPoolExecutor(2, mp_context=SPAWN) as pool:
        answers = list(pool.map(asked, [(fleet, fleet.prepare(REQUEST))] * 4))
    assert [found for found, _ in answers] == [[2, 2, 2, 1, 2, 2, 2]] * 4
    for _, back in answers:
        assert back.capacity(REQUEST).tolist() == [1, 2, 2, 1, 2, 2, 2]
    assert fleet.capacity(REQUEST).tolist() == [2, 2, 2, 1, 2, 2, 2]


def test_large_fleets_travel_from_their_slab(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slabs, "FROM", 0)
    large = Fleet(fleet.hostinfos())
    large.claim(REQUEST, 1)
    again = pickle.loads(pickle.dumps(large))
    assert again._columns.slab is not None
    assert same(again, large)
    again.claim(REQUEST, 1)
    assert large.capacity(REQUEST)[1] == 1


def test_copies_of_hosts_and_of_prepared_requests(fleet: Fleet) -> None:
    ready, host = fleet.prepare(REQUEST), Host(make_host(1))
    assert copy.copy(ready) is ready
    twin, fork = copy.deepcopy([ready, fleet])
    assert fork.scan(twin).all()
    host.claim(REQUEST)
    for made in (copy.copy(host), copy.deepcopy(host), host.fork(), host.copy()):
        assert made.hostinfo == host.hostinfo
        made.claim(REQUEST)
        assert (host.capacity(REQUEST), made.capacity(REQUEST)) == (1, 0)


def test_pickling_keeps_no_fleet_alive() -> None:
    fleet = make_fleet(3)
    engine = weakref.ref(fleet._engine)
    pickle.loads(pickle.dumps([fleet, fleet.prepare(REQUEST)]))
    gc.collect()
    gc.disable()
    try:
        del fleet
        assert engine() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_claims_behind_their_fleet_are_claims_of_it(fleet: Fleet, protocol: int) -> None:
    claims = [fleet.claim(REQUEST, host) for host in (1, 1, 3)]
    before = list(make_fleet(7).hostinfos())
    there, arrived = pickle.loads(pickle.dumps((fleet, claims), protocol))
    assert there.claims() == arrived
    assert [one.to_json() for one in arrived] == [one.to_json() for one in claims]
    assert [one.pci[0].devices for one in arrived] == [one.pci[0].devices for one in claims]
    there.release(arrived)
    assert list(there.hostinfos()) == before
    assert fleet.capacity(REQUEST).tolist() == [2, 0, 2, 1, 2, 2, 2]
    with pytest.raises(MisuseError, match="another host or fleet"):
        there.release(claims)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_claim_alone_says_what_it_holds(fleet: Fleet, protocol: int) -> None:
    claim, given = fleet.claim(REQUEST, 3), fleet.claim(REQUEST, 3)
    fleet.release(given)
    data = pickle.dumps(claim, protocol)
    assert len(data) < 3000
    alone = pickle.loads(data)
    assert (alone.host_name, alone.to_json()) == ("höst 3", claim.to_json())
    other = make_fleet(7)
    assert other.adopt([alone], "on top").claims[0].pci[0].devices == claim.pci[0].devices
    there, gone = pickle.loads(pickle.dumps((fleet, given), protocol))
    assert (gone.to_json(), len(there.claims())) == (given.to_json(), 0)
