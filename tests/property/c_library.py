"""The shared library of C programs through ctypes: its builder, and what its fleets answer."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, byref, c_char_p, c_double, c_int32, c_int64, c_uint32, c_uint64
from typing import Any

import numpy as np

from numafit import Request, get_library_dir
from numafit.columns.schema import COLUMNS
from numafit.model.guest import GuestCell
from numafit.model.hostinfo import HostCell, HostInfo
from tests.header import abi_version

SHARED, DEDICATED, PINNED = 1, 2, 4
POLICIES = {None: 0, "shared": 1, "dedicated": 2, "mixed": 3}
THREADS = {None: 0, "prefer": 1, "isolate": 2, "require": 3}
PCI_POLICIES = {None: 0, "legacy": 0, "required": 1, "socket": 2, "preferred": 3}
Pointer = ctypes.c_void_p


class CountInfo(ctypes.Structure):
    _fields_ = [("name", c_char_p), ("offset", c_uint32), ("size", c_uint32)]


class ColumnInfo(ctypes.Structure):
    _fields_ = [("name", c_char_p), ("offset", c_uint32)]


class Reason(ctypes.Structure):
    _fields_ = [
        ("status", c_int32),
        ("detail", c_int32),
        ("wanted", c_int64),
        ("available", c_int64),
    ]


class GuestCells(ctypes.Structure):
    _fields_ = [
        ("memory", c_int64),
        ("page_kib", c_int64),
        ("n_shared", c_uint32),
        ("n_dedicated", c_uint32),
        ("policy", c_uint32),
        ("threads", c_uint32),
    ]


class Options(ctypes.Structure):
    _fields_ = [
        ("strategy", c_uint32),
        ("net_affinity", c_uint32),
        ("limits", c_uint32),
        ("pci_matching", c_uint32),
        ("budget", c_uint32),
        ("cpu_ratio", c_double),
        ("ram_ratio", c_double),
    ]


class PlacedCell(ctypes.Structure):
    _fields_ = [
        ("cell", c_uint32),
        ("page_kib", c_uint32),
        ("first_slot", c_uint32),
        ("n_slots", c_uint32),
        ("reserved", c_int32),
        ("id", c_int32),
        ("layout", c_uint32),
    ]


class Draw(ctypes.Structure):
    _fields_ = [("request", c_uint32), ("pool", c_uint32), ("count", c_uint32)]


class Placement(ctypes.Structure):
    _fields_ = [
        ("cells", POINTER(PlacedCell)),
        ("slots", POINTER(c_uint32)),
        ("draws", POINTER(Draw)),
        ("cells_size", c_uint32),
        ("slots_size", c_uint32),
        ("draws_size", c_uint32),
        ("n_draws", c_uint32),
    ]


class Item(ctypes.Structure):
    _fields_ = [
        ("host", c_uint32),
        ("generation", c_uint64),
        ("request", Pointer),
        ("options", Pointer),
        ("placement", POINTER(Placement)),
    ]


class Scratch(ctypes.Structure):
    _fields_ = [("memory", Pointer), ("bytes", ctypes.c_size_t)]


class Hosts(ctypes.Structure):
    _fields_ = [("list", Pointer), ("first", c_uint32), ("count", c_uint32)]


class Shared(ctypes.Structure):
    _fields_ = [
        ("fleet", Pointer),
        ("locks", Pointer),
        ("n_locks", c_uint32),
        ("hosts_per_lock", c_uint32),
    ]


def load() -> ctypes.CDLL:
    library = ctypes.CDLL(f"{get_library_dir()}/libnumafit.so.{abi_version()}")
    library.nf_builder_error.restype = c_char_p
    library.nf_guest_error.restype = c_char_p
    library.nf_guest_why.restype = c_char_p
    library.nf_status_name.restype = c_char_p
    library.nf_builder_host_name.restype = c_char_p
    library.nf_builder_find_host.restype = c_uint32
    library.nf_column.restype = POINTER(ColumnInfo)
    library.nf_count.restype = POINTER(CountInfo)
    library.nf_builder_set_ratios.argtypes = [Pointer, c_double, c_double]
    library.nf_builder_add_cell.argtypes = [Pointer, c_uint32, c_int64]
    library.nf_builder_set_usage.argtypes = [Pointer, c_int64, c_int64]
    library.nf_builder_add_pages.argtypes = [Pointer, c_uint32, c_int64, c_int64, c_int64]
    library.nf_builder_add_inventory.argtypes = [
        Pointer, c_char_p, c_int64, c_int64, c_double, c_int64,
    ]  # fmt: skip
    library.nf_builder_add_devices.argtypes = [
        Pointer, c_char_p, c_char_p, c_char_p, c_int32, c_uint32,
    ]  # fmt: skip
    return library


LIBRARY = load()


class Refused(Exception):
    """What the library says, and its status."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class Builder:
    """``nf_builder``; its calls by the rest of their names."""

    def __init__(self) -> None:
        self.handle = Pointer()
        assert LIBRARY.nf_builder_new(None, byref(self.handle)) == 0
        self.shared: Shared | None = None

    def __del__(self) -> None:
        LIBRARY.nf_builder_free(self.handle)

    def __call__(self, name: str, *values: Any) -> None:
        status = getattr(LIBRARY, f"nf_builder_{name}")(self.handle, *map(_plain, values))
        if status:
            raise Refused(self.error, status)

    @property
    def error(self) -> str:
        return str(LIBRARY.nf_builder_error(self.handle).decode())

    def add(self, host: HostInfo) -> int:
        """Everything that a HostInfo says; its index in the fleet."""
        index = c_uint32()
        self("add_host", host.name)
        known = (host.cpu_allocation_ratio, host.ram_allocation_ratio)
        self("set_ratios", *(float("nan") if ratio is None else ratio for ratio in known))
        for cell in host.cells:
            self._add_cell(cell)
        if host.distances:
            matrix = [value for row in host.distances for value in row]
            self("set_distances", (c_int32 * len(matrix))(*matrix), len(host.distances))
        for pool in host.pci_pools or ():
            node = -1 if pool.numa_node is None else pool.numa_node
            kind = pool.tags["dev_type"]
            self("add_devices", pool.vendor_id, pool.product_id, kind, node, pool.count)
            for name, value in pool.tags.items():
                if name != "dev_type":
                    self("set_property", name, value)
        if host.provider is not None:
            for name, one in host.provider.inventories.items():
                numbers = one.total, one.reserved, one.allocation_ratio, one.used
                self("add_inventory", name, *numbers)
                self("set_units", one.min_unit, one.max_unit, one.step_size)
            for trait in host.provider.traits or ():
                self("add_trait", trait)
        self("end_host", byref(index))
        return index.value

    def _add_cell(self, cell: HostCell) -> None:
        self("add_cell", cell.id, cell.memory_mb)
        self("set_usage", cell.memory_usage, cell.cpu_usage)
        if cell.socket is not None:
            self("set_socket", cell.socket)
        for core in cell.siblings:
            self("add_core", (c_uint32 * len(core))(*core), len(core))
        named = (cell.cpuset, SHARED), (cell.pcpuset, DEDICATED), (cell.pinned_cpus, PINNED)
        for cpus, use in named:
            for cpu in cpus:
                self("add_cpus", cpu, 1, use)
        for pages in cell.page_pools:
            self("add_pages", pages.size_kib, pages.total, pages.used, pages.reserved)
        for physnet in cell.physnets:
            self("add_physnet", physnet)
        if cell.tunneled:
            self("add_tunnel")

    def finish(self) -> None:
        out = POINTER(Shared)()
        self("finish", byref(out))
        self.shared = out.contents

    def fields(self) -> dict[str, Any]:
        """``struct nf_fleet`` as ``Fleet.c_columns`` gives it."""
        assert self.shared is not None
        base = self.shared.fleet
        assert base is not None
        found: dict[str, Any] = {}
        number = 0
        while count := LIBRARY.nf_count(number):
            info = count.contents
            kind = c_uint32 if info.size == 4 else c_uint64
            found[info.name.decode()] = kind.from_address(base + info.offset).value
            number += 1
        counts = dict(found)
        for number, (name, column) in enumerate(COLUMNS.items()):
            at = Pointer.from_address(base + LIBRARY.nf_column(number).contents.offset).value
            shape = column.shape(counts)
            size = int(np.prod(shape)) * column.dtype.itemsize
            data = ctypes.string_at(at, size) if size else b""
            found[name] = np.frombuffer(data, column.dtype).reshape(shape)
        return found


