"""Every reader as a function of bytes: it gives a value or raises InputError, within bounds.

One entry a reader. ``run.py`` feeds them what a fuzzer makes up, ``test_corpus.py`` what was found
before. What a reader gives is used as far as the command line would: hosts become a fleet, and
flavors guests.
"""

from __future__ import annotations

import io
import json
import lzma
import sqlite3
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from numafit import Fleet, InputError, InvalidRequest, Request, guest_topology, multiqueue
from numafit.model.flavor import Flavor, Image
from numafit.model.hostinfo import HostCell, HostInfo
from numafit.model.interface import netdevs_of
from numafit.readers.addresses import addresses_of, read_links, with_links
from numafit.readers.flavors import read_flavors, read_image
from numafit.readers.hostfile import host_to_mapping, read_host_file
from numafit.readers.hwloc import read_hwloc
from numafit.readers.libvirt import read_capabilities, read_nodedevs
from numafit.readers.neutron_conf import from_ovn, read_neutron_conf
from numafit.readers.nova_conf import read_nova_conf
from numafit.readers.nova_db import NovaDb
from numafit.readers.nova_instances import instance_cells
from numafit.readers.nova_rows import read_nova_rows, stored_rows
from numafit.readers.ovsdb import read_switch
from numafit.readers.pci_devices import read_pci_devices
from numafit.readers.synthetic import host_of_synthetic
from numafit.readers.sysfs import read_sysfs
from numafit.replaying.cases import read as read_cases
from numafit.rules.device_spec import parse_device_specs
from numafit.rules.nova_config import apply_config
from numafit.rules.pci_alias import parse_aliases
from numafit.rules.pci_pools import functions_of, pools_from_devices
from numafit.rules.topology import cpu_topology

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
DATA = ROOT / "tests" / "data"
UNIT = ROOT / "tests" / "unit" / "data"

LARGEST = 4 << 20
"""Bytes of an input for which the bounds below are promised."""
SECONDS = 2.0
"""Of processor time."""
MEMORY = 512 << 20
"""Bytes beyond what the process had before."""


@dataclass(frozen=True)
class Reader:
    """``read`` takes the path of a file with the bytes; ``seeds`` are inputs that it reads well.
    ``refuses``: what it may raise beside InputError."""

    read: Callable[[Path], object]
    seeds: Callable[[], list[bytes]]
    ending: str = ""
    refuses: tuple[type[Exception], ...] = ()


def ask(name: str, data: bytes, folder: Path) -> Exception | None:
    """What the reader says against ``data``; ``None`` where it took them. Any other exception is
    a fault of the reader's."""
    reader = READERS[name]
    path = folder / f"input{reader.ending}"
    path.write_bytes(data)
    try:
        reader.read(path)
    except (InputError, *reader.refuses) as error:
        said = error
    else:
        return None
    # what is said must be short, however long the input is
    assert len(str(said)) < 5000
    return said


def _files(*paths: Path) -> Callable[[], list[bytes]]:
    return lambda: [path.read_bytes() for path in paths]


def _texts(*texts: str) -> Callable[[], list[bytes]]:
    return lambda: [text.encode() for text in texts]


# --- hosts


def _host_file(path: Path) -> None:
    host = read_host_file(path)
    Fleet([host])
    host_to_mapping(host)


def _rows(path: Path) -> None:
    Fleet(read_nova_rows(path))


def _rows_at_once(path: Path) -> None:
    Fleet.from_nova_rows(
        (name, topology, pools, *ratios)
        for _way, (topology, pools, name, *ratios) in stored_rows(path)
    )


def _topology(path: Path) -> None:
    """A topology and the pools behind it, after a NUL."""
    text, _, pools = path.read_text("utf-8", "surrogateescape").partition("\0")
    Fleet.from_nova_rows([("h", text, pools)])


def _row_seeds() -> list[bytes]:
    return [
        json.dumps(next(iter(json.loads((UNIT / "nova_rows.json").read_text()).values()))).encode()
    ]


def _topology_seeds() -> list[bytes]:
    rows = [
        row
        for dump in json.loads((UNIT / "nova_rows.json").read_text()).values()
        for row in dump["compute_nodes"]
    ]
    return [f"{row['numa_topology']}\0{row['pci_stats'] or ''}".encode() for row in rows]


