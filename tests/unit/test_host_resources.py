"""Placement's half of the decision, of hosts that say what placement knows of them."""

from __future__ import annotations

from typing import Any

import pytest

from numafit import Flavor, Fleet, Host, Placement, Refusal, Request
from numafit.errors import InputError
from numafit.readers.hostfile import host_from_mapping, host_to_mapping
from numafit.rules.candidates import kind_of, not_judged
from numafit.rules.filters import Filters

CELL = {"id": 0, "cpus": "0-15", "dedicated_cpus": "4-15", "shared_cpus": "0-3", "memory_mb": 65536}
FULL = {
    "VCPU": {"total": 4, "allocation_ratio": 4.0, "used": 2},
    "PCPU": 12,
    "MEMORY_MB": {"total": 65536, "reserved": 512},
    "DISK_GB": {"total": 100, "min_unit": 5, "max_unit": 50, "step_size": 5},
}


def host(name: str = "h", **more: Any) -> Any:
    data = {"version": 1, "name": name, "cells": [CELL], "resources": FULL, **more}
    return host_from_mapping(data)


def ask(
    vcpus: int = 1, memory: int = 512, specs: dict[str, str] | None = None, **more: Any
) -> Request:
    zone = more.pop("zone", None)
    return Request.for_server(Flavor("f", vcpus, memory, specs or {}, **more), zone=zone)


PINNED = {"hw:cpu_policy": "dedicated"}


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (ask(4000), "VCPU: 4000 wanted, 14 free of 16"),
        (ask(15), "VCPU: 15 wanted, 14 free of 16"),
        (ask(1, 65025), "MEMORY_MB: 65025 wanted, 65024 free of 65024"),
        (ask(13, 512, PINNED), "PCPU: 13 wanted, 12 free of 12"),
        (ask(disk_gb=55), "DISK_GB: 55 wanted, one guest may have 5 to 50 at once"),
        (ask(disk_gb=3), "DISK_GB: 3 wanted, one guest may have 5 to 50 at once"),
        (ask(disk_gb=7), "DISK_GB: 7 wanted, given out in steps of 5"),
        (ask(specs={"resources:VGPU": "1"}), "VGPU: 1 wanted, the host has no inventory of it"),
        (
            ask(specs={"trait:A_X": "required"}),
            "trait A_X wanted, the host does not have it",
        ),
        (
            ask(specs={"trait:A_SSD": "forbidden"}),
            "trait A_SSD forbidden, the host has it",
        ),
        (ask(zone="west"), "availability zone west wanted, the host is in east"),
    ],
)
def test_a_refusal_names_the_class_and_what_there_is(request_: Request, said: str) -> None:
    info = host(traits=["A_SSD"], zone="east")
    found = Host(info).fit(request_)
    assert isinstance(found, Refusal)
    assert found.message == said
    if ": " in said:
        name, amount = said.split(" wanted")[0].split(": ")
        assert (found.subject, found.wanted) == (name, int(amount))
    if "no inventory" in said:
        assert found.available == 0
    fleet = Fleet([info, info])
    assert fleet.scan(request_).tolist() == [False, False]
    assert fleet.capacity(request_).tolist() == [0, 0]


def test_dedicated_cpus_are_given_out_as_their_own_inventory_says() -> None:
    few = FULL | {"PCPU": {"total": 12, "max_unit": 4, "step_size": 2}}
    for vcpus, said in ((6, "one guest may have 1 to 4 at once"), (3, "given out in steps of 2")):
        answer = Host(host(resources=few)).fit(ask(vcpus, 512, PINNED))
        assert isinstance(answer, Refusal)
        assert f"PCPU: {vcpus} wanted, {said}" in str(answer)
    assert isinstance(Host(host(resources=few)).fit(ask(4, 512, PINNED)), Placement)
    # a class that is neither the host's nor PCPU is not looked for among its VCPUs
    answer = Host(host()).fit(ask(1, specs={"resources:VGPU": "1", "resources:VCPU": "1"}))
    assert "VGPU: 1 wanted, the host has no inventory of it" in str(answer)


def test_a_host_whose_service_takes_no_guests_takes_none() -> None:
    info = host(disabled="maintenance")
    found = Host(info).fit(ask())
    assert isinstance(found, Refusal)
    assert found.message == "the compute service takes no guests: maintenance"


def test_every_flavor_has_a_count() -> None:
    fleet = Fleet([host()])
    # 14 VCPU free, 65024 MiB, 100 GiB in pieces of 5: whichever runs out first
    assert fleet.capacity(ask(1, 512)).tolist() == [14]
    assert fleet.capacity(ask(1, 16384)).tolist() == [3]
    assert fleet.capacity(ask(1, 512, disk_gb=20)).tolist() == [5]
    assert fleet.capacity(ask(4, 512, PINNED)).tolist() == [3]


