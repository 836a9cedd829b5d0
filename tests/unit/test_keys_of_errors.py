"""Where flavor or image may say it, an error names the one that did."""

from __future__ import annotations

from typing import Any

import pytest

from numafit import Flavor, Image, InvalidRequest, guest_topology
from numafit.errors import InvalidValue
from numafit.rules.pci_alias import Aliases

TOO_LARGE = str(1 << 64)


@pytest.mark.parametrize(
    ("specs", "properties", "key"),
    [
        ({"hw:numa_nodes": "0"}, {}, "hw:numa_nodes"),
        ({}, {"hw_numa_nodes": "0"}, "hw_numa_nodes"),
        ({"hw:mem_page_size": TOO_LARGE}, {}, "hw:mem_page_size"),
        ({"hw:mem_page_size": "any"}, {"hw_mem_page_size": TOO_LARGE}, "hw_mem_page_size"),
    ],
)
def test_the_key_is_that_of_the_value(
    specs: dict[str, str], properties: dict[str, str], key: str
) -> None:
    with pytest.raises(InvalidRequest) as fault:
        guest_topology(Flavor("f", 1, 512, specs), Image("i", properties))
    assert fault.value.key == key
    assert str(fault.value.value) == ({**specs, **properties})[key]


def test_an_alias_that_is_none_is_named_by_its_place() -> None:
    wrong: Any = {"gpu": 1}
    with pytest.raises(InvalidValue, match=r"^found\['gpu'\]"):
        Aliases(wrong)
