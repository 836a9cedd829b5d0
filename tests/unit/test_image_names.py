"""Image properties by the names that nova has given up mean what their current names mean."""

from __future__ import annotations

import pytest

from numafit import Flavor, Image, cpu_topology
from numafit.rules.image_fields import FIELDS, OLDER_NAMES

# one value that each kind of property takes
VALUES = (
    "true",
    "1",
    "linux",
    "x86_64",
    "hvm",
    "kvm",
    "preallocated",
    '["a"]',
    '[{"a": "b"}]',
    ">=1.0",
)


def accepted(name: str, value: str) -> bool:
    try:
        cpu_topology(Flavor("f", 1, 64), Image("i", {name: value}))
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("older", OLDER_NAMES)
def test_an_older_name_takes_what_the_current_one_takes(older: str) -> None:
    current = OLDER_NAMES[older]
    assert current in FIELDS
    taken = [value for value in VALUES if accepted(older, value)]
    assert taken
    # lists come as JSON text under the older names alone
    as_list = older in ("mappings", "block_device_mapping")
    now = [value for value in VALUES if accepted(current, value)]
    assert taken == (['[{"a": "b"}]'] if as_list else now)
