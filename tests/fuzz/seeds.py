"""Inputs that each reader reads well: where fuzzers begin."""

from __future__ import annotations

import functools
import gzip
import io
import json
import lzma
import sqlite3
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from numafit import Fleet, Journal, Request, shared
from numafit.model.flavor import Flavor, Image
from numafit.readers.hostfile import read_host_file

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
DATA = ROOT / "tests" / "data"
UNIT = ROOT / "tests" / "unit" / "data"


def files(*paths: Path) -> Callable[[], list[bytes]]:
    return lambda: [path.read_bytes() for path in paths]


def texts(*texts: str) -> Callable[[], list[bytes]]:
    return lambda: [text.encode() for text in texts]


DEVICES = (
    '[{"address": "0000:3b:00.1", "vendor_id": "8086", "product_id": "1572", "dev_type": '
    '"type-VF", "numa_node": 0, "parent_addr": "0000:3b:00.0", "capabilities": {"vpd": '
    '{"card_serial_number": "x"}}}]'
)
RESOURCES = (
    '{"version": 1, "cells": [], "resources": {"DISK_GB": 100, "CUSTOM_A": {"total": 3, '
    '"reserved": 1, "min_unit": 1, "max_unit": 2, "step_size": 1, "allocation_ratio": 1.5, '
    '"used": 1}}, "traits": ["HW_CPU_X86_VMX"], "aggregates": ["a"], "other_classes": ["VCPU"], '
    '"aggregate_metadata": {"ssd": "true, no", "gpu": ["a100"]}, "hypervisor": {"type": "QEMU", '
    '"version": "8.2.0", "instances": ["x86_64 kvm hvm"], "cpu_info": {"vendor": "Intel"}}}'
)
AGGREGATES = (
    '[{"ID": 1, "Name": "a", "Availability Zone": "az", "Properties": {"ssd": "true"}, '
    '"Hosts": ["h"]}]',
    '{"name": "a", "hosts": "h, i", "availability_zone": null, '
    "\"properties\": \"a='b', c='d, e'\"}",
)
SERVER = "\n".join(
    (
        '{"cur": {"nova_object.name": "Flavor", "nova_object.version": "1.2", '
        '"nova_object.namespace": "nova", "nova_object.data": {"name": "f", "vcpus": 4, '
        '"memory_mb": 512, "root_gb": 1, "swap": 0, "extra_specs": {"hw:cpu_policy": "shared"}}}, '
        '"old": null, "new": null}',
        '{"cells": [{"id": 0, "cpus": "0-3", "mem": {"total": 512}, "pagesize": 4}]}',
        '[{"count": 1, "spec": [{"vendor_id": "8086"}], "alias_name": "a", "numa_policy": null}]',
        '[{"network": {"meta": {"physical_network": "foo", "tunneled": false}}}]',
    )
)
INSTANCE = (
    '{"nova_object.name": "InstanceNUMATopology", "nova_object.namespace": "nova", '
    '"nova_object.version": "1.3", "nova_object.data": {"cells": [{"nova_object.name": '
    '"InstanceNUMACell", "nova_object.namespace": "nova", "nova_object.version": "1.6", '
    '"nova_object.data": {"id": 0, "cpuset": [], "pcpuset": [0, 1], "memory": 1024, "pagesize": '
    '2048, "cpu_policy": "dedicated", "cpu_thread_policy": "isolate", "cpu_pinning_raw": {"0": 2, '
    '"1": 3}, "cpuset_reserved": [4]}}], "emulator_threads_policy": null}}'
)
TOPOLOGY = (
    '{"nova_object.name": "NUMATopology", "nova_object.namespace": "nova", '
    '"nova_object.version": "1.2", "nova_object.data": {"cells": []}}'
)
TABLES = (
    f"host\tnuma_topology\tpci_stats\nh1\t{TOPOLOGY}\tNULL\n",
    f"+----+{'-' * (len(TOPOLOGY) + 2)}+\n| id | numa_topology{' ' * (len(TOPOLOGY) - 12)}|\n"
    f"+----+{'-' * (len(TOPOLOGY) + 2)}+\n| h1 | {TOPOLOGY} |\n",
    f" host | numa_topology\n------+---------------\n h1   | {TOPOLOGY}\n(1 row)\n",
    f"host|numa_topology\nh1|{TOPOLOGY}\n",
    'host,numa_topology\nh1,"' + TOPOLOGY.replace('"', '""') + '"\n',
    'localhost | SUCCESS => {"query_result": [[{"host": "h", "numa_topology": null}]]}\n',
)
LINKS = (
    "1: lo: <LOOPBACK,UP> mtu 65536\n    inet 127.0.0.1/8 scope host lo\n"
    "2: eth0@if3: <UP> mtu 1500 master br0 parentbus pci parentdev 0000:00:03.0\n"
    "    inet6 fe80::1/64 scope link\n",
    "1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever\n",
)
NOVA_CONF = """[DEFAULT]
reserved_host_cpus = 1
reserved_huge_pages = node:0,size:2MB,count:64
[compute]
cpu_dedicated_set = 4-7,^5
cpu_shared_set = 0-3
[neutron]
physnets = foo,bar
[neutron_physnet_foo]
numa_nodes = 0
[neutron_tunnel]
numa_nodes = 0,1
[pci]
device_spec = {"vendor_id": "8086", "address": {"domain": ".*", "bus": "3b", "slot": "0[0-9]"}}
alias = {"name": "a", "vendor_id": "8086", "product_id": "1572", "device_type": "type-VF"}
"""


