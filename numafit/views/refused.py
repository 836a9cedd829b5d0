"""Many refusals at a glance: the reasons in words, on how many hosts each, and the nearest miss."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from numafit.model.refusal import Refusal, page_words, size_words
from numafit.model.resources import is_resource_class

_T = TypeVar("_T")

# each reason with a quantity, in words for many hosts, and the unit of what is missing; memory in
# pages of a size comes in KiB
_SHORT = {
    "too_few_cells": ("fewer NUMA cells than the guest", "host cell"),
    "pages": ("too little free memory in {pages} pages", "KiB"),
    "pages_total": ("too little memory in {pages} pages, free or not", "KiB"),
    "memory": ("too little free memory in a cell", "MiB"),
    "memory_total": ("too little memory in a cell, free or not", "MiB"),
    "dedicated_total": ("too few dedicated CPUs in a cell, free or not", "dedicated CPU"),
    "shared_total": ("too few shared CPUs in a cell", "shared CPU"),
    "free_cpus": ("too few free dedicated CPUs in a cell", "dedicated CPU"),
    "unlisted_cpus": ("too few free dedicated CPUs of known cores in a cell", "dedicated CPU"),
    "isolate_cores": ("too few whole free cores in a cell (thread policy isolate)", "core"),
    "require_cores": ("too few CPUs on cores with free siblings (thread policy require)", "CPU"),
    "cpu_limit": ("more shared vCPUs than the allocation ratio allows", "vCPU"),
    "memory_limit": ("more memory than the allocation ratio allows", "MiB"),
    "assignment": ("too few cells with room for a guest cell at the same time", "cell"),
    "resource": ("{subject}: too little free", "{subject}"),
    "pci_devices": ("{subject}: too few devices match", "device"),
    "pci_numa": ("{subject}: too few devices near the guest", "device"),
}
_KIB = {"KiB": 1, "MiB": 1024}
# the others: words for all hosts, where those of one host name its devices
_COMMON = {
    "page_size": "no {pages} pages in a cell that would do",
    "emulator_cpu": "no free CPU left for the emulator threads",
    "pci_together": "no choice of cells serves all PCI requests at once",
    "together": "no choice of cells serves networks and PCI requests at once",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """``hosts`` of them are refused for the same: ``words``. ``nearest``: the one that lacks
    least, ``short`` of it in words; both empty where nothing is counted."""

    code: str
    words: str
    hosts: int
    short: str = ""
    nearest: str = ""

    @property
    def miss(self) -> str:
        """``2 dedicated CPUs short on xeon-0005``."""
        return f"{self.short} short on {self.nearest}" if self.short else ""


def reasons(refusals: Iterable[Refusal]) -> list[Reason]:
    """The reasons of these refusals, one of a host, those of most hosts first."""
    return [reason for reason, _refused in by_reason(refusals, lambda one: one)]


def by_reason(
    refused: Iterable[_T], refusal_of: Callable[[_T], Refusal]
) -> list[tuple[Reason, list[_T]]]:
    """Each reason with those that it refuses: the reason of most hosts first, of each the host
    first that lacks least."""
    groups: dict[tuple[str, str, str], list[tuple[int, int, _T]]] = {}
    for n, one in enumerate(refused):
        refusal = refusal_of(one)
        words, unit = _words(refusal)
        missing = refusal.missing if unit else 0
        groups.setdefault((refusal.reason, words, unit), []).append((missing, n, one))
    found = []
    for (code, words, unit), group in groups.items():
        group.sort(key=lambda entry: entry[:2])
        least, _n, nearest = group[0]
        reason = Reason(code, words, len(group))
        if unit:
            refusal = refusal_of(nearest)
            name = refusal.host_name or f"host {refusal.host}"
            reason = replace(reason, short=_amount(least, unit), nearest=name)
        found.append((reason, [one for _missing, _n, one in group]))
    return sorted(found, key=lambda entry: -entry[0].hosts)


def _words(refusal: Refusal) -> tuple[str, str]:
    """What stands for the refusals of all hosts like this one, and the unit that is counted."""
    names = {"pages": page_words(refusal.detail), "subject": refusal.subject}
    if refusal.reason in _SHORT:
        words, unit = _SHORT[refusal.reason]
        return words.format(**names), unit.format(**names)
    if refusal.reason in _COMMON:
        return _COMMON[refusal.reason].format(**names), ""
    if refusal.reason == "host_class" and refusal.subject and refusal.missing > 0:
        # the most that one guest gets differs from host to host
        return f"{refusal.subject}: more than one guest may have at once", refusal.subject
    return refusal.message, ""


def _amount(number: int, unit: str) -> str:
    """``unit`` in the singular, or a resource class, which has no other form."""
    if unit in _KIB:
        return size_words(number * _KIB[unit])
    return f"{number} {unit}" if number == 1 or is_resource_class(unit) else f"{number} {unit}s"
