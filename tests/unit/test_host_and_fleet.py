"""One shape of answer: a Host answers as a Fleet does, options travel as one value, and ``host``
means the same on whatever has one."""

from __future__ import annotations

import copy
import inspect
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from numafit import (
    Claim,
    FitOptions,
    Fleet,
    GuestCell,
    GuestTopology,
    Host,
    HostCell,
    HostInfo,
    Limits,
    MisuseError,
    Networks,
    PagePool,
    PciPool,
    PciRequest,
    Placement,
    PlacementCell,
    Refusal,
    Request,
    StalePlacement,
)

VF = [{"vendor_id": "8086", "product_id": "1515"}]
OPTIONS = [
    FitOptions(),
    FitOptions("pack", None, "all", "exact"),
    FitOptions(limits=Limits(2.0, 1.0)),
    FitOptions("closest"),
]
KEYWORDS: list[dict[str, Any]] = [
    {},
    {"strategy": "pack", "limits": None, "physnet_affinity": "all", "pci_matching": "exact"},
    {"limits": Limits(2.0, 1.0)},
    {"strategy": "closest"},
]


def info(name: str, cpus: int, devices: int = 2) -> HostInfo:
    cells = tuple(
        HostCell(
            node,
            frozenset(range(node * 16 + 12, node * 16 + 15)),
            frozenset(range(node * 16 + 1, node * 16 + 1 + cpus)),
            4096,
            physnets={"foo"} if node else (),
        )
        for node in (0, 1)
    )
    pools = [
        PciPool(
            "8086",
            "1515",
            node,
            devices,
            {"dev_type": "type-VF", "parent_addr": f"0000:0{node + 1}:00.0"},
            [f"0000:0{node + 1}:10.{n}" for n in range(devices)],
        )
        for node in (0, 1)
    ]
    return HostInfo(cells, name, pools, 4.0, 1.0)


INFOS = [info("big", 8), info("", 4), info("small", 1, devices=1)]


def pinned(vcpus: int, devices: int = 0, physnet: str = "") -> Request:
    guest = GuestTopology([GuestCell((), range(vcpus), 256, None, "dedicated")])
    pci = [PciRequest(devices, VF, "required")] if devices else []
    return Request(guest, Networks({physnet}) if physnet else None, pci)


SHARED = Request(GuestTopology([GuestCell(range(3), (), 256, None, "shared")]))
REQUESTS = [pinned(1), pinned(4), pinned(2, 1), pinned(2, 0, "foo"), pinned(3, 3), SHARED]


@pytest.mark.parametrize("n", range(len(INFOS)))
@pytest.mark.parametrize("options", OPTIONS)
def test_a_host_answers_as_a_fleet_does(n: int, options: FitOptions) -> None:
    fleet, host = Fleet(INFOS), Host(INFOS[n])
    for request in REQUESTS:
        ours, theirs = host.fit(request, options), fleet.fit_on(request, n, options)
        assert type(ours) is type(theirs)
        if isinstance(ours, Placement) and isinstance(theirs, Placement):
            assert ours.cells == theirs.cells
            assert [p.devices for p in ours.pci] == [p.devices for p in theirs.pci]
            assert fleet.fit(request, options, hosts=[n]) == [theirs]
            assert host.explain(request, options) is fleet.explain(request, n, options) is None
        elif isinstance(ours, Refusal) and isinstance(theirs, Refusal):
            assert (str(ours), ours.cells) == (str(theirs), theirs.cells)
            assert fleet.fit(request, options, hosts=[n]) == []
            why = host.explain(request, options)
            assert why is not None
            assert str(why) == str(ours)
        assert host.scan(request, options) is bool(ours)
        assert host.scan(host.prepare(request), options) is bool(ours)
        count = host.capacity(request, options, cap=7)
        assert type(count) is int
        assert [count] == fleet.capacity(request, options, hosts=[n], cap=7).tolist()
    mix = fleet.capacity(REQUESTS, options, cap=3, weights=range(1, 7))
    assert host.capacity(REQUESTS, options, cap=3, weights=range(1, 7)) == mix[n].tolist()
    for cells in (None, [0], [1, 0]):
        for devices in range(5):
            asked = [PciRequest(devices, VF, "required")]
            mine = host.supports_pci(asked, cells, options=options)
            its = fleet.supports_pci(asked, n, cells, options=options)
            assert bool(mine) == bool(its)
            assert mine.pools_after == its.pools_after
    assert host.pools() == fleet.pools(n)
    assert host.usage() == fleet.usage(n)
    assert host.hostinfo == fleet.hostinfo(n)