def test_claims_count_units_and_give_them_back() -> None:
    one = Host(host())
    asked = ask(4, 1024, PINNED, disk_gb=10)
    claims = []
    for _ in range(3):
        placement = one.fit(asked)
        assert isinstance(placement, Placement)
        claims.append(one.claim(placement))
    assert one.check() is None
    provider = one.hostinfo.provider
    used = {name: inventory.used for name, inventory in provider.inventories.items()}
    assert used == {"VCPU": 2, "PCPU": 12, "MEMORY_MB": 3072, "DISK_GB": 30}
    for claim in claims:
        one.release(claim)
    assert one.hostinfo.provider == host().provider


def test_what_a_source_does_not_tell_is_not_judged() -> None:
    bare = host_from_mapping({"version": 1, "name": "bare", "cells": [CELL]})
    assert Fleet([bare]).scan(ask(4000)).tolist() == [True]
    other = host(other_classes=["VGPU"])
    assert Fleet([other]).scan(ask(specs={"resources:VGPU": "1"})).tolist() == [True]


@pytest.mark.parametrize("lacking", ["DISK_GB", "MEMORY_MB"])
def test_memory_or_disk_that_is_left_out_of_resources_is_not_judged(lacking: str) -> None:
    some = {name: units for name, units in FULL.items() if name != lacking}
    info = host(resources=some)
    asked = ask(1, 512, disk_gb=20)
    found = Host(info).fit(asked)
    assert isinstance(found, Placement)
    assert found.not_judged == (f"{lacking}: another provider of the host may have it",)
    assert Fleet([info]).scan(asked).tolist() == [True]
    # CPUs are the host's own, and a list without other providers is whole
    cpus = Host(host(resources={"DISK_GB": 100})).fit(asked)
    assert "VCPU: 1 wanted, the host has no inventory of it" in str(cpus)
    whole = host(resources=some, other_classes=[])
    assert f"{lacking}: {asked.resources.amounts[lacking]} wanted" in str(Host(whole).fit(asked))
    for one in (info, whole):
        assert host_from_mapping(host_to_mapping(one)).provider == one.provider


OLD = {"VCPU": {"total": 4, "used": 4}, "MEMORY_MB": 65536, "DISK_GB": 100}


def test_hosts_without_pcpu_give_vcpu_in_their_place() -> None:
    """nova's second query, for its hosts of before Train: no PCPU, and no trait of the thread
    policy. 16 VCPU in all are 8 guests of 2; 12 dedicated CPUs of the cell would be 6."""
    asked = ask(2, 512, {**PINNED, "hw:cpu_thread_policy": "prefer"})
    full = host(resources={**OLD, "VCPU": {"total": 4, "used": 3}})
    half = host(resources={**OLD, "VCPU": {"total": 16, "used": 6}})
    fleet = Fleet([full, half, host()])
    assert fleet.scan(asked).tolist() == [False, True, True]
    assert fleet.capacity(asked).tolist() == [0, 5, 6]
    assert "VCPU: 2 wanted, 1 free of 4" in str(fleet.fit_on(asked, 0))
    claim = fleet.claim(asked, 1)
    taken = fleet.hostinfo(1).provider
    assert taken is not None
    assert taken.inventories["VCPU"].used == 8
    fleet.release(claim)
    assert fleet.hostinfo(1).provider == half.provider


def left_open(info: Any, asked: Request) -> list[str]:
    assert asked.resources is not None
    return list(not_judged(kind_of(info), asked.resources))


def test_what_is_judged_is_not_said_to_be_left_open() -> None:
    known = host(traits=[], aggregates=[], zone="east")
    assert left_open(known, ask(2, 512, PINNED, zone="east")) == []
    unknown = host(other_classes=["VGPU"])
    specs = {"trait:A": "required", "trait:B": "forbidden", "resources:VGPU": "1"}
    assert left_open(unknown, ask(specs=specs, zone="east")) == [
        "VGPU: another provider of the host may have it",
        "traits A, B: the host's are not known",
        "availability zone east: the host's is not known",
    ]


def test_groups_that_want_providers_of_their_own_are_said_to_be_left_open() -> None:
    resources = {**FULL, "CUSTOM_A": 7}
    info = host(resources=resources, traits=["T"], aggregates=[], zone="east")
    two = {"resources1:CUSTOM_A": "2", "resources2:CUSTOM_A": "2"}
    assert left_open(info, ask(specs={**two, "group_policy": "isolate"})) == [
        "groups 1, 2: each wants a provider of its own, one was looked at"
    ]
    assert left_open(info, ask(specs={**two, "group_policy": "none"})) == []
    one = {"resources1:CUSTOM_A": "2", "trait2:T": "required", "group_policy": "isolate"}
    assert left_open(info, ask(specs=one)) == []


def test_threads_are_asked_of_hosts_with_pcpu_alone() -> None:
    """The cell has no sibling threads, and says so where placement's trait is not asked for."""
    old, new = host(resources={**OLD, "VCPU": 4}, traits=[]), host(traits=[])
    asked = ask(2, 512, {**PINNED, "hw:cpu_thread_policy": "require"})
    fleet = Fleet([old, new])
    assert "needs cores with sibling threads" in str(fleet.fit_on(asked, 0))
    assert "trait HW_CPU_HYPERTHREADING wanted" in str(fleet.fit_on(asked, 1))


