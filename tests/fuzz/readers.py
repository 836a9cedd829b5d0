"""Every reader as a function of bytes: it gives a value or raises InputError, within bounds.

One entry a reader. ``run.py`` feeds them what a fuzzer makes up, ``test_bounds.py`` what was found
before. What a reader gives is used as far as the command line would: hosts become a fleet, and
flavors guests.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import pyarrow as pa

from numafit import (
    Fleet,
    InputError,
    InvalidRequest,
    Journal,
    Request,
    guest_topology,
    multiqueue,
    shared,
)
from numafit.holding import Holding
from numafit.model.flavor import Flavor, Image
from numafit.model.hostinfo import HostCell, HostInfo
from numafit.model.interface import netdevs_of
from numafit.planning.trace import Trace
from numafit.readers.addresses import addresses_of, read_links, with_links
from numafit.readers.aggregates_json import read_aggregates
from numafit.readers.api_db import read_api_db
from numafit.readers.flavors import read_flavors, read_image
from numafit.readers.hostfile import host_to_mapping, read_host_file
from numafit.readers.hwloc import read_hwloc
from numafit.readers.libvirt import read_capabilities, read_nodedevs
from numafit.readers.neutron_conf import from_ovn, read_neutron_conf
from numafit.readers.nova_conf import read_nova_conf
from numafit.readers.nova_db import NovaDb
from numafit.readers.nova_instances import instance_cells
from numafit.readers.nova_rows import read_nova_rows, stored_rows
from numafit.readers.nova_servers import flavor_of, networks_of, pci_of, placement_of
from numafit.readers.ovsdb import read_switch
from numafit.readers.pci_devices import read_pci_devices
from numafit.readers.placement_db import read_placement_db
from numafit.readers.placement_facts import PlacementFacts
from numafit.readers.placement_json import read_placement_file
from numafit.readers.server_show import read_server
from numafit.readers.synthetic import host_of_synthetic
from numafit.readers.sysfs import read_sysfs
from numafit.readers.vm_traces import FORMS, form_of, read_azure
from numafit.replaying.cases import read as read_cases
from numafit.rules.aggregates import Aggregates
from numafit.rules.device_spec import parse_device_specs
from numafit.rules.nova_config import apply_config
from numafit.rules.pci_alias import parse_aliases
from numafit.rules.pci_pools import functions_of, pools_from_devices
from numafit.rules.topology import cpu_topology
from numafit.sweeping.book import Book
from tests.fuzz import seeds
from tests.fuzz.seeds import DATA, EXAMPLES, UNIT, files, texts

LARGEST = 4 << 20
"""Bytes of an input for which the bounds below are promised."""
SECONDS = 2.0
"""Of processor time."""
MEMORY = 512 << 20
"""Bytes beyond what the process had before."""
LONGEST = 5000
"""Characters of a complaint, however long the input is."""


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
        if len(str(error)) > LONGEST:
            raise AssertionError(f"a complaint of {len(str(error))} characters") from error
        return error
    return None


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


def _capabilities(path: Path) -> None:
    Fleet([read_capabilities(path)])


def _hwloc(path: Path) -> None:
    Fleet([read_hwloc(path).host])


def _database(path: Path) -> None:
    with NovaDb(f"sqlite:///{path}") as database:
        database.differences()
        Fleet.from_nova_rows(database.rows())


def _placement_database(path: Path) -> None:
    read_placement_db(f"sqlite:///{path}")


def _aggregates(path: Path) -> None:
    Aggregates(read_aggregates([path])).applied(HostInfo((), "h"))


def _api_database(path: Path) -> None:
    Aggregates(read_api_db(f"sqlite:///{path}")).applied(HostInfo((), "h"))


def _placement_file(path: Path) -> None:
    facts = PlacementFacts()
    read_placement_file(facts, str(path), "h")
    facts.hosts()


def _synthetic(path: Path) -> None:
    Fleet([host_of_synthetic(path.read_text("utf-8", "replace"))])


def _sysfs(path: Path) -> None:
    machine = read_sysfs(path)
    Fleet([machine.host])
    specs = parse_device_specs(
        ['{"vendor_id": "8086"}'], functions_of(machine.devices), netdevs_of(machine.interfaces)
    )
    pools_from_devices(machine.devices, specs)


# --- fleets


def _saved(path: Path) -> None:
    Fleet.load(path)


def _arrow(path: Path) -> None:
    """What a program that reads a stream of Arrow's would hand over: it checks what it reads."""
    try:
        with pa.ipc.open_stream(pa.py_buffer(path.read_bytes())) as stream:
            table = stream.read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError, OverflowError, ValueError):
        return
    Fleet.from_arrow(table)


