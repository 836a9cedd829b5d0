"""By which quantity does it end? Reasons of refusal, in classes that planners think in."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from numafit._engine import reasons
from numafit._header import PAGES_ANY, PAGES_LARGE, PAGES_SMALL
from numafit.model.refusal import size_words

AT_CAP = "the cap"
CPUS = "dedicated CPUs"
SHARED = "shared CPUs"
WHOLE_CORES = "cores with all threads free"
SIBLINGS = "cores with siblings free"
EMULATOR = "a CPU for emulator threads"
CPU_RATIO = "cpu_allocation_ratio"
RAM_RATIO = "ram_allocation_ratio"
MEMORY = "memory"
RULED_OUT = "traits, aggregates or zone"
RESTING = "a service that takes guests"
REMOVED = "a host that is there"
CELLS = "NUMA cells"
OTHER_CELL = "room on another cell"
NETWORKS = "cells near the networks"
DEVICES = "devices"
NEAR_DEVICES = "devices near the guest"
TOGETHER = "cells near networks and devices at once"
UNDECIDED = "not decided"
NOTHING_ASKS = "no flavor asks for it"

_CLASSES = {
    "ok": AT_CAP,
    "removed": REMOVED,
    "no_topology": CELLS,
    "too_few_cells": CELLS,
    "memory": MEMORY,
    "memory_total": MEMORY,
    "dedicated_total": CPUS,
    "free_cpus": CPUS,
    "unlisted_cpus": CPUS,
    "pinned_empty": CPUS,
    "shared_total": SHARED,
    "isolate_shared": WHOLE_CORES,
    "isolate_cores": WHOLE_CORES,
    "isolate_empty": WHOLE_CORES,
    "require_no_smt": SIBLINGS,
    "require_cores": SIBLINGS,
    "emulator_cpu": EMULATOR,
    "emulator_empty": EMULATOR,
    "cpu_limit": CPU_RATIO,
    "memory_limit": RAM_RATIO,
    "assignment": OTHER_CELL,
    "physnet": NETWORKS,
    "tunnel": NETWORKS,
    "networks": NETWORKS,
    "pci_devices": DEVICES,
    "pci_numa": NEAR_DEVICES,
    "pci_together": DEVICES,
    "together": TOGETHER,
    "undecided": UNDECIDED,
    "stale": UNDECIDED,
}
"""Those whose class depends on nothing else."""
_PAGES = ("page_size", "page_multiple", "pages", "pages_total")
# without a size that was asked for, guests live in what is not set aside for large pages
_PAGE_WORDS = {
    0: MEMORY,
    PAGES_SMALL: MEMORY,
    PAGES_LARGE: "large pages",
    PAGES_ANY: "pages of any size",
}


@functools.cache
def number_of(name: str) -> int:
    """The status of a reason by its name."""
    return reasons().index(name)


def name_of(number: int) -> str:
    """The reason of a status, as a Refusal has it."""
    return reasons()[number]


class Words:
    """Classes in words, each with a number."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, word: str) -> int:
        return self._numbers.setdefault(word, len(self._numbers))

    @property
    def all(self) -> tuple[str, ...]:
        return tuple(self._numbers)


LACK = np.dtype([("what", np.int64), ("short", np.int64)])
"""Number of a class, and how much more of it would let the next check be asked (0: no quantity
tells): CPUs, cores, MiB, devices, units; of pages of a size that was asked for, pages."""


def lacks(
    found: npt.NDArray[Any],
    words: Words,
    resource_names: Sequence[str],
    ruled_out: Callable[[int], str],
) -> npt.NDArray[Any]:
    """A LACK for each REASON. ``resource_names``: of the fleet, in the order of its columns;
    ``ruled_out``: what a kind of host, by its number, lacks for the request."""
    detail = found["detail"].astype(np.int64)
    pairs = found["status"].astype(np.int64) << 32 | (detail & 0xFFFFFFFF)
    distinct, which = np.unique(pairs, return_inverse=True)
    each = []
    for pair in distinct.tolist():
        name, low = reasons()[pair >> 32], pair & 0xFFFFFFFF
        number = low - (1 << 32) if low >> 31 else low
        if name in _PAGES:
            word = _PAGE_WORDS.get(number) or page_label(number)
        elif name == "resource":
            word = f"{resource_names[number]} of placement"
        else:
            word = ruled_out(number) if name == "host_class" else _CLASSES[name]
        each.append(words.number(word))
    answer = np.zeros(len(found), LACK)
    answer["what"] = np.array(each, np.int64)[which.reshape(-1)]
    answer["short"] = _short(found)
    return answer


_COUNTED = (
    "pages", "memory", "free_cpus", "unlisted_cpus", "isolate_cores", "require_cores",
    "emulator_cpu", "cpu_limit", "memory_limit", "resource", "pci_devices", "pci_numa",
)  # fmt: skip


def _short(found: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    short = np.maximum(found["wanted"] - found["available"], 0)
    status, size = found["status"], found["detail"].astype(np.int64)
    # pages are told in KiB
    in_kib = status == number_of("pages")
    unit = np.where(in_kib, np.where(size > 0, size, 1024), 1)
    counted = np.isin(status, [number_of(name) for name in _COUNTED])
    return np.where(counted, -(-short // unit), 0).astype(np.int64)


def page_label(kib: int) -> str:
    return f"pages of {size_words(kib)}"


def furthest(found: npt.NDArray[Any], sizes: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """Of each host's cells (``found``, host after host, ``sizes`` of each) the reason that came
    furthest through the checks; an OK where it has no cells."""
    answer = np.zeros(len(sizes), found.dtype)
    some = sizes > 0
    if not some.any():
        return answer
    order = found["status"].astype(np.int64) * (len(found) + 1) - np.arange(len(found))
    starts = (np.cumsum(sizes) - sizes)[some]
    best = np.maximum.reduceat(order, starts)
    answer[some] = found[-best % (len(found) + 1)]
    return answer
