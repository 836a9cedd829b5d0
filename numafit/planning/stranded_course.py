"""How do fragments come and go? The index and what is stranded, over a series of fleets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sized
from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np

from numafit.errors import MisuseError
from numafit.fleet import Fleet
from numafit.model import fields
from numafit.model.options import FitKeywords, FitOptions
from numafit.model.request import Request
from numafit.planning import reasons
from numafit.planning.answer import Answer, Glance
from numafit.planning.stranded import Stranded, stranded
from numafit.planning.tables import Table, frame_of, rows_of
from numafit.progress import Progress, Shown, checked
from numafit.spans import DEFAULT_CAP


@dataclass(frozen=True)
class Course(Answer):
    """One answer for each moment, in the order in which they were given. Arrays have one value for
    each moment; those of ``of`` are about one kind of thing."""

    moments: tuple[str, ...]
    answers: tuple[Stranded, ...]

    def of(self, kind: str = reasons.CPUS) -> Table:
        """``moment``, ``free``, ``stranded`` (units on all hosts) and ``index``."""
        at = [one.kinds.index(kind) if kind in one.kinds else None for one in self.answers]
        pairs = list(zip(self.answers, at, strict=True))
        return {
            "moment": np.array(self.moments, object),
            "free": np.array([0 if n is None else int(one.free_in_all[n]) for one, n in pairs]),
            "stranded": np.array([0 if n is None else int(one.in_all[n]) for one, n in pairs]),
            "index": np.array([one.index_of(kind) for one in self.answers]),
        }

    def frame(self, library: str | None = None, kind: str = reasons.CPUS) -> Any:
        """``of(kind)`` as a DataFrame of ``"pandas"`` or ``"polars"``; ``None``: of the one that is
        installed (``numafit[plot]``)."""
        return frame_of(self.of(kind), library)

    def picture(self, kind: str = reasons.CPUS) -> Any:
        """A matplotlib Figure: what is free and stranded, and the index (``numafit[plot]``)."""
        from numafit.planning.pictures import stranded_course

        title = str(self) if kind == reasons.CPUS else ""
        return stranded_course(kind, self.of(kind), title)

    def _glance(self) -> Glance:
        table = self.of()
        return list(table), list(rows_of(table))

    def __str__(self) -> str:
        """One sentence about dedicated CPUs, from the first moment to the last."""
        one = self.of()
        index = one["index"]
        return (
            f"From {self.moments[0]} to {self.moments[-1]} the fragmentation of dedicated CPUs "
            f"went from {index[0]:.2f} to {index[-1]:.2f}, the stranded ones from "
            f"{one['stranded'][0]:,} of {one['free'][0]:,} to "
            f"{one['stranded'][-1]:,} of {one['free'][-1]:,}."
        )


def stranded_over(
    series: Iterable[tuple[str, Fleet]],
    catalogue: Mapping[str, Request],
    options: FitOptions | None = None,
    *,
    shares: Mapping[str, float] | None = None,
    mixed: bool = False,
    cap: int = DEFAULT_CAP,
    threads: int = 1,
    progress: Progress = None,
    **keywords: Unpack[FitKeywords],
) -> Course:
    """``stranded`` of a fleet at each moment: pairs of what to call it and the fleet, which may be
    made when its turn comes. ``progress``: as ``numafit.progress`` has it, by moment."""
    moments, answers = [], []
    given = fields.iterable("series", series, "pairs of a moment's name and a Fleet")
    how: dict[str, Any] = {"shares": shares, "mixed": mixed, "cap": cap, "threads": threads}
    total = len(series) if isinstance(series, Sized) else None
    with Shown(checked(progress), total, "moment") as show:
        for moment, fleet in given:
            fields.text("moment", moment)
            answer = stranded(fleet, catalogue, options, **how, **keywords, progress=False)
            moments.append(moment)
            answers.append(answer)
            show(1)
    if not moments:
        raise MisuseError("series: expected at least one moment")
    return Course(tuple(moments), tuple(answers))
