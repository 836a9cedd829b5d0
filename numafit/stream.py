"""A stream of requests: choose a host for each, take it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress

import numpy as np
import numpy.typing as npt

from numafit._engine import BY, ManyHosts, Prepared, Query
from numafit.claims import Claim, take
from numafit.errors import MOVED, InvalidValue, MisuseError, StalePlacement
from numafit.model.options import FitOptions
from numafit.model.placement import Placement
from numafit.model.request import Request
from numafit.moments import device_lists
from numafit.spans import Hosts, host_indices

CLAIM_ATTEMPTS = 16

Scores = npt.NDArray[np.float64]


class Chooser:
    """How hosts are preferred, and among which."""

    def __init__(self, engine: ManyHosts, choose: str | Scores, hosts: Hosts) -> None:
        n_hosts = engine.columns.n_hosts
        self._engine = engine
        self._epoch = engine.epoch
        self._hosts = host_indices(hosts, n_hosts)
        self._count = n_hosts if self._hosts is None else len(self._hosts)
        self._by, self._scores = _preference(choose, n_hosts)

    def _among(self) -> tuple[npt.NDArray[np.uint32] | None, int, int]:
        """The hosts as the engine has them in this epoch: indices (``None``: those from 0 on) and
        how many."""
        epoch = self._engine.epoch
        if self._hosts is None and self._scores is None:
            return None, self._engine.columns.n_hosts, epoch
        if epoch != self._epoch:
            raise StalePlacement(MOVED)
        return self._hosts, self._count, epoch

    def take(self, query: Query) -> Claim | None:
        """The best of the hosts that can, taken; ``None``: no host can."""
        engine = self._engine
        hosts, count, epoch = self._among()
        attempts = 0
        while attempts < CLAIM_ATTEMPTS:
            with device_lists(engine):
                found = engine.choose(query, hosts, count, self._by, self._scores, epoch)
                if found is None:
                    return None
                if isinstance(found, Placement):
                    with suppress(StalePlacement):
                        return take(engine, found, found._native)
                    if engine.untakable(found._native):
                        hosts = _without(found._native.host, hosts, count)
                        count = len(hosts)
                        continue
            attempts += 1
            if engine.epoch != epoch:
                hosts, count, epoch = self._among()
        raise StalePlacement(f"{CLAIM_ATTEMPTS} hosts in a row changed between choice and claim")


def _without(host: int, hosts: npt.NDArray[np.uint32] | None, count: int) -> npt.NDArray[np.uint32]:
    others = np.arange(count, dtype=np.uint32) if hosts is None else hosts
    return np.ascontiguousarray(others[others != host])


def _preference(choose: str | Scores, n_hosts: int) -> tuple[int, Scores | None]:
    if isinstance(choose, str) and choose in BY and choose != "score":
        return BY[choose], None
    if not isinstance(choose, np.ndarray):
        raise InvalidValue("choose", choose, "'first', 'spread', 'pack' or an array of scores")
    if choose.shape != (n_hosts,) or choose.dtype != np.float64:
        raise MisuseError(f"choose: expected {n_hosts} scores of float64")
    if not choose.flags.c_contiguous:
        raise MisuseError("choose: expected a contiguous array of scores")
    return BY["score"], choose


def schedule(
    engine: ManyHosts,
    requests: Iterable[Request | Prepared],
    chooser: Chooser,
    options: FitOptions | None,
) -> Iterator[Claim | None]:
    """One after the other: the claim, or ``None`` where no host can."""
    for request in requests:
        yield chooser.take(engine.query(request, options))
