"""Host: a fleet of one, with the same verbs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Unpack

import numpy.typing as npt

from numafit._engine import Prepared
from numafit.changes import HasHostInfo, info_of
from numafit.claims import Claim, take
from numafit.fleet import Asked, Fleet
from numafit.inherited import release
from numafit.model import fields
from numafit.model.guest import PciRequest
from numafit.model.hostinfo import HostInfo, PciPool
from numafit.model.options import FitKeywords, FitOptions, chosen
from numafit.model.placement import PciSupport, Placement
from numafit.model.refusal import Refusal
from numafit.model.request import Request
from numafit.plurals import counted
from numafit.spans import DEFAULT_CAP


class Host:
    """One host with its usage: fits guests, keeps what they take.

    Made from a HostInfo (any reader gives one) or by ``Host.from_nova``. May be used from several
    threads at once. The verbs are those of a Fleet and take what they take, but ``host``, ``hosts``
    and ``threads``; where a Fleet answers with one value per host, a Host answers with the value.
    What only makes sense for many (``fit`` over hosts, files, Arrow) has ``Fleet([host])``.
    """

    __slots__ = ("_engine", "_fleet", "_pools_known")

    def __init__(self, hostinfo: HostInfo | HasHostInfo) -> None:
        info = info_of("hostinfo", hostinfo)
        self._fleet = Fleet((info,))
        self._engine = self._fleet._engine
        self._pools_known = info.pci_pools is not None

    @classmethod
    def from_nova(
        cls,
        numa_topology: str | Mapping[str, Any] | None,
        pci_stats: str | Mapping[str, Any] | None = None,
        name: str = "",
    ) -> Host:
        """From what ``compute_nodes`` holds: JSON text, or the decoded dict.

        Raises InputError that names the key and the value at fault.
        """
        from numafit.readers.nova_rows import host_from_nova

        return cls(host_from_nova(numa_topology, pci_stats, name=name))

    @classmethod
    def _of(cls, fleet: Fleet, pools_known: bool) -> Host:
        host = cls.__new__(cls)
        host._fleet = fleet
        host._engine = fleet._engine
        host._pools_known = pools_known
        return host

    def fork(self) -> Host:
        """As ``Fleet.fork``."""
        return Host._of(self._fleet.fork(), self._pools_known)

    def copy(self) -> Host:
        """As ``Fleet.copy``."""
        return self.fork()

    def __copy__(self) -> Host:
        return self.fork()

    def __deepcopy__(self, memo: object) -> Host:
        return self.fork()

    def __reduce__(self) -> Any:
        return _arrived, (self._fleet, self._pools_known)

    @property
    def name(self) -> str:
        return self._fleet.names[0]

    @property
    def hostinfo(self) -> HostInfo:
        """The host with its usage, as it is now: a value that later claims do not change."""
        info = self._fleet.hostinfo(0)
        return info if self._pools_known else replace(info, pci_pools=None)

    def prepare(self, request: Request) -> Prepared:
        """As ``Fleet.prepare``."""
        return self._fleet.prepare(request)

    def fit(
        self,
        request: Asked,
        options: FitOptions | None = None,
        **keywords: Unpack[FitKeywords],
    ) -> Placement | Refusal:
        """Where the guest lands, or why it does not fit. The host is left as it is."""
        if keywords:
            options = chosen(options, keywords)
        return self._engine.fit(0, request, options)

    def not_judged(self, request: Asked) -> tuple[str, ...]:
        """What answers about the request leave open, as ``Placement.not_judged``."""
        return tuple(self._fleet.not_judged(request))

    def explain(
        self,
        request: Asked,
        options: FitOptions | None = None,
        **keywords: Unpack[FitKeywords],
    ) -> Refusal | None:
        """Why the guest does not fit; ``None`` if it does."""
        return self._fleet.explain(request, 0, options, **keywords)

    def scan(
        self,
        request: Asked,
        options: FitOptions | None = None,
        **keywords: Unpack[FitKeywords],
    ) -> bool:
        """Whether the host can take the guest."""
        return bool(self._fleet.scan(request, options, **keywords)[0])

    def capacity(
        self,
        request: Asked | Sequence[Asked],
        options: FitOptions | None = None,
        cap: int = DEFAULT_CAP,
        weights: Sequence[float] | None = None,
        **keywords: Unpack[FitKeywords],
    ) -> int | list[int]:
        """How many guests like this fit, one after the other: a number, or a list of them for a mix
        (``Fleet.capacity`` says how those arrive)."""
        counts = self._fleet.capacity(request, options, cap=cap, weights=weights, **keywords)
        found: int | list[int] = counts[0].tolist()
        return found

    def supports_pci(
        self,
        requests: Iterable[PciRequest],
        cells: Iterable[int] | None = None,
        provider_mapping: Mapping[str, Sequence[str]] | None = None,
        options: FitOptions | None = None,
        **keywords: Unpack[FitKeywords],
    ) -> PciSupport:
        """As ``Fleet.supports_pci``."""
        return self._fleet.supports_pci(requests, 0, cells, provider_mapping, options, **keywords)

    def claim(
        self,
        what: Asked | Placement,
        options: FitOptions | None = None,
        **keywords: Unpack[FitKeywords],
    ) -> Claim:
        """As ``Fleet.claim``, of a placement or a request. A placement may come from elsewhere."""
        if isinstance(what, Placement):
            return take(self._engine, what, self._engine.adopt(0, what))
        return self._fleet.claim(what, 0, options, **keywords)

    def claim_all(self, placements: Iterable[Placement]) -> list[Claim]:
        """Take all of these placements or, raising StalePlacement, none."""
        wanted = fields.listed("placements", placements, "a list of Placements")
        return self._fleet.claim_all(wanted, hosts=(0,) * len(wanted))

    def release(self, what: Claim | Placement | Iterable[Claim]) -> None:
        """Give back a claim, several, or a placement that was in use when the host was read."""
        if isinstance(what, Claim):
            release(self._engine, (what,))
        else:
            self._fleet.release(what, 0 if isinstance(what, Placement) else None)

    def schedule(
        self,
        requests: Iterable[Asked],
        options: FitOptions | None = None,
        **keywords: Unpack[FitKeywords],
    ) -> Iterator[Claim | None]:
        """For each request of a stream: take it, yield the Claim (``None``: it does not fit)."""
        return self._fleet.schedule(requests, options=options, **keywords)

    def usage(self) -> list[dict[str, Any]]:
        """Per cell, as ``Fleet.usage``."""
        return self._fleet.usage(0)

    def pools(self) -> list[PciPool]:
        """PCI pools with what is free in them, in nova's order; those used up are left out."""
        return self._fleet.pools(0)

    def columns(self, copy: bool = True) -> dict[str, npt.NDArray[Any]]:
        """As ``Fleet.columns``."""
        return self._fleet.columns(copy)

    def check(self) -> str | None:
        """The first invariant that does not hold, in words; ``None``: all is well."""
        return self._fleet.check()

    def _repr_svg_(self) -> str:
        """The picture that notebooks show."""
        from numafit.views.svg import host_svg

        return host_svg(self.hostinfo)

    def __repr__(self) -> str:
        return f"Host({self.name!r}, {counted(self._engine.columns.n_cells, 'cell')})"


def _arrived(fleet: Fleet, pools_known: bool) -> Host:
    return Host._of(fleet, pools_known)
