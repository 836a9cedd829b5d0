"""Fleet: many hosts as columns, and the questions that a scheduler and a planner ask of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from numafit._engine import ManyHosts, Query
from numafit.columns import Columns
from numafit.errors import MisuseError
from numafit.model.guest import Limits
from numafit.model.hostinfo import HostInfo
from numafit.model.placement import Placement
from numafit.model.refusal import Refusal
from numafit.model.request import Request

Hosts = Sequence[int] | npt.NDArray[np.integer[Any]] | None
DEFAULT_CAP = 500


class HasHostInfo(Protocol):
    @property
    def hostinfo(self) -> HostInfo: ...


class Fleet:
    """Hosts as columns. ``scan``, ``fit`` and ``capacity`` take the same options:

    ``strategy``, ``physnet_affinity`` and ``pci_matching`` as ``Host.fit`` has them; ``limits``:
    ``"host"`` (each host's own ratios), a Limits for all, or ``None``; ``hosts``: indices to look
    at, in the order of the answer (default: all); ``threads``: how many to use, each started for
    the call and ended with it.
    """

    def __init__(self, hosts: Iterable[HostInfo | HasHostInfo]) -> None:
        infos = [host if isinstance(host, HostInfo) else host.hostinfo for host in hosts]
        self._columns = Columns(infos)
        self._engine = ManyHosts(self._columns)

    def __len__(self) -> int:
        return self._columns.n_hosts

    @property
    def names(self) -> list[str]:
        return list(self._columns.names)

    def scan(
        self,
        request: Request,
        strategy: str = "spread",
        limits: Limits | str | None = "host",
        physnet_affinity: str = "any",
        pci_matching: str = "nova",
        hosts: Hosts = None,
        threads: int = 1,
    ) -> npt.NDArray[np.bool_]:
        """Which hosts can take the guest: a bool a host."""
        query = self._engine.query(request, strategy, limits, physnet_affinity, pci_matching)
        chosen = self._chosen(hosts)
        fits = np.zeros(len(self) if chosen is None else len(chosen), np.uint8)
        self._spread(self._engine.scan, query, chosen, fits, threads)
        return fits.view(np.bool_)

    def capacity(
        self,
        request: Request,
        strategy: str = "spread",
        limits: Limits | str | None = "host",
        physnet_affinity: str = "any",
        pci_matching: str = "nova",
        hosts: Hosts = None,
        threads: int = 1,
        cap: int = DEFAULT_CAP,
    ) -> npt.NDArray[np.uint32]:
        """How many guests like this fit on each host, one after the other, at most ``cap``."""
        if request.guest is None:
            raise MisuseError("capacity: a request without a guest topology has no bound")
        if not 0 <= cap <= 0xFFFFFFFF:
            raise MisuseError(f"cap={cap}: expected 0 to {0xFFFFFFFF}")
        query = self._engine.query(request, strategy, limits, physnet_affinity, pci_matching)
        chosen = self._chosen(hosts)
        counts = np.zeros(len(self) if chosen is None else len(chosen), np.uint32)

        def count(q: Query, some: Any, first: int, n: int, out: npt.NDArray[np.uint32]) -> bool:
            return self._engine.capacity(q, some, first, n, cap, out)

        self._spread(count, query, chosen, counts, threads)
        return counts

    def fit(
        self,
        request: Request,
        strategy: str = "spread",
        limits: Limits | str | None = "host",
        physnet_affinity: str = "any",
        pci_matching: str = "nova",
        hosts: Hosts = None,
        threads: int = 1,
        limit: int | None = None,
    ) -> list[Placement]:
        """Placements on the hosts that can, in order; no more than ``limit`` of them."""
        options = (strategy, limits, physnet_affinity, pci_matching)
        found: list[Placement] = []
        for host in self._candidates(request, options, hosts, threads, limit):
            if limit is not None and len(found) >= limit:
                break
            placement = self._engine.fit(host, request, *options)
            if isinstance(placement, Placement):
                found.append(placement)
        return found

    def explain(
        self,
        request: Request,
        host: int,
        strategy: str = "spread",
        limits: Limits | str | None = "host",
        physnet_affinity: str = "any",
        pci_matching: str = "nova",
    ) -> Refusal | None:
        """Why the guest does not fit this host; ``None`` if it does."""
        found = self._engine.fit(host, request, strategy, limits, physnet_affinity, pci_matching)
        return found if isinstance(found, Refusal) else None

    def check(self) -> str | None:
        """The first invariant that does not hold, in words; ``None``: all is well."""
        return self._engine.check()

    def _candidates(
        self, request: Request, options: Any, hosts: Hosts, threads: int, limit: int | None
    ) -> Iterator[int]:
        """Hosts that can. With a limit there is no point in asking all of them first."""
        everything = range(len(self)) if hosts is None else [int(host) for host in hosts]
        if limit is not None:
            yield from everything
            return
        fits = self.scan(request, *options, hosts=hosts, threads=threads)
        for host, fit in zip(everything, fits.tolist(), strict=True):
            if fit:
                yield host

    def _chosen(self, hosts: Hosts) -> npt.NDArray[np.uint32] | None:
        if hosts is None:
            return None
        given = np.asarray(hosts)
        if given.ndim != 1 or (given.size and not np.issubdtype(given.dtype, np.integer)):
            raise MisuseError("hosts: expected a flat sequence of host indices")
        if given.size and (int(given.min()) < 0 or int(given.max()) >= len(self)):
            raise MisuseError(f"hosts: expected indices from 0 to {len(self) - 1}")
        return np.ascontiguousarray(given, dtype=np.uint32)

    def _spread(
        self,
        call: Callable[..., bool],
        query: Query,
        chosen: npt.NDArray[np.uint32] | None,
        out: npt.NDArray[Any],
        threads: int,
    ) -> None:
        """Cut the work into one range a thread."""
        if threads < 1:
            raise MisuseError(f"threads={threads}: expected 1 or more")
        total = len(out)
        edges = [total * n // threads for n in range(threads + 1)]

        def part(first: int, last: int) -> None:
            some = None if chosen is None else chosen[first:last]
            call(query, some, first, last - first, out[first:last])

        if threads == 1:
            part(0, total)
            return
        failed: list[BaseException] = []

        def guarded(first: int, last: int) -> None:
            try:
                part(first, last)
            except BaseException as error:
                failed.append(error)

        workers = [
            threading.Thread(target=guarded, args=pair)
            for pair in zip(edges, edges[1:], strict=False)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        if failed:
            raise failed[0]