def test_the_pools_of_one_host_of_a_fleet_are_its_own() -> None:
    fleet = Fleet(INFOS)
    found = fleet.supports_pci([PciRequest(1, VF)], 2, cells=[0])
    assert found
    assert [(pool.numa_node, pool.count) for pool in found.pools_after] == [(1, 1)]
    assert not fleet.supports_pci([PciRequest(3, VF)], 2)
    assert fleet.supports_pci([PciRequest(3, VF)], 0)
    fleet.claim(pinned(1, 1), 2)
    assert [sum(pool.count for pool in fleet.pools(n)) for n in range(3)] == [4, 4, 1]


def test_a_host_takes_and_gives_back_what_a_fleet_does() -> None:
    host = Host(INFOS[0])
    before = host.columns()
    claims = [host.claim(pinned(2, 1)), *host.claim_all([fitted(host, pinned(1))])]
    claims += [claim for claim in host.schedule([pinned(2), pinned(9), SHARED]) if claim]
    assert len(claims) == 4
    assert sum(len(cell["pinned_cpus"]) for cell in host.usage()) == 5
    with pytest.raises(StalePlacement, match="host big: 9 dedicated CPUs wanted"):
        host.claim(pinned(9))
    host.release(claims[0])
    host.release(claims[1:])
    for name, column in host.columns().items():
        if name != "host_generation":
            np.testing.assert_array_equal(before[name], column, err_msg=name)
    assert host.check() is None


def fitted(host: Host, request: Request) -> Placement:
    placement = host.fit(request)
    assert isinstance(placement, Placement)
    return placement


MORE_OF_A_FLEET = {
    *("table", "to_pandas", "to_polars"),
    "add",
    "replace",
    "remove",
    "update_rows",
    "set",
    "sync",
    "compact",
    "adopt",
    "claims",
    "journal",
    "names",
    "fit_on",
    "derived",
    "derived_of",
    "disabled",
    "disabled_of",
    "with_inventories",
    "filled",
    "filled_mix",
    "cell_by_cell",
    "of",
    "with_hosts",
}


def test_what_a_host_can_a_fleet_can() -> None:
    def verbs(of: type) -> set[str]:
        return {name for name, _ in inspect.getmembers(of) if not name.startswith("_")}

    assert verbs(Host) - verbs(Fleet) == {"from_nova", "name"}
    many = {"from_nova_rows", "from_arrow", "load", "save", "c_columns", "hostinfos", "index"}
    assert verbs(Fleet) - verbs(Host) == many | MORE_OF_A_FLEET


def test_a_placement_in_use_is_given_back_by_host_and_fleet_alike() -> None:
    busy = replace(INFOS[1].cells[0], pinned_cpus={1, 2}, memory_usage=256)
    found = replace(INFOS[1], cells=(busy, INFOS[1].cells[1]))
    used = Placement([PlacementCell(0, (), {0, 1}, {0: 1, 1: 2}, memory_mb=256,
                                    cpu_policy="dedicated")])  # fmt: skip
    host, fleet = Host(found), Fleet([INFOS[0], found])
    host.release(used)
    fleet.release(used, host=1)
    for usage in (host.usage(), fleet.usage(1)):
        assert [(cell["pinned_cpus"], cell["memory_usage"]) for cell in usage] == [([], 0)] * 2
    with pytest.raises(MisuseError, match="made elsewhere"):
        fleet.release(used)
    with pytest.raises(MisuseError, match="beside claims"):
        fleet.release([], host=1)


