"""What a guest asks of devices and what a host has of them, in words. Worked out by hand."""

from __future__ import annotations

import pytest

from numafit import PciRequest
from numafit.model.hostinfo import PciPool
from numafit.rules.pci_words import MOST_POOLS, refused, there


def pool(product: int, count: int = 1, **tags: str) -> PciPool:
    return PciPool("8086", f"{product:04x}", 0, count, tags)


@pytest.mark.parametrize(
    ("dev_type", "word"),
    [("type-PF", " PF"), ("type-VF", " VF"), ("vdpa", " vDPA"), ("type-PCI", "")],
)
def test_a_kind_of_device_has_its_usual_name(dev_type: str, word: str) -> None:
    assert there([pool(1, 3, dev_type=dev_type)]) == f"3 of 8086:0001{word} on node 0"


def test_devices_that_are_managed_elsewhere_are_called_so_and_used_up_pools_have_none() -> None:
    managed = pool(1, 2, dev_type="type-VF", remote_managed="true")
    assert there([managed]) == "2 of 8086:0001 VF remote-managed on node 0"
    assert there([pool(1, 0)]) == "0 of 8086:0001 on node 0"
    assert there([pool(1, 0), pool(1, 3)]) == "3 of 8086:0001 on node 0"


@pytest.mark.parametrize(("more", "words"), [(0, ""), (1, "; 1 more kind"), (2, "; 2 more kinds")])
def test_pools_beyond_those_that_are_listed_are_counted(more: int, words: str) -> None:
    listed = [f"1 of 8086:{n:04x} on node 0" for n in range(MOST_POOLS)]
    assert there(pool(n) for n in range(MOST_POOLS + more)) == "; ".join(listed) + words


def test_a_request_for_no_devices_takes_no_part_in_what_cannot_be_served_at_once() -> None:
    requests = [
        PciRequest(count, ({"vendor_id": "8086", "product_id": f"{n:04x}"},), alias_name=f"a{n}")
        for n, count in enumerate((2, 0, 1))
    ]
    assert refused("pci_together", 3, 0, 0, requests, []) == (
        "no choice of cells serves 2 of alias a0 (8086:0000), 1 of alias a2 (8086:0002) at once; "
        "no free device of the host is known"
    )
