"""Claims found by their host, written down, and taken again by another fleet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from numafit import (
    Claim,
    Fleet,
    GuestCell,
    GuestTopology,
    HostCell,
    HostInfo,
    InputError,
    MisuseError,
    PagePool,
    PciPool,
    PciRequest,
    Request,
)
from numafit.holding import Holding
from numafit.model.resources import Inventory, Provider, ResourceGroup, Resources

NIC = {"dev_type": "type-VF", "physical_network": "data"}
PINNED = GuestTopology((GuestCell((), {0, 1}, 1024, 1048576, "dedicated"),))
ASKED = Resources((ResourceGroup(resources={"PCPU": 2, "MEMORY_MB": 1024}),))


def make_host(name: str, devices: tuple[str, ...] = ("0000:05:00.1", "0000:05:00.2")) -> HostInfo:
    cell = HostCell(
        7,
        {0},
        {2, 3, 4, 5},
        8192,
        siblings=({2, 3}, {4, 5}),
        page_pools=(PagePool(4, 1 << 20), PagePool(1048576, 4)),
    )
    return HostInfo(
        (cell,),
        name,
        (PciPool("8086", "154c", 7, len(devices), NIC, devices),),
        provider=Provider(
            {"PCPU": Inventory(total=4, used=0), "MEMORY_MB": Inventory(total=8192, used=0)}
        ),
    )


def make_fleet() -> Fleet:
    return Fleet([make_host("a"), make_host("b")])


REQUEST = Request(PINNED, pci=[PciRequest(1, [{"product_id": "154c"}])], resources=ASKED)
SAID: dict[str, Any] = {
    "host": "b",
    "cells": [
        {
            "host_cell": 7,
            "cpuset": [],
            "pcpuset": [0, 1],
            "pinning": {"0": 2, "1": 3},
            "pagesize": 1048576,
            "reserved": [],
            "memory_mb": 1024,
            "cpu_policy": "dedicated",
            "cpu_thread_policy": None,
        }
    ],
    "pci_requests": [
        {
            "count": 1,
            "spec": [{"product_id": "154c"}],
            "numa_policy": None,
            "alias_name": None,
            "request_id": None,
        }
    ],
    "pci": [
        {
            "request": 0,
            "count": 1,
            "pool": {"vendor_id": "8086", "product_id": "154c", "numa_node": 7, "tags": NIC},
            "devices": ["0000:05:00.2"],
        }
    ],
    "resources": {"MEMORY_MB": 1024, "PCPU": 2},
}


def test_a_fleet_finds_its_claims_by_their_host_in_the_order_of_claiming() -> None:
    fleet = make_fleet()
    first, second, other = (fleet.claim(REQUEST, host=host) for host in (1, 1, 0))
    assert fleet.claims() == [other, first, second]
    assert fleet.claims([1]) == [first, second]
    assert fleet.claims([0, 1]) == [other, first, second]
    fleet.release(first)
    assert (first.state, second.state) == ("released", "held")
    assert fleet.claims() == [other, second]
    fleet.release([other, second])
    assert fleet.claims() == [] == fleet.claims([0, 1])


def test_a_claim_that_fails_is_not_kept() -> None:
    fleet = make_fleet()
    held = fleet.claim(REQUEST, host=0)
    with pytest.raises(MisuseError, match="it is given back"):
        fleet.release([held, held])
    assert (held.state, fleet.claims()) == ("held", [held])
    placement = fleet.fit_on(REQUEST, 1)
    with pytest.raises(Exception, match="not there"):
        fleet.claim_all([placement] * 3)  # type: ignore[list-item]
    assert fleet.claims([1]) == []


def test_a_claim_says_all_that_it_holds_in_stable_json() -> None:
    fleet = make_fleet()
    claim = fleet.claim(REQUEST, host=1)
    assert json.loads(claim.to_json()) == SAID
    assert "\n" not in claim.to_json()
    again = Holding.from_json(claim.to_json())
    assert again == claim.holding()
    assert again.to_json() == claim.to_json()


def test_claims_of_a_saved_fleet_are_adopted_and_can_be_given_back(tmp_path: Path) -> None:
    fleet, empty = make_fleet(), make_fleet()
    texts = [fleet.claim(REQUEST, host=host).to_json() for host in (1, 1, 0)]
    fleet.save(tmp_path / "f.npz")
    again = Fleet.load(tmp_path / "f.npz", claims=texts)
    assert list(again.hostinfos()) == list(fleet.hostinfos())
    assert [claim.to_json() for claim in again.claims()] == [texts[2], *texts[:2]]
    again.release(again.claims())
    assert list(again.hostinfos()) == list(empty.hostinfos())
    assert again.check() is None


def test_claims_are_taken_on_top_of_a_fleet_without_them() -> None:
    fleet, other = make_fleet(), make_fleet()
    held = [fleet.claim(REQUEST, host=host) for host in (1, 1, 0)]
    found = other.adopt([claim.to_json() for claim in held], usage="on top")
    assert not found.lost
    assert list(other.hostinfos()) == list(fleet.hostinfos())
    other.release(found.claims)
    assert list(other.hostinfos()) == list(make_fleet().hostinfos())


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"host": "c"}, "no host of the fleet has it"),
        ({"cells": [{**SAID["cells"][0], "host_cell": 6}]}, "host_cell=6"),
        ({"cells": [{**SAID["cells"][0], "pinning": {"0": 2, "1": 8}}]}, "CPU 8 is not in cell 7"),
        ({"cells": [{**SAID["cells"][0], "pinning": {"0": 4, "1": 5}}]}, "not there"),
        ({"cells": [{**SAID["cells"][0], "memory_mb": 2048}]}, "not there"),
        ({"resources": {"PCPU": 3}}, "not there"),
        ({"pci": [{**SAID["pci"][0], "devices": ["0000:05:00.1"]}]}, "05:00.1 is not in use"),
        ({"pci": [{**SAID["pci"][0], "devices": ["0000:09:00.1"]}]}, "no PCI pool"),
    ],
)
def test_a_claim_that_the_usage_does_not_hold_is_lost_with_the_reason(
    change: dict[str, Any], why: str, tmp_path: Path
) -> None:
    fleet = make_fleet()
    fleet.claim(REQUEST, host=1)
    fleet.save(tmp_path / "f.npz")
    again = Fleet.load(tmp_path / "f.npz")
    found = again.adopt([json.dumps({**SAID, **change})])
    assert not found.claims
    assert why in found.lost[0].why
    assert again.claims() == []
    with pytest.raises(InputError, match=r"f\.npz: claim on") as caught:
        Fleet.load(tmp_path / "f.npz", claims=[json.dumps({**SAID, **change})])
    assert why[:30] in str(caught.value)


def test_of_two_claims_one_use_of_a_cpu_or_device_serves_one(tmp_path: Path) -> None:
    fleet = make_fleet()
    text = fleet.claim(REQUEST, host=1).to_json()
    fleet.save(tmp_path / "f.npz")
    again = Fleet.load(tmp_path / "f.npz")
    found = again.adopt([text, text])
    assert [claim.to_json() for claim in found.claims] == [text]
    assert len(found.lost) == 1
    assert len(again.adopt([text]).lost) == 1


def test_what_is_in_use_already_is_not_taken_on_top(tmp_path: Path) -> None:
    fleet = make_fleet()
    text = fleet.claim(REQUEST, host=1).to_json()
    before = list(fleet.hostinfos())
    found = fleet.adopt([text], usage="on top")
    assert not found.claims
    assert "05:00.2 is taken already" in found.lost[0].why
    bare = json.dumps({**SAID, "pci": [], "pci_requests": []})
    assert "not there" in fleet.adopt([bare], usage="on top").lost[0].why
    assert list(fleet.hostinfos()) == before


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("", "claims[0]"),
        ("[]", "claims[0]"),
        (json.dumps({**SAID, "cell": []}), "claims[0].cell"),
        (json.dumps({**SAID, "resources": {"PCPU": 0}}), "claims[0].resources.PCPU"),
        (json.dumps({**SAID, "pci_requests": []}), "claims[0].pci[0].request"),
        (json.dumps({**SAID, "cells": [{}]}), "claims[0].cells[0].host_cell"),
        (
            json.dumps({**SAID, "cells": [{**SAID["cells"][0], "pinning": {"x": 1}}]}),
            "claims[0].cells[0].pinning",
        ),
        (
            json.dumps({**SAID, "cells": [{**SAID["cells"][0], "pinning": {"0": 2}}]}),
            "claims[0].cells[0].pinning",
        ),
        (
            json.dumps({**SAID, "pci": [{**SAID["pci"][0], "count": 2}]}),
            "claims[0].pci[0].devices",
        ),
    ],
)
def test_text_that_is_no_claim_is_an_error_that_names_the_key(text: str, key: str) -> None:
    with pytest.raises(InputError) as caught:
        make_fleet().adopt([text])
    assert caught.value.key == key


def test_other_words_for_the_usage_are_refused() -> None:
    with pytest.raises(MisuseError, match="'in usage' or 'on top'"):
        make_fleet().adopt([], usage="above")
    with pytest.raises(MisuseError, match="claims"):
        make_fleet().adopt(3)  # type: ignore[arg-type]


def test_a_claim_of_an_own_making_is_none() -> None:
    fleet = make_fleet()
    with pytest.raises(MisuseError, match=r"claim\(\) of a Host or a Fleet"):
        Claim(fleet.fit_on(REQUEST, 0), None)  # type: ignore[arg-type]