@pytest.mark.parametrize(("options", "keywords"), list(zip(OPTIONS, KEYWORDS, strict=True)))
def test_keywords_say_what_options_say(options: FitOptions, keywords: dict[str, Any]) -> None:
    assert FitOptions(**keywords) == options
    for request in REQUESTS:
        fleet, host = Fleet(INFOS), Host(INFOS[1])
        assert fleet.scan(request, **keywords).tolist() == fleet.scan(request, options).tolist()
        counts = fleet.capacity(request, **keywords), fleet.capacity(request, options)
        assert counts[0].tolist() == counts[1].tolist()
        assert fleet.fit(request, **keywords) == fleet.fit(request, options)
        assert repr(fleet.fit_on(request, 1, **keywords)) == repr(fleet.fit_on(request, 1, options))
        assert str(host.explain(request, **keywords)) == str(host.explain(request, options))
        streams = [
            [claim and claim.placement for claim in Fleet(INFOS).schedule([request] * 5, **given)]
            for given in (keywords, {"options": options})
        ]
        assert streams[0] == streams[1]
        if bool(host.fit(request, options)):
            ours, theirs = host.claim(request, **keywords), Host(INFOS[1]).claim(request, options)
            assert ours.placement == theirs.placement


def test_options_change_the_answer_they_name() -> None:
    """Else every keyword could be dropped on the way and the tests above would pass."""
    fleet = Fleet(INFOS)
    crowded = fleet.fit_on(SHARED, 0, limits=Limits(0.5, 1.0))
    assert isinstance(crowded, Refusal)
    assert crowded.reason == "cpu_limit"
    assert fleet.fit_on(SHARED, 0)
    near = pinned(1, 0, "foo")
    fleet.claim(pinned(1), 0, strategy="spread")
    spread, pack = (fleet.fit_on(pinned(1), 0, strategy=word) for word in ("spread", "pack"))
    assert isinstance(spread, Placement)
    assert isinstance(pack, Placement)
    assert (spread.cells[0].host_cell, pack.cells[0].host_cell) == (1, 0)
    both = Request(
        GuestTopology([GuestCell((), {n}, 64, None, "dedicated") for n in (0, 1)]), near.networks
    )
    wide = replace(INFOS[0], cells=tuple(replace(c, physnets={"foo"}) for c in INFOS[0].cells))
    assert Host(wide).fit(near, physnet_affinity="any")
    assert not Host(wide).fit(near, physnet_affinity="all")
    assert Host(wide).fit(both, physnet_affinity="all")
    greedy = [PciRequest(1, VF), PciRequest(2, [{**VF[0], "parent_addr": "0000:01:00.0"}])]
    host = Host(INFOS[0])
    assert not host.supports_pci(greedy, [0, 1])
    assert host.supports_pci(greedy, [0, 1], pci_matching="exact")


def test_options_are_one_frozen_value() -> None:
    options = FitOptions("pack", Limits(2.0, 1.0))
    Host(INFOS[0]).fit(SHARED, options)
    again = pickle.loads(pickle.dumps(options))
    for other in (again, copy.copy(options), copy.deepcopy(options), replace(options)):
        assert other == options
        assert hash(other) == hash(options)
        assert repr(other) == repr(options)
        assert Host(INFOS[0]).fit(SHARED, other) == Host(INFOS[0]).fit(SHARED, options)
    tighter = replace(options, limits=Limits(0.5, 1.0))
    assert not Host(INFOS[0]).fit(SHARED, tighter)
    with pytest.raises(AttributeError):
        options.strategy = "spread"  # type: ignore[misc]


