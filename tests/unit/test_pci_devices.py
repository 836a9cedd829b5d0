"""Hosts that came with a list of devices: which pool, which addresses, where, and how far."""

from __future__ import annotations

from typing import Any

import pytest

from numafit import (
    FitOptions,
    Flavor,
    Fleet,
    Host,
    HostCell,
    HostInfo,
    PciAllocation,
    PciRequest,
    Placement,
    Refusal,
    Request,
    guest_topology,
    parse_device_specs,
    pools_from_devices,
)

PF, VF = {"dev_type": "type-PF"}, {"dev_type": "type-VF"}


def function(address: str, kind: str, node: int | None, parent: str | None = None) -> Any:
    return {
        "address": address,
        "vendor_id": "8086",
        "product_id": "1572" if kind == "type-PF" else "154c",
        "dev_type": kind,
        "numa_node": node,
        "parent_addr": parent,
    }


def nic(bus: str, vfs: int, node: int | None) -> list[Any]:
    pf = f"0000:{bus}:00.0"
    listed = [function(f"0000:{bus}:01.{n}", "type-VF", node, pf) for n in range(vfs)]
    return [function(pf, "type-PF", node), *listed]


def host_of(*devices: list[Any]) -> Host:
    """Two cells of four CPUs, 21 apart."""
    cells = tuple(
        HostCell(n, frozenset(), frozenset(range(4 * n, 4 * n + 4)), 4096, socket=n)
        for n in range(2)
    )
    listed = [device for some in devices for device in some]
    pools = pools_from_devices(listed, parse_device_specs(['{"vendor_id": "8086"}']))
    return Host(HostInfo(cells, "h", tuple(pools), distances=((10, 21), (21, 10))))


def guest_of(vcpus: int = 1) -> Any:
    specs = {"hw:cpu_policy": "dedicated"}
    return guest_topology(Flavor(vcpus=vcpus, memory_mb=64, extra_specs=specs))


def asked(count: int, spec: Any, policy: str = "preferred") -> PciRequest:
    return PciRequest(count, [spec], policy)


def drawn(host: Host, *requests: PciRequest, matching: str = "nova") -> list[PciAllocation]:
    found = host.fit(Request(guest_of(), pci=requests), pci_matching=matching)
    assert isinstance(found, Placement), found
    return list(found.pci)


def test_a_placement_names_pool_addresses_node_and_distance() -> None:
    host = host_of(nic("3b", 2, 0), nic("5e", 2, 1))
    first, second = drawn(host, asked(3, VF))
    assert (first.request, first.count, first.numa_node, first.distance) == (0, 2, 0, 10)
    assert first.devices == ("0000:3b:01.1", "0000:3b:01.0")
    assert first.info.tags["address"] == "0000:3b:00.0"
    assert (second.count, second.numa_node, second.distance) == (1, 1, 21)
    assert second.devices == ("0000:5e:01.1",)


def test_two_requests_never_name_one_device() -> None:
    host = host_of(nic("3b", 3, 0))
    names = [name for found in drawn(host, asked(1, VF), asked(2, VF)) for name in found.devices]
    assert sorted(names) == ["0000:3b:01.0", "0000:3b:01.1", "0000:3b:01.2"]


def test_a_device_of_no_known_node_has_no_distance() -> None:
    (found,) = drawn(host_of(nic("3b", 1, None)), asked(1, VF))
    assert (found.numa_node, found.distance) == (None, None)
    assert found.devices == ("0000:3b:01.0",)


def test_pools_of_counts_alone_name_no_addresses() -> None:
    stats = [{"vendor_id": "8086", "product_id": "154c", "numa_node": 0, "count": 2, **VF}]
    host = Host.from_nova(None, stats)
    found = host.fit(Request(None, pci=[asked(1, VF)]))
    assert isinstance(found, Placement)
    (one,) = found.pci
    assert (one.count, one.numa_node, one.devices) == (1, 0, ())


def test_a_claimed_pf_takes_its_vfs_along_and_gives_them_back() -> None:
    host = host_of(nic("3b", 2, 0), nic("5e", 2, 1))
    before = host.hostinfo
    pf = host.fit(Request(guest_of(), pci=[asked(1, PF, "required")]))
    assert isinstance(pf, Placement)
    held = host.claim(pf)
    assert held.pci[0].devices == ("0000:3b:00.0",)
    assert [pool.tags["address"] for pool in host.pools()] == ["0000:5e:00.0"] * 2
    assert [found.numa_node for found in drawn(host, asked(2, VF))] == [1]
    assert isinstance(host.fit(Request(guest_of(), pci=[asked(3, VF)])), Refusal)
    host.release(held)
    assert host.hostinfo == before