def _arrow_rows(path: Path) -> None:
    """Rows in JSON, as Arrow guesses their types."""
    try:
        table = pa.Table.from_pylist(json.loads(path.read_bytes()))
    except (
        pa.ArrowException,
        ValueError,
        TypeError,
        AttributeError,
        KeyError,
        RecursionError,
        OverflowError,
    ):
        return
    Fleet.from_arrow(table)


def _shared(path: Path) -> None:
    fleet = shared.open(path)
    for _host in fleet.hostinfos():
        pass
    fleet.check()


def _journal(path: Path) -> None:
    """Its lines, with a NUL between them and without the checksums, which would refuse all but a
    few inputs: whoever changes a journal can write those, too."""
    lines = path.read_bytes().split(b"\0")
    path.write_bytes(b"".join(b"%08x %b\n" % (crc32(line), line) for line in lines))
    with Journal(path) as journal:
        fleet = seeds.fleet()
        fleet.adopt(journal)
        fleet.check()
        journal.trim()


def _claims(path: Path) -> None:
    fleet = seeds.fleet()
    fleet.adopt([Holding.from_json(line) for line in path.read_bytes().split(b"\0")])
    fleet.check()


def _book(path: Path) -> None:
    Book(path, seeds.SWEEP).close()


# --- guests


def _flavors(path: Path) -> None:
    for flavor in read_flavors(path)[:100]:
        _guest(flavor, Image())


def _image(path: Path) -> None:
    _guest(Flavor("f", 8, 8192, {"hw:cpu_policy": "dedicated"}), read_image(path))


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
        cpuset=frozenset(range(32)),
        pcpuset=frozenset(range(32)),
        memory_mb=1024,
        siblings=tuple(frozenset((n, n + 16)) for n in range(16)),
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


def _server(path: Path) -> None:
    _guest(read_server(path).flavor, Image())


def _server_columns(path: Path) -> None:
    """The texts of one instance's row, a line each."""
    columns = path.read_text("utf-8", "surrogateescape").split("\n")
    for read, text in zip((flavor_of, placement_of, pci_of, networks_of), columns, strict=False):
        read(text)


def _cases(path: Path) -> None:
    for _case in read_cases(path):
        pass


def _trace(path: Path) -> None:
    form = form_of(path)
    vms = read_azure(path, 64, 262144) if form == "azure" else FORMS[form](path)
    for size in vms.sizes[:100]:
        str(size)
    Trace.of({"f": Request(None, pci=[])}, [0] * len(vms.kinds), vms.starts, vms.ends)