def _capabilities(path: Path) -> None:
    Fleet([read_capabilities(path)])


def _hwloc(path: Path) -> None:
    Fleet([read_hwloc(path).host])


def _database(path: Path) -> None:
    with NovaDb(f"sqlite:///{path}") as database:
        database.differences()
        Fleet.from_nova_rows(database.rows())


def _database_seeds() -> list[bytes]:
    rows = json.loads((UNIT / "nova_rows.json").read_text())
    (row, *_others) = next(iter(rows.values()))["compute_nodes"]
    with sqlite3.connect(":memory:") as connection:
        connection.execute(
            "CREATE TABLE compute_nodes (id, host, hypervisor_hostname, numa_topology, pci_stats, "
            "cpu_allocation_ratio, ram_allocation_ratio, deleted)"
        )
        connection.execute(
            "CREATE TABLE instances (uuid, host, node, vm_state, task_state, deleted)"
        )
        connection.execute(
            "CREATE TABLE instance_extra (instance_uuid, numa_topology, migration_context, deleted)"
        )
        connection.execute(
            "INSERT INTO compute_nodes VALUES (1, 'h', 'h', ?, ?, 1.0, 1.0, 0)",
            (row["numa_topology"], row["pci_stats"]),
        )
        connection.execute("INSERT INTO instances VALUES ('u', 'h', 'h', 'active', NULL, 0)")
        connection.execute("INSERT INTO instance_extra VALUES ('u', ?, NULL, 0)", (_INSTANCE,))
        connection.commit()
        return [connection.serialize()]


def _synthetic(path: Path) -> None:
    Fleet([host_of_synthetic(path.read_text("utf-8", "replace"))])


def _sysfs(path: Path) -> None:
    machine = read_sysfs(path)
    Fleet([machine.host])
    specs = parse_device_specs(
        ['{"vendor_id": "8086"}'], functions_of(machine.devices), netdevs_of(machine.interfaces)
    )
    pools_from_devices(machine.devices, specs)


def _archive_seeds() -> list[bytes]:
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


# --- fleets


def _saved(path: Path) -> None:
    Fleet.load(path)


def _saved_seeds() -> list[bytes]:
    path = ROOT / "build" / "fuzz-seed.npz"
    path.parent.mkdir(exist_ok=True)
    _fleet().save(path)
    data = path.read_bytes()
    path.unlink()
    return [data]


def _fleet() -> Fleet:
    return Fleet(
        [
            read_host_file(EXAMPLES / "hosts" / "dual-xeon.yaml"),
            read_host_file(EXAMPLES / "hosts" / "edge-gold.json"),
        ]
    )


def _arrow(path: Path) -> None:
    """What a program that reads a stream of Arrow's would hand over: it checks what it reads."""
    try:
        with pa.ipc.open_stream(pa.py_buffer(path.read_bytes())) as stream:
            table = stream.read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError, OverflowError, ValueError):
        return
    Fleet.from_arrow(table)


def _arrow_seeds() -> list[bytes]:
    table = pa.table(_fleet())
    out = io.BytesIO()
    with pa.ipc.new_stream(out, table.schema) as stream:
        stream.write_table(table)
    return [out.getvalue()]


def _arrow_rows(path: Path) -> None:
    """Rows in JSON, as Arrow guesses their types."""
    try:
        table = pa.Table.from_pylist(json.loads(path.read_bytes()))
    except (
        pa.ArrowException,
        ValueError,
        TypeError,
        AttributeError,
        RecursionError,
        OverflowError,
    ):
        return
    Fleet.from_arrow(table)


def _arrow_row_seeds() -> list[bytes]:
    return [json.dumps(pa.table(_fleet()).to_pylist()).encode()]


# --- guests


def _flavors(path: Path) -> None:
    for flavor in read_flavors(path)[:100]:
        _guest(flavor, Image())


def _image(path: Path) -> None:
    _guest(Flavor("f", 8, 8192), read_image(path))