def test_a_claimed_vf_takes_its_pf_out_of_sight_until_the_last_is_back() -> None:
    host = host_of(nic("3b", 2, 0))
    wanted = Request(guest_of(), pci=[asked(1, VF)])
    whole = Request(guest_of(), pci=[asked(1, PF)])
    claims = []
    for _ in range(2):
        found = host.fit(wanted)
        assert isinstance(found, Placement)
        claims.append(host.claim(found))
    assert {name for claim in claims for name in claim.pci[0].devices} == {
        "0000:3b:01.0",
        "0000:3b:01.1",
    }
    assert not host.fit(whole)
    host.release(claims[1])
    assert not host.fit(whole)
    host.release(claims[0])
    assert host.fit(whole)
    assert host.check() is None


@pytest.mark.parametrize("matching", ["nova", "exact"])
def test_one_guest_does_not_get_a_pf_and_its_vf(matching: str) -> None:
    both = [asked(1, VF), asked(1, PF)]
    alone = host_of(nic("3b", 2, 0))
    assert isinstance(
        alone.fit(Request(guest_of(), pci=both), pci_matching=matching),
        Refusal,
    )
    pair = host_of(nic("3b", 2, 0), nic("5e", 2, 0))
    vf, pf = drawn(pair, *both, matching=matching)
    assert vf.info.tags["address"] != pf.info.tags["address"]


def test_exact_serves_where_the_greedy_order_takes_the_wrong_card() -> None:
    """A VF of the first card would take the only PF of that card's product."""
    other = nic("5e", 1, 0)
    other[0]["product_id"] = "10fb"
    host = host_of(nic("3b", 1, 0), other)
    requests = [asked(1, VF), asked(1, {**PF, "product_id": "1572"})]
    assert not host.fit(Request(guest_of(), pci=requests))
    vf, pf = drawn(host, *requests, matching="exact")
    assert (vf.devices, pf.devices) == (("0000:5e:01.0",), ("0000:3b:00.0",))


def test_one_request_for_either_kind_counts_a_card_once() -> None:
    """Scan and fit agree that one PF with one VF is one device. Nova's order meets the VF that the
    PF has shut, where its compute node fails; the other card serves whoever goes on to it."""
    either = PciRequest(2, [PF, VF], "legacy")
    one, two = host_of(nic("3b", 1, 0)), host_of(nic("3b", 1, 0), nic("5e", 1, 0))
    request = Request(guest_of(), pci=[either])
    for matching, second in (("nova", False), ("exact", True)):
        options = FitOptions(pci_matching=matching)
        assert Fleet([one, two]).scan(request, options).tolist() == [False, second]
        assert [bool(host.fit(request, pci_matching=matching)) for host in (one, two)] == [
            False,
            second,
        ]


def test_a_freed_device_is_handed_out_by_its_place_in_the_list() -> None:
    """nova hands out the one that came back last; devices of one pool are alike."""
    host = host_of(nic("3b", 3, 0))
    wanted = Request(guest_of(), pci=[asked(1, VF)])

    def claim() -> Any:
        found = host.fit(wanted)
        assert isinstance(found, Placement)
        return host.claim(found)

    claims = [claim(), claim()]
    assert [one.pci[0].devices for one in claims] == [("0000:3b:01.2",), ("0000:3b:01.1",)]
    host.release(claims[1])
    host.release(claims[0])
    assert claim().pci[0].devices == ("0000:3b:01.2",)


def test_a_negative_count_wants_a_pool_and_takes_nothing() -> None:
    host = host_of(nic("3b", 1, 0))
    assert drawn(host, asked(-1, VF)) == []
    assert not host.fit(Request(guest_of(), pci=[asked(-1, {"vendor_id": "10de"})]))


def test_more_devices_than_any_host_has() -> None:
    for matching in ("nova", "exact"):
        request = Request(guest_of(), pci=[asked(10**12, VF)])
        assert not host_of(nic("3b", 1, 0)).fit(request, pci_matching=matching)


def test_distances_that_the_host_does_not_name() -> None:
    """Without a matrix only a node's distance to itself is known: 10, by ACPI's SLIT."""
    info = host_of(nic("3b", 1, 0), nic("5e", 1, 1)).hostinfo
    near, far = drawn(Host(HostInfo(info.cells, pci_pools=info.pci_pools)), asked(2, VF))
    assert (near.numa_node, near.distance) == (0, 10)
    assert (far.numa_node, far.distance) == (1, None)
