"""Inputs that cost their reader more than their writer: one for each way that was found.

Each is below 4 MiB, as large as that lets it be where size matters.
"""

from __future__ import annotations

import gzip
import io
import json
import lzma
import sqlite3
import tarfile
import zipfile
from collections.abc import Callable
from typing import NamedTuple

from tests.fuzz.seeds import TOPOLOGY

LARGEST = 4 << 20
_HOST = '{"version": 1, "cells": [{"id": 0, "memory_mb": 1, "cpus": "0-8191"'


class Bomb(NamedTuple):
    reader: str
    name: str
    make: Callable[[], str | bytes]
    said: str
    """Words of what the reader says; empty where it may well give a value."""


def filled(start: str, piece: str, end: str = "") -> str:
    """``piece`` as often as there is room."""
    return start + piece * ((LARGEST - len(start) - len(end)) // len(piece)) + end


def counted(start: str, piece: Callable[[int], str], end: str = "") -> str:
    """Pieces for 0, 1, 2..., as many as there is room."""
    parts, room, n = [start], LARGEST - len(start) - len(end), 0
    while (room := room - len(part := piece(n))) >= 0:
        parts.append(part)
        n += 1
    return "".join([*parts, end])


def numbers(count: int, first: int = 0) -> str:
    return ",".join(str(n) for n in range(first, first + count))


# --- trees


def tar(*members: tuple[str, bytes, str, bytes]) -> bytes:
    """Members of name, type, target and data, written by Python's own library."""
    out = io.BytesIO()
    for name, kind, target, data in members:
        member = tarfile.TarInfo(name)
        member.type, member.linkname, member.size = kind, target, len(data)
        out.write(member.tobuf(tarfile.GNU_FORMAT))
        out.write(data + bytes(-len(data) % 512))
    return out.getvalue() + bytes(1024)


def packed(data: bytes) -> bytes:
    return lzma.compress(data, preset=0)


def files(count: int, name: str) -> bytes:
    """One header, its number changed: tarfile would take half a minute."""
    header = tarfile.TarInfo(name.replace("#", "0" * 7)).tobuf(tarfile.USTAR_FORMAT)
    at, plain = name.index("#"), sum(header[:148]) + sum(header[156:]) + 8 * 32
    out = bytearray()
    for n in range(count):
        digits = b"%07d" % n
        block = bytearray(header)
        block[at : at + 7] = digits
        block[148:156] = b"%06o\0 " % (plain - 7 * 48 + sum(digits))
        out += block
    return packed(bytes(out) + bytes(1024))


BASE = ("sys/devices/system/node/node0/cpulist", b"0", "", b"0-3")


def long_name(size: int) -> bytes:
    member = tarfile.TarInfo("././@LongLink")
    member.type, member.size = b"L", size
    return gzip.compress(member.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 20))