def test_host_is_an_index_and_host_name_a_name_wherever_they_stand() -> None:
    fleet = Fleet(INFOS)
    for n, name in enumerate(("big", "", "small")):
        found: list[Placement | Refusal | Claim] = [
            fleet.fit_on(pinned(1), n),
            fleet.fit_on(pinned(9), n),
            fleet.claim(pinned(1), n),
        ]
        found.append(found[2].placement)  # type: ignore[union-attr]
        assert [(one.host, one.host_name) for one in found] == [(n, name)] * 4
        alone: list[Placement | Refusal | Claim] = [
            Host(INFOS[n]).fit(pinned(1)),
            Host(INFOS[n]).fit(pinned(9)),
            Host(INFOS[n]).claim(pinned(1)),
        ]
        assert [(one.host, one.host_name) for one in alone] == [(0, name)] * 3
    by_hand = Placement([PlacementCell(0)], host_name="elsewhere")
    assert (by_hand.host, by_hand.host_name) == (None, "elsewhere")
    assert (Placement().host, Placement().host_name) == (None, "")


def test_a_placement_that_travelled_says_where_it_was_made_and_is_claimed_by_index() -> None:
    fleet = Fleet(INFOS)
    placement = fleet.fit_on(pinned(1, 1), 1)
    assert isinstance(placement, Placement)
    again = pickle.loads(pickle.dumps(placement))
    assert again == placement
    assert hash(again) == hash(placement)
    assert (again.host, again.host_name) == (1, "")
    with pytest.raises(MisuseError, match="made elsewhere"):
        fleet.claim(again)
    taken = fleet.claim(again, host=1)
    assert [found.devices for found in taken.pci] == [("0000:01:10.1",)]
    assert (taken.host, taken.host_name) == (1, "")


def test_messages_name_a_host_by_its_name_or_else_by_its_index() -> None:
    fleet = Fleet(INFOS)
    for n, word in enumerate(("host big:", "host 1:", "host small:")):
        with pytest.raises(StalePlacement, match=f"^{word} 9 dedicated CPUs wanted"):
            fleet.claim(pinned(9), n)
    stranger = Placement([PlacementCell(7)])
    with pytest.raises(MisuseError, match=r"host_cell=7: host big has \[0, 1\]"):
        fleet.claim(stranger, 0)
    elsewhere = Placement([PlacementCell(0, (), {0}, {0: 17}, cpu_policy="dedicated")])
    with pytest.raises(MisuseError, match="pinning: CPU 17 is not in cell 0 of host small"):
        fleet.claim(elsewhere, 2)


def test_no_host_of_cores_of_one_thread_serves_a_guest_that_requires_siblings() -> None:
    cpus = frozenset(range(8))
    cell = HostCell(0, cpus, cpus, 4096, page_pools=(PagePool(4, 1 << 20),))
    fleet = Fleet([HostInfo((cell,), name) for name in ("a", "b")])
    for policy, hosts in (("prefer", [True, True]), ("require", [False, False])):
        guest = GuestCell((), {0, 1}, 64, 4, "dedicated", policy)
        assert fleet.scan(Request(GuestTopology([guest]))).tolist() == hosts


def test_memory_of_more_mib_than_32_bits_hold_is_held_to_the_ratio() -> None:
    cpus, gib, limit = frozenset(range(8)), 1024, 1 << 30
    cell = HostCell(0, cpus, cpus, 1 << 32, page_pools=(PagePool(1 << 20, 1 << 22),))
    ratios = {"quarter": 0.25, "whole": 1.0}
    fleet = Fleet([HostInfo((cell,), name, None, 16.0, ratio) for name, ratio in ratios.items()])
    for memory, hosts in (
        (limit, [True, True]),
        (limit + gib, [False, True]),
        (1 << 31, [False, True]),
        ((1 << 32) + gib, [False, False]),
    ):
        guest = Request(GuestTopology([GuestCell({0}, (), memory, 1 << 20)]))
        assert fleet.scan(guest).tolist() == hosts
