"""Why a guest does not fit: Refusal, in words and numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from numafit._header import PAGES_ANY, PAGES_LARGE, PAGES_SMALL
from numafit.errors import InvalidValue

_PAGE_WORDS = {PAGES_SMALL: "small", PAGES_LARGE: "large", PAGES_ANY: "any size of"}

# what a status says, with the quantities it comes with; memory quantities are KiB or MiB as
# numafit.h says at each status
_SENTENCES = {
    "host_class": "the host is ruled out whatever is free on it",
    "resource": "{wanted} unit{s} wanted, {available} free",
    "no_topology": "the host has no NUMA topology",
    "too_few_cells": "the guest has {wanted} cell{s}, the host {available}",
    "page_size": "the cell has no {pages} pages",
    "page_multiple": "{wanted_kib} is not a whole number of {available_kib} pages",
    "pages": "{wanted_kib} wanted in {pages} pages, {available_kib} free",
    "pages_total": "{wanted_kib} wanted, the cell has {available_kib} in all",
    "memory": "{wanted} MiB wanted, {available} MiB free",
    "memory_total": "{wanted} MiB wanted, the cell has {available} MiB in all",
    "dedicated_total": "{wanted} dedicated CPU{s} wanted, the cell has {available} in all",
    "shared_total": "{wanted} shared CPU{s} wanted, the cell has {available} in all",
    "free_cpus": "{wanted} dedicated CPU{s} wanted, {available} free",
    "unlisted_cpus": "{wanted} CPU{s} of known cores wanted, {available} free",
    "pinned_empty": "a guest cell with policy dedicated or mixed needs a vCPU",
    "isolate_shared": "thread policy isolate needs a host without SMT"
    " (or one configured by vcpu_pin_set)",
    "isolate_cores": "{wanted} whole free core{s} wanted, {available} there",
    "isolate_empty": "thread policy isolate needs dedicated vCPUs in every guest cell",
    "require_no_smt": "thread policy require needs cores with sibling threads",
    "require_cores": "{wanted} CPU{s} on cores with free siblings wanted, {available} there",
    "emulator_cpu": "no free CPU left for the emulator threads",
    "emulator_empty": "isolated emulator threads need dedicated vCPUs in guest cell 0",
    "cpu_limit": "{wanted} shared vCPU{s} with this guest, the allocation ratio allows {available}",
    "memory_limit": "{wanted} MiB with this guest, the allocation ratio allows {available} MiB",
    "assignment": "only {available} of {wanted} guest cells can be placed at the same time",
    "physnet": "no choice of cells is near physical network {network}",
    "tunnel": "no choice of cells is near the tunnel endpoint",
    "networks": "no choice of cells is near all {wanted} networks at once",
    "pci_devices": "PCI request {detail}: {wanted} device{s} wanted, {available} match",
    "pci_numa": "PCI request {detail}: {wanted} device{s} wanted near the guest, {available} there",
    "pci_together": "no choice of cells serves all PCI requests",
    "together": "no choice of cells serves networks and PCI requests together",
    "undecided": "the search gave up before an answer was found; allow a larger budget",
    "stale": "what the placement holds is no longer free",
    "removed": "the host was removed from the fleet",
}


def size_words(kib: int) -> str:
    """``2097152`` -> ``"2 GiB"``."""
    for size, unit in ((1 << 20, "GiB"), (1 << 10, "MiB")):
        if kib and kib % size == 0:
            return f"{kib // size} {unit}"
    return f"{kib} KiB"


def page_words(detail: int) -> str:
    """What a refusal's ``detail`` says of pages: a size in KiB, or what was asked for in words."""
    return _PAGE_WORDS.get(detail) or (size_words(detail) if detail > 0 else "the smallest")


def sentence(reason: str, wanted: int, available: int, detail: int, network: str = "") -> str:
    """``reason`` is a status of the engine without ``NF_``, in lower case."""
    try:
        words = _SENTENCES[reason]
    except (KeyError, TypeError):
        known = ", ".join(_SENTENCES)
        raise InvalidValue("reason", reason, f"one of {known}") from None
    return words.format(
        wanted=wanted,
        s="" if wanted == 1 else "s",
        available=available,
        detail=detail,
        wanted_kib=size_words(wanted),
        available_kib=size_words(available),
        pages=page_words(detail),
        network=network,
    )


@dataclass(frozen=True, slots=True)
class CellRefusal:
    """The first thing that keeps guest cell ``guest_cell`` off host cell ``host_cell`` (an id).

    ``reason`` is ``"fits"`` where nothing does. Units of ``wanted`` and ``available`` depend on
    the reason: CPUs, cores, MiB, or KiB for page reasons; ``message`` spells them out.
    """

    guest_cell: int
    host_cell: int
    reason: str
    wanted: int
    available: int
    detail: int
    message: str


