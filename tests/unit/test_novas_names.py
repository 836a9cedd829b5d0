"""Names that nova, placement and os_resource_classes have: each list of ours has them all.

``data/nova_names.json`` was written down from nova 34's own classes; ``tests/nova/check_names.py``
holds it to them.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from numafit import Flavor
from numafit.model.resources import STANDARD_CLASSES, is_resource_class
from numafit.rules import image_fields
from numafit.rules.filters import CAPABILITIES, Filters, filters_not_judged

NAMES = json.loads((Path(__file__).parent / "data/nova_names.json").read_text("utf-8"))
# of what they look at, no source tells
NOT_JUDGED = {
    "AggregateImagePropertiesIsolation",
    "AggregateIoOpsFilter",
    "AggregateMultiTenancyIsolation",
    "AggregateNumInstancesFilter",
    "AggregateTypeAffinityFilter",
    "IoOpsFilter",
    "IsolatedHostsFilter",
    "MetricsFilter",
    "NumInstancesFilter",
}
FACTS = {"hypervisor_type", "hypervisor_version", "cpu_info"}
# set by nova beside the fields of the class
LATER = {"stats", "service", "io_workload"}


def test_resource_classes_are_those_of_placement() -> None:
    assert set(NAMES["resource_classes"]) == STANDARD_CLASSES
    for name in NAMES["resource_classes"]:
        assert is_resource_class(name)
    assert not is_resource_class("PGPUS")


def test_image_properties_are_those_of_nova() -> None:
    # these three are read from keys with a number or a trait in them
    of_many = {"hw_numa_cpus", "hw_numa_mem", "traits_required"}
    assert set(image_fields.FIELDS) == set(NAMES["image_properties"]) - of_many
    assert image_fields.FIELDS["hw_video_ram"].read("7") == 7


@pytest.mark.parametrize("name", NAMES["filters"])
def test_each_filter_of_nova_is_judged_or_named(name: str) -> None:
    said = " ".join(filters_not_judged(Flavor("f", 1, 1024), None, Filters((name,))))
    assert (name in said) == (name in NOT_JUDGED)


@pytest.mark.parametrize("name", [*NAMES["host_state"], *sorted(LATER), "hw_made_up"])
def test_keys_without_a_scope_that_mean_a_host_are_asked_of_it(name: str) -> None:
    """ComputeCapabilitiesFilter passes over keys that no host has."""
    flavor = Flavor("f", 1, 1024, {name: "1"})
    said = " ".join(filters_not_judged(flavor, None, Filters((CAPABILITIES,))))
    known = name not in FACTS and name != "hw_made_up"
    assert (name in said) == known