def _guest(flavor: Flavor, image: Image) -> None:
    guest_topology(flavor, image)
    cpu_topology(flavor, image)
    multiqueue(flavor, image)
    Request.for_server(flavor, image)


# --- devices, networks, configuration


def _nodedevs(path: Path) -> None:
    read_nodedevs(path)


def _pci_devices(path: Path) -> None:
    found = read_pci_devices(path)
    pools_from_devices(found.devices, parse_device_specs(['{"vendor_id": "*"}']))


def _nova_conf(path: Path) -> None:
    config = read_nova_conf(path)
    cell = HostCell(
        id=0,
        cpuset=frozenset(range(8)),
        pcpuset=frozenset(range(8)),
        memory_mb=1024,
        siblings=tuple(frozenset((n, n + 4)) for n in range(4)),
    )
    apply_config(HostInfo((cell,)), config)
    parse_aliases(config.aliases, pci_in_placement=config.pci_in_placement).check()
    device = {"address": "0000:3b:00.1", "vendor_id": "8086", "product_id": "1572"}
    specs = parse_device_specs(config.device_specs, report_in_placement=config.report_in_placement)
    pools_from_devices([device], specs, report_in_placement=config.report_in_placement)


def _neutron_conf(path: Path) -> None:
    read_neutron_conf(path)


def _switch(path: Path) -> None:
    from_ovn(read_switch(path))


def _addresses(path: Path) -> None:
    links = read_links(path)
    addresses_of(links)
    with_links((), links, {})


def _instance(path: Path) -> None:
    instance_cells(path.read_text("utf-8", "surrogateescape"))


def _cases(path: Path) -> None:
    for _case in read_cases(path):
        pass


