"""How are the CPUs of a cell numbered? Core by core; equal layouts are kept once.

A layout lists cores in the host's own order, T slots each (T the power of two that holds the
widest core), then the CPUs that stand in no sibling set. Slot numbers stand for CPU ids in every
mask; the table ``layout_cpus`` turns them back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from numafit.columns.schema import COLUMNS, LAYOUT_DTYPE
from numafit.model.hostinfo import HostCell
from numafit.readers import bounds


@dataclass(slots=True)
class Layout:
    """One interned CPU layout: ``slot_of`` maps a CPU id to its slot, ``cpus`` maps back."""

    shift: int
    threads: int
    n_cores: int
    cpus: list[int]
    dedicated: frozenset[int]
    shared: frozenset[int]
    slot_of: dict[int, int] = field(init=False)

    def __post_init__(self) -> None:
        self.slot_of = {cpu: slot for slot, cpu in enumerate(self.cpus) if cpu >= 0}

    @property
    def siblings(self) -> tuple[frozenset[int], ...]:
        """One set of CPU ids per core, in the order of the slots."""
        wide = 1 << self.shift
        cores = (self.cpus[at : at + wide] for at in range(0, self.n_cores * wide, wide))
        return tuple(frozenset(cpu for cpu in core if cpu >= 0) for core in cores)

    @property
    def alike(self) -> bool:
        """Is each CPU for shared and for dedicated vCPUs?"""
        return self.shared == self.dedicated

    @property
    def n_words(self) -> int:
        return (len(self.cpus) + 63) // 64

    def numbers(self) -> dict[str, int]:
        """Fields of ``struct nf_layout``, but for those that say where its other parts stand."""
        return {
            "shift": self.shift,
            "threads": self.threads,
            "n_cores": self.n_cores,
            "n_slots": len(self.cpus),
            "n_shared": len(self.shared),
            "n_dedicated": len(self.dedicated),
            "same_sets": self.alike,
            "n_words": self.n_words,
        }

    def words(self, mask: int) -> bytes:
        """A mask of slots as the words that the engine reads."""
        return mask.to_bytes(8 * self.n_words, "little")

    def mask(self, cpus: Iterable[int]) -> int:
        """CPU ids -> a mask of slots."""
        slot_of = self.slot_of
        return sum(1 << slot_of[cpu] for cpu in cpus)


def lay_out(cell: HostCell) -> Layout:
    """Number a cell's CPUs core by core."""
    cores = [sorted(core) for core in cell.siblings]
    everything = cell.cpuset | cell.pcpuset | cell.pinned_cpus
    if not cores:
        cores = [[cpu] for cpu in sorted(everything)]
    threads = max(map(len, cores), default=0)
    shift = max(threads - 1, 0).bit_length()
    cpus: list[int] = []
    for core in cores:
        cpus += core + [-1] * ((1 << shift) - len(core))
    listed = {cpu for core in cores for cpu in core}
    cpus += sorted((cell.pcpuset | cell.pinned_cpus) - listed)
    return Layout(
        shift=shift,
        threads=threads,
        n_cores=len(cores),
        cpus=cpus,
        dedicated=cell.pcpuset,
        shared=cell.cpuset,
    )


class Layouts:
    """The distinct layouts of a fleet, in the order in which they were met."""

    def __init__(self, layouts: Iterable[Layout] = ()) -> None:
        self.all: list[Layout] = list(layouts)
        self.ids: dict[Any, int] = {}

    @classmethod
    def holding(cls, layouts: Iterable[Layout]) -> Layouts:
        """Of these, for ``arrays``."""
        made = cls()
        made.all.extend(layouts)
        return made

    def of(self, cell: HostCell) -> int:
        """The number of the cell's layout."""
        extra = cell.pinned_cpus - cell.pcpuset
        key = (cell.siblings, cell.cpuset, cell.pcpuset, extra)
        found = self.ids.get(key)
        if found is None:
            layout = lay_out(cell)
            bounds.name_cpus("siblings", len(layout.cpus), "")
            found = self.ids[key] = len(self.all)
            self.all.append(layout)
        return found

    def cut(self, n: int) -> None:
        """Only the first ``n`` stay."""
        del self.all[n:]
        # they stand in the order in which they were given; one may have come without its layout
        while self.ids and next(reversed(self.ids.values())) >= n:
            self.ids.popitem()

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The layouts one after the other, and likewise their masks and their CPU ids."""
        table = np.zeros(len(self.all), LAYOUT_DTYPE)
        words = bytearray()
        cpus: list[int] = []
        for row, layout in zip(table, self.all, strict=True):
            for name, value in layout.numbers().items():
                row[name] = value
            row["mask_at"] = len(words) // 8
            row["cpu_at"] = len(cpus)
            words += layout.words(layout.mask(layout.dedicated))
            cpus += layout.cpus
        return {
            "layouts": table,
            "layout_words": np.frombuffer(words, "<u8").astype(COLUMNS["layout_words"].dtype),
            "layout_cpus": np.array(cpus, COLUMNS["layout_cpus"].dtype),
        }
