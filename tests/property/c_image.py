"""A fleet in a file as a C program opens it, which asks what Python has prepared for the file."""

from __future__ import annotations

import ctypes
from ctypes import byref, c_char_p, c_uint32, c_uint64
from pathlib import Path
from typing import Any

import numafit._engine as engine
from numafit import Fleet, Request, shared
from numafit.model.options import FitOptions
from tests.header import abi_version
from tests.property.c_library import LIBRARY, Hosts, Options, Scratch

_BYTES = 1 << 20
"""More than ``struct nf_image`` has."""

_PRIVATE = 1
_FLEET = 48
"""Where ``struct nf_request`` has ``fleet``."""

_CAPSULE = f"nf_api_{abi_version()}"


def _request_of() -> Any:
    """The last entry of ``nf_api``."""
    point = ctypes.pythonapi.PyCapsule_GetPointer
    point.restype, point.argtypes = ctypes.c_void_p, [ctypes.py_object, c_char_p]
    table = point(getattr(engine, _CAPSULE), f"numafit._engine.{_CAPSULE}".encode())
    size = c_uint32.from_address(table + 4).value
    entry = ctypes.c_void_p.from_address(table + size - ctypes.sizeof(ctypes.c_void_p)).value
    return ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object)(entry)


class Image:
    """Of a file that ``shared.write`` wrote, private to who opens it; a context manager."""

    def __init__(self, path: Path) -> None:
        self._python = shared.open(path)
        self._memory = ctypes.create_string_buffer(_BYTES)
        reason = c_char_p()
        status = LIBRARY.nf_open(str(path).encode(), _PRIVATE, self._memory, byref(reason))
        assert status == 0, reason.value
        at = ctypes.addressof(self._memory)
        # struct nf_shared begins with where the fleet is, which the image begins with
        self._shared = ctypes.c_void_p(at + self._memory.raw.index(at.to_bytes(8, "little")))
        self.n_hosts = self._count("n_hosts", c_uint32).value

    def __enter__(self) -> Image:
        return self

    def __exit__(self, *_what: object) -> None:
        LIBRARY.nf_close(self._memory)

    def _count(self, name: str, kind: Any) -> Any:
        number = 0
        while count := LIBRARY.nf_count(number):
            if count.contents.name == name.encode():
                return kind.from_buffer(self._memory, count.contents.offset)
            number += 1
        raise AssertionError(name)

    def fault(self) -> str | None:
        reason = c_char_p()
        status = LIBRARY.nf_shared_check(self._shared, byref(reason))
        return (reason.value or b"").decode() if status else None

    def names(self) -> list[str]:
        tell = LIBRARY.nf_image_host_name
        tell.restype = ctypes.c_void_p
        size = ctypes.c_size_t()
        found = []
        for host in range(self.n_hosts):
            at = tell(self._memory, c_uint32(host), byref(size))
            assert at
            found.append(ctypes.string_at(at, size.value).decode())
        return found

    def capacity(self, request: Request, cap: int) -> list[int]:
        """With the limits of each host, host cells in the order of ``spread``."""
        prepared = self._python.prepare(request)
        asked = ctypes.c_void_p(_request_of()(prepared))
        # both have the numbers of the file
        self._count("identity", c_uint64).value = c_uint64.from_address(asked.value + _FLEET).value
        need = LIBRARY.nf_capacity_bytes
        need.restype = ctypes.c_size_t
        size = need(self._memory, asked)
        memory = ctypes.create_string_buffer(size + 64)
        start = ctypes.addressof(memory)
        scratch = Scratch(ctypes.c_void_p(start + -start % 64), size)
        hosts, options = Hosts(None, 0, self.n_hosts), Options(limits=1)
        counts = (c_uint32 * max(self.n_hosts, 1))()
        status = LIBRARY.nf_shared_capacity(
            self._shared, byref(hosts), asked, byref(options), c_uint32(cap), byref(scratch), counts
        )
        assert status == 0, LIBRARY.nf_status_name(status)
        return list(counts)[: self.n_hosts]


def capacity(fleet: Fleet, request: Request, cap: int) -> list[int]:
    """The same question to Python."""
    options = FitOptions(strategy="spread", limits="host")
    counts: list[int] = fleet.capacity(request, cap=cap, options=options).tolist()
    return counts
