"""One call that changes hosts of a fleet: gathered as a whole, then put in place one by one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from numafit._as_one import as_one, or_undo
from numafit._engine import HostDraft, ManyHosts
from numafit._header import REMOVED_CLASS
from numafit.claims import Claim, write_taken
from numafit.columns import Columns
from numafit.columns.gather import Gatherer
from numafit.columns.growing import grown
from numafit.columns.living import Living, Place
from numafit.errors import MisuseError, StalePlacement
from numafit.holding import Holding
from numafit.judging import Judged, in_usage, on_top
from numafit.model.hostinfo import HostInfo, PciPool
from numafit.model.placement import PciAllocation, with_native
from numafit.moments import writing
from numafit.rules.candidates import HostKind

Source = Any
"""A HostInfo, or a row of nova."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How sources of one kind are read. ``gatherer``: makes one in the numbers of another; ``add``:
    lets it gather a source; ``info``: the source as a HostInfo."""

    gatherer: Callable[[Gatherer], Gatherer]
    add: Callable[[Any, Source], None]
    info: Callable[[Source], HostInfo]


INFOS = Kind(Gatherer, Gatherer.add_host, lambda info: info)


@dataclass(frozen=True, slots=True)
class Target:
    """``host``: index; ``source``: what is there from now on; ``counted``: its usage has the claims
    that are held there."""

    host: int
    source: Source
    counted: bool = True


class Change:
    """Of one call. The caller holds ``changes_lock``."""

    def __init__(self, engine: ManyHosts, kind: Kind = INFOS) -> None:
        self._engine = engine
        self._columns: Columns = engine.columns
        if self._columns.read_only:
            raise MisuseError("the fleet is open for reading alone: change a fork() of it")
        self._kind = kind
        if self._columns.living is None:
            self._columns.tidy = False
            self._columns.living = Living(self._columns)
        self._living: Living = self._columns.living
        # a fork that was made since has the dict that was there
        self._living.tables.pools.providers = self._columns.own("providers")
        self.lost: list[Claim] = []
        self._renamed: dict[Claim, None] = {}

    def put(self, targets: Sequence[Target]) -> None:
        """Raises InputError for a source that cannot be, and changes nothing."""
        columns, n_hosts = self._columns, self._columns.n_hosts
        gathered = self._gather(targets)
        for n, target in enumerate(targets):
            self._put_one(gathered, n, target)
        fresh = [(target.host, n) for n, target in enumerate(targets) if target.host >= n_hosts]
        if fresh:
            end = n_hosts + len(fresh)

            def name_them() -> None:
                for host, n in fresh:
                    columns.own("names").put(host, gathered.names[n])

            with columns.devices_lock:
                as_one(lambda: self._engine.publish(end), lambda: columns.n_hosts == end, name_them)

    def remove(self, host: int) -> None:
        """All claims on the host are lost."""
        engine, columns = self._engine, self._columns
        with columns.devices_lock:
            (cell, pool, word), sizes = engine.place_of(host)
            name, kind = columns.names[host], kind_of(columns, host)
            claims: list[Claim] = []

            def rest() -> None:
                claims.extend(self._claims(host)[0])  # from here on there are no more
                for claim in claims:
                    freeze(claim, name, kind)
                self._forget_pools(pool, sizes[2])
                columns.own("providers_of_hosts").pop(host, None)
                columns.own("names").put(host, "")
                self._settle([], [(claim, "its host was removed") for claim in claims])

            removed = columns.host_class
            as_one(lambda: engine.take_out(host), lambda: removed[host] == REMOVED_CLASS, rest)
            self._living.give_back(Place(cell, pool, word), *sizes)

    def _gather(self, targets: Sequence[Target]) -> Gatherer:
        """The sources in the fleet's numbers, of which C has all."""
        living, columns = self._living, self._columns

        def learn() -> tuple[Gatherer, list[int]]:
            gathered = self._kind.gatherer(living.tables)
            for target in targets:
                self._kind.add(gathered, target.source)
            return gathered, living.page_sizes(gathered)

        gathered, page_kib = or_undo(learn, living.as_known())
        apart, new = [], 0
        for n, target in enumerate(targets):
            sizes = _sizes(gathered, n)
            if target.host >= columns.n_hosts:
                new += 1
                apart.append(sizes)
            elif self._engine.place_of(target.host)[1] != sizes:
                apart.append(sizes)
        self._grow(gathered, apart, new, page_kib)
        return gathered

    def _grow(
        self,
        gathered: Gatherer,
        apart: list[tuple[int, int, int]],
        new: int,
        page_kib: list[int],
    ) -> None:
        living, columns = self._living, self._columns
        size = living.size()
        learned = size != living.told or len(page_kib) != len(columns.page_kib)
        if not (learned or apart or new):
            return
        counts = living.wanted(gathered, apart, new)
        if not learned and counts == columns.counts():
            return
        others, page_rows = grown(columns, counts, living.tables, page_kib, living.tail_cell)
        with columns.devices_lock:
            self._engine.grow({**others, **living.known()}, page_rows)
            living.told = size

    def _put_one(self, gathered: Gatherer, n: int, target: Target) -> None:
        engine, columns = self._engine, self._columns
        new = target.host >= columns.n_hosts
        while True:
            with columns.devices_lock:
                claims, generation = ([], None) if new else self._claims(target.host)
                for claim in claims:
                    freeze(claim, columns.names[target.host], kind_of(columns, target.host))
                judged, gathered_now, at = self._judge(gathered, n, target, claims)
                draft = judged.draft
                old = None if new else engine.place_of(target.host)
                sizes = (draft.cells, draft.words, draft.pools)
                place = Place(*old[0]) if old and old[1] == sizes else self._living.take(*sizes)
                if draft.cells and (old is None or old[1] != sizes):
                    columns.cell_mask_at[place.cell] = place.word
                put = partial(engine.put, target.host, draft, place.cell, place.pool, generation)
                name = partial(self._name, target.host, gathered_now, at, place, judged, old)
                done = as_one(put, lambda: draft.there, name)  # noqa: B023
                if old is None or old[1] != sizes:
                    if not done:
                        self._living.give_back(place, *sizes)
                    elif old:
                        self._living.give_back(Place(*old[0]), *old[1])
                if done:
                    return

    def _claims(self, host: int) -> tuple[list[Claim], int]:
        """The host's claims, and the generation that goes with them."""
        while True:
            generation = self._engine.generation(host)
            if generation is not None:
                found = [one for one in self._engine.claims_of(host) if isinstance(one, Claim)]
                return found, generation
            time.sleep(0)  # until a claim or a release that is on its way has ended

    def _judge(
        self, gathered: Gatherer, n: int, target: Target, claims: list[Claim]
    ) -> tuple[Judged, Gatherer, int]:
        engine, living = self._engine, self._living
        now = [(gathered, n)]

        def draft() -> tuple[HostDraft, Sequence[PciPool]]:
            one, at = now[0]
            edges = one.pools.edges
            made = engine.draft(one, at, self._page_rows())
            return made, one.pools.infos[edges[at] : edges[at + 1]]

        def again(info: HostInfo) -> tuple[HostDraft, Sequence[PciPool]]:
            other = Gatherer(living.tables)
            other.add_host(info)
            self._grow(other, [_sizes(other, 0)], 0, living.page_sizes(other))
            now[0] = other, 0
            return draft()

        def classes() -> frozenset[str]:
            provider = gathered.resources.providers.get(n)
            return frozenset(() if provider is None else provider.inventories)

        if target.counted:
            info = lambda: self._kind.info(target.source)  # noqa: E731
            judged = in_usage(engine, draft, info, again, claims, classes)
        else:
            judged = on_top(engine, *draft(), claims)
        return judged, *now[0]

    def _page_rows(self) -> dict[int, int]:
        return {size: row for row, size in enumerate(self._columns.page_kib.tolist())}

    def _forget_pools(self, first: int, pools: int) -> None:
        for pool in range(first, first + pools):
            self._columns.devices_taken.pop(pool, None)

    def _name(
        self,
        host: int,
        gathered: Gatherer,
        n: int,
        place: Place,
        judged: Judged,
        old: tuple[tuple[int, int, int], tuple[int, int, int]] | None,
    ) -> None:
        """What stands behind the numbers of a host that was put in its place. ``old``: where it
        was, and its numbers of cells, words and pools there."""
        engine, columns = self._engine, self._columns
        if old:
            self._forget_pools(old[0][1], old[1][2])
        if judged.pools:
            pools = columns.own("pools")
            # rows before it that a call took, and did not come to use: no host has them
            pools += [judged.pools[0]] * (place.pool - len(pools))
            pools[place.pool : place.pool + len(judged.pools)] = judged.pools
            columns.knows_devices |= any(pool.devices for pool in judged.pools)
        self._forget_pools(place.pool, len(judged.pools))
        for pool, devices in judged.taken.items():
            columns.devices_taken[place.pool + pool] = devices
        provider = gathered.resources.providers.get(n)
        if provider is not None:
            columns.own("providers_of_hosts")[host] = provider
        elif host in columns.providers_of_hosts:
            columns.own("providers_of_hosts").pop(host)
        name = gathered.names[n]
        if host < columns.n_hosts and columns.names[host] != name:
            columns.own("names").put(host, name)
        kept = []
        for claim, holding, drawn, units in judged.kept:
            there = tuple(replace(one, pool=place.pool + one.pool) for one in drawn)
            requests = holding.pci_requests if there else ()
            resources = dict(holding.resources)
            placed = engine.place(host, holding.cells, requests, there, resources, counted=units)
            kept.append((claim, placed, there, name))
        self._settle(kept, judged.lost)

    def _settle(
        self,
        kept: Sequence[tuple[Claim, Any, tuple[PciAllocation, ...], str]],
        lost: Sequence[tuple[Claim, str]],
    ) -> None:
        engine = self._engine
        engine.settle([(claim, placed) for claim, placed, _drawn, _name in kept],
                      [claim for claim, _why in lost])  # fmt: skip
        for claim, placed, drawn, name in kept:
            claim.pci = drawn
            with_native(claim.placement, placed, drawn)
            if claim.host_name != name:
                self._renamed[claim] = None
                claim.placement._host_name = name
        for claim, why in lost:
            claim.why = why
        self.lost += [claim for claim, _why in lost]
        gone = [claim.number for claim, _why in lost if claim.number is not None]
        with writing(engine) as journal:
            if journal is None:
                return
            again = [claim for claim in self._renamed if claim.number is not None]
            if again:
                write_taken(journal, again, [claim.number for claim in again if claim.number])
            self._renamed.clear()
            if gone:
                journal.write(give=gone)


