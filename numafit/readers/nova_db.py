"""A cell database of nova -> hosts with their usage (extra ``openstack``: SQLAlchemy).

Everything is read in one transaction, row after row, so that a database of any size needs little
memory. Rows that nova deleted softly are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from numafit.diagnosis.usage import Difference, HostSum, Instance, usage_differences
from numafit.errors import InputError, printable
from numafit.model import fields
from numafit.model.hostinfo import HostInfo
from numafit.readers import bounds
from numafit.readers.database import CHUNK, Database, Kind, url_of
from numafit.readers.node_totals import DISABLED, NODE_COLUMNS, SERVICE, node_columns
from numafit.readers.nova_db_reserved import GONE, Reserved
from numafit.readers.nova_instances import instance_cells
from numafit.readers.nova_rows import host_from_nova

KIND = Kind(
    "--nova-db",
    "a cell database of nova",
    "a URL such as mysql+pymysql://nova:PASSWORD@db/nova_cell1 or sqlite:////var/nova.db",
    "database",
    "nova.conf",
    "It stands in the nova.conf of the cell's nova-conductor, not in that of a compute.",
    "Give the database of a cell (nova_cell1, nova_main), not nova_api or nova_cell0.",
)
_REASON = 200
NO_SERVICE = "nova knows of no nova-compute there"


@dataclass(frozen=True, slots=True)
class Stamp:
    """``id`` of a compute node's row, when it was ``updated`` last (to the second, as nova stores
    it), and why its service takes no guests."""

    id: int
    updated: str
    disabled: str


Row = tuple[str, str | None, str | None, float | None, float | None, dict[str, Any]]


class NovaDb(Database):
    """An open cell database; a context manager."""

    kind = KIND

    def rows(self) -> Iterator[Row]:
        """Name, ``numa_topology``, ``pci_stats``, both allocation ratios and what is known of the
        whole node (vCPUs, memory, disk, whether its service takes guests) of each compute node, as
        ``Fleet.from_nova_rows`` takes them."""
        for _key, row in self._compute_nodes():
            yield row

    def stamps(self) -> dict[str, Stamp]:
        """Of each compute node, by name: what is another once it has changed."""
        names = ("id", "host", "hypervisor_hostname", "created_at", "updated_at", "deleted")
        table = self.table("compute_nodes", *names)
        one = table.c
        columns = (one.id, one.host, one.hypervisor_hostname, one.created_at, one.updated_at)
        resting = self.services_without_guests()
        found = {}
        for row, host, node, created, updated in self.stream(
            self._sa.select(*columns).where(one.deleted == 0).order_by(one.id)
        ):
            why = "" if resting is None else resting.get(host, NO_SERVICE)
            found[node or host or ""] = Stamp(row, str(updated or created or ""), why)
        return found

    def rows_of(self, ids: Sequence[int]) -> Iterator[Row]:
        """As ``rows``, of compute nodes with these ids."""
        for first in range(0, len(ids), CHUNK):
            for _key, row in self._compute_nodes(ids[first : first + CHUNK]):
                yield row

    def hosts(self) -> Iterator[HostInfo]:
        """The compute nodes with their usage as nova stored it."""
        for _key, host in self._keyed_hosts():
            yield host

    def instances(self) -> Iterator[Instance]:
        """The instances that hold something on a host."""
        columns = self.table(
            "instances", "uuid", "host", "node", "vm_state", "task_state", "deleted"
        )
        extra = self.table(
            "instance_extra", "instance_uuid", "numa_topology", "migration_context", "deleted"
        )
        one, more = columns.c, extra.c
        query = (
            self._sa.select(
                one.uuid,
                one.host,
                one.node,
                more.numa_topology,
                more.migration_context.is_not(None),
            )
            .join_from(columns, extra, one.uuid == more.instance_uuid)
            .where(one.deleted == 0, more.deleted == 0, one.host.is_not(None))
            .where(self._sa.or_(one.vm_state.is_(None), one.vm_state.not_in(GONE)))
        )
        for uuid, host, node, topology, moving in self.stream(query):
            try:
                with bounds.document(known=self._named):
                    cells = instance_cells(topology)
            except InputError as error:
                raise error.within(self.name, f"instance_extra of {uuid}.numa_topology") from None
            yield Instance(uuid, host, node or "", cells, bool(moving))

    def compute_versions(self) -> list[int]:
        """``services.version`` of each nova-compute that takes part, as nova looks for the oldest:
        without those that are forced down. None where a copy of the table lacks the column."""
        if "version" not in self.columns_of("services"):
            return []
        services = self.table("services", "binary", "version", "forced_down", "deleted")
        one = services.c
        query = self._sa.select(one.version).where(
            one.binary == "nova-compute",
            one.deleted == 0,
            self._sa.or_(one.forced_down.is_(None), one.forced_down == self._sa.false()),
        )
        return [
            self.whole("services.version", version, fields.MAX_ID)
            for (version,) in self.stream(query)
        ]

    def services_without_guests(self) -> dict[str, str] | None:
        """Host of each nova-compute -> why it takes no guests, empty where it takes them; ``None``
        where the database knows of no nova-compute at all."""
        if not self.columns_of("services"):
            return None
        services = self.table(
            "services", "host", "binary", "disabled", "disabled_reason", "forced_down", "deleted"
        )
        one = services.c
        query = self._sa.select(one.host, one.disabled, one.disabled_reason, one.forced_down).where(
            one.binary == "nova-compute", one.deleted == 0
        )
        found = {
            host: "disabled" + _reason(reason) if disabled else ("forced down" if down else "")
            for host, disabled, reason, down in self.stream(query)
        }
        return found or None

    def differences(self) -> list[Difference]:
        """Where the usage that a host's row holds is not the sum of its instances. Instances that
        are moving between hosts count where their row says; the differences name them."""
        sums: dict[tuple[str, str], HostSum] = {}
        for instance in self.instances():
            sums.setdefault((instance.host, instance.node), HostSum()).add(instance)
        return list(usage_differences(self._keyed_hosts(), sums))

    def _keyed_hosts(self) -> Iterator[tuple[tuple[str, str], HostInfo]]:
        for key, (name, topology, pools, cpu, ram, node) in self._compute_nodes():
            try:
                with bounds.document(known=self._named):
                    host = host_from_nova(topology, pools, name, cpu, ram, node=node)
                yield key, host
            except InputError as error:
                raise error.within(self.name, f"compute_nodes of {name}") from None

    def _compute_nodes(
        self, ids: Sequence[int] | None = None
    ) -> Iterator[tuple[tuple[str, str], Row]]:
        # a view or a copy of the table may lack them; nova's own has them all
        totals = [name for name in NODE_COLUMNS if name in self.columns_of("compute_nodes")]
        resting, reserved = self.services_without_guests(), Reserved(self)
        table = self.table(
            "compute_nodes",
            "id",
            "host",
            "hypervisor_hostname",
            "numa_topology",
            "pci_stats",
            "cpu_allocation_ratio",
            "ram_allocation_ratio",
            "deleted",
            *totals,
        )
        one = table.c
        query = (
            self._sa.select(
                one.host,
                one.hypervisor_hostname,
                one.numa_topology,
                one.pci_stats,
                one.cpu_allocation_ratio,
                one.ram_allocation_ratio,
                *(one[name] for name in totals),
            )
            .where(one.deleted == 0, *(() if ids is None else (one.id.in_(ids),)))
            .order_by(one.id)
        )
        for host, node, topology, pools, cpu, ram, *found in self.stream(query):
            others = node_columns(dict(zip(totals, found, strict=True)))
            if resting is not None and (why := resting.get(host, NO_SERVICE)):
                others[DISABLED] = why
            if host:
                others[SERVICE] = host
            others |= reserved.of(host or "", node or "", others)
            yield (host or "", node or ""), (node or host or "", topology, pools, cpu, ram, others)


def _reason(text: object) -> str:
    """What somebody wrote for other people, on one line and not at any length."""
    words = printable(" ".join(str(text or "").split()))[:_REASON]
    return f", {words}" if words else ""


def database_url(source: str) -> str:
    """The URL that ``source`` is or names, as ``--nova-db`` takes it."""
    return url_of(source, KIND)


def read_nova_db(url: str) -> list[HostInfo]:
    """The hosts of a cell database, with their usage as nova stored it. Raises ``InputError`` with
    the row and the column at fault, and where the database cannot be reached."""
    with NovaDb(url) as database:
        return list(database.hosts())
