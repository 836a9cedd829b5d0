"""What nova's own scheduler filters say of a host. Runs under the Python of a nova environment.

Reads cases as JSON lines on standard input: aggregates' metadata, what ``compute_nodes`` holds of a
hypervisor, a flavor's extra specs, an image's properties, the default architecture. Writes one JSON
line for each: the filters that drop the host, and those that fail.
"""

import json
import sys

from nova import conf, objects
from nova.scheduler import host_manager
from nova.scheduler.filters import (
    aggregate_instance_extra_specs,
    compute_capabilities_filter,
    image_props_filter,
)
from oracle_tools import read_image

objects.register_all()
FILTERS = [
    aggregate_instance_extra_specs.AggregateInstanceExtraSpecsFilter(),
    compute_capabilities_filter.ComputeCapabilitiesFilter(),
    image_props_filter.ImagePropertiesFilter(),
]
UUID = "7a2b5f9c-8f0e-4c8b-9f6e-0d7f4a1c2b3d"


def host_of(case):
    state = host_manager.HostState("h", "n", UUID)
    state.aggregates = [
        objects.Aggregate(name=f"a{n}", metadata=one) for n, one in enumerate(case["aggregates"])
    ]
    row = case["row"]
    specs = [objects.HVSpec.from_list(one) for one in json.loads(row["supported_instances"])]
    state.supported_instances = [one.to_list() for one in specs]
    state.hypervisor_type = row["hypervisor_type"]
    state.hypervisor_version = row["hypervisor_version"]
    state.cpu_info = row["cpu_info"]
    state.stats = {}
    return state


for line in sys.stdin:
    case = json.loads(line)
    architecture = case["default_architecture"]
    conf.CONF.set_override(
        "image_properties_default_architecture", architecture, "filter_scheduler"
    )
    spec = objects.RequestSpec(
        flavor=objects.Flavor(extra_specs=case["extra_specs"]),
        image=read_image({"name": "i", "properties": case["properties"]}),
    )
    found = {"drops": [], "fails": []}
    for one in FILTERS:
        try:
            if not one.host_passes(host_of(case), spec):
                found["drops"].append(type(one).__name__)
        except (ValueError, IndexError, TypeError, AttributeError):
            found["fails"].append(type(one).__name__)
    print(json.dumps(found))
