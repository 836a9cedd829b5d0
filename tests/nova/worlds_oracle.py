"""Nova's own answers to the worlds of tests/oracle. Runs under the Python of a nova environment.

Reads a host, a guest and options a line, as test_worlds.py writes them; writes where nova's own
functions put the guest when each pair of cells is judged on fresh copies, and the usage of the
host with it.
"""

import copy
import itertools
import json
import sys
from types import SimpleNamespace
from unittest import mock

from nova import conf, exception, objects
from nova.pci import stats as pci_stats
from nova.virt import hardware

objects.register_all()
CONF = conf.CONF
CONF([], default_config_files=[])


def host_of(case):
    return objects.NUMATopology(
        cells=[
            objects.NUMACell(
                id=cell["id"],
                cpuset=set(cell["cpuset"]),
                pcpuset=set(cell["pcpuset"]),
                memory=cell["memory_mb"],
                cpu_usage=cell["cpu_usage"],
                memory_usage=cell["memory_usage"],
                pinned_cpus=set(cell["pinned_cpus"]),
                siblings=[set(core) for core in cell["cores"]] or [set()],
                mempages=[objects.NUMAPagesTopology(**page) for page in cell["pages"]],
                network_metadata=objects.NetworkMetadata(
                    physnets=set(cell["physnets"]), tunneled=cell["tunneled"]
                ),
                socket=cell["socket"],
            )
            for cell in case["cells"]
        ]
    )


def guest_of(case):
    cells = [
        objects.InstanceNUMACell(
            id=number,
            cpuset=set(cell["cpuset"]),
            pcpuset=set(cell["pcpuset"]),
            memory=cell["memory_mb"],
            pagesize=cell["pagesize"],
            cpu_policy=cell["cpu_policy"],
            cpu_thread_policy=cell["cpu_thread_policy"],
        )
        for number, cell in enumerate(case["guest"])
    ]
    return objects.InstanceNUMATopology(
        cells=cells, emulator_threads_policy=case["emulator_threads_policy"]
    )


def inputs(case):
    host = host_of(case)
    limits = objects.NUMATopologyLimits(**case["limits"]) if case["limits"] else None
    networks = case["networks"] and objects.NetworkMetadata(
        physnets=set(case["networks"]["physnets"]), tunneled=case["networks"]["tunneled"]
    )
    requests = [objects.InstancePCIRequest(**one) for one in case["pci"]]
    pools = None
    if case["pools"] is not None:
        found = [objects.PciDevicePool.from_dict(pool) for pool in case["pools"]]
        pools = pci_stats.PciDeviceStats(host, objects.PciDevicePoolList(objects=found))
    return host, limits, networks, requests, pools


def order_of(case):
    """The order in which nova tries the host cells."""
    host, limits, _networks, requests, pools = inputs(case)
    order = []

    def permutations(cells, n):
        order.extend(cell.id for cell in cells)
        return ()

    watched = SimpleNamespace(**vars(itertools) | {"permutations": permutations})
    with mock.patch.object(hardware, "itertools", watched):
        hardware.numa_fit_instance_to_host(
            host, guest_of(case), None, limits=limits, pci_requests=requests, pci_stats=pools
        )
    return order


def judged(cell, guest, limits, reserved):
    try:
        return hardware._numa_fit_instance_cell(
            copy.deepcopy(cell), copy.deepcopy(guest), limits, reserved
        )
    except exception.MemoryPageSizeNotSupported:
        return None


def placed(case):
    host, limits, networks, requests, pools = inputs(case)
    guest = guest_of(case)
    by_id = {cell.id: cell for cell in host.cells}
    order = order_of(case)
    for chosen in itertools.permutations([by_id[cell] for cell in order], len(guest.cells)):
        cells = []
        for number, (cell, part) in enumerate(zip(chosen, guest.cells, strict=True)):
            reserved = 1 if guest.emulator_threads_isolated and not number else 0
            cells.append(judged(cell, part, limits, reserved))
            if cells[-1] is None:
                break
            cells[-1].id = cell.id
        if None in cells:
            continue
        if networks and not hardware._numa_cells_support_network_metadata(
            host, list(chosen), networks
        ):
            continue
        if requests and pools and not pools.support_requests(requests, case["mapping"], cells):
            continue
        return cells
    return None


def usage(case, cells):
    host, guest = host_of(case), guest_of(case)
    guest.cells = cells
    try:
        used = hardware.numa_usage_from_instance_numa(host, guest)
    except (exception.CPUPinningInvalid, exception.CPUPinningUnknown, IndexError) as error:
        return type(error).__name__
    return [
        [
            cell.cpu_usage,
            cell.memory_usage,
            len(cell.pinned_cpus),
            sorted([page.size_kb, page.used] for page in cell.mempages),
        ]
        for cell in used.cells
    ]


def answer(case):
    CONF.set_override("packing_host_numa_cells_allocation_strategy", case["pack"], group="compute")
    if len(case["cells"]) < len(case["guest"]):
        return None
    cells = placed(case)
    if cells is None:
        return None
    found = [
        [
            cell.id,
            cell.pagesize,
            {str(vcpu): cpu for vcpu, cpu in (cell.cpu_pinning or {}).items()},
            sorted(cell.cpuset_reserved or ()),
        ]
        for cell in cells
    ]
    return {"cells": found, "usage": usage(case, cells)}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))))
