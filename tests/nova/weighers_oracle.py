"""How nova's own weighers order hosts. Runs under the Python of a nova environment.

Reads cases as JSON lines on standard input: hosts with what ``compute_nodes`` holds of them, and
multipliers. Writes one JSON line for each: the sum of each host, in order.
"""

import json
import sys
import types

from nova import conf
from nova.scheduler import host_manager, weights
from nova.scheduler.weights import cpu, disk, pci, ram

UUID = "7a2b5f9c-8f0e-4c8b-9f6e-0d7f4a1c2b3d"
WEIGHERS = {
    "ram": ram.RAMWeigher(),
    "cpu": cpu.CPUWeigher(),
    "disk": disk.DiskWeigher(),
    "pci": pci.PCIWeigher(),
}


def host_of(number, facts):
    state = host_manager.HostState(str(number), str(number), UUID)
    state.free_ram_mb = facts["free_ram_mb"]
    state.free_disk_mb = facts["free_disk_gb"] * 1024
    state.vcpus_total, state.vcpus_used = facts["vcpus"], facts["vcpus_used"]
    state.cpu_allocation_ratio = facts["cpu_allocation_ratio"]
    state.pci_stats = types.SimpleNamespace(pools=[{"count": one} for one in facts["devices"]])
    state.aggregates = []
    return state


for line in sys.stdin:
    case = json.loads(line)
    wanted = case["multipliers"]
    for name in WEIGHERS:
        option = f"{name}_weight_multiplier"
        conf.CONF.set_override(option, wanted.get(name, 0.0), "filter_scheduler")
    states = [host_of(n, facts) for n, facts in enumerate(case["hosts"])]
    handler = weights.HostWeightHandler()
    found = handler.get_weighed_objects(list(WEIGHERS.values()), states, None)
    sums = {int(one.obj.host): one.weight for one in found}
    print(json.dumps([sums[n] for n in range(len(states))]))
