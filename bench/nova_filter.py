"""numafit's NUMATopologyFilter beside nova's own, on real scheduler objects.

    PYTHON bench/nova_filter.py [--hosts 1000] [--json FILE]

PYTHON is that of an environment with nova 34 and numafit. Hosts are ``HostState`` objects made
from ``ComputeNode`` rows, as the host manager makes them for each request. Times are the least of
several runs, of the processor, with both filters taking turns in one process and logging off.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import time

from nova import context, objects
from nova.scheduler.filters import numa_topology_filter
from nova.scheduler.host_manager import HostState

from numafit.nova import filters

CORES = 16  # of two threads, in each of two cells


def topology(chance: random.Random) -> objects.NUMATopology:
    """A host of two cells, partly used."""
    cells = []
    for n in range(2):
        first = n * 2 * CORES
        cpus = set(range(first, first + 2 * CORES))
        pinned = set(chance.sample(sorted(cpus), chance.randrange(0, 2 * CORES)))
        cells.append(
            objects.NUMACell(
                id=n,
                cpuset=set(),
                pcpuset=cpus,
                memory=131072,
                cpu_usage=0,
                memory_usage=1024 * len(pinned),
                pinned_cpus=pinned,
                siblings=[{first + c, first + CORES + c} for c in range(CORES)],
                mempages=[
                    objects.NUMAPagesTopology(size_kb=4, total=25165824, used=0, reserved=0),
                    objects.NUMAPagesTopology(
                        size_kb=2048, total=16384, used=512 * len(pinned), reserved=0
                    ),
                ],
                network_metadata=objects.NetworkMetadata(physnets=set(), tunneled=False),
                socket=n,
            )
        )
    return objects.NUMATopology(cells=cells)


def pools(n: int) -> objects.PciDevicePoolList:
    """Four VFs of each of two PFs in each cell, with their resource providers."""
    return objects.PciDevicePoolList(
        objects=[
            objects.PciDevicePool(
                vendor_id="8086",
                product_id="154c",
                numa_node=cell,
                count=4,
                tags={"dev_type": "type-VF", "rp_uuid": f"rp{n}-{cell}-{pf}"},
            )
            for cell in range(2)
            for pf in range(2)
        ]
    )


def compute_node(n: int, chance: random.Random, devices: bool) -> objects.ComputeNode:
    """A row as the scheduler reads it."""
    return objects.ComputeNode(
        id=n,
        uuid=f"00000000-0000-0000-0000-{n:012}",
        host=f"host{n}",
        hypervisor_hostname=f"node{n}",
        free_disk_gb=100,
        disk_available_least=100,
        local_gb=200,
        local_gb_used=100,
        memory_mb=262144,
        free_ram_mb=200000,
        vcpus=64,
        vcpus_used=0,
        updated_at=None,
        numa_topology=topology(chance)._to_json(),
        pci_device_pools=pools(n) if devices else None,
        host_ip="10.0.0.1",
        hypervisor_type="QEMU",
        hypervisor_version=8000000,
        cpu_info="",
        supported_hv_specs=[],
        stats={},
        metrics="[]",
        cpu_allocation_ratio=16.0,
        ram_allocation_ratio=1.5,
        disk_allocation_ratio=1.0,
    )


def host_states(rows: list[objects.ComputeNode]) -> list[HostState]:
    """New states of the rows, as for each request."""
    states = []
    for row in rows:
        state = HostState(row.host, row.hypervisor_hostname, "00000000-0000-0000-0000-000000000000")
        state.update(compute=row)
        state.allocation_candidates = [{"mappings": {"": [row.uuid]}}]
        if row.pci_device_pools:
            providers = [f"rp{row.id}-{cell}-0" for cell in range(2)]
            state.allocation_candidates = [{"mappings": {"device-0": [one]}} for one in providers]
        states.append(state)
    return states


GUESTS = {
    "two cells of 8 dedicated CPUs, 2 MiB pages": (2, 8, "dedicated", 2048, None),
    "4 dedicated CPUs": (1, 4, "dedicated", None, None),
    "2 dedicated CPUs, 2 MiB pages": (1, 2, "dedicated", 2048, None),
    "4 shared CPUs, for which no host has room": (1, 4, "shared", None, None),
    "64 dedicated CPUs, which no cell has": (1, 64, "dedicated", 2048, None),
    "32 dedicated CPUs, which few cells have free": (1, 32, "dedicated", None, None),
    "two cells of 32 dedicated CPUs, which no host has free": (2, 32, "dedicated", None, None),
    "2 dedicated CPUs, 30 GiB of 2 MiB pages, which few have": (1, 2, "dedicated", 2048, None, 30),
    "2 dedicated CPUs, 120 GiB, which no cell has": (1, 2, "dedicated", None, None, 120),
    "4 dedicated CPUs and a VF of a port": (1, 4, "dedicated", 2048, "port"),
    "4 dedicated CPUs and a VF that placement allocated": (1, 4, "dedicated", 2048, "alias"),
}
FIRST = next(iter(GUESTS))


def request(guest: str) -> objects.RequestSpec:
    n_cells, n_cpus, policy, pagesize, device, *gib = GUESTS[guest]
    cells = []
    for n in range(n_cells):
        cpus = set(range(n_cpus * n, n_cpus * (n + 1)))
        cells.append(
            objects.InstanceNUMACell(
                id=n,
                cpuset=cpus if policy == "shared" else set(),
                pcpuset=cpus if policy == "dedicated" else set(),
                memory=1024 * (gib[0] if gib else n_cpus),
                pagesize=pagesize,
                cpu_policy=policy,
            )
        )
    devices = [
        objects.InstancePCIRequest(
            count=1,
            request_id="device",
            spec=[{"vendor_id": "8086"}],
            alias_name="vf" if device == "alias" else None,
        )
    ]
    return objects.RequestSpec(
        context=context.get_admin_context(),
        numa_topology=objects.InstanceNUMATopology(cells=cells, emulator_threads_policy=None),
        pci_requests=objects.InstancePCIRequests(requests=devices if device else []),
        instance_uuid="00000000-0000-0000-0000-00000000ffff",
        flavor=objects.Flavor(
            name="f", vcpus=16, memory_mb=16384, extra_specs={"hw:cpu_policy": "dedicated"}
        ),
        image=objects.ImageMeta(properties=objects.ImageMetaProps()),
        scheduler_hints={},
    )


def timed(ask, states, spec) -> tuple[float, list[str]]:
    started = time.process_time()
    passed = list(ask.filter_all(states, spec))
    return time.process_time() - started, [state.host for state in passed]


def measure(hosts: int, guest: str = FIRST, rounds: int = 9) -> dict[str, float]:
    """Seconds of ``filter_all`` by what has changed since the last request."""
    chance = random.Random(1)
    devices = GUESTS[guest][4] is not None
    rows = [compute_node(n, chance, devices) for n in range(hosts)]
    other = [compute_node(n, chance, devices) for n in range(hosts)]
    stock, ours = numa_topology_filter.NUMATopologyFilter(), filters.NUMATopologyFilter()
    spec = request(guest)
    times: dict[str, list[float]] = {}

    def run(name, which, states):
        seconds, passed = timed(which, states, spec)
        times.setdefault(name, []).append(seconds)
        return passed

    held = host_states(rows)
    for turn in range(rounds):
        if turn < 3:  # takes most of the time, and varies least
            expected = run("stock", stock, host_states(rows))
        ours.filter_all(host_states(rows), spec)
        assert run("same rows", ours, host_states(rows)) == expected
        ours.filter_all(held, spec)
        assert run("same objects", ours, held) == expected
        few = rows[:-1] + other[-1:]
        run("one changed", ours, host_states(few))
        run("all changed", ours, host_states(other))
    times["passed"] = [len(expected)]
    return {name: min(found) for name, found in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hosts", type=int, default=1000)
    parser.add_argument("--json", help="write the figures there too")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    objects.register_all()
    found = {guest: measure(options.hosts, guest) for guest in GUESTS}
    for guest, times in found.items():
        print(f"\n{guest}: {times['passed']:.0f} of {options.hosts} hosts of two cells pass")
        for name in ("stock", "same objects", "same rows", "one changed", "all changed"):
            ratio = times["stock"] / times[name]
            print(f"{name:14} {1000 * times[name]:9.2f} ms {ratio:8.1f} x")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as out:
            json.dump(found, out, indent=1)


if __name__ == "__main__":
    main()
