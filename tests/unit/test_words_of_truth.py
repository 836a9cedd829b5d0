"""Yes and no are those of oslo.utils wherever nova asks it."""

from __future__ import annotations

import pytest

from numafit import PciRequest
from numafit.model.values import flag
from numafit.rules.pci_filter import usable

YES = ["1", "t", "true", "on", "y", "yes", " On ", "TRUE", 1, True]
NO = ["0", "f", "false", "off", "n", "no", "", "2", "enabled", 0, False, None]


@pytest.mark.parametrize(("word", "said"), [*((y, True) for y in YES), *((n, False) for n in NO)])
def test_remote_managed_devices_are_for_those_who_ask_for_them(word: object, said: bool) -> None:
    assert flag(word) is said
    plain = PciRequest(1, [{"vendor_id": "8086"}])
    asking = PciRequest(1, [{"remote_managed": "true"}])
    also = PciRequest(1, [{"remote_managed": word}])
    there = {"remote_managed": word}
    assert usable(plain, there) is not said
    assert usable(asking, there)
    assert usable(also, {"remote_managed": "true"}) is said
