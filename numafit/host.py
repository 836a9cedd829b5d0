"""Host: a fleet of one, with the same verbs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from numafit._engine import Engine
from numafit.claims import Claim, give_back, take
from numafit.columns import Columns
from numafit.columns.snapshot import free_pools
from numafit.model.guest import Limits, PciRequest
from numafit.model.hostinfo import HostInfo, PagePool, PciPool
from numafit.model.placement import PciSupport, Placement
from numafit.model.refusal import Refusal
from numafit.model.request import Request


class Host:
    """One host with its usage: fits guests, keeps what they take.

    Made from a HostInfo (any reader gives one) or by ``Host.from_nova``. May be used from several
    threads at once.
    """

    __slots__ = ("_columns", "_engine", "_info")

    def __init__(self, hostinfo: HostInfo) -> None:
        self._info = hostinfo
        self._columns = Columns([hostinfo])
        self._engine = Engine(self._columns)

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

    @property
    def name(self) -> str:
        return self._info.name

    def fit(
        self,
        request: Request,
        strategy: str = "spread",
        limits: Limits | str | None = "host",
        physnet_affinity: str = "any",
        pci_matching: str = "nova",
    ) -> Placement | Refusal:
        """Where the guest lands, or why it does not fit. The host is left as it is.

        ``strategy``: ``"spread"`` and ``"pack"`` look at host cells in nova's order
        (``[compute] packing_host_numa_cells_allocation_strategy``); ``"closest"`` chooses the
        cells with the smallest NUMA distances between them. ``limits``: ratios for shared guests,
        ``"host"`` for those that the host carries, ``None`` for none. ``physnet_affinity``:
        ``"any"``: one guest cell near a physical network will do, as nova decides; ``"all"``: the
        guest covers every cell that is near it. ``pci_matching``: ``"nova"`` serves request after
        request and takes nothing back; ``"exact"`` finds an allocation whenever there is one.
        """
        return self._engine.fit(0, request, strategy, limits, physnet_affinity, pci_matching)

    def supports_pci(
        self,
        requests: Iterable[PciRequest],
        cells: Iterable[int] | None = None,
        pci_matching: str = "nova",
        provider_mapping: Mapping[str, Sequence[str]] | None = None,
    ) -> PciSupport:
        """Can the pools serve these requests for a guest on these host cells (ids; ``None``: a
        guest without NUMA topology)? The host is left as it is.

        ``provider_mapping`` is placement's allocation: request group -> provider uuids.
        """
        columns = self._columns
        reason, draws = self._engine.supports_pci(
            0, tuple(requests), tuple(cells or ()), pci_matching, provider_mapping
        )
        if reason:
            return PciSupport(False, reason=reason)
        left = columns.pool_count.tolist()
        for _request, pool, count in draws:
            left[pool] -= count
        drawn = {pool for _request, pool, _count in draws}
        return PciSupport(
            True,
            tuple(draws),
            tuple(
                replace(info, count=max(count, 0))
                for n, (info, count) in enumerate(zip(columns.pools, left, strict=True))
                if count > 0 or (count == 0 and n not in drawn)
            ),
        )

    def claim(self, placement: Placement) -> Claim:
        """Take what the placement holds: CPUs, pages, memory, devices.

        Checked is what is physical. A placement that ``fit`` made on an earlier state of the host
        is judged again, limits included. Raises StalePlacement where it does not hold (nothing
        changes then), MisuseError where it does not speak of this host's cells and CPUs.
        """
        placed = self._engine.adopt(0, placement)
        return take(self._engine, placement, placed)

    def release(self, claim: Claim | Placement) -> None:
        """Give back a claim, or a placement that was in use when the host was read."""
        if isinstance(claim, Placement):
            self._engine.release([self._engine.adopt(0, claim)])
            return
        give_back(self._engine, [claim])

    def usage(self) -> list[dict[str, Any]]:
        """Per cell: ``id``, ``cpu_usage`` (shared vCPUs), ``memory_usage`` (MiB), ``pinned_cpus``
        (host CPU ids, ascending) and ``mempages`` (``size_kb``, ``used`` pages)."""
        return self._columns.usage(0)

    def pools(self) -> list[PciPool]:
        """PCI pools with what is free in them, in nova's order; those used up are left out."""
        return list(free_pools(self._columns, 0))

    def check(self) -> str | None:
        """The first invariant that does not hold, in words; ``None``: all is well."""
        return self._engine.check()

    @property
    def hostinfo(self) -> HostInfo:
        """The host as it is now."""
        cells = []
        for cell, used in zip(self._info.cells, self.usage(), strict=True):
            pages = {page["size_kb"]: page["used"] for page in used["mempages"]}
            cells.append(
                replace(
                    cell,
                    cpu_usage=used["cpu_usage"],
                    memory_usage=used["memory_usage"],
                    pinned_cpus=frozenset(used["pinned_cpus"]),
                    page_pools=tuple(
                        PagePool(p.size_kib, p.total, pages[p.size_kib], p.reserved)
                        for p in cell.page_pools
                    ),
                )
            )
        pools = None if self._info.pci_pools is None else tuple(self.pools())
        return replace(self._info, cells=tuple(cells), pci_pools=pools)

    def _repr_svg_(self) -> str:
        """The picture that notebooks show."""
        from numafit.views.svg import host_svg

        return host_svg(self.hostinfo)

    def __repr__(self) -> str:
        return f"Host({self.name!r}, {self._columns.n_cells} cells)"