def rows() -> list[bytes]:
    return [
        json.dumps(next(iter(json.loads((UNIT / "nova_rows.json").read_text()).values()))).encode()
    ]


def topologies() -> list[bytes]:
    rows = [
        row
        for dump in json.loads((UNIT / "nova_rows.json").read_text()).values()
        for row in dump["compute_nodes"]
    ]
    return [f"{row['numa_topology']}\0{row['pci_stats'] or ''}".encode() for row in rows]


def databases() -> list[bytes]:
    rows = json.loads((UNIT / "nova_rows.json").read_text())
    (row, *_others) = next(iter(rows.values()))["compute_nodes"]
    with sqlite3.connect(":memory:") as connection:
        connection.execute(
            "CREATE TABLE compute_nodes (id, host, hypervisor_hostname, numa_topology, pci_stats, "
            "cpu_allocation_ratio, ram_allocation_ratio, deleted, vcpus, vcpus_used, memory_mb, "
            "memory_mb_used, running_vms, supported_instances, hypervisor_type, "
            "hypervisor_version, cpu_info)"
        )
        connection.execute(
            "CREATE TABLE instances (uuid, host, node, vm_state, task_state, deleted, vcpus, "
            "memory_mb)"
        )
        connection.execute(
            "CREATE TABLE migrations (source_compute, source_node, dest_compute, dest_node, "
            "status, deleted)"
        )
        connection.execute(
            "CREATE TABLE instance_extra (instance_uuid, numa_topology, migration_context, deleted)"
        )
        connection.execute(
            "INSERT INTO compute_nodes VALUES (1, 'h', 'h', ?, ?, 1.0, 1.0, 0, 8, 6, 8192, 2048, "
            """1, '[["x86_64", "kvm", "hvm"]]', 'QEMU', 8002000, '{"vendor": "Intel"}')""",
            (row["numa_topology"], row["pci_stats"]),
        )
        connection.execute(
            "INSERT INTO instances VALUES ('u', 'h', 'h', 'active', NULL, 0, 4, 1024)"
        )
        connection.execute("INSERT INTO migrations VALUES ('h', 'h', 'i', 'i', 'confirmed', 0)")
        connection.execute("INSERT INTO instance_extra VALUES ('u', ?, NULL, 0)", (INSTANCE,))
        connection.commit()
        return [connection.serialize()]


PLACEMENT = (
    '[{"resource_class": "VCPU", "total": 8, "reserved": 1, "allocation_ratio": 4.0, "used": 2}]',
    '[{"resource_class": "VCPU", "usage": 5}]',
    '[{"name": "CUSTOM_GOLD"}]',
    '[{"uuid": "u", "name": "h", "root_provider_uuid": "u", "generation": 1}]',
    '[{"#": 1, "resource provider": "u", "inventory used/capacity": "VCPU=5/14,DISK_GB=0/9"}]',
)


def traces() -> list[bytes]:
    huawei = (EXAMPLES / "planning" / "week.csv").read_bytes()
    pods = (
        b"name,cpu_milli,memory_mib,num_gpu,creation_time,deletion_time\n"
        b"a,4500,15258,1,9679175,9973826\nb,4000,1024,0,9679180,\n"
    )
    own = b"flavor,start,end\na,2026-01-01 00:00,2026-01-02\nb,2026-01-01,NULL\n"
    with sqlite3.connect(":memory:") as connection:
        connection.executescript("""
            CREATE TABLE vmType (vmTypeId, machineId, core, memory);
            CREATE TABLE vm (vmId, vmTypeId, starttime, endtime);
            INSERT INTO vmType VALUES (1, 0, 0.25, 0.5), (2, 0, 0.01, 0.3), (1, 1, 1, 1);
            INSERT INTO vm VALUES (1, 1, -0.5, 1.5), (2, 2, 0, NULL);
        """)
        connection.commit()
        azure = connection.serialize()
    return [huawei, pods, own, azure, gzip.compress(own)]


