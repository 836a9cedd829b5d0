"""Nova's own schema, rows and reading. Runs under the Python of a nova environment.

``db_oracle.py URL``: makes the tables of a cell database by nova's migrations, writes compute
nodes and instances through nova's objects, and prints as JSON what nova's objects read back.
"""

import json
import sys

from nova import conf, config, context, objects
from nova.db import migration
from nova.db.main import api as db_api
from nova.network import model as network_model
from nova.virt import hardware

URL = sys.argv[1]
config.set_lib_defaults()
conf.CONF([], project="nova", default_config_files=[], default_config_dirs=[])
conf.CONF.set_override("connection", URL, "database")
objects.register_all()
db_api.configure(conf.CONF)
migration.db_sync(database="main")
ADMIN = context.get_admin_context()


def uuid(n):
    return f"00000000-0000-4000-8000-{n:012d}"


def topology(threads=2, cores=16, cells=2, old=False):
    made = []
    for n in range(cells):
        siblings = [
            {c + t * cores * cells for t in range(threads)}
            for c in range(n * cores, (n + 1) * cores)
        ]
        shared = set().union(*siblings[:4])
        dedicated = set().union(*siblings[4:])
        if old:  # vcpu_pin_set: one set for both
            shared = dedicated = shared | dedicated
        made.append(
            objects.NUMACell(
                id=n,
                socket=n,
                cpuset=shared,
                pcpuset=dedicated,
                memory=16384,
                cpu_usage=0,
                memory_usage=0,
                pinned_cpus=set(),
                siblings=siblings,
                mempages=[
                    objects.NUMAPagesTopology(size_kb=4, total=2097152, used=0, reserved=0),
                    objects.NUMAPagesTopology(size_kb=2048, total=4096, used=0, reserved=64),
                ],
                network_metadata=objects.NetworkMetadata(physnets={"foo"}, tunneled=n == 0),
            )
        )
    return objects.NUMATopology(cells=made)


def guest(policy, cells, thread_policy=None, pagesize=None, emulator=None):
    """Fitted and pinned by nova itself on the host that is given."""
    size = 4 // cells
    return objects.InstanceNUMATopology(
        emulator_threads_policy=emulator,
        cells=[
            objects.InstanceNUMACell(
                id=n,
                cpuset=set(range(n * size, n * size + size)) if policy == "shared" else set(),
                pcpuset=set() if policy == "shared" else set(range(n * size, n * size + size)),
                memory=512,
                pagesize=pagesize,
                cpu_policy=policy,
                cpu_thread_policy=thread_policy,
            )
            for n in range(cells)
        ],
    )


def compute_node(n, topology, pools=None, **more):
    node = objects.ComputeNode(
        ADMIN,
        uuid=uuid(n),
        host=f"host-{n}",
        hypervisor_hostname=f"node-{n}.example",
        service_id=None,
        vcpus=16,
        memory_mb=32768,
        local_gb=100,
        vcpus_used=0,
        memory_mb_used=0,
        local_gb_used=0,
        free_ram_mb=0,
        free_disk_gb=0,
        hypervisor_type="QEMU",
        hypervisor_version=8000000,
        cpu_info="",
        numa_topology=topology._to_json() if topology is not None else None,
        pci_device_pools=pools,
        cpu_allocation_ratio=more.get("cpu", 16.0),
        ram_allocation_ratio=more.get("ram", 1.5),
        disk_allocation_ratio=1.0,
    )
    node.create()
    return node


def stored(node, topology):
    """What the resource tracker does after it has counted an instance."""
    node.numa_topology = topology._to_json()
    node.save()


SYSTEM_METADATA = {"image_hw_cpu_policy": "dedicated", "image_min_ram": "64", "owner": "p"}
REQUESTS = [
    objects.InstancePCIRequest(
        count=2, spec=[{"vendor_id": "8086"}], alias_name="nic", request_id=uuid(1), is_new=False
    )
]
PORTS = network_model.NetworkInfo(
    [
        network_model.VIF(
            id=uuid(2),
            network=network_model.Network(id=uuid(3), physical_network="foo", tunneled=False),
        ),
        network_model.VIF(id=uuid(4), network=network_model.Network(id=uuid(5), tunneled=True)),
    ]
)


def instance(n, node, numa, **more):
    one = objects.Instance(
        ADMIN,
        uuid=uuid(1000 + n),
        project_id="p",
        user_id="u",
        host=node.host,
        node=node.hypervisor_hostname,
        compute_id=node.id,
        vm_state=more.get("vm_state", "active"),
        display_name=f"server-{n}",
        numa_topology=numa,
        system_metadata=SYSTEM_METADATA,
        pci_requests=objects.InstancePCIRequests(instance_uuid=uuid(1000 + n), requests=REQUESTS),
        info_cache=objects.InstanceInfoCache(instance_uuid=uuid(1000 + n), network_info=PORTS),
        flavor=objects.Flavor(
            name="f",
            memory_mb=512,
            vcpus=4,
            root_gb=1,
            ephemeral_gb=0,
            swap=0,
            flavorid="f",
            rxtx_factor=1.0,
            vcpu_weight=0,
            disabled=False,
            is_public=True,
            extra_specs={"hw:cpu_policy": "dedicated"},
            description=None,
            id=1,
            created_at=None,
            updated_at=None,
            deleted_at=None,
            deleted=False,
        ),
    )
    one.create()
    return one


