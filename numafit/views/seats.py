"""Who sits where: the CPUs, memory and devices that servers have on each cell of a host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from numafit.model.server import Server


@dataclass(frozen=True, slots=True)
class Seat:
    """What one server has on one NUMA node of a host. ``cell``: its id, ``None`` for what is bound
    to none: servers without a topology, devices on no known node. ``cpus``: host CPUs that are
    its own, ``emulator`` those of its emulator threads among them; ``floating``: vCPUs that float
    over the shared CPUs; ``memory_mb``: MiB; ``pagesize``: KiB; ``devices``: addresses."""

    host: str
    cell: int | None
    server: Server
    cpus: frozenset[int] = frozenset()
    emulator: frozenset[int] = frozenset()
    floating: int = 0
    memory_mb: int = 0
    pagesize: int | None = None
    devices: tuple[str, ...] = ()


def seats(servers: Iterable[Server]) -> list[Seat]:
    """By host, cell and name of the server; what is bound to no cell comes last."""
    found = [seat for server in servers for seat in _of(server)]
    return sorted(found, key=_order)


def _order(seat: Seat) -> tuple[object, ...]:
    return seat.host, seat.cell is None, seat.cell or 0, seat.server.label, seat.server.uuid


def _of(server: Server) -> Iterator[Seat]:
    near: dict[int | None, list[str]] = {}
    for device in server.devices:
        near.setdefault(device.numa_node, []).append(device.address)
    cells = server.placement.cells if server.placement is not None else ()
    for cell in cells:
        own = frozenset(cell.pinning.values()) | cell.reserved
        floating = len(cell.cpuset)
        devices = tuple(near.pop(cell.host_cell, ()))
        yield Seat(
            server.host, cell.host_cell, server, own, cell.reserved, floating, cell.memory_mb,
            cell.pagesize, devices,
        )  # fmt: skip
    if not cells:
        flavor = server.flavor
        yield Seat(
            server.host, None, server, floating=flavor.vcpus, memory_mb=flavor.memory_mb,
            devices=tuple(near.pop(None, ())),
        )  # fmt: skip
    for node, addresses in near.items():
        yield Seat(server.host, node, server, devices=tuple(addresses))