def damaged() -> bytes:
    data = bytearray(lzma.compress(bytes(range(256)) * 4000))
    for n in range(len(data) // 2, len(data) // 2 + 40):
        data[n % len(data)] ^= 0x5A
    return bytes(data)


# --- fleets


def fleet(compression: int, **members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression, compresslevel=1) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return out.getvalue()


def header(text: str) -> bytes:
    line = text.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(line).to_bytes(2, "little") + line


def shaped(dtype: str, shape: str) -> bytes:
    return header(f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}")


def database(*statements: str) -> bytes:
    with sqlite3.connect(":memory:") as connection:
        for table, columns in (
            ("instances", "uuid, host, node, vm_state, task_state, deleted"),
            ("instance_extra", "instance_uuid, numa_topology, migration_context, deleted"),
        ):
            connection.execute(f"CREATE TABLE {table} ({columns})")
        for statement in statements:
            connection.execute(statement)
        connection.commit()
        return connection.serialize()


_NODES = "id, host, hypervisor_hostname, numa_topology, pci_stats, cpu_allocation_ratio, "
_NODES += "ram_allocation_ratio, deleted"
_COUNT = "WITH RECURSIVE t(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM t WHERE id < {})"


def cells(*cells: str) -> str:
    text = TOPOLOGY.replace('"cells": []', '"cells": [%s]')
    return text % ", ".join(cells)


def cell(n: int, cpus: str, siblings: str, pinned: str = "") -> str:
    network = '{"nova_object.name": "NetworkMetadata", "nova_object.namespace": "nova", '
    network += (
        '"nova_object.version": "1.0", "nova_object.data": {"physnets": [], "tunneled": false}}'
    )
    return (
        '{"nova_object.name": "NUMACell", "nova_object.namespace": "nova", "nova_object.version": '
        f'"1.5", "nova_object.data": {{"id": {n}, "cpuset": [{cpus}], "pcpuset": [{cpus}], '
        f'"memory": 1, "cpu_usage": 0, "memory_usage": 0, "pinned_cpus": [{pinned}], '
        f'"siblings": [{siblings}], "mempages": [], "network_metadata": {network}, '
        '"socket": null}}'
    )


def singles(count: int, first: int = 0) -> str:
    return ",".join(f"[{n}]" for n in range(first, first + count))


_PORTS = '{"headings": ["_uuid", "external_ids", "bridges"], "data": []}\n'
_PORTS += '{"headings": ["_uuid", "name", "type"], "data": [["i", "", ""]]}\n'
_ALL_CPUS = ",".join(["0xffffffff"] * 2032)
_MACHINE = '<topology><object type="Machine">'
_CELLS = "<capabilities><host><topology><cells>{}</cells></topology></host></capabilities>"
_SPEC = '[pci]\ndevice_spec = {{"address": {{"domain": "{}"}}}}\n'

BOMBS = [
    # what JSON and YAML hold
    Bomb("host-json", "nesting", lambda: "[" * LARGEST, "nested less deeply"),
    Bomb("host-json", "keys like a missing one", lambda: counted(
        "{", lambda n: f'"versio{n:x}": 0,', '"x": 0}'), "expected one of the keys"),
    Bomb("host-json", "a value to show", lambda: filled('{"version": [', "[],", "0]}"), "got [[]"),
    Bomb("host-json", "cells of all CPUs", lambda: '{"version": 1, "cells": [' + ",".join(
        f'{{"id": {n}, "memory_mb": 1, "cpus": "0-8191"}}' for n in range(1024)) + "]}",
        "CPUs in all"),
    Bomb("host-json", "siblings that repeat all CPUs", lambda: _HOST + ', "siblings": ['
        + ",".join(['"0-8191"'] * 2000) + "]}]}", "each CPU once"),
    Bomb("host-json", "one wide core", lambda: _HOST + ', "siblings": ["0-63",' + ",".join(
        f'"{n}"' for n in range(64, 8192)) + "]}]}", "fewer cores beside one of 64 threads"),
    Bomb("host-json", "threads", lambda: filled(_HOST + ', "threads": [', '"0",', '"0"]}]}'),
        "at most 64 lists"),
    Bomb("host-json", "a CPU again and again", lambda: filled(
        '{"version": 1, "cells": [{"id": 0, "memory_mb": 1, "cpus": "', "1,", '1"}]}'), ""),
    Bomb("host-yaml", "directives", lambda: counted(
        "", lambda n: f"%TAG !a{n:x}! x\n", "--- a"), "lines that begin with %"),
    Bomb("host-yaml", "directives behind carriage returns", lambda: counted(
        "", lambda n: f"%TAG !a{n:x}! x\r", "--- a"), "lines that begin with %"),
    Bomb("host-yaml", "values", lambda: filled("x-a: [", "[],", "]"), "values with all aliases"),
    Bomb("host-yaml", "an alias to show", lambda: "x-a: &a " + "x" * 100_000 + "\nversion: ["
        + "*a," * 300_000 + "]\n", "got ["),
    Bomb("host-yaml", "a number of many parts", lambda: filled("x-a: 1", ":1"), "plain decimal"),
    Bomb("host-resources", "classes", lambda: counted(
        '{"version": 1, "cells": [], "resources": {', lambda n: f'"CUSTOM_{n:X}": 1,',
        '"DISK_GB": 1}}'), "at most 4096 resource classes"),
    # rows
    Bomb("topology", "siblings of no CPU", lambda: cells(cell(0, "", "[]," * 1_300_000 + "[]")),
        "at most 8192 cores"),
    Bomb("topology", "cells of 8192 CPUs", lambda: cells(*(
        cell(n, numbers(8192, n * 8192), singles(8192, n * 8192)) for n in range(18))), ""),
    Bomb("rows", "CPU lists of old rows", lambda: counted("[", lambda n: (
        json.dumps({"numa_topology": f'{{"cells": [{{"id": 0, "cpus": "0-8191,^{n % 8192}"}}]}}'})
        + ","), '{"numa_topology": null}]'), "CPUs in all"),
    Bomb("rows-at-once", "CPUs pinned outside", lambda: counted("[", lambda n: json.dumps(
        {"numa_topology": cells(cell(0, "0", "", str(n + 5)))}) + ",", '{"numa_topology": null}]'),
        ""),
    Bomb("row-tables", "rows of nothing", lambda: filled("host\tnuma_topology\n", "a\tNULL\n"),
        "rows in such a table"),
    Bomb("row-tables", "lines", lambda: filled("host\tnuma_topology\n", "\n"), "lines"),
    Bomb("instance", "CPU lists of old cells", lambda: filled(
        '{"cells": [', '{"id": 0, "cpus": "0-8191", "mem": {"total": 1}},',
        '{"id": 0, "cpus": "0"}]}'), "CPUs in all"),
    Bomb("database", "a view without end", lambda: database(
        "CREATE VIEW compute_nodes AS WITH RECURSIVE t(id) AS (SELECT 1 UNION ALL SELECT id + 1 "
        "FROM t) SELECT id, 'h' host, 'h' hypervisor_hostname, NULL numa_topology, NULL pci_stats, "
        "1.0 cpu_allocation_ratio, 1.0 ram_allocation_ratio, 0 deleted FROM t"), "tables alone"),
    Bomb("database", "a column that is computed", lambda: database(
        f"CREATE TABLE compute_nodes ({_NODES.replace('pci_stats', 'pci_stats TEXT AS (hex(1))')})"
    ), "tables alone"),
    Bomb("database", "one instance many times", lambda: database(
        f"CREATE TABLE compute_nodes ({_NODES})", f"{_COUNT.format(60_000)} INSERT INTO instances "
        "SELECT 1, 'h', 'h', 'active', NULL, 0 FROM t",
        "INSERT INTO instance_extra SELECT uuid, NULL, NULL, 0 FROM instances"), "interrupted"),
    Bomb("trace", "a view without end", lambda: database(
        "CREATE TABLE vmType (vmTypeId, machineId, core, memory)",
        "INSERT INTO vmType VALUES (1, 0, 1, 1)",
        "CREATE VIEW vm AS WITH RECURSIVE t(vmId) AS (SELECT 1 UNION ALL SELECT vmId + 1 FROM t) "
        "SELECT vmId, 1 vmTypeId, 0 starttime, 1 endtime FROM t"), "tables alone"),
    Bomb("trace", "rows without end", lambda: gzip.compress(
        b"flavor,start,end\n" + bytes(1 << 28), 1), "when unpacked"),
    Bomb("trace", "guests", lambda: counted(
        "vmid,cpu,memory,time,type\n", lambda n: f"{n},{n},1,0,0\n"), ""),
    # XML
    Bomb("capabilities", "declarations", lambda: "<?xml " * 400_000, "XML"),
    Bomb("nodedevs", "declarations", lambda: "<?xml " * 400_000, "XML"),
    Bomb("hwloc", "tags", lambda: filled("", "<a>"), "tags"),
    Bomb("hwloc", "entities", lambda: '<!DOCTYPE a [<!ENTITY a "x"><!ENTITY b "&a;&a;">]>'
        "<a>&b;</a>", "without a doctype"),
    Bomb("capabilities", "siblings of all CPUs", lambda: _CELLS.format(
        '<cell id="0"><memory>1</memory><cpus>' + "".join(
            f'<cpu id="{n}" socket_id="0" siblings="0-8191"/>' for n in range(60_000))
        + "</cpus></cell>"), "CPUs in all"),
    Bomb("capabilities", "CPUs twice", lambda: _CELLS.format(
        '<cell id="0"><memory>1</memory><cpus>' + "".join(
            f'<cpu id="{n % 50_000}" socket_id="0"/>' for n in range(100_000))
        + "</cpus></cell>"), "at most 8192 CPUs"),
    Bomb("nodedevs", "capabilities of one device", lambda: filled(
        "<device>", '<capability type="net"/>', "</device>"), ""),
    Bomb("hwloc", "bitmaps", lambda: filled(
        _MACHINE, f'<object type="a" nodeset="{",".join(["0xffffffff"] * 2048)}"/>',
        '<object type="PU" os_index="1"/></object></topology>'), "CPUs in all"),
    Bomb("hwloc", "nodes and CPUs", lambda: _MACHINE + "".join(
        f'<object type="NUMANode" os_index="{n}" cpuset="{_ALL_CPUS if n == 0 else "0x0"}"/>'
        for n in range(1024)) + "".join(
        f'<object type="PU" os_index="{n}"/>' for n in range(65_000)) + "</object></topology>",
        "at most 8192 CPUs"),
    Bomb("hwloc", "objects at a depth", lambda: filled(
        "<topology>" + '<object type="a">' * 60, '<object type="a"/>',
        "</object>" * 60 + "</topology>"), "objects of type PU"),
    Bomb("synthetic", "brackets", lambda: filled("pu:2 ", "("), "at most 1000 characters"),
    Bomb("synthetic", "steps of one", lambda: "numa:8 core:8192 pu:1(indexes="
        + ":".join(["1*1"] * 220) + ")", "steps that make"),
    # trees
    Bomb("sysfs", "a damaged block", damaged, "a tar archive that is whole"),
    Bomb("sysfs", "a name of a gibibyte", lambda: long_name(1 << 30), "a name or another addition"),
    Bomb("sysfs", "a path of many parts", lambda: tar(
        ("sys/devices/" + "d/" * 2000, b"5", "", b"")), "directories inside each other"),
    Bomb("sysfs", "headers", lambda: files(330_000, "sys/devices/#/x"), "members"),
    Bomb("sysfs", "members that nobody reads", lambda: files(250_000, "var/log/#/x"), "no devices"),
    Bomb("sysfs", "directories", lambda: packed(tar(*(
        (f"sys/devices/{n}/" + "a/" * 20, b"5", "", b"") for n in range(25_000)))), "directories"),
    Bomb("sysfs", "zeros", lambda: packed(tar(("sys/devices/x", b"0", "", bytes(480 << 20)))),
        "bytes when unpacked"),
    Bomb("sysfs", "links to one directory", lambda: packed(tar(BASE, *(
        (f"sys/devices/n/f{n}", b"0", "", b"") for n in range(5000)), *(
        (f"sys/class/net/e{n}", b"2", "../../devices/n", b"") for n in range(5000)))),
        "links or lists without end"),
    Bomb("sysfs", "links in circles", lambda: packed(tar(BASE, ("sys/devices/a/b", b"5", "", b""),
        ("sys/devices/a/l", b"2", "../a/" * 15 + "b", b""), *(
        (f"sys/class/net/e{n}", b"2", "../../devices/a/l", b"") for n in range(20_000)))),
        "links or lists without end"),
    Bomb("sysfs", "records of pax", lambda: packed(tar(*(
        ("x", b"x", "", b"13 path=abcd\n" * 4000),) * 400)), "records in pax headers"),
    # fleets
    Bomb("saved", "packed zeros", lambda: fleet(
        zipfile.ZIP_DEFLATED, cell_id=shaped("<i4", "(100000000,)") + bytes(400 << 20)), "packed"),
    Bomb("saved", "a header that lies", lambda: fleet(
        zipfile.ZIP_STORED, meta=shaped("<i4", "(750000000000,)")), "a numafit fleet"),
    Bomb("saved", "values of no size", lambda: fleet(
        zipfile.ZIP_STORED, meta=shaped("|V0", "(750000000000,)")), "a numafit fleet"),
    Bomb("saved", "a header that no parser ends", lambda: fleet(
        zipfile.ZIP_STORED, meta=header("(" * 9000)), "a numafit fleet"),
    Bomb("arrow-rows", "hosts of nothing", lambda: "[" + ",".join(
        ['{"cells": []}'] * 110_000) + "]", "hosts without name and cells"),
    # guests
    Bomb("flavors", "flavors", lambda: filled("[", '{"name": "a", "vcpus": 1, "memory_mb": 1},',
        '{"name": "a", "vcpus": 1, "memory_mb": 1}]'), "at most 5000 flavors"),
    Bomb("flavors", "quotes of properties", lambda: json.dumps([{"Name": "a", "VCPUs": 1, "RAM": 1,
        "Properties": "a='" + "', a" * 900_000}]), "properties such as"),
    # devices, networks, configuration
    Bomb("pci-devices", "devices", lambda: counted("[", lambda n: (
        f'{{"address": "{n >> 16:x}:{n >> 8 & 255:02x}:{n >> 3 & 31:02x}.{n & 7}", '
        '"vendor_id": "8086", "product_id": "1"},'),
        '{"address": "ffff:ff:1f.7", "vendor_id": "8086", "product_id": "1"}]'), ""),
    Bomb("nova-conf", "lines", lambda: filled("[DEFAULT]\n", "a=1\n"), "lines in all"),
    Bomb("nova-conf", "an option that names itself", lambda:
        "[DEFAULT]\nvcpu_pin_set = $vcpu_pin_set\n", "no option behind $"),
    Bomb("nova-conf", "options that multiply", lambda: "[DEFAULT]\nvcpu_pin_set = "
        + "$compute.cpu_shared_set" * 2000 + "\n[compute]\ncpu_shared_set = " + "1," * 30_000,
        "names of options behind $"),
    Bomb("nova-conf", "a list of nodes", lambda: "[neutron_tunnel]\nnuma_nodes = "
        + "1," * 2_000_000, "characters"),
    Bomb("nova-conf", "reserved pages", lambda: "[DEFAULT]\n"
        + "reserved_huge_pages = node:0,size:4,count:1\n" * 20_000, ""),
    Bomb("nova-conf", "repeats of repeats", lambda: _SPEC.format("(((((.*)*)*)*)*)*x"),
        "without repeats inside of repeats"),
    Bomb("nova-conf", "a row of repeats", lambda: _SPEC.format(".*" * 1000 + "x"),
        "without repeats inside of repeats"),
    Bomb("neutron-conf", "mappings", lambda: "[ovs]\nbridge_mappings = " + ",".join(
        f"p{n}:b" for n in range(8000)), ""),
    Bomb("switch", "a port on many bridges", lambda: _PORTS
        + '{"headings": ["_uuid", "name", "interfaces"], "data": [["p", "", ["set", ['
        + '"i",' * 400_000 + '"i"]]]]}\n{"headings": ["_uuid", "name", "ports"], "data": ['
        + ",".join(f'["{n:x}", "{n:x}", "p"]' for n in range(60_000)) + "]}",
        "ports on all bridges"),
    Bomb("switch", "tables", lambda: counted(_PORTS, lambda n: (
        f'{{"headings": ["_uuid", "name", "type"], "data": [["{n:x}", "", ""]]}}\n')), ""),
    Bomb("switch-text", "columns and lines", lambda: "a " * 500_000 + "\n" + "- " * 499_999 + "-\n"
        + "a\n" * 900_000, "cells"),
    Bomb("switch-text", "a quote without end", lambda: filled('_uuid: "', "a"), "values as"),
    Bomb("addresses", "interfaces of nothing", lambda: filled("[", "{},", "{}]"),
        "at most 100000 interfaces"),
    Bomb("addresses-text", "addresses", lambda: filled("1: a: <> a\n", "inet ::1\n"),
        "at most 100000 addresses"),
    Bomb("cases", "a line of a gibibyte", lambda: gzip.compress(bytes(1 << 28), 1), "lines of"),
    Bomb("cases", "empty lines", lambda: gzip.compress(b"\n" * (1 << 26), 1), "lines of"),
]  # fmt: skip
