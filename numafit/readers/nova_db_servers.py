"""The servers of a cell database of nova: who was started how, and who holds what where."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

from numafit.errors import InputError
from numafit.model.server import HeldDevice, Server
from numafit.readers import bounds
from numafit.readers.nova_db import NovaDb
from numafit.readers.nova_db_reserved import GONE
from numafit.readers.nova_servers import (
    flavor_of,
    image_of,
    networks_of,
    pci_of,
    placement_of,
    vnic_types_of,
)

_T = TypeVar("_T")
_RESIZED = ("resize_prep", "resize_migrating", "resize_migrated", "resize_finish", "migrating")


def read_servers(database: NovaDb) -> Iterator[Server]:
    """The servers that hold something on a host, by host and name. Raises ``InputError`` that
    names the server and the column."""
    images = _by_server(database, "instance_system_metadata", ("instance_uuid", "key", "value"))
    networks = _by_server(database, "instance_info_caches", ("instance_uuid", "network_info"))
    devices = _devices(database)
    for row in sorted(_rows(database), key=lambda row: (row[2] or row[1], row[3] or "", row[0])):
        uuid, service, node, name, state, task, topology, pci, flavor, moving = row
        host = node or service or ""
        held = _Columns(database.name, uuid)
        (ports,) = (networks.get(uuid) or [(None,)])[-1]
        yield Server(
            uuid,
            name or "",
            host,
            held.read("flavor", flavor_of, flavor),
            image_of(images.get(uuid, ())),
            held.read("numa_topology", partial(placement_of, host=host), topology),
            held.read("network_info", networks_of, ports, "instance_info_caches"),
            held.read("pci_requests", pci_of, pci),
            tuple(devices.get(uuid, ())),
            bool(moving) or state == "resized" or task in _RESIZED,
            state or "",
            held.read("network_info", vnic_types_of, ports, "instance_info_caches"),
        )


class _Columns:
    """The texts of one instance."""

    def __init__(self, file: str, uuid: str) -> None:
        self._file = file
        self._uuid = uuid
        self._named = bounds.Named()

    def read(
        self, column: str, how: Callable[[Any], _T], text: Any, table: str = "instance_extra"
    ) -> _T:
        try:
            with bounds.document(known=self._named):
                return how(text)
        except InputError as error:
            raise error.within(self._file, f"{table} of {self._uuid}.{column}") from None


def _rows(database: NovaDb) -> Iterator[Any]:
    one = database.table(
        "instances",
        "uuid",
        "host",
        "node",
        "display_name",
        "vm_state",
        "task_state",
        "deleted",
    )
    more = database.table(
        "instance_extra",
        "instance_uuid",
        "numa_topology",
        "pci_requests",
        "flavor",
        "migration_context",
        "deleted",
    )
    i, x, sa = one.c, more.c, database._sa
    query = (
        sa.select(
            i.uuid,
            i.host,
            i.node,
            i.display_name,
            i.vm_state,
            i.task_state,
            x.numa_topology,
            x.pci_requests,
            x.flavor,
            x.migration_context.is_not(None),
        )
        .join_from(one, more, i.uuid == x.instance_uuid)
        .where(i.deleted == 0, x.deleted == 0, i.host.is_not(None))
        .where(sa.or_(i.vm_state.is_(None), i.vm_state.not_in(GONE)))
    )
    return database.stream(query)


def _by_server(
    database: NovaDb, name: str, columns: tuple[str, ...]
) -> dict[str, list[tuple[Any, ...]]]:
    """The other columns of each row by the first, an instance's uuid."""
    table = database.table(name, *columns, "deleted")
    found: dict[str, list[tuple[Any, ...]]] = {}
    query = database._sa.select(*(table.c[one] for one in columns)).where(table.c.deleted == 0)
    for uuid, *values in database.stream(query):
        found.setdefault(uuid, []).append(tuple(values))
    return found


def _devices(database: NovaDb) -> dict[str, list[HeldDevice]]:
    columns = ("instance_uuid", "address", "vendor_id", "product_id", "numa_node")
    found: dict[str, list[HeldDevice]] = {}
    for uuid, rows in _by_server(database, "pci_devices", columns).items():
        if uuid is not None:
            found[uuid] = [
                HeldDevice(address, f"{vendor}:{product}", node)
                for address, vendor, product, node in sorted(rows)
            ]
    return found
