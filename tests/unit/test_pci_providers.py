"""Placement's allocation: which resource providers a request's devices come from."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest

from numafit import (
    GuestCell,
    GuestTopology,
    Host,
    HostCell,
    HostInfo,
    MisuseError,
    PciPool,
    PciRequest,
    Placement,
    Request,
)

VF = {"dev_type": "type-VF"}
HOST = Host(
    HostInfo(
        (),
        pci_pools=(
            PciPool("8086", "154c", 0, 2, {**VF, "rp_uuid": "one"}),
            PciPool("8086", "154c", 1, 2, {**VF, "rp_uuid": "two"}),
        ),
    )
)


def test_devices_come_from_the_providers_of_the_requests_groups() -> None:
    request = PciRequest(2, [VF], alias_name="a", request_id="r")
    mapping = {"r-0": ["two"], "r-1": ["two"], "q-0": ["one"]}
    found = HOST.supports_pci([request], provider_mapping=mapping)
    assert found.draws == ((0, 1, 2),)
    assert not HOST.supports_pci([request], provider_mapping={f"r-{n}": ["two"] for n in range(3)})


def test_a_mapping_needs_requests_with_ids() -> None:
    with pytest.raises(MisuseError, match="PciRequest of alias 'a' has no request_id"):
        HOST.supports_pci([PciRequest(1, [VF], alias_name="a")], provider_mapping={"r-0": ["one"]})


def test_ports_have_no_providers() -> None:
    assert HOST.supports_pci([PciRequest(1, [VF])], provider_mapping={"r-0": ["two"]}).draws == (
        (0, 0, 1),
    )


@pytest.mark.parametrize(
    ("mine", "others"),
    [
        ("r1", ["r10-0", "r1-0-0", "r1-x", "r1-", "r1", "xr1-0", "r1-\u0663"]),
        ("r1-0", ["r1-0", "r1-00", "r1-0-0-0"]),
        (
            "a1f0e6d2-0000-4000-8000-000000000001",
            ["a1f0e6d2-0000-4000-8000-0000000000010-0", "a1f0e6d2-0000-4000-8000-0"],
        ),
    ],
)
def test_a_group_belongs_to_the_request_whose_whole_id_it_has(mine: str, others: list[str]) -> None:
    request = PciRequest(1, [VF], alias_name="a", request_id=mine)
    mapping = {**{group: ["one"] for group in others}, f"{mine}-0": ["two"]}
    found = HOST.supports_pci([request], provider_mapping=mapping)
    assert found.draws == ((0, 1, 1),)
    # with the groups of others alone, any pool will do
    del mapping[f"{mine}-0"]
    assert HOST.supports_pci([request], provider_mapping=mapping).draws == ((0, 0, 1),)


CELL = HostCell(0, frozenset(range(4)), frozenset(range(4)), 4096)
SIXTY = HostInfo(
    (CELL,),
    "h",
    pci_pools=tuple(PciPool("8086", "10ed", 0, 1, {"rp_uuid": f"u{n}"}) for n in range(60)),
)
GUEST = GuestTopology((GuestCell(frozenset({0}), frozenset(), 64),))


@pytest.mark.parametrize("matching", ["nova", "exact"])
def test_an_allocation_may_name_more_providers_than_the_request_counts_devices(
    matching: str,
) -> None:
    """Nova takes what placement allocated: a device of each of the 60."""
    uuids = ",".join(f"u{n}" for n in range(60))
    by_spec = PciRequest(1, [{"vendor_id": "8086", "rp_uuids": uuids}], alias_name="a")
    by_mapping = PciRequest(1, [{"vendor_id": "8086"}], alias_name="a", request_id="r")
    mapping = {f"r-{n}": [f"u{n}"] for n in range(60)}
    devices = 60 if matching == "nova" else 1
    for request in (
        Request(GUEST, pci=[by_spec]),
        Request(GUEST, pci=[by_mapping], provider_mapping=mapping),
    ):
        host = Host(SIXTY)
        placement = host.fit(request, pci_matching=matching)
        assert isinstance(placement, Placement)
        assert [drawn.count for drawn in placement.pci] == [1] * devices
        host.claim(placement)
        assert len(host.pools()) == 60 - devices
        # a placement that was made elsewhere brings its own draws
        other = Host(SIXTY)
        claim = other.claim(pickle.loads(pickle.dumps(placement)))
        assert len(other.pools()) == 60 - devices
        other.release(claim)
        assert len(other.pools()) == 60


def test_exact_refuses_a_provider_that_stands_behind_two_pools_as_nova_does() -> None:
    pools = tuple(PciPool("8086", "154c", 0, 2, {**VF, "n": n, "rp_uuid": "one"}) for n in "ab")
    host = Host(HostInfo((), pci_pools=pools))
    request = PciRequest(2, [{**VF, "rp_uuids": "one,nine"}], alias_name="a")
    assert not host.supports_pci([request])
    assert not host.supports_pci([request], pci_matching="exact")


@pytest.mark.parametrize(
    ("request_number", "count"), [(1, 1), (-1, 1), (0, 0), (0, -1), (0, 1 << 40)]
)
def test_draws_that_no_request_asked_for_are_refused(request_number: int, count: int) -> None:
    host = Host(SIXTY)
    fitted = host.fit(Request(GUEST, pci=[PciRequest(1, [{"vendor_id": "8086"}])]))
    assert isinstance(fitted, Placement)
    rebuild, (cells, (drawn,), requests, *where) = fitted.__reduce__()
    wrong = replace(drawn, request=request_number, count=count)
    with pytest.raises(MisuseError, match=r"pci: (request|count)="):
        host.claim(rebuild(cells, (wrong,), requests, *where))
    assert len(host.pools()) == 60