_DEVICES = (
    '[{"address": "0000:3b:00.1", "vendor_id": "8086", "product_id": "1572", "dev_type": '
    '"type-VF", "numa_node": 0, "parent_addr": "0000:3b:00.0", "capabilities": {"vpd": '
    '{"card_serial_number": "x"}}}]'
)
_RESOURCES = (
    '{"version": 1, "cells": [], "resources": {"DISK_GB": 100, "CUSTOM_A": {"total": 3, '
    '"reserved": 1, "min_unit": 1, "max_unit": 2, "step_size": 1, "allocation_ratio": 1.5, '
    '"used": 1}}, "traits": ["HW_CPU_X86_VMX"], "aggregates": ["a"], "other_classes": ["VCPU"]}'
)
_INSTANCE = (
    '{"nova_object.name": "InstanceNUMATopology", "nova_object.namespace": "nova", '
    '"nova_object.version": "1.3", "nova_object.data": {"cells": [{"nova_object.name": '
    '"InstanceNUMACell", "nova_object.namespace": "nova", "nova_object.version": "1.6", '
    '"nova_object.data": {"id": 0, "cpuset": [], "pcpuset": [0, 1], "memory": 1024, "pagesize": '
    '2048, "cpu_policy": "dedicated", "cpu_thread_policy": "isolate", "cpu_pinning_raw": {"0": 2, '
    '"1": 3}, "cpuset_reserved": [4]}}], "emulator_threads_policy": null}}'
)
_TOPOLOGY = (
    '{"nova_object.name": "NUMATopology", "nova_object.namespace": "nova", '
    '"nova_object.version": "1.2", "nova_object.data": {"cells": []}}'
)
_TABLES = (
    f"host\tnuma_topology\tpci_stats\nh1\t{_TOPOLOGY}\tNULL\n",
    f"+----+{'-' * (len(_TOPOLOGY) + 2)}+\n| id | numa_topology{' ' * (len(_TOPOLOGY) - 12)}|\n"
    f"+----+{'-' * (len(_TOPOLOGY) + 2)}+\n| h1 | {_TOPOLOGY} |\n",
    f" host | numa_topology\n------+---------------\n h1   | {_TOPOLOGY}\n(1 row)\n",
    f"host|numa_topology\nh1|{_TOPOLOGY}\n",
    'host,numa_topology\nh1,"' + _TOPOLOGY.replace('"', '""') + '"\n',
    'localhost | SUCCESS => {"query_result": [[{"host": "h", "numa_topology": null}]]}\n',
)
_LINKS = (
    "1: lo: <LOOPBACK,UP> mtu 65536\n    inet 127.0.0.1/8 scope host lo\n"
    "2: eth0@if3: <UP> mtu 1500 master br0 parentbus pci parentdev 0000:00:03.0\n"
    "    inet6 fe80::1/64 scope link\n",
    "1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever\n",
)
_NOVA_CONF = """[DEFAULT]
vcpu_pin_set = 0-3,^1
reserved_huge_pages = node:0,size:2MB,count:64
[compute]
cpu_dedicated_set = 4-7
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

READERS: dict[str, Reader] = {
    "host-yaml": Reader(
        _host_file,
        _files(*sorted((EXAMPLES / "hosts").glob("*.yaml")), EXAMPLES / "networking" / "host.yaml"),
        ".yaml",
    ),
    "host-resources": Reader(_host_file, _texts(_RESOURCES), ".json"),
    "host-json": Reader(_host_file, _files(EXAMPLES / "hosts" / "edge-gold.json"), ".json"),
    "rows": Reader(_rows, _row_seeds, ".json"),
    "rows-at-once": Reader(_rows_at_once, _row_seeds, ".json"),
    "topology": Reader(_topology, _topology_seeds),
    "instance": Reader(_instance, _texts(_INSTANCE)),
    "database": Reader(_database, _database_seeds, ".db"),
    "row-tables": Reader(_rows, _texts(*_TABLES)),
    "capabilities": Reader(
        _capabilities,
        _files(DATA / "libvirt" / "two-socket.xml", DATA / "libvirt" / "test-driver.xml"),
    ),
    "nodedevs": Reader(
        _nodedevs,
        _files(DATA / "libvirt" / "sriov-devices.xml", DATA / "libvirt" / "virtio-devices.xml"),
    ),
    "hwloc": Reader(_hwloc, _files(DATA / "hwloc" / "two-nodes.xml")),
    "synthetic": Reader(
        _synthetic,
        _texts(
            "pack:2 numa:3 core:5 pu:2",
            "numa:2(memory=4GB) [numa] l3:1 core:2 2",
            "pack:2 core:2 pu:2(indexes=0,2,4,6,1,3,5,7)",
            "pack:2 core:2 pu:2(indexes=2*4:1*2)",
            "pack:2 core:2 pu:2(indexes=pack:core)",
        ),
    ),
    "sysfs": Reader(_sysfs, _archive_seeds, ".tar"),
    "saved": Reader(_saved, _saved_seeds, ".npz"),
    "arrow": Reader(_arrow, _arrow_seeds),
    "arrow-rows": Reader(_arrow_rows, _arrow_row_seeds),
    "flavors": Reader(
        _flavors,
        _files(EXAMPLES / "flavors.json", EXAMPLES / "flavor-router.json"),
        ".json",
        (InvalidRequest,),
    ),
    "image": Reader(
        _image, _files(EXAMPLES / "images" / "vnf-router.json"), ".json", (InvalidRequest,)
    ),
    "pci-devices": Reader(_pci_devices, _texts(_DEVICES), ".json", (InvalidRequest,)),
    "nova-conf": Reader(
        _nova_conf,
        lambda: [(EXAMPLES / "networking" / "nova.conf").read_bytes(), _NOVA_CONF.encode()],
        ".conf",
        (InvalidRequest,),
    ),
    "neutron-conf": Reader(
        _neutron_conf, _files(EXAMPLES / "networking" / "linuxbridge_agent.ini"), ".ini"
    ),
    "switch": Reader(_switch, _files(UNIT / "ovs" / "dump.json", UNIT / "ovs" / "list.json")),
    "switch-text": Reader(_switch, _files(*sorted((UNIT / "ovs" / "text").glob("*.txt")))),
    "addresses": Reader(_addresses, _files(EXAMPLES / "networking" / "addr.json")),
    "addresses-text": Reader(_addresses, _texts(*_LINKS)),
    "cases": Reader(_cases, _texts('{"id": "a", "host": {}, "expect": null}\n')),
}
"""Name -> reader. A new one needs an entry here and a folder of its name in ``corpus``."""