def move_claims(
    engine: ManyHosts, claims: Sequence[tuple[Claim, int, Holding, dict[str, int]]], becomes: Any
) -> None:
    """Claims, each with the host that it was on: hosts have other indices from now on, and are what
    they were."""
    columns = engine.columns
    kept = []
    for claim, was, holding, units in claims:
        host = int(becomes[was])
        first, end = int(columns.host_first_pool[host]), int(columns.host_end_pool[host])
        pools = {pool: columns.pools[pool] for pool in range(first, end)}
        drawn = holding.allocations(pools)
        if isinstance(drawn, str):  # the pools are the same
            raise AssertionError(drawn)
        requests = holding.pci_requests if drawn else ()
        resources = dict(holding.resources)
        placed = engine.place(host, holding.cells, requests, drawn, resources, counted=units)
        kept.append((claim, placed, drawn))
    engine.resettle([(claim, placed) for claim, placed, _drawn in kept])
    for claim, placed, drawn in kept:
        claim.pci = drawn
        with_native(claim.placement, placed, drawn)


def _sizes(gathered: Gatherer, n: int) -> tuple[int, int, int]:
    """Numbers of cells, of words of their masks, and of pools of the n-th host."""
    first, end = gathered.cell_edges[n], gathered.cell_edges[n + 1]
    masks, all_words = gathered.mask_at, len(gathered.pinned) // 8
    words = 0
    if first < end:
        words = (masks[end] if end < len(masks) else all_words) - masks[first]
    return end - first, words, gathered.pools.edges[n + 1] - gathered.pools.edges[n]


def kind_of(columns: Columns, host: int) -> HostKind:
    kind: HostKind = columns.host_kinds[columns.host_class[host]]
    return kind


def freeze(claim: Claim, name: str, kind: HostKind) -> None:
    """What claim and placement say is what it was on the host that they were made for."""
    placement = claim.placement
    if placement._host_name is None:
        placement._host_name = name
    if placement._pci is None:
        placement._pci = claim.pci
    if placement._not_judged is None:
        with suppress(StalePlacement):  # the host was removed just now
            _ = placement.not_judged
    _ = placement.cells, claim.placed.amounts(kind)
