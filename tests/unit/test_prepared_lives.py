"""A prepared request asks the same for as long as its fleet lives, whatever its hosts become."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from numafit import (
    Fleet,
    GuestCell,
    GuestTopology,
    HostCell,
    HostInfo,
    MisuseError,
    Networks,
    PagePool,
    PciPool,
    PciRequest,
    Request,
)
from numafit.model.resources import Inventory, Provider, ResourceGroup, Resources

NAMES = "abcdef"


def make_host(name: str) -> HostInfo:
    """With a device, a physnet, a resource class, a trait and a page size that no other has."""
    kib = 4 << (1 + NAMES.index(name))
    cell = HostCell(
        0,
        frozenset(range(4)),
        frozenset(range(4)),
        memory_mb=4096,
        physnets=frozenset({f"net-{name}"}),
        page_pools=(PagePool(4, 1 << 18), PagePool(kib, 1 << 10)),
    )
    pool = PciPool("8086", name * 4, 0, 2, {"dev_type": "type-PCI"})
    told = {"VCPU": Inventory(8), f"CUSTOM_{name.upper()}": Inventory(5)}
    provider = Provider(told, traits=frozenset({f"CUSTOM_T_{name.upper()}"}), elsewhere=frozenset())
    return HostInfo((cell,), name, pci_pools=(pool,), provider=provider)


def requests(name: str) -> Iterable[Request]:
    """Each fits on the host of this name alone."""
    guest = GuestTopology((GuestCell(frozenset({0}), frozenset(), memory_mb=512),))
    kib = 4 << (1 + NAMES.index(name))
    spec = {"vendor_id": "8086", "product_id": name * 4}
    yield Request(guest, pci=(PciRequest(1, (spec,)),))
    yield Request(guest, resources=asked(resources={f"CUSTOM_{name.upper()}": 1}))
    yield Request(guest, resources=asked(required=frozenset({f"CUSTOM_T_{name.upper()}"})))
    yield Request(
        GuestTopology((GuestCell(frozenset({0}), frozenset(), memory_mb=1, pagesize=kib),))
    )


def asked(**group: Any) -> Resources:
    return Resources((ResourceGroup(**group),))


def nothing(fleet: Fleet) -> Fleet:
    return fleet


def remove_the_first(fleet: Fleet) -> Fleet:
    fleet.remove("a")
    return fleet


def remove_and_compact(fleet: Fleet) -> Fleet:
    fleet.remove(["a", "c"])
    fleet.compact()
    return fleet


def add(fleet: Fleet) -> Fleet:
    fleet.add([make_host("e"), make_host("f")])
    return fleet


def replace_by_another(fleet: Fleet) -> Fleet:
    fleet.replace("b", make_host("e"))
    return fleet


def compact_twice(fleet: Fleet) -> Fleet:
    remove_and_compact(fleet)
    fleet.add(make_host("a"))
    fleet.remove("b")
    fleet.compact()
    return fleet


def fork(fleet: Fleet) -> Fleet:
    return fleet.fork()


def fork_of_what_was_compacted(fleet: Fleet) -> Fleet:
    return remove_and_compact(fleet).fork()


def compacted_fork(fleet: Fleet) -> Fleet:
    return remove_and_compact(fleet.fork())


CHANGES = [
    nothing,
    remove_the_first,
    remove_and_compact,
    add,
    replace_by_another,
    compact_twice,
    fork,
    fork_of_what_was_compacted,
    compacted_fork,
]


@pytest.mark.parametrize("change", CHANGES)
def test_it_asks_the_same_after(change: Callable[[Fleet], Fleet]) -> None:
    fleet = Fleet(make_host(name) for name in "abcd")
    ready = [(name, fleet.prepare(one)) for name in "abcd" for one in requests(name)]
    for fits_on, one in ready:
        assert [fleet.names[n] for n in fleet.scan(one).nonzero()[0]] == [fits_on]
    fleet = change(fleet)
    for fits_on, one in ready:
        there = [name for name in fleet.names if name == fits_on]
        assert [fleet.names[n] for n in fleet.scan(one).nonzero()[0]] == there, one.request
        for host, name in enumerate(fleet.names):
            assert bool(fleet.fit_on(one, host)) == (name == fits_on)
        for name in there:
            claim = fleet.claim(one, host=fleet.index(name))
            assert claim.host_name == fits_on
            fleet.release(claim)


def test_another_fleet_with_the_same_hosts_refuses_it() -> None:
    one, other = (Fleet(make_host(name) for name in "ab") for _ in range(2))
    ready = one.prepare(next(iter(requests("a"))))
    for changed in (other, remove_and_compact(Fleet(make_host(name) for name in "abc"))):
        with pytest.raises(MisuseError, match="another fleet"):
            changed.scan(ready)


def test_a_near_physnet_is_the_same_after_compact() -> None:
    """Hosts of other physnets do not refuse; the cell that is near goes first."""
    cells = tuple(
        HostCell(n, frozenset(), frozenset(range(4 * n, 4 * n + 4)), memory_mb=4096, physnets=nets)
        for n, nets in enumerate([frozenset[str](), frozenset({"net-z"})])
    )
    fleet = Fleet([make_host("a"), HostInfo(cells, "two")])
    guest = GuestTopology(
        (GuestCell(frozenset(), frozenset({0}), memory_mb=512, cpu_policy="dedicated"),)
    )
    ready = fleet.prepare(Request(guest, networks=Networks(frozenset({"net-z"}))))
    fleet.remove("a")
    fleet.compact()
    found = fleet.fit_on(ready, 0)
    assert found
    assert [cell.host_cell for cell in found.cells] == [1]