class Guest:
    """``nf_guest`` of a Request, complete."""

    def __init__(self, builder: Builder) -> None:
        self.builder, self.handle = builder, Pointer()
        status = LIBRARY.nf_guest_new(builder.handle, byref(self.handle))
        if status:
            raise Refused("", status)
        self.item, self.scratch = Item(), Scratch()

    def __del__(self) -> None:
        LIBRARY.nf_guest_free(self.handle)

    def __call__(self, name: str, *values: Any) -> None:
        status = getattr(LIBRARY, f"nf_guest_{name}")(self.handle, *map(_plain, values))
        if status:
            raise Refused(str(LIBRARY.nf_guest_error(self.handle).decode()), status)

    @classmethod
    def of(cls, builder: Builder, request: Request) -> Guest:
        guest = cls(builder)
        for cell in request.guest.cells if request.guest else ():
            guest("add_cells", 1, byref(guest_cell(cell)))
        if request.guest and request.guest.emulator_threads_policy == "isolate":
            guest("isolate_emulator")
        if request.networks and request.networks.tunneled:
            guest("add_tunnel")
        for physnet in sorted(request.networks.physnets) if request.networks else ():
            guest("add_physnet", physnet)
        for devices in request.pci:
            guest("add_devices", devices.count, PCI_POLICIES[devices.numa_policy])
            for n, spec in enumerate(devices.spec):
                if n:
                    guest("or")
                for name, value in spec.items():
                    guest("set_property", name, value)
        if request.resources:
            for name, amount in request.resources.amounts.items():
                guest("add_resource", name, amount)
            for trait in request.resources.required:
                guest("add_trait", trait, 0)
            for trait in request.resources.forbidden:
                guest("add_trait", trait, 1)
        guest.finish()
        return guest

    def finish(self) -> None:
        self("finish", byref(self.item), byref(self.scratch))

    def asking(self, options: Options) -> Guest:
        """The same with other options."""
        self._options = options
        self.item.options = ctypes.addressof(options)
        return self

    def scan(self) -> list[bool]:
        return [bool(fits) for fits in self._ask("nf_shared_scan", ctypes.c_uint8)]

    def capacity(self, cap: int) -> list[int]:
        return self._ask("nf_shared_capacity", c_uint32, c_uint32(cap))

    def _ask(self, name: str, kind: Any, *more: Any) -> list[int]:
        shared = self.builder.shared
        assert shared is not None
        hosts = Hosts(None, 0, c_uint32.from_address(shared.fleet + 4).value)
        answers = (kind * max(hosts.count, 1))()
        status = getattr(LIBRARY, name)(
            byref(shared), byref(hosts), Pointer(self.item.request), Pointer(self.item.options),
            *more, byref(self.scratch), answers,
        )  # fmt: skip
        assert status == 0, LIBRARY.nf_status_name(status)
        return list(answers)[: hosts.count]

    def fit(self, host: int) -> Reason | None:
        """``None``: it fits, and ``item`` says where."""
        why = Reason()
        self.item.host = host
        shared = self.builder.shared
        status = LIBRARY.nf_shared_fit(
            byref(shared), byref(self.item), byref(self.scratch), byref(why)
        )
        assert status == why.status
        return why if status else None

    def claim(self) -> bool:
        """False: what the placement holds is no longer free."""
        return self._turn("nf_shared_claim")

    def release(self) -> bool:
        return self._turn("nf_shared_release")

    def _turn(self, name: str) -> bool:
        shared = self.builder.shared
        status = getattr(LIBRARY, name)(byref(shared), byref(self.item), 1, None, None)
        assert LIBRARY.nf_status_name(status) in (b"NF_OK", b"NF_STALE")
        return bool(status == 0)

    def why(self, reason: Reason) -> str:
        return str(LIBRARY.nf_guest_why(self.handle, byref(reason)).decode())


def guest_cell(cell: GuestCell) -> GuestCells:
    return GuestCells(
        cell.memory_mb,
        cell.pagesize or 0,
        len(cell.cpuset),
        len(cell.pcpuset),
        POLICIES[cell.cpu_policy],
        THREADS[cell.cpu_thread_policy],
    )


def _plain(value: Any) -> Any:
    return value.encode() if isinstance(value, str) else value


__all__ = ["LIBRARY", "Builder", "Guest", "GuestCells", "Options", "Reason", "Refused"]