def test_pcpus_that_nobody_has_are_said_where_nova_would_take_vcpus() -> None:
    """The second query reaches hosts with PCPU too, where their cells decide: they say yes only
    where placement has more in use than they have."""
    held = {**FULL, "PCPU": {"total": 12, "used": 10}, "VCPU": 8}
    said = (
        "PCPU: 4 wanted, 2 free of 12, 12 in the cells: allocations hold CPUs that no guest there "
        "has, and nova may start it for VCPU"
    )
    refusal = Host(host(resources=held)).fit(ask(4, 512, PINNED))
    assert isinstance(refusal, Refusal)
    assert refusal.message == said
    # neither where the cells have no more, nor where nova finds no VCPU, nor without a second query
    taken = host(resources=held, cells=[{**CELL, "pinned": "4-13"}])
    short = host(resources={**held, "VCPU": 3})
    mixed = ask(8, 512, {"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "0-3"})
    one = Request.for_server(Flavor("f", 4, 512, PINNED), filters=Filters(second_query=False))
    for info, asked in (
        (taken, ask(4, 512, PINNED)),
        (short, ask(4, 512, PINNED)),
        (host(resources=held), mixed),
        (host(resources=held), one),
    ):
        found = Host(info).fit(asked)
        assert isinstance(found, Refusal)
        assert found.message == "PCPU: 4 wanted, 2 free of 12"


def test_without_the_second_query_hosts_without_pcpu_are_refused() -> None:
    one = Request.for_server(Flavor("f", 4, 512, PINNED), filters=Filters(second_query=False))
    old = host(resources={**OLD, "VCPU": 16})
    assert Fleet([old]).scan(ask(4, 512, PINNED)).tolist() == [True]
    assert Fleet([old]).scan(one).tolist() == [False]


def test_mixed_guests_need_pcpu() -> None:
    """nova asks a second time for guests that are pinned as a whole."""
    asked = ask(4, 512, {"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "0-1"})
    said = "PCPU: 2 wanted, the host has no inventory of it"
    assert said in str(Fleet([host(resources={**OLD, "VCPU": 4})]).fit_on(asked, 0))


def test_groups_are_served_by_the_host_together() -> None:
    asked = ask(
        specs={"resources1:CUSTOM_A": "2", "resources2:CUSTOM_A": "2", "group_policy": "none"}
    )
    resources = {**FULL, "CUSTOM_A": 7}
    fleet = Fleet([host(resources=resources)])
    assert fleet.capacity(asked).tolist() == [1]


def test_a_host_file_keeps_what_placement_knows() -> None:
    info = host(traits=["B", "A"], aggregates=["x"], zone="east", other_classes=["VGPU"])
    assert host_from_mapping(host_to_mapping(info)) == info


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"resources": {"VCPUS": 1}}, "resources.VCPUS: got 'VCPUS', expected a standard resource"),
        ({"resources": {"VCPU": -1}}, "resources.VCPU: got -1, expected a whole number from 0"),
        ({"resources": {"VCPU": {"totl": 1}}}, "resources.VCPU.totl: got 'totl'"),
        ({"resources": {"VCPU": {}}}, "resources.VCPU.total: got None"),
        ({"resources": {"VCPU": {"total": 1, "step_size": 0}}}, "resources.VCPU.step_size: got 0"),
        ({"resources": []}, "resources: got [], expected a mapping of inventories"),
        ({"traits": "A"}, "traits: got 'A', expected a list of names"),
        ({"aggregates": [1]}, "aggregates[0]: got 1"),
        ({"zone": 3}, "zone: got 3"),
    ],
)
def test_what_is_wrong_with_resources_is_named(more: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        host(**more)
    assert said in str(caught.value)


def test_pinned_guests_take_vcpus_of_hosts_without_pcpus() -> None:
    # nova's scheduler asks placement a second time, for VCPU; not so for a mixed guest
    old = {"VCPU": {"total": 16, "max_unit": 8}, "MEMORY_MB": 65536}
    fleet = Fleet([host(resources=old)])
    assert fleet.scan(ask(4, 512, PINNED)).tolist() == [True]
    assert fleet.scan(ask(9, 512, PINNED)).tolist() == [False]
    mixed = {"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "^0"}
    assert fleet.scan(ask(4, 512, mixed)).tolist() == [False]


def test_a_ratio_without_measure_leaves_more_units_than_can_be_asked_for() -> None:
    vcpus = {"total": 4, "allocation_ratio": 1.7e308}
    fleet = Fleet([host(resources={"VCPU": vcpus, "MEMORY_MB": 65536})])
    assert fleet.check() is None
    assert fleet.columns()["resource_limit"].tolist() == [[1 << 50], [65536]]
    assert fleet.scan(ask(16)).tolist() == [True]
