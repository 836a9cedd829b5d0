"""Changes in words: what is to be done, how much of it, and where."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from numafit.cpuset import format_cpu_list
from numafit.model.hostinfo import HostCell, HostInfo, PciPool
from numafit.model.refusal import size_words
from numafit.model.request import Request
from numafit.planning import explain_changed_host as h
from numafit.planning import explain_changed_request as r
from numafit.planning.explain_search import Key
from numafit.plurals import counted
from numafit.views.words import memory

GUEST = "guest"


@dataclass(frozen=True, slots=True)
class Part:
    """One change of a suggestion. ``what``: a word for its kind, ``amount``: how much, in units
    that the kind says (CPUs, vCPUs, pages, MiB, devices, units of a resource class; 1 of what is
    or is not), ``cell``: id of the host cell, or number of the guest cell where the request is
    changed, ``None``: of none; ``subject``: what it is about by name. ``text`` is all of it."""

    what: str
    amount: int
    cell: int | None
    subject: str
    text: str

    def __str__(self) -> str:
        return self.text


def host_part(info: HostInfo, spare: Mapping[Key, PciPool], key: Key, amount: int) -> Part:
    what, *about = key
    if what in (h.POOL, h.DEVICE):
        pool = info.pci_pools[about[0]] if what == h.POOL and info.pci_pools else spare[key]
        subject = _device(pool)
        node = "" if pool.numa_node is None else f" on node {pool.numa_node}"
        text = f"{counted(amount, 'more free device')} ({subject}){node}"
        return Part("devices", amount, pool.numa_node, subject, text)
    if what in _OF_CELL:
        cell = h.cell_of(info, about[0])
        return Part(what, amount, cell.id, _subject(key), _OF_CELL[what](cell, key, amount))
    if what in (h.NEAR, h.FAR):
        place = "near" if what == h.NEAR else "not near"
        text = f"{_net(about[1])} {place} cell {about[0]}"
        return Part(what, amount, about[0], about[1] or "tunnels", text)
    subject = str(about[0]) if about else ""
    if what == h.METADATA:
        subject = f"{about[0]}={about[1]}"
    if what == h.UNITS:
        inventory = None if info.provider is None else info.provider.inventories.get(subject)
        used = 0 if inventory is None else inventory.used
        if amount <= used:
            return Part(what, amount, None, subject, f"free {amount} {subject}")
        more = f" ({used} of them in use)" if used else ""
        return Part(what, amount, None, subject, f"{amount} more {subject}{more}")
    words = {
        h.TRAIT: "trait {} on the host",
        h.NO_TRAIT: "no trait {} on the host",
        h.JOIN: "the host in aggregate {}",
        h.LEAVE: "the host not in aggregate {}",
        h.METADATA: "aggregate metadata {} for the host",
        h.ZONE: "the host in availability zone {}",
        h.SERVICE: "the host's compute service takes guests",
    }
    return Part(what, amount, None, subject, words[what].format(subject))


def _freed(cell: HostCell, key: Key, amount: int) -> str:
    cpus = h.to_free(cell, key[2])[:amount]
    named = f"{'CPU' if amount == 1 else 'CPUs'} {format_cpu_list(cpus)}"
    return f"free {counted(amount, 'dedicated CPU')} on cell {cell.id} ({named})"


def _into(which: str, candidates: Callable[[HostCell], list[int]]) -> Callable[..., str]:
    def text(cell: HostCell, key: Key, amount: int) -> str:
        cpus = candidates(cell)[:amount]
        named = f"{'CPU' if amount == 1 else 'CPUs'} {format_cpu_list(cpus)}"
        return f"{counted(amount, 'more CPU')} in the {which} set of cell {cell.id} ({named})"

    return text


def _pages(cell: HostCell, key: Key, amount: int) -> str:
    size, more = key[2], amount > h.pages_of(cell, key[2]).used
    if size < 1024:
        pages = f"{size_words(amount * size)}{' more' * more} in pages of {size_words(size)}"
    else:
        pages = f"{counted(amount, 'more ' * more + 'page')} of {size_words(size)}"
    return f"{'' if more else 'free '}{pages} on cell {cell.id}"


_OF_CELL: Mapping[str, Callable[[HostCell, Key, int], str]] = {
    h.FREE: _freed,
    h.DEDICATED: _into("dedicated", h.to_dedicate),
    h.SHARED: _into("shared", h.to_share),
    h.PAGES: _pages,
    h.MEMORY: lambda cell, key, amount: f"free {memory(amount)} on cell {cell.id}",
    h.FLOATING: lambda cell, key, amount: (
        f"{counted(amount, 'shared vCPU')} fewer on cell {cell.id}"
    ),
}


def _subject(key: Key) -> str:
    return size_words(key[2]) if key[0] == h.PAGES else ""


_CONDITIONS = {
    "aggregate_specs": "aggregate_instance_extra_specs:{}",
    "capabilities": "extra spec {}",
    "image": "image property {}",
}


def request_part(request: Request, key: Key, amount: int, cells: int) -> Part:
    """``cells``: of the guest, with all parts of the suggestion."""
    what, *about = key
    first: Any = about[0] if about else None
    if what in (r.FEWER_DEDICATED, r.FEWER_SHARED, r.LESS_MEMORY):
        where = " in each guest cell" if first == r.EACH else f" in guest cell {first}"
        where = where if cells > 1 else ""
        texts = {
            r.FEWER_DEDICATED: f"{counted(amount, 'dedicated vCPU')} fewer",
            r.FEWER_SHARED: f"{counted(amount, 'shared vCPU')} fewer",
            r.LESS_MEMORY: f"{memory(amount)} less memory",
        }
        cell = None if first == r.EACH else first
        return Part(what, amount, cell, "", texts[what] + where)
    subject = "" if first is None else str(first)
    if what == r.CELLS:
        now = 0 if request.guest is None else len(request.guest.cells)
        return Part(what, amount, None, subject, f"{counted(first, 'guest cell')} instead of {now}")
    if what == r.PAGE_SIZE:
        text = "no page size" if first is None else f"pages of {size_words(first)}"
        return Part(what, amount, None, "" if first is None else size_words(first), text)
    if what == r.NETWORK:
        text = f"without {_net(subject)}" if subject else "without tunnel networks"
        return Part(what, amount, None, subject or "tunnels", text)
    if what in (r.DEVICES, r.PREFERRED):
        asked = request.pci[first]
        name = f"PCI request {asked.alias_name or first}"
        if what == r.PREFERRED:
            text = f"{name} near the guest preferred, not {asked.numa_policy or 'legacy'}"
        elif amount == asked.count:
            text = f"without {name}"
        else:
            text = f"{counted(amount, 'device')} fewer in {name}"
        return Part(what, amount, None, asked.alias_name or str(first), text)
    if what == r.NO_CONDITION:
        name = _CONDITIONS[first].format(about[1][0])
        return Part(what, amount, None, name, f"without {name}")
    if what == r.NO_GROUP:
        subject = " or ".join(sorted(first))
    words = {
        r.POLICY: "CPU policy {}",
        r.THREADS: "no CPU thread policy",
        r.EMULATOR: "no isolated emulator threads",
        r.FEWER_UNITS: _fewer_units(subject, amount),
        r.NO_NEED: "trait {} not required",
        r.NO_BAN: "trait {} not forbidden",
        r.ANY_ZONE: "any availability zone",
        r.NOT_IN: "aggregate {} not forbidden",
        r.NO_GROUP: "aggregate {} not required",
    }
    return Part(what, amount, None, subject if about and first else "", words[what].format(subject))


def _fewer_units(name: str, amount: int) -> str:
    """Of a guest without a topology those of CPUs and memory are its own."""
    if name == "VCPU":
        return f"{counted(amount, 'vCPU')} fewer"
    return f"{memory(amount)} less memory" if name == "MEMORY_MB" else f"{amount} {name} fewer"


def guest_part(name: str, vcpus: int, memory_mb: int) -> Part:
    text = f"{name} leaves ({counted(vcpus, 'vCPU')}, {memory(memory_mb)})"
    return Part(GUEST, 1, None, name, text)


def _net(name: str) -> str:
    return f"physical network {name}" if name else "the tunnel endpoint"


def _device(pool: PciPool) -> str:
    words = [f"{pool.vendor_id or 'any'}:{pool.product_id or 'any'}"]
    if kind := pool.tags.get("dev_type"):
        words.append(str(kind))
    if net := pool.tags.get("physical_network"):
        words.append(f"of {_net(str(net))}")
    return " ".join(words)
