"""A small cloud of real nova: guests are booted until there is no valid host. Runs under the Python
of a nova environment, which has nova's functional fixtures and placement.

Reads a cloud as JSON on standard input: hosts, aggregates, filters, aliases, flavors, and a folder.
When every compute has reported itself, the databases of the cell, of placement and of nova's API
are copied to ``nova.db``, ``placement.db`` and ``api.db`` in that folder. Then, flavor by flavor,
guests are booted, one by one in the end, until nova refuses; the databases are copied again, to a
folder of the flavor's number, and the guests are deleted. Writes one JSON line for each flavor: how
many started, on which hosts, and which hosts each step of the last search left.
"""

import ast
import collections
import contextlib
import functools
import json
import logging
import os
import shutil
import sqlite3
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

STATE = Path(tempfile.mkdtemp(prefix="cloud-"))
os.environ.setdefault("OS_DEFAULT__STATE_PATH", str(STATE))
os.environ.setdefault("OS_TEST_TIMEOUT", "3000")
os.environ.setdefault("OS_STDOUT_CAPTURE", "0")
(STATE / "etc/nova").mkdir(parents=True)
shutil.copy(next(Path(sys.prefix).glob("etc/nova/api-paste.ini")), STATE / "etc/nova")

# nova patches threading when its tests are imported
from nova.tests.functional.libvirt import base  # noqa: E402  isort: skip
import fixtures  # noqa: E402
from nova import context as nova_context  # noqa: E402
from nova import thread_pool_factory  # noqa: E402
from nova.db.api import api as api_db  # noqa: E402
from nova.db.main import api as main_db  # noqa: E402
from nova.tests.fixtures import libvirt as fakelibvirt  # noqa: E402
from oslo_config import cfg  # noqa: E402
from placement import db_api as placement_db  # noqa: E402

OUT = os.fdopen(os.dup(1), "w", buffering=1)
# what nova writes on standard output goes with the rest of its log
os.dup2(2, 1)
GIVEN = json.load(sys.stdin)
FOLDER = Path(GIVEN["folder"])
BATCH = 8
"""Guests that are booted by one request, as long as so many find a host."""
CURRENT = threading.local()


def current():
    return getattr(CURRENT, "host", None)


def tell(**what):
    OUT.write(json.dumps(what) + "\n")


class OwnOptions:
    """Every compute has a nova.conf and a machine of its own, though all live in one process:
    while a thread works for a host, options are the host's."""

    def __init__(self):
        self.options = {}
        self.machines = {}

    def patches(self):
        """What is read through here: (name, value)."""
        read, spawn_on = cfg.ConfigOpts._get, thread_pool_factory.spawn_on

        def get(conf, name, group=None, namespace=None):
            own = self.options.get(current())
            if own:
                key = f"{getattr(group, 'name', group) or 'DEFAULT'}.{name}"
                if key in own:
                    return own[key]
            return read(conf, name, group, namespace)

        def spawn(executor, function, *args, **kwargs):
            return spawn_on(executor, self.bind(current(), function), *args, **kwargs)

        yield "oslo_config.cfg.ConfigOpts._get", get
        yield "nova.thread_pool_factory.spawn_on", spawn
        host, driver = "nova.virt.libvirt.host.Host", "nova.virt.libvirt.LibvirtDriver"
        yield f"{host}.get_online_cpus", lambda _: set(range(self.machine["cpus"]))
        yield f"{host}.get_memory_mb_total", lambda _: self.machine["memory"]
        yield f"{driver}._get_local_gb_info", self.disk

    @property
    def machine(self):
        return self.machines[current()]

    def disk(self, *_):
        total = self.machine["disk"]
        return {"total": total, "used": 0, "free": total}

    def bind(self, host, function):
        @functools.wraps(function)
        def bound(*args, **kwargs):
            before = current()
            CURRENT.host = host
            try:
                return function(*args, **kwargs)
            finally:
                CURRENT.host = before

        return bound