READERS: dict[str, Reader] = {
    "host-yaml": Reader(
        _host_file,
        files(*sorted((EXAMPLES / "hosts").glob("*.yaml")), EXAMPLES / "networking" / "host.yaml"),
        ".yaml",
    ),
    "host-resources": Reader(_host_file, texts(seeds.RESOURCES), ".json"),
    "host-json": Reader(_host_file, files(EXAMPLES / "hosts" / "edge-gold.json"), ".json"),
    "rows": Reader(_rows, seeds.rows, ".json"),
    "rows-at-once": Reader(_rows_at_once, seeds.rows, ".json"),
    "topology": Reader(_topology, seeds.topologies),
    "instance": Reader(_instance, texts(seeds.INSTANCE)),
    "database": Reader(_database, seeds.databases, ".db"),
    "row-tables": Reader(_rows, texts(*seeds.TABLES)),
    "placement": Reader(_placement_file, texts(*seeds.PLACEMENT), ".json"),
    "aggregates": Reader(_aggregates, texts(*seeds.AGGREGATES), ".json"),
    "api-database": Reader(_api_database, seeds.api_databases, ".db"),
    "placement-database": Reader(_placement_database, seeds.placement_databases, ".db"),
    "capabilities": Reader(
        _capabilities,
        files(DATA / "libvirt" / "two-socket.xml", DATA / "libvirt" / "test-driver.xml"),
    ),
    "nodedevs": Reader(
        _nodedevs,
        files(DATA / "libvirt" / "sriov-devices.xml", DATA / "libvirt" / "virtio-devices.xml"),
    ),
    "hwloc": Reader(_hwloc, files(DATA / "hwloc" / "two-nodes.xml")),
    "synthetic": Reader(
        _synthetic,
        texts(
            "pack:2 numa:3 core:5 pu:2",
            "numa:2(memory=4GB) l3:1 core:2 2",
            "pack:2 [numa] core:2 pu:2",
            "pack:2 core:2 pu:2(indexes=0,2,4,6,1,3,5,7)",
            "pack:2 core:2 pu:2(indexes=2*4:1*2)",
            "pack:2 core:2 pu:2(indexes=pack:core)",
        ),
    ),
    "sysfs": Reader(_sysfs, seeds.archives, ".tar"),
    "saved": Reader(_saved, seeds.saved, ".npz"),
    "shared": Reader(_shared, seeds.shared_fleets),
    "journal": Reader(_journal, seeds.journal),
    "claims": Reader(_claims, seeds.claims),
    "book": Reader(_book, seeds.books),
    "arrow": Reader(_arrow, seeds.arrow),
    "arrow-rows": Reader(_arrow_rows, seeds.arrow_rows),
    "flavors": Reader(
        _flavors,
        files(EXAMPLES / "flavors.json", EXAMPLES / "flavor-router.json"),
        ".json",
        (InvalidRequest,),
    ),
    "image": Reader(
        _image, files(EXAMPLES / "images" / "vnf-router.json"), ".json", (InvalidRequest,)
    ),
    "server": Reader(_server, files(EXAMPLES / "server.json"), ".json", (InvalidRequest,)),
    "server-columns": Reader(_server_columns, texts(seeds.SERVER)),
    "pci-devices": Reader(_pci_devices, texts(seeds.DEVICES), ".json", (InvalidRequest,)),
    "nova-conf": Reader(
        _nova_conf,
        lambda: [(EXAMPLES / "networking" / "nova.conf").read_bytes(), seeds.NOVA_CONF.encode()],
        ".conf",
        (InvalidRequest,),
    ),
    "neutron-conf": Reader(
        _neutron_conf, files(EXAMPLES / "networking" / "linuxbridge_agent.ini"), ".ini"
    ),
    "switch": Reader(_switch, files(UNIT / "ovs" / "dump.json", UNIT / "ovs" / "list.json")),
    "switch-text": Reader(_switch, files(*sorted((UNIT / "ovs" / "text").glob("*.txt")))),
    "addresses": Reader(_addresses, files(EXAMPLES / "networking" / "addr.json")),
    "addresses-text": Reader(_addresses, texts(*seeds.LINKS)),
    "trace": Reader(_trace, seeds.traces),
    "cases": Reader(_cases, texts('{"id": "a", "host": {}, "expect": null}\n')),
}
"""Name -> reader. A new one needs an entry here and a place in a family."""

FAMILIES: dict[str, tuple[str, ...]] = {
    "of-a-machine": ("capabilities", "nodedevs", "hwloc", "synthetic", "sysfs", "switch",
                     "switch-text", "addresses", "addresses-text"),
    "of-novas-rows": ("rows", "rows-at-once", "row-tables", "topology", "instance",
                      "server-columns"),
    "of-databases": ("database", "api-database", "placement-database"),
    "of-services": ("placement", "aggregates", "flavors", "image", "server", "pci-devices"),
    "of-people": ("host-yaml", "host-resources", "host-json", "nova-conf", "neutron-conf", "trace",
                  "cases"),
    "of-numafit": ("saved", "shared", "journal", "claims", "book", "arrow", "arrow-rows"),
}  # fmt: skip
"""Readers that have much of their code in common: one fuzzer takes them in turn, so that what leads
on in one is tried by the others."""
assert sorted(sum(FAMILIES.values(), ())) == sorted(READERS)
