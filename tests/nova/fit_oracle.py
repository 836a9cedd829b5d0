"""Answers of nova itself to cases of a fit. Runs under the Python of a nova environment.

Reads cases in the vectors' form as JSON lines on standard input. For each it writes nova's answer,
and what nova's own functions answer when each pair of cells is judged on fresh copies.
"""

import copy
import itertools
import json
import sys
from types import SimpleNamespace
from unittest import mock

from nova import conf, exception, objects
from nova.pci import request as pci_request
from nova.pci import stats as pci_stats
from nova.virt import hardware

objects.register_all()
CONF = conf.CONF
CONF([], default_config_files=[])
MOST_PERMUTATIONS = 5000


def setup(case):
    found = case["conf"]
    CONF.set_override("alias", found["pci_alias"], group="pci")
    CONF.set_override("packing_host_numa_cells_allocation_strategy", found["pack"], group="compute")
    pci_request.get_alias_from_config.cache_clear()


def inputs(case):
    flavor = objects.Flavor(**case["flavor"])
    image = objects.ImageMeta.from_dict(case["image"])
    topology = hardware.numa_get_constraints(flavor, image)
    policy = hardware.get_pci_numa_policy_constraint(flavor, image)
    requests = list(pci_request.get_pci_requests_from_flavor(flavor, policy).requests)
    requests += [objects.InstancePCIRequest(**port) for port in case["port_requests"]]
    host = objects.NUMATopology.obj_from_primitive(case["host"])
    stats = case["pci_stats"] and objects.PciDevicePoolList.obj_from_primitive(case["pci_stats"])
    pools = pci_stats.PciDeviceStats(host, stats or None)
    limits = case["limits"] and objects.NUMATopologyLimits(**case["limits"])
    if limits and case["networks"]:
        limits.network_metadata = objects.NetworkMetadata(
            physnets=set(case["networks"]["physnets"]), tunneled=case["networks"]["tunneled"]
        )
    return host, topology, limits or None, requests, pools


def described(cells):
    return cells and [
        {
            "host_cell": cell.id,
            "cpuset": sorted(cell.cpuset),
            "pcpuset": sorted(cell.pcpuset),
            "pinning": {str(v): p for v, p in (cell.cpu_pinning or {}).items()},
            "pagesize": cell.pagesize,
            "cpuset_reserved": sorted(cell.cpuset_reserved or ()) or None,
        }
        for cell in cells
    ]


def direct(case):
    host, topology, limits, requests, pools = inputs(case)
    order = []

    def permutations(cells, n):
        order.extend(cell.id for cell in cells)
        return itertools.permutations(cells, n)

    watched = SimpleNamespace(**vars(itertools) | {"permutations": permutations})
    with mock.patch.object(hardware, "itertools", watched):
        found = hardware.numa_fit_instance_to_host(
            host, topology, None, limits=limits, pci_requests=requests, pci_stats=pools
        )
    return found and found.cells, order


def judged(host, topology, chosen, limits, verdicts):
    cells = []
    for number, (cell, guest) in enumerate(zip(chosen, topology.cells, strict=True)):
        reserved = 1 if topology.emulator_threads_isolated and not number else 0
        key = (cell.id, number)
        if key not in verdicts:
            try:
                verdicts[key] = hardware._numa_fit_instance_cell(
                    copy.deepcopy(cell), copy.deepcopy(guest), limits, reserved
                )
            except exception.MemoryPageSizeNotSupported:
                verdicts[key] = None
        if verdicts[key] is None:
            return None
        cells.append(copy.deepcopy(verdicts[key]))
        cells[-1].id = cell.id
    return cells


def afresh(case, order):
    host, topology, limits, requests, pools = inputs(case)
    by_id = {cell.id: cell for cell in host.cells}
    verdicts = {}
    networks = limits.network_metadata if limits and "network_metadata" in limits else None
    tries = itertools.permutations([by_id[cell] for cell in order], len(topology.cells))
    for count, chosen in enumerate(tries):
        if count == MOST_PERMUTATIONS:
            raise RuntimeError("too many permutations")
        cells = judged(host, topology, chosen, limits, verdicts)
        if cells is None:
            continue
        if not hardware._numa_cells_support_network_metadata(host, list(chosen), networks):
            continue
        if not pools.support_requests(requests, provider_mapping=None, numa_cells=cells):
            continue
        return cells
    return None


def claimed(case, cells):
    """Usage of the host with this placement consumed."""
    host, topology, *_ = inputs(case)
    topology.cells = cells
    try:
        used = hardware.numa_usage_from_instance_numa(host, topology)
    except (exception.CPUPinningInvalid, exception.CPUPinningUnknown, IndexError) as error:
        return {"error": type(error).__name__}
    return {
        "usage": [
            {
                "id": cell.id,
                "cpu_usage": cell.cpu_usage,
                "memory_usage": cell.memory_usage,
                "pinned": len(cell.pinned_cpus),
                "pages": [page.used for page in cell.mempages],
            }
            for cell in used.cells
        ]
    }


def answer(case):
    setup(case)
    if inputs(case)[1] is None:
        return {"error": "no topology"}
    found, order = direct(case)
    answers = {"direct": described(found)}
    fresh = afresh(case, order) if order else None
    answers["afresh"] = described(fresh)
    if fresh:
        answers["claim"] = claimed(case, fresh)
    return answers


for line in sys.stdin:
    case = json.loads(line)
    try:
        print(json.dumps(answer(case)))
    except Exception as error:  # the question made no sense to nova
        print(json.dumps({"error": type(error).__name__, "words": str(error)[:300]}))