Pair = tuple[int, int, str, int, int, int]
"""Guest cell, id of the host cell, and the rest of a CellRefusal; ``"ok"`` where it fits."""


class Told(Protocol):
    """What a Refusal is made of: numbers that turn into words when somebody looks."""

    @property
    def reason(self) -> str: ...
    @property
    def wanted(self) -> int: ...
    @property
    def available(self) -> int: ...
    @property
    def detail(self) -> int: ...
    @property
    def host(self) -> int | None: ...
    @property
    def host_name(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def message(self) -> str: ...
    def decode(self) -> list[Pair]: ...


@dataclass(frozen=True, slots=True)
class _Written:
    """One that the engine did not make."""

    reason: str
    wanted: int
    available: int
    detail: int
    host: int | None
    host_name: str
    subject: str
    message: str

    def decode(self) -> list[Pair]:
        return []


class Refusal:
    """The guest does not fit; false in a condition. What it says is of the moment at which it was
    made, whatever changes before it is read.

    ``reason``: the code (such as ``"free_cpus"``; docs/reference/reasons.md has all),
    ``wanted`` and ``available``: its quantities, ``message``: all of it in words, ``cells``: a
    CellRefusal for each pair of guest and host cell.
    ``subject``: what it is about by name (a resource class, a physical network, a PCI request),
    ``""`` where numbers say all. ``host``: index of the host in the fleet (0 of a Host),
    ``host_name``: its name, ``""`` where it has none.
    """

    __slots__ = ("_cells", "_told")

    _cells: tuple[CellRefusal, ...] | None
    _told: Told

    def __init__(
        self,
        reason: str,
        wanted: int = 0,
        available: int = 0,
        detail: int = 0,
        *,
        host: int | None = None,
        host_name: str = "",
        subject: str = "",
        words: str = "",
        cells: Iterable[CellRefusal] = (),
    ) -> None:
        message = words or sentence(reason, wanted, available, detail, subject)
        self._told = _Written(reason, wanted, available, detail, host, host_name, subject, message)
        self._cells = tuple(cells)

    @property
    def reason(self) -> str:
        return self._told.reason

    @property
    def wanted(self) -> int:
        return self._told.wanted

    @property
    def available(self) -> int:
        return self._told.available

    @property
    def detail(self) -> int:
        return self._told.detail

    @property
    def host(self) -> int | None:
        return self._told.host

    @property
    def host_name(self) -> str:
        return self._told.host_name

    @property
    def subject(self) -> str:
        return self._told.subject

    @property
    def message(self) -> str:
        return self._told.message

    @property
    def cells(self) -> tuple[CellRefusal, ...]:
        if self._cells is None:
            self._cells = tuple(
                CellRefusal(
                    guest,
                    host,
                    "fits" if reason == "ok" else reason,
                    wanted,
                    available,
                    detail,
                    "fits" if reason == "ok" else sentence(reason, wanted, available, detail),
                )
                for guest, host, reason, wanted, available, detail in self._told.decode()
            )
        return self._cells

    @property
    def missing(self) -> int:
        """How far ``available`` is below ``wanted`` where it is nearest: on the best cell that is
        refused for the same reason, of guest cells that no host cell takes."""
        pairs = (
            self._told.decode()
            if self._cells is None
            else [
                (c.guest_cell, c.host_cell, c.reason, c.wanted, c.available, c.detail)
                for c in self._cells
            ]
        )
        placed = {guest for guest, _host, reason, *_rest in pairs if reason in ("ok", "fits")}
        short = [
            wanted - available
            for guest, _host, reason, wanted, available, detail in pairs
            if guest not in placed and (reason, detail) == (self.reason, self.detail)
        ]
        return min(short, default=self.wanted - self.available)

    def __bool__(self) -> bool:
        return False

    def __str__(self) -> str:
        return self.message

    def __repr__(self) -> str:
        where = f"host={self.host!r}, host_name={self.host_name!r}"
        return f"Refusal({where}, reason={self.reason!r}, message={self.message!r})"

    def __reduce__(self) -> Any:
        quantities = (self.wanted, self.available, self.detail)
        where = (self.host, self.host_name)
        said = (self.subject, self.message)
        return _rebuild, (self.reason, *quantities, *where, *said, self.cells)


def _rebuild(
    reason: str,
    wanted: int,
    available: int,
    detail: int,
    host: int | None,
    host_name: str,
    subject: str,
    words: str,
    cells: tuple[CellRefusal, ...],
) -> Refusal:
    return Refusal(
        reason,
        wanted,
        available,
        detail,
        host=host,
        host_name=host_name,
        subject=subject,
        words=words,
        cells=cells,
    )
