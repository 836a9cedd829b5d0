"""Questions about flavors and images, and about PCI devices: case -> answer, and nova's beside."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from numafit.errors import InvalidRequest
from numafit.host import Host
from numafit.model.guest import GuestTopology, PciRequest
from numafit.model.pci_address import PciAddress
from numafit.replaying.cases import Case
from numafit.replaying.requests import flavor_and_image, pci_of, pci_request
from numafit.rules.device_spec import DeviceSpec, parse_device_specs
from numafit.rules.guest_topology import guest_topology
from numafit.rules.multiqueue import multiqueue
from numafit.rules.pci_policy import pci_numa_policy
from numafit.rules.pci_pools import pools_from_devices
from numafit.rules.topology import cpu_topology


def constraints(case: Case) -> Any:
    guest = guest_topology(*flavor_and_image(case))
    return {"topology": None if guest is None else described(guest)}


def described(guest: GuestTopology) -> Case:
    """A guest topology in the vectors' words."""
    return {
        "cells": [
            {
                "id": n,
                "cpuset": sorted(cell.cpuset),
                "pcpuset": sorted(cell.pcpuset),
                "memory_mb": cell.memory_mb,
                "pagesize": cell.pagesize,
                "cpu_policy": cell.cpu_policy,
                "cpu_thread_policy": cell.cpu_thread_policy,
            }
            for n, cell in enumerate(guest.cells)
        ],
        "emulator_threads_policy": guest.emulator_threads_policy,
    }


def topology(case: Case) -> Any:
    return cpu_topology(*flavor_and_image(case), case["allow_threads"])._asdict()


def vif_multiqueue(case: Case) -> Any:
    return {"value": multiqueue(*flavor_and_image(case)).enabled}


def numa_policy(case: Case) -> Any:
    return {"value": pci_numa_policy(*flavor_and_image(case))}


def support(case: Case) -> Any:
    if case.get("flavor") is None:
        requests = list(map(pci_request, case["pci_requests"]))
    else:
        requests = pci_of(case, *flavor_and_image(case))
        requests += map(pci_request, case["port_requests"])
    host = Host.from_nova(case["host"], case["pci_stats"])
    cells = case["numa_cells"]
    found = host.supports_pci(requests, cells, provider_mapping=case.get("provider_mapping"))
    answer: Case = {"supported": bool(found)}
    if found and "pools_after" in case["expect"]:
        answer["pools_after"] = [pool.as_dict() for pool in found.pools_after]
    if "requests" in case["expect"]:
        answer["requests"] = [_request(one) for one in requests]
    return answer


def alias(case: Case) -> Any:
    return {"requests": [_request(one) for one in pci_of(case, *flavor_and_image(case))]}


def _request(one: PciRequest) -> Case:
    return {
        "count": one.count,
        "spec": list(one.spec),
        "alias_name": one.alias_name,
        "numa_policy": one.numa_policy,
    }


def parse_address(case: Case) -> Any:
    return {"fields": list(PciAddress.parse(case["address"]).fields)}


def address(case: Case) -> Any:
    spec = DeviceSpec.parse(json.dumps({"address": case["spec_address"]}), **case["sysfs"])
    return {"match": spec.match(case["device"]) is not None}


def device_spec(case: Case) -> Any:
    conf = case["conf"]
    specs = [
        DeviceSpec.parse(
            text, **case["sysfs"], report_in_placement=conf.get("report_in_placement", False)
        )
        for text in conf["device_spec"]
    ]
    return {"matches": [_first_match(specs, device) for device in case["devices"]]}


def _first_match(specs: Sequence[DeviceSpec], device: Case) -> Any:
    try:
        for spec in specs:
            tags = spec.match(device)
            if tags is not None:
                return {"tags": tags}
    except InvalidRequest as error:
        return {"error": error.nova_exception}
    return None


def pools(case: Case) -> Any:
    specs = parse_device_specs(case["conf"]["device_spec"])
    return {"pools": [pool.as_dict() for pool in pools_from_devices(case["devices"], specs)]}
