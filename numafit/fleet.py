"""Fleet: many hosts as columns, and the questions that a scheduler and a planner ask of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import numpy.typing as npt

from numafit._engine import ManyHosts, Prepared
from numafit.adopting import Written, all_or_error
from numafit.changes import Changes, HasHostInfo, info_of
from numafit.claims import Claim, take, take_all
from numafit.columns import Columns, npz
from numafit.columns.snapshot import HostNow
from numafit.copied import CopiedHalf
from numafit.devices import pci_support
from numafit.errors import MOVED, InvalidValue, MisuseError, StalePlacement, shorten
from numafit.filled import FilledHalf
from numafit.inherited import release
from numafit.journal import Journal
from numafit.model import fields
from numafit.model.guest import PciRequest
from numafit.model.hostinfo import HostInfo, PciPool
from numafit.model.options import FitKeywords, FitOptions, chosen
from numafit.model.placement import PciSupport, Placement
from numafit.model.refusal import Refusal
from numafit.model.request import Request
from numafit.moments import columns_now, host_now, unchanged
from numafit.placement_half import PlacementHalf
from numafit.shown import ShownHalf
from numafit.spans import (
    DEFAULT_CAP,
    FEW_HOSTS,
    Hosts,
    host_index,
    host_indices,
    in_one_numbering,
    in_threads,
    mix_shares,
)
from numafit.stream import CLAIM_ATTEMPTS, Chooser, schedule

if TYPE_CHECKING:
    from numafit.columns.nova_rows import Row
    from numafit.following import Seen

Asked = Request | Prepared
_ONE = (Request, Prepared, str, bytes)
"""What is not a mix of requests, before a look that takes longer."""


def _read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view


class Fleet(Changes, PlacementHalf, FilledHalf, CopiedHalf, ShownHalf):
    """Hosts as columns.

    Every verb that fits takes ``options``, or the fields of FitOptions as keywords of its own:
    ``fleet.scan(request, strategy="pack", limits=None)``. Those over many hosts take ``hosts``
    too: indices to look at, in the order of the answer (default: all), and ``threads``: how many
    to use, each started for the call and ended with it. ``host`` is one index; ``index`` finds
    it by name. A request is a Request, or what ``prepare`` made of it.

    Arguments of another kind raise MisuseError, which names what was expected.
    """

    def __init__(self, hosts: Iterable[HostInfo | HasHostInfo]) -> None:
        given = fields.iterable("hosts", hosts, "a list of HostInfo or Host")
        self._columns = Columns(info_of(f"hosts[{n}]", host) for n, host in enumerate(given))
        self._engine = ManyHosts(self._columns)
        self._held = self._engine.keep()
        self._followed: dict[str, Seen] = {}

    @classmethod
    def from_nova_rows(
        cls, rows: Iterable[Row], progress: Callable[[int], object] | None = None
    ) -> Fleet:
        """A fleet from rows of nova's ``compute_nodes``, read one after the other.

        A row is ``(name, numa_topology, pci_stats)``, with ``cpu_allocation_ratio`` and
        ``ram_allocation_ratio`` behind them where they are known, or a mapping of the columns'
        names. ``progress`` is called with the number of rows now and then, and at the end.

        Raises InputError that names the row, the key and the value at fault.
        """
        from numafit.columns.nova_rows import gather_rows

        if progress is not None and not callable(progress):
            raise InvalidValue("progress", progress, "a function of one number, or None")
        given = fields.iterable("rows", rows, "rows of compute_nodes")
        return cls._of(Columns(gather_rows(given, progress)))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fleet with its usage to an ``.npz`` file, as a whole or not at all. Hosts that
        were removed are left out, so that ``load`` gives those behind them other indices.

        What other threads claim and release meanwhile is not in it. With it goes the place in the
        fleet's journal, where it has one. A file that is replaced keeps its mode, and a symlink
        still points to it. Raises ``OSError``, and ``InputError`` for a path at which there is
        something else than a regular file.
        """
        npz.save(columns_now(self._engine), fields.path("path", path))

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], claims: Iterable[Written] | Journal | None = None
    ) -> Fleet:
        """A fleet that ``save`` wrote, with the ``claims`` that were held then, as ``adopt`` takes
        them. Raises InputError for a file that is cut, changed or not one of numafit's, and for
        claims that do not hold."""
        fleet = cls._of(npz.load(fields.path("path", path)), holds=True)
        if claims is not None:
            all_or_error(fleet.adopt(claims).lost, os.fspath(path))
        return fleet

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Arrow's PyCapsule interface: ``pyarrow.table(fleet)``, ``polars.from_arrow(fleet)``.

        A snapshot with one row per host (numafit/columns/to_arrow.py has its columns), so that what
        ``scan`` and ``capacity`` answer stands beside it. Needs nanoarrow (``numafit[arrow]``).
        """
        from numafit.columns import to_arrow

        return to_arrow.stream(columns_now(self._engine)).__arrow_c_stream__(None)

    def __arrow_c_schema__(self) -> object:
        """The type of a row, as Arrow's PyCapsule interface hands it over."""
        from numafit.columns import to_arrow

        return to_arrow.schema().__arrow_c_schema__()

    @classmethod
    def from_arrow(cls, source: Any) -> Fleet:
        """A fleet from anything with ``__arrow_c_stream__`` that has a fleet's columns; others
        are passed over. Raises InputError that names the row, the key and the value at fault.
        Needs nanoarrow (``numafit[arrow]``).
        """
        from numafit.columns import from_arrow

        gatherer, generations = from_arrow.gather(source)
        columns = Columns(gatherer)
        columns.host_generation[:] = generations
        from_arrow.leave_removed(columns)
        return cls._of(columns)

    @classmethod
    def _of(cls, columns: Columns, holds: bool = False) -> Fleet:
        """``holds``: its derived columns are filled, and all of them were checked."""
        fleet = cls.__new__(cls)
        fleet._columns = columns
        fleet._engine = ManyHosts(columns, holds)
        fleet._held = fleet._engine.keep()
        fleet._followed = {}
        return fleet

    def __len__(self) -> int:
        return self._columns.n_hosts

    @property
    def names(self) -> list[str]:
        """Of each host, ``""`` of one that has none, and of one that was removed."""
        return self._columns.names[: len(self)]

    def hostinfo(self, host: int) -> HostInfo:
        """One host with its usage, as it is now: a value that later claims do not change."""
        with unchanged(self._engine):
            return self._now(host).hostinfo()

    def hostinfos(self, hosts: Hosts = None) -> Iterator[HostInfo]:
        """``hostinfo`` of each host, one after the other. Raises StalePlacement once ``compact``
        has come in between."""
        epoch = self._engine.epoch
        indices = host_indices(hosts, len(self))
        everything = range(len(self)) if indices is None else indices.tolist()
        return (self._hostinfo_of(host, epoch) for host in everything)

    def _hostinfo_of(self, host: int, epoch: int) -> HostInfo:
        with unchanged(self._engine):
            if self._engine.epoch != epoch:
                raise StalePlacement(MOVED)
            return self._now(host).hostinfo()

    def _now(self, host: int) -> HostNow:
        """The host at this moment: no claim is seen by half."""
        return host_now(self._engine, host_index(host, len(self)))[1]

    def prepare(self, request: Request) -> Prepared:
        """The request in this fleet's numbers, its names looked up once; every verb takes it."""
        return self._engine.prepare(request)

    def columns(self, copy: bool = True) -> dict[str, npt.NDArray[Any]]:
        """The arrays of ``struct nf_fleet`` (numafit.h says what each holds, and in what unit) by
        their names: of this moment, or with ``copy=False`` read-only views that show what claims
        change, as they change it, until the fleet grows and has others."""
        copy = fields.yes_or_no("copy", copy)
        with self._columns.changes_lock:
            arrays = self._engine.lent
            if copy:
                still = self._columns.tidy  # what no claim changes, nothing does
                kept = {name: a if still else a.copy() for name, a in arrays.items()}
                arrays = {**kept, **self._engine.copies()}
        return {name: _read_only(array) for name, array in arrays.items()}

    def c_columns(self) -> dict[str, Any]:
        """``struct nf_fleet`` of numafit.h, field by field: numbers, and copies of the arrays, all
        of one moment."""
        with self._columns.changes_lock:
            now = self._engine.copies()
            still = {name: a.copy() for name, a in self._engine.lent.items() if name not in now}
            return {**self._engine.counts(), **still, **now}

    def scan(
        self,
        request: Asked,
        options: FitOptions | None = None,
        hosts: Hosts = None,
        threads: int = 1,
        **keywords: Unpack[FitKeywords],
    ) -> npt.NDArray[np.bool_]:
        """Which hosts can take the guest: one bool per host."""
        if keywords:
            options = chosen(options, keywords)
        query = self._engine.query(request, options)

        def ask(indices: npt.NDArray[np.uint32] | None, n: int) -> npt.NDArray[np.uint8]:
            fits = np.zeros(n, np.uint8)

            def part(first: int, last: int) -> None:
                some = None if indices is None else indices[first:last]
                self._engine.scan(query, some, first, last - first, fits[first:last])

            in_threads(part, n, threads)
            return fits

        return in_one_numbering(self._engine, hosts, ask).view(np.bool_)

    def capacity(
        self,
        request: Asked | Sequence[Asked],
        options: FitOptions | None = None,
        hosts: Hosts = None,
        threads: int = 1,
        cap: int = DEFAULT_CAP,
        weights: Sequence[float] | None = None,
        **keywords: Unpack[FitKeywords],
    ) -> npt.NDArray[np.uint32]:
        """How many guests like this fit on each host, one after the other, at most ``cap``.

        A list of requests is a mix, and the answer has one row per host and one column per request:
        how many of each fit when they arrive in turns. ``weights`` are their shares of the arrivals
        (default: equal ones). The next to arrive is the one with the smallest
        ``(arrived + 1) / weight``, among equals the first in the list; one that is refused, or has
        come ``cap`` times, comes no more, and the others go on until none is left.
        """
        if keywords:
            options = chosen(options, keywords)
        cap = fields.number("cap", cap, 0, 0xFFFFFFFF)
        mixed = not isinstance(request, _ONE) and isinstance(request, Sequence)
        asked: Sequence[Any] = request if mixed else (request,)  # type: ignore[assignment]
        queries = [self._engine.query(one, options) for one in asked]
        if not all(query.bounded for query in queries):
            raise MisuseError("capacity: the request asks for nothing that runs out")
        shares = mix_shares(weights, len(queries), mixed)

        def ask(indices: npt.NDArray[np.uint32] | None, n: int) -> npt.NDArray[np.uint32]:
            counts = np.zeros((n, len(queries)) if mixed else n, np.uint32)

            def part(first: int, last: int) -> None:
                some = None if indices is None else indices[first:last]
                span = (some, first, last - first, cap, counts[first:last])
                if mixed:
                    self._engine.mix(queries, shares, *span)
                else:
                    self._engine.capacity(queries[0], *span)

            in_threads(part, n, threads, step=FEW_HOSTS)
            return counts

        return in_one_numbering(self._engine, hosts, ask)

    def fit(
        self,
        request: Asked,
        options: FitOptions | None = None,
        hosts: Hosts = None,
        threads: int = 1,
        limit: int | None = None,
        **keywords: Unpack[FitKeywords],
    ) -> list[Placement]:
        """Placements on the hosts that can, in order; no more than ``limit`` of them."""
        if keywords:
            options = chosen(options, keywords)
        if limit is not None:
            limit = fields.number("limit", limit, 0, 0xFFFFFFFF, "placements")

        def ask(indices: npt.NDArray[np.uint32] | None, n: int) -> list[Placement]:
            found: list[Placement] = []
            asked: Iterable[int] = range(n) if indices is None else indices.tolist()
            if limit is None:  # else there is no point in asking all of them first
                fits = self.scan(request, options, indices, threads)
                # others may have been added
                asked = [host for host, fit in zip(asked, fits.tolist(), strict=False) if fit]
            for host in asked:
                if limit is not None and len(found) >= limit:
                    break
                placement = self._engine.fit(host, request, options)
                if isinstance(placement, Placement):
                    found.append(placement)
            return found

        return in_one_numbering(self._engine, hosts, ask)

    def fit_on(
        self,
        request: Asked,
        host: int,
        options: FitOptions | None = None,
        **keywords: Unpack[FitKeywords],
    ) -> Placement | Refusal:
        """Where the guest lands on this host, or why it does not fit. The host is left as it is."""
        if keywords:
            options = chosen(options, keywords)
        return self._engine.fit(host_index(host, len(self)), request, options)

    def explain(
        self,
        request: Asked,
        host: int,
        options: FitOptions | None = None,
        **keywords: Unpack[FitKeywords],
    ) -> Refusal | None:
        """Why the guest does not fit this host; ``None`` if it does."""
        found = self.fit_on(request, host, options, **keywords)
        return found if isinstance(found, Refusal) else None

    def supports_pci(
        self,
        requests: Iterable[PciRequest],
        host: int,
        cells: Iterable[int] | None = None,
        provider_mapping: Mapping[str, Sequence[str]] | None = None,
        options: FitOptions | None = None,
        **keywords: Unpack[FitKeywords],
    ) -> PciSupport:
        """Can the host's pools serve these requests for a guest on these of its cells (ids;
        ``None``: a guest without NUMA topology)? The host is left as it is.

        ``provider_mapping`` is placement's allocation: request group -> provider uuids. Of the
        options ``pci_matching`` alone has a bearing on the answer.
        """
        if keywords:
            options = chosen(options, keywords)
        host = host_index(host, len(self))
        return pci_support(self._engine, host, requests, cells, provider_mapping, options)

    def claim(
        self,
        what: Asked | Placement,
        host: int | None = None,
        options: FitOptions | None = None,
        **keywords: Unpack[FitKeywords],
    ) -> Claim:
        """Take a placement, or fit a request on ``host`` and take that, in one atomic step.

        Of a placement is checked what is physical: CPUs, pages, memory, devices. One that ``fit``
        made on an earlier state of the host is judged again, limits included; StalePlacement where
        it does not hold: nothing is taken then. A request that does not fit raises StalePlacement
        too, with the refusal in words. MisuseError where a placement does not speak of the host's
        cells and CPUs.
        """
        if isinstance(what, Placement):
            return self._take(what, host)
        if not isinstance(what, Request | Prepared):
            raise MisuseError(f"claim: got {shorten(what)}, expected a Placement or a Request")
        if host is None:
            raise MisuseError("host: expected the index of the host to take the request on")
        if keywords:
            options = chosen(options, keywords)
        host = host_index(host, len(self))
        for _attempt in range(CLAIM_ATTEMPTS):
            placement = self._engine.fit(host, what, options)
            if isinstance(placement, Refusal):
                raise StalePlacement(f"{self._engine.known_as(host)}: {placement.message}")
            try:
                return self._take(placement, None)
            except StalePlacement:
                if self._engine.untakable(placement._native):
                    raise
                # another thread was faster; what is left may still do
        raise StalePlacement(
            f"{self._engine.known_as(host)}: changed under {CLAIM_ATTEMPTS} attempts in a row"
        )

    def claim_all(self, placements: Iterable[Placement], hosts: Hosts = None) -> list[Claim]:
        """Take all of these placements or, raising StalePlacement, none.

        ``hosts``: the index for each, where the placements were not made by this fleet.
        """
        wanted = fields.many(
            "placements", placements, Placement, "a Placement", "a list of Placements"
        )
        where = (
            (None,) * len(wanted)
            if hosts is None
            else fields.listed("hosts", hosts, "a list of host indices")
        )
        if len(where) != len(wanted):
            raise MisuseError(f"hosts: {len(where)} indices for {len(wanted)} placements")
        placed = [
            self._engine.adopt(self._host_of(placement, host), placement)
            for placement, host in zip(wanted, where, strict=True)
        ]
        return take_all(self._engine, wanted, placed)

    def _take(self, placement: Placement, host: int | None) -> Claim:
        placed = self._engine.adopt(self._host_of(placement, host), placement)
        return take(self._engine, placement, placed)

    def release(self, what: Claim | Placement | Iterable[Claim], host: int | None = None) -> None:
        """Give a claim back, or several: all of them or, raising StalePlacement, none.

        A Placement too, which was in use when ``host`` was read. A fork takes the claims too that
        were held when it was made, and gives them back in itself alone: what if this guest leaves?
        """
        if isinstance(what, Placement):
            self._engine.release([self._engine.adopt(self._host_of(what, host), what)])
            return
        if host is not None:
            raise MisuseError("host: expected none beside claims, which know theirs")
        if not isinstance(what, Claim):
            expected = "a Claim, a list of Claims or a Placement"
            what = fields.many("claims", what, Claim, "a Claim", expected)
        release(self._engine, (what,) if isinstance(what, Claim) else what)

    def schedule(
        self,
        requests: Iterable[Asked],
        choose: str | npt.NDArray[np.float64] = "first",
        options: FitOptions | None = None,
        hosts: Hosts = None,
        **keywords: Unpack[FitKeywords],
    ) -> Iterator[Claim | None]:
        """For each request of a stream: choose a host, take it, yield the Claim (``None``: no host
        can). Claims may be released while the stream goes on.

        ``choose``: ``"first"`` host that can; ``"spread"`` and ``"pack"``: the one with most or
        least left (dedicated CPUs for pinned guests, memory for shared ones) of all that can; or
        an array of one score per host, read anew for each request: the largest wins. A host that
        another thread changes between choice and claim is chosen again; after
        ``CLAIM_ATTEMPTS`` of those StalePlacement says so.
        """
        if keywords:
            options = chosen(options, keywords)
        if options is not None:
            fields.instance("options", options, FitOptions)
        given = fields.iterable("requests", requests, "a list of Requests")
        return schedule(self._engine, given, Chooser(self._engine, choose, hosts), options)

    def _host_of(self, placement: Placement, host: int | None) -> int:
        if host is None:
            host = self._engine.host_of(placement)
        if host is None:
            raise MisuseError("host: the placement was made elsewhere; name the host's index")
        return host_index(host, len(self))

    def usage(self, host: int) -> list[dict[str, Any]]:
        """What is in use in each cell of the host: ``id``, ``cpu_usage`` (shared vCPUs),
        ``memory_usage`` (MiB), ``pinned_cpus`` (host CPU ids, ascending) and ``mempages``
        (``size_kb``, ``used`` pages)."""
        with unchanged(self._engine):
            return self._now(host).usage()

    def pools(self, host: int) -> list[PciPool]:
        """The host's PCI pools with what is free in them, in nova's order; those used up are left
        out."""
        with unchanged(self._engine):
            return list(self._now(host).free_pools())

    def check(self) -> str | None:
        """The first invariant that does not hold, in words; ``None``: all is well."""
        with self._columns.changes_lock:
            return self._engine.check()