def placement_databases() -> list[bytes]:
    with sqlite3.connect(":memory:") as connection:
        connection.executescript("""
            CREATE TABLE resource_providers (id, uuid, name, root_provider_id);
            CREATE TABLE inventories (resource_provider_id, resource_class_id, total, reserved,
              min_unit, max_unit, step_size, allocation_ratio);
            CREATE TABLE allocations (resource_provider_id, resource_class_id, used);
            CREATE TABLE resource_classes (id, name);
            CREATE TABLE traits (id, name);
            CREATE TABLE resource_provider_traits (trait_id, resource_provider_id);
            CREATE TABLE placement_aggregates (id, uuid);
            CREATE TABLE resource_provider_aggregates (resource_provider_id, aggregate_id);
            INSERT INTO resource_providers VALUES (1, 'u', 'h', 1), (2, 'v', 'gpu', 1);
            INSERT INTO resource_classes VALUES (0, 'VCPU'), (1, 'VGPU');
            INSERT INTO inventories VALUES (1, 0, 8, 1, 1, 8, 1, 4.0), (2, 1, 2, 0, 1, 2, 1, 1.0);
            INSERT INTO allocations VALUES (1, 0, 3), (1, 0, 2);
            INSERT INTO traits VALUES (1, 'CUSTOM_GOLD');
            INSERT INTO resource_provider_traits VALUES (1, 2);
            INSERT INTO placement_aggregates VALUES (1, 'a');
            INSERT INTO resource_provider_aggregates VALUES (1, 1);
        """)
        connection.commit()
        return [connection.serialize()]


def api_databases() -> list[bytes]:
    with sqlite3.connect(":memory:") as connection:
        connection.executescript("""
            CREATE TABLE aggregates (id, name);
            CREATE TABLE aggregate_hosts (id, aggregate_id, host);
            CREATE TABLE aggregate_metadata (id, aggregate_id, key, value);
            INSERT INTO aggregates VALUES (1, 'a'), (2, 'b');
            INSERT INTO aggregate_hosts VALUES (1, 1, 'h'), (2, 2, 'h');
            INSERT INTO aggregate_metadata VALUES (1, 1, 'ssd', 'true, no'),
              (2, 2, 'availability_zone', 'az');
        """)
        connection.commit()
        return [connection.serialize()]


def archives() -> list[bytes]:
    packed = (EXAMPLES / "networking" / "sys.tar.xz").read_bytes()
    return [
        packed,
        lzma.decompress(packed),
        _small_archive(tarfile.GNU_FORMAT),
        _small_archive(tarfile.PAX_FORMAT),
    ]


def _small_archive(form: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        base = "sys/devices/system"
        for name, text in (
            (f"{base}/node/node0/cpulist", "0-3"),
            (f"{base}/node/node0/meminfo", "Node 0 MemTotal: 4194304 kB"),
            (f"{base}/node/node0/distance", "10"),
            (f"{base}/cpu/online", "0-3"),
            (f"{base}/cpu/cpu0/topology/thread_siblings_list", "0,2"),
            (f"{base}/{'long/' * 25}name-\u0663", "x"),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
        link = tarfile.TarInfo("sys/class/net/eth0")
        link.type, link.linkname = tarfile.SYMTYPE, "../../devices/pci/net/eth0"
        archive.addfile(link)
    return out.getvalue()


def saved() -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fleet.npz"
        fleet().save(path)
        data = path.read_bytes()
    return [data]


@functools.cache
def _fleet() -> Fleet:
    return Fleet(
        [
            read_host_file(EXAMPLES / "hosts" / "dual-xeon.yaml"),
            read_host_file(EXAMPLES / "hosts" / "edge-gold.json"),
        ]
    )


def fleet() -> Fleet:
    """Of two hosts, the caller's own."""
    return _fleet().fork()


def shared_fleets() -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fleet"
        shared.write(fleet(), path)
        return [path.read_bytes()]


def _request() -> Request:
    flavor = Flavor("f", 4, 1024, {"hw:cpu_policy": "dedicated", "hw:numa_nodes": "2"})
    return Request.for_server(flavor, Image())


def claims() -> list[bytes]:
    claim = fleet().claim(_request(), 0)
    assert claim
    text = claim.to_json().encode()
    return [text, text + b"\0" + text.replace(b"dual-xeon", b"edge-gold")]


def journal() -> list[bytes]:
    """Without the checksums, and with a NUL between its lines."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "claims"
        with Journal(path) as journal:
            claimed = fleet()
            claimed.adopt(journal)
            first = claimed.claim(_request(), 0)
            claimed.claim(_request(), 0)
            assert first
            claimed.release(first)
        return [b"\0".join(line[9:] for line in path.read_bytes().splitlines())]


SWEEP = {"points": 3, "flavors": ["f"]}


def books() -> list[bytes]:
    rows = (SWEEP, {"point": 0, "rows": [{"fits": 1}]}, {"point": 2, "rows": []})
    return [b"".join(json.dumps(row).encode() + b"\n" for row in rows)]


def arrow() -> list[bytes]:
    table = pa.table(fleet())
    out = io.BytesIO()
    with pa.ipc.new_stream(out, table.schema) as stream:
        stream.write_table(table)
    return [out.getvalue()]


def arrow_rows() -> list[bytes]:
    return [json.dumps(pa.table(fleet()).to_pylist()).encode()]
