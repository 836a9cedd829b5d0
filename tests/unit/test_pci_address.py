"""Addresses of PCI devices, as numbers and as text; worked out by hand."""

from __future__ import annotations

import pytest

from numafit import PciAddress


def numbers(address: PciAddress) -> tuple[int, int, int, int]:
    return address.domain, address.bus, address.slot, address.function


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0000:3b:00.1", (0, 59, 0, 1)),
        ("0a1b:C4:1f.7", (2587, 196, 31, 7)),
        ("ffff:ff:1F.0", (65535, 255, 31, 0)),
    ],
)
def test_an_address_is_read_in_hexadecimal(text: str, expected: tuple[int, ...]) -> None:
    address = PciAddress.parse(text)
    assert numbers(address) == expected
    assert str(address) == text.lower()
    assert address == PciAddress(*expected)


@pytest.mark.parametrize(
    ("parts", "within"),
    [
        ((0xFFFF, 0xFF, 0x1F, 7), True),
        ((0x10000, 0xFF, 0x1F, 7), False),
        ((0xFFFF, 0x100, 0x1F, 7), False),
        ((0xFFFF, 0xFF, 0x20, 7), False),
        ((0xFFFF, 0xFF, 0x1F, 8), False),
        ((0, 0, 0, 0), True),
    ],
)
def test_a_device_spec_names_what_lies_within_its_limits(
    parts: tuple[int, int, int, int], within: bool
) -> None:
    assert PciAddress(*parts).within_limits is within