class Searches(logging.Handler):
    """``last``: [filter, hosts that it left] of the last search that found no host, as the
    scheduler wrote it down; none where placement had no candidates."""

    def __init__(self):
        super().__init__(logging.DEBUG)
        self.last = None

    def emit(self, record):
        text = record.getMessage()
        if "Got no allocation candidates" in text:
            self.last = []
        elif "Filtering removed all hosts" in text and record.levelno == logging.DEBUG:
            steps = ast.literal_eval(text.partition("Filter results: ")[2])
            self.last = [[name, sorted(host for host, _ in left or ())] for name, left in steps]


class SmallCloud(base.ServersTestBase):
    microversion = "latest"
    ADMIN_API = True
    ADDITIONAL_FILTERS = tuple(GIVEN["filters"])

    def setUp(self):
        self.flags(alias=GIVEN["aliases"], group="pci")
        super().setUp()
        self.flags(instances=-1, cores=-1, ram=-1, group="quota")
        # casts are calls here, and a busy machine may take its time
        self.flags(rpc_response_timeout=1800)
        self.flags(notification_format="unversioned", group="notifications")
        self.own = OwnOptions()
        for name, value in (
            *self.own.patches(),
            # no device is looked up on the machine that runs this
            ("nova.pci.utils.is_physical_function", lambda *_: False),
            ("nova.pci.utils.get_function_by_ifname", lambda *_: (None, False)),
        ):
            self.useFixture(fixtures.MonkeyPatch(name, value))
        self.searches = Searches()
        logger = logging.getLogger("nova")
        logger.addHandler(self.searches)
        self.addCleanup(logger.removeHandler, self.searches)
        self.ctxt = nova_context.get_admin_context()

    def _get_connection(self, host_info=None, pci_info=None, *args, hostname=None, **kwargs):
        return fakelibvirt.Connection(
            "qemu:///system",
            version=fakelibvirt.FAKE_LIBVIRT_VERSION,
            hv_version=self.own.machine["qemu"],
            host_info=host_info,
            pci_info=pci_info,
            hostname=hostname or args[-1],
        )

    def start(self, host):
        name = host["name"]
        cpus = host["cells"] * host["cores"] * host["threads"]
        facts = {key: host[key] for key in ("memory", "disk", "qemu")}
        self.own.machines[name] = {"cpus": cpus, **facts}
        options = dict(host.get("options", {}))
        if host.get("traits") or host.get("resources"):
            options["compute.provider_config_location"] = str(self.provider_config(host))
        self.own.options[name] = options
        pages = host.get("pages")
        info = fakelibvirt.HostInfo(
            cpu_nodes=host["cells"],
            cpu_sockets=1,
            cpu_cores=host["cores"],
            cpu_threads=host["threads"],
            kB_mem=host["memory"] * 1024,
            mempages=[fakelibvirt.create_mempages(cell) for cell in pages] if pages else None,
        )
        devices = host.get("devices")
        pci = fakelibvirt.HostPCIDevicesInfo(num_pci=devices) if devices else None
        self.own.bind(name, self.start_compute)(hostname=name, host_info=info, pci_info=pci)
        manager = self.computes[name].manager
        for method in (
            "_do_build_and_run_instance",
            "terminate_instance",
            "update_available_resource",
        ):
            setattr(manager, method, self.own.bind(name, getattr(manager, method)))

    def provider_config(self, host):
        folder = STATE / "provider" / host["name"]
        folder.mkdir(parents=True)
        text = {
            "meta": {"schema_version": "1.0"},
            "providers": [
                {
                    "identification": {"uuid": "$COMPUTE_NODE"},
                    "inventories": {"additional": [{k: v} for k, v in host["resources"].items()]}
                    if host.get("resources")
                    else {},
                    "traits": {"additional": host.get("traits", [])},
                }
            ],
        }
        (folder / "own.yaml").write_text(json.dumps(text), encoding="utf-8")
        return folder

    def copy_databases(self, folder):
        folder.mkdir(exist_ok=True)
        with nova_context.target_cell(self.ctxt, self.cell_mappings["cell1"]) as cell:
            engines = {
                "nova.db": main_db.get_engine(context=cell),
                "placement.db": placement_db.get_placement_engine(),
                "api.db": api_db.get_engine(),
            }
        for name, engine in engines.items():
            raw = engine.raw_connection()
            with contextlib.closing(sqlite3.connect(folder / name)) as copy:
                raw.driver_connection.backup(copy)
            raw.close()

    def gather(self, aggregate):
        made = self.api.post_aggregate({"aggregate": {"name": aggregate["name"]}})["id"]
        metadata = {"set_metadata": {"metadata": aggregate["metadata"]}}
        self.api.post_aggregate_action(made, metadata)
        for host in aggregate["hosts"]:
            self.api.add_host_to_aggregate(made, host)

    def image(self, properties):
        """``None``: the one that is there already."""
        if not properties:
            return None
        named = {"name": "asks", "disk_format": "raw", "container_format": "bare", "min_disk": 0}
        return self.glance.create(None, {**named, "min_ram": 0, "properties": properties})["id"]

    def boot(self, flavor, image, number):
        """So many guests by one request, once nova has started all of them or none."""
        body = self._build_server(flavor_id=flavor, image_uuid=image, networks="none", name="guest")
        body |= {"min_count": number, "max_count": number, "return_reservation_id": True}
        asked = self.api.post_server({"server": body})["reservation_id"]
        while True:
            servers = self.api.get_servers(search_opts={"reservation_id": asked})
            states = {server["status"] for server in servers}
            if len(servers) == number and states <= {"ACTIVE", "ERROR"}:
                assert len(states) == 1, servers
                return servers
            time.sleep(0.1)

    def fill(self, number, flavor):
        made = self._create_flavor(
            name=flavor["name"],
            vcpu=flavor["vcpus"],
            memory_mb=flavor["memory_mb"],
            disk=flavor["disk_gb"],
            ephemeral=0,
            extra_spec=flavor["extra_specs"],
        )
        image = self.image(flavor["image"])
        begun, self.searches.last = time.monotonic(), None
        started, refused, batch = [], [], BATCH
        while batch:
            servers = self.boot(made, image, batch)
            if servers[0]["status"] == "ACTIVE":
                started += servers
            else:
                # there may be room for fewer, down to one
                refused += servers
                batch //= 2
        self.copy_databases(FOLDER / str(number))
        counts = collections.Counter(server["OS-EXT-SRV-ATTR:host"] for server in started)
        fault = self.api.get_server(refused[-1]["id"])["fault"]["message"]
        self.empty(started + refused)
        tell(
            flavor=flavor["name"],
            started=dict(sorted(counts.items())),
            fault=fault,
            steps=self.searches.last,
            seconds=round(time.monotonic() - begun, 1),
        )

    def empty(self, servers):
        """Delete them all, and wait: what a guest holds in placement goes last of all."""
        for server in servers:
            self.api.delete_server(server["id"])
        for server in servers:
            self._wait_until_deleted(server)
        engine = placement_db.get_placement_engine()
        while True:
            with engine.connect() as connection:
                held = connection.exec_driver_sql("SELECT count(*) FROM allocations").scalar()
            if not held:
                return
            time.sleep(0.05)

    def test_guests_are_booted_until_there_is_no_valid_host(self):
        for host in GIVEN["hosts"]:
            self.start(host)
        for host in GIVEN["hosts"]:
            state = {"disabled": {"status": "disabled"}, "forced_down": {"forced_down": True}}
            if host["service"]:
                service = self.api.get_services(host=host["name"], binary="nova-compute")[0]
                self.api.put_service(service["id"], state[host["service"]])
        for aggregate in GIVEN["aggregates"]:
            self.gather(aggregate)
        # a compute's row has its ratios from the second report on
        self._run_periodics()
        self.copy_databases(FOLDER)
        for number, flavor in enumerate(GIVEN["flavors"]):
            self.fill(number, flavor)


if __name__ == "__main__":
    try:
        well = unittest.main(argv=["cloud"], exit=False).result.wasSuccessful()
    finally:
        shutil.rmtree(STATE, ignore_errors=True)
    sys.exit(not well)