def place(host, wanted):
    fitted = hardware.numa_fit_instance_to_host(host, wanted, None)
    assert fitted is not None
    return fitted, hardware.numa_usage_from_instance_numa(host, fitted)


POOLS = objects.PciDevicePoolList(
    objects=[
        objects.PciDevicePool(
            vendor_id="8086",
            product_id="1520",
            numa_node=1,
            count=3,
            tags={"dev_type": "type-VF", "physical_network": "foo"},
        )
    ]
)
GUESTS = [
    guest("dedicated", 1),
    guest("dedicated", 2, "isolate"),
    guest("shared", 2, pagesize=2048),
    guest("dedicated", 1, None, 2048, "isolate"),
    guest("shared", 1, pagesize=4),
]
number = 0
nodes = {}
for n in range(1, 6):
    host = topology(threads=1 if n == 5 else 2, old=n in (2, 4))
    nodes[n] = compute_node(n, host, POOLS if n == 1 else None)
    for wanted in GUESTS[: n + 1]:
        if n in (1, 3) and wanted.cells[0].cpu_thread_policy == "isolate":
            continue  # nova has it on hosts without hyperthreads, or with one set of CPUs
        fitted, host = place(host, wanted.obj_clone())
        number += 1
        instance(number, nodes[n], fitted)
    stored(nodes[n], host)
# what must not count: an instance that was deleted, one that is shelved, one without NUMA
fitted, _ = place(topology(), guest("dedicated", 1))
instance(900, nodes[1], fitted).destroy()
instance(901, nodes[1], fitted, vm_state="shelved_offloaded")
instance(902, nodes[1], None)
compute_node(6, topology()).destroy()
compute_node(7, None, cpu=0.0, ram=0.0)
# a row that says something else than its instances: one instance more, twice on the same CPUs
fitted, host = place(topology(), guest("dedicated", 1))
node = compute_node(8, host)
instance(950, node, fitted)
instance(951, node, fitted)

answer = []
for node in objects.ComputeNodeList.get_all(ADMIN):
    read = node.numa_topology and objects.NUMATopology.obj_from_db_obj(node.numa_topology)
    answer.append(
        {
            "name": node.hypervisor_hostname,
            "cpu_allocation_ratio": node.cpu_allocation_ratio,
            "ram_allocation_ratio": node.ram_allocation_ratio,
            "cells": [
                {
                    "id": cell.id,
                    "cpuset": sorted(cell.cpuset),
                    "pcpuset": sorted(cell.pcpuset),
                    "memory": cell.memory,
                    "cpu_usage": cell.cpu_usage,
                    "memory_usage": cell.memory_usage,
                    "pinned_cpus": sorted(cell.pinned_cpus),
                    "siblings": [sorted(core) for core in cell.siblings],
                    "pages": [[p.size_kb, p.total, p.used, p.reserved] for p in cell.mempages],
                    "physnets": sorted(cell.network_metadata.physnets),
                    "tunneled": cell.network_metadata.tunneled,
                    "socket": cell.socket,
                }
                for cell in (read.cells if read else [])
            ],
            "pools": [pool.to_dict() for pool in node.pci_device_pools or []],
        }
    )
listed = objects.InstanceList.get_by_filters(
    ADMIN, {"deleted": False}, expected_attrs=["numa_topology", "flavor", "pci_requests"]
)
print(
    json.dumps(
        {
            "nodes": answer,
            "instances": sorted(
                [
                    one.uuid,
                    sorted(
                        cpu
                        for cell in one.numa_topology.cells
                        for cpu in (cell.cpu_pinning or {}).values()
                    ),
                ]
                for one in listed
                if one.numa_topology and one.vm_state != "shelved_offloaded"
            ),
            "servers": sorted(
                [
                    one.uuid,
                    one.display_name,
                    one.node,
                    [one.flavor.name, one.flavor.vcpus, one.flavor.root_gb, one.flavor.extra_specs],
                    [
                        [
                            cell.id,
                            cell.memory,
                            cell.pagesize,
                            sorted(cell.cpuset),
                            sorted((cell.cpu_pinning or {}).items()),
                            sorted(cell.cpuset_reserved or ()),
                        ]
                        for cell in (one.numa_topology.cells if one.numa_topology else ())
                    ],
                    [
                        [request.count, request.spec, request.alias_name, request.request_id]
                        for request in one.pci_requests.requests
                    ],
                ]
                for one in listed
                if one.vm_state != "shelved_offloaded"
            ),
        }
    )
)
