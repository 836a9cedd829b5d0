"""One guest cell on one host cell: memory, CPUs, threads, limits. As nova judges a fresh pair."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from numafit import GuestCell

from .state import Cell, Placed

SMALL, LARGE, ANY = -1, -2, -3
Ratios = tuple[float | None, float | None]


def judge(cell: Cell, guest: GuestCell, ratios: Ratios, emulator: bool) -> Placed | None:
    """Where the guest cell's vCPUs and memory go, or ``None``. ``emulator``: a host CPU has to be
    kept for the emulator threads too."""
    pinned = guest.cpu_policy in ("dedicated", "mixed")
    floating = guest.cpu_policy != "dedicated"
    size = None
    if guest.pagesize:
        size = _page_size(cell, guest)
        if size is None:
            return None
    elif not _memory_suffices(cell, guest, pinned):
        return None
    if floating and len(guest.cpuset) > len(cell.shared):
        return None  # a guest does not overcommit against itself
    pins: dict[int, int] = {}
    reserved: frozenset[int] = frozenset()
    if pinned:
        if len(guest.pcpuset) + emulator > len(cell.free):
            return None
        if not guest.cpuset | guest.pcpuset:
            return None  # nova takes a pinned cell without vCPUs for none that fits
        threads = threads_of(cell, guest, emulator)
        if threads is None:
            return None
        pins, reserved = threads
    if floating and not _within_limits(cell, guest, ratios):
        return None
    return Placed(cell, size, pins, reserved)


def _page_size(cell: Cell, guest: GuestCell) -> int | None:
    """The page size that serves the guest: of those that it may have, the largest that can."""
    largest_first = cell.sizes[::-1]
    wanted = {SMALL: largest_first[-1:], LARGE: largest_first[:-1], ANY: largest_first}
    sizes: Iterable[int] = wanted.get(guest.pagesize or 0, [guest.pagesize or 0])
    for size in sizes:
        if size in cell.pages and _in_pages(cell, guest, size, free=True):
            return size
    return None


def _in_pages(cell: Cell, guest: GuestCell, size: int, free: bool) -> bool:
    kib = guest.memory_mb * 1024
    return kib % size == 0 and kib <= cell.pages_kib(size, free)


def _memory_suffices(cell: Cell, guest: GuestCell, pinned: bool) -> bool:
    """Without a page size: shared guests may share memory with others, pinned ones do not."""
    if cell.sizes:
        return _in_pages(cell, guest, cell.sizes[0], free=pinned)
    return guest.memory_mb <= (cell.memory_free if pinned else cell.memory)


def _within_limits(cell: Cell, guest: GuestCell, ratios: Ratios) -> bool:
    cpu, ram = ratios
    if cpu is not None and cell.shared_used + len(guest.cpuset) > len(cell.shared) * cpu:
        return False
    return ram is None or not cell.memory_used + guest.memory_mb > cell.memory * ram


def threads_of(
    cell: Cell, guest: GuestCell, emulator: bool
) -> tuple[dict[int, int], frozenset[int]] | None:
    """Which free threads the dedicated vCPUs get, and which one the emulator threads."""
    free = cell.free
    cores = [[cpu for cpu in core if cpu in free] for core in cell.cores]
    vcpus = sorted(guest.pcpuset)
    if guest.cpu_thread_policy == "isolate":
        return _isolated(cell, cores, vcpus, emulator)
    least = 1
    if guest.cpu_thread_policy == "require":
        if cell.width <= 1:
            return None
        least = 2
    everything = list(chain(*cores))
    # as many threads of each core as possible, of cores that have so many free
    for threads in range(max(map(len, cores), default=0), least - 1, -1):
        taken = chain(*(core[:threads] for core in cores if len(core) >= threads))
        found = _pinned(vcpus, list(taken), everything, emulator)
        if found is not None:
            return found
    if guest.cpu_thread_policy == "require":
        return None
    return _pinned(vcpus, everything, everything, emulator)


def _pinned(
    vcpus: list[int], usable: list[int], everything: list[int], emulator: bool
) -> tuple[dict[int, int], frozenset[int]] | None:
    if len(usable) < len(vcpus):
        return None
    pins = dict(zip(vcpus, usable, strict=False))
    if not emulator:
        return pins, frozenset()
    left = [cpu for cpu in everything if cpu not in pins.values()]
    if not vcpus or not left:
        return None  # beside no dedicated vCPU there is no CPU for emulator threads either
    return pins, frozenset(left[:1])


def _isolated(
    cell: Cell, cores: list[list[int]], vcpus: list[int], emulator: bool
) -> tuple[dict[int, int], frozenset[int]] | None:
    """One thread of a core that is free as a whole, and as wide as any."""
    if cell.width != 1 and cell.dedicated != cell.shared:
        return None  # bug 1889633: only hosts of the old vcpu_pin_set give whole cores away
    whole = [core for core in cores if len(core) == cell.width]
    if not vcpus or len(whole) < len(vcpus):
        return None
    pins = {vcpu: core[0] for vcpu, core in zip(vcpus, whole, strict=False)}
    if not emulator:
        return pins, frozenset()
    used = set(pins.values())
    left = [core[0] for core in cores if core and not used.intersection(core)]
    return (pins, frozenset(left[:1])) if left else None
