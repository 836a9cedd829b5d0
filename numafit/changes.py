"""A fleet that lives: hosts come, change and go, beside who reads and claims."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from numafit._as_one import as_one, or_undo
from numafit._header import REMOVED_CLASS
from numafit.adopting import IN_USAGE, counted
from numafit.changing import Change, Kind, Target, freeze, kind_of, move_claims
from numafit.claims import Claim
from numafit.columns.in_order import tidy
from numafit.columns.snapshot import HostNow
from numafit.errors import InvalidValue, MisuseError
from numafit.holding import Holding
from numafit.kept_claims import KeptClaims
from numafit.model import fields
from numafit.model.guest import Limits
from numafit.model.hostinfo import HostInfo
from numafit.rules.variants import Variant
from numafit.spans import Hosts, host_index, host_indices

if TYPE_CHECKING:
    from numafit.columns.nova_rows import Row
    from numafit.following import Seen
    from numafit.readers.nova_db import NovaDb


class HasHostInfo(Protocol):
    @property
    def hostinfo(self) -> HostInfo: ...


@dataclass(frozen=True, slots=True)
class Changed:
    """What became of hosts, by name, and the claims that no longer hold: their state is ``"lost"``,
    ``why`` says the reason, and their placements still tell what they held."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    lost: tuple[Claim, ...] = ()


def info_of(key: str, host: HostInfo | HasHostInfo) -> HostInfo:
    """The HostInfo that a value is or has."""
    info = host if isinstance(host, HostInfo) else getattr(host, "hostinfo", None)
    if not isinstance(info, HostInfo):
        raise InvalidValue(key, host, "a HostInfo, or a Host")
    return info


class Changes(KeptClaims):
    """Part of a Fleet.

    Each verb is atomic for each host beside who reads it and claims from it, and for all hosts that
    it adds; its cost is that of the hosts that change, but for the times at which the arrays have
    to grow. A host that cannot be (InputError) leaves the fleet as it was. Indices stay what they
    are until ``compact``. Verbs that change hosts wait for each other.

    ``claims`` says what the usage of a host that comes means for the claims that are held on it:

    - ``"in usage"`` (the default, for who follows nova's database): its usage has them already.
      None is counted twice. Each has to be found there: its CPUs pinned, its pages and memory used,
      its devices not among the free ones. Those that are not found, as nova-compute has not told
      of them yet or no longer has them, are lost: the host's usage is as it came, and who still
      wants them claims again. Shared guests are told by their amounts alone.
    - ``"on top"``: its usage has none of them. Each is taken again in the same way, on the same
      CPUs, pages and devices; those for which that cannot be are lost.

    Units of resource classes are judged alike, where the host has an inventory of the class. Claims
    that C code made are not known, and their usage goes where the host that had it goes.
    """

    _followed: dict[str, Seen]

    def add(self, hosts: Iterable[HostInfo | HasHostInfo] | HostInfo) -> list[int]:
        """Hosts behind those that are there; their indices. All appear at once."""
        given: Any = [hosts] if isinstance(hosts, HostInfo) else hosts
        given = fields.iterable("hosts", given, "a list of HostInfo or Host")
        infos = [info_of(f"hosts[{n}]", host) for n, host in enumerate(given)]
        with self._columns.changes_lock:
            first = self._columns.n_hosts
            indices = list(range(first, first + len(infos)))
            targets = [Target(*pair) for pair in zip(indices, infos, strict=True)]
            Change(self._engine).put(targets)
        return indices

    def replace(
        self, host: int | str, info: HostInfo | HasHostInfo, claims: str = IN_USAGE
    ) -> Changed:
        """Another host at an index (or a name's): its cells, pools, name, usage, all. A removed one
        is there again."""
        with_usage = counted(claims)
        found = info_of("info", info)
        with self._columns.changes_lock:
            index = self._there(host)
            change = Change(self._engine)
            change.put([Target(index, found, with_usage)])
            return Changed(changed=(self._columns.names[index],), lost=tuple(change.lost))

    def remove(self, hosts: Hosts | int | str | Iterable[int | str]) -> Changed:
        """Hosts (indices or names) are there no more: their indices stay, with no cells, take no
        guest, and have ``""`` as their name; the name is free again. Their claims are lost."""
        one = isinstance(hosts, str | int | np.integer)
        given: Any = [hosts] if one else fields.iterable("hosts", hosts, "indices or names")
        with self._columns.changes_lock:
            indices = list(dict.fromkeys(self._there(host) for host in given))
            names = tuple(self._columns.names[index] for index in indices)
            change = Change(self._engine)
            for index in indices:
                if self._columns.host_class[index] == REMOVED_CLASS:
                    raise MisuseError(f"host={index}: it was removed before")
            for index in indices:
                change.remove(index)
            return Changed(removed=names, lost=tuple(change.lost))

    def update_rows(self, rows: Iterable[Row], claims: str = IN_USAGE) -> Changed:
        """Rows of nova's ``compute_nodes``, as ``from_nova_rows`` takes them, of hosts that have
        changed: found by name, and added where there is none of it. A row that says what the fleet
        has is not counted as a change of it."""
        with_usage = counted(claims)
        given = fields.listed("rows", rows, "rows of compute_nodes")
        with self._columns.changes_lock:
            return self._put_rows(given, with_usage, [])

    def _put_rows(self, rows: Sequence[Row], with_usage: bool, removed: list[str]) -> Changed:
        from numafit.columns.nova_rows import RowGatherer, hostinfo_of, name_of

        columns = self._columns
        kind = Kind(RowGatherer, RowGatherer.add_named, hostinfo_of)
        targets: dict[str, Target] = {}
        added, changed, end = [], [], columns.n_hosts
        for row in rows:
            name = name_of(row)
            try:
                index = columns.names.index(name) if name else end
            except ValueError:
                index = targets[name].host if name in targets else end
            if index == end:
                end += 1
                added.append(name)
            elif name not in targets:
                changed.append(name)
            targets[name or f"row {len(targets)} without a name"] = Target(index, row, with_usage)
        change = Change(self._engine, kind)
        change.put(list(targets.values()))
        for name in removed:
            change.remove(columns.names.index(name))
        return Changed(tuple(added), tuple(changed), tuple(removed), tuple(change.lost))

    def set(
        self,
        hosts: Hosts | int | str,
        *,
        dedicated_cpus: Any = None,
        shared_cpus: Any = None,
        reserved_pages: Mapping[int, int] | None = None,
        ratios: Limits | None = None,
        traits: Iterable[str] | None = None,
    ) -> Changed:
        """Hosts (indices, ``None``: all; an index; a name) as if they were configured otherwise,
        and what of their claims no longer holds then.

        ``dedicated_cpus``, ``shared_cpus``: CPU ids or a list such as ``"2-15,18-31"``, of which
        each host cell takes those that it has; ``reserved_pages``: pages that guests do not get,
        {size in KiB: number in each cell}; ``ratios``: allocation ratios; ``traits``: those of the
        host, in place of those that it has. What is not given stays. Raises InputError for CPUs
        that are not there, pages of a size that a cell does not have, and traits where nothing is
        known of the host's inventories (``with_inventories``)."""
        variant = Variant.of(dedicated_cpus, shared_cpus, reserved_pages, ratios, traits)
        with self._columns.changes_lock:
            if isinstance(hosts, str | int | np.integer):
                indices = [self._there(hosts)]
            else:
                given = host_indices(hosts, self._columns.n_hosts)
                everything = range(self._columns.n_hosts) if given is None else given.tolist()
                gone = self._columns.host_class
                indices = [host for host in everything if gone[host] != REMOVED_CLASS]
            lost: list[Claim] = []
            change = Change(self._engine)
            change.put(
                [Target(host, variant.apply(self._without_claims(host)), False) for host in indices]
            )
            lost += change.lost
            names = tuple(self._columns.names[host] for host in indices)
            return Changed(changed=names, lost=tuple(lost))

    def compact(self) -> npt.NDArray[np.int64]:
        """Leave out hosts that were removed, and the room that changes left behind: the index of
        each host from now on, by the one that it had; -1: it was removed. Claims go along, indices
        and placements of before do not: the latter are stale. ``columns(copy=False)`` of before
        shows the fleet of before.

        Claims and releases wait until it is done. So should who has an index in hand."""
        engine, columns = self._engine, self._columns
        with columns.changes_lock, columns.devices_lock:
            there = columns.host_class[: columns.n_hosts] != REMOVED_CLASS
            becomes = np.where(there, np.cumsum(there) - 1, -1)
            if columns.tidy:
                return becomes

            def move() -> None:
                engine.stop()
                claims = self._claims_with_holdings()
                made = tidy(columns)
                others = {**made.known(), **made.given_and_derived()}
                for name in ("_counts", "n_hosts", "n_cells", "slab"):
                    others[name] = getattr(made, name)
                others |= {"living": None, "tidy": True, "_shared": set()}
                as_one(
                    lambda: engine.go_on(others),
                    lambda: not engine.stopped,
                    lambda: move_claims(engine, claims, becomes),
                )

            def as_before() -> None:
                if engine.stopped:
                    engine.go_on({})

            or_undo(move, as_before)
        return becomes

    def sync(self, database: NovaDb | str, claims: str = IN_USAGE, alone: bool = False) -> Changed:
        """Follow a cell database of nova: compute nodes that were updated since the last call with
        it are put in place by name, new ones added, and those removed that it no longer has.

        ``database``: an open one, or its URL. What counts is ``updated_at``, whether the node's
        nova-compute takes guests, and what the row says. The first call puts all of its hosts in
        place. ``alone``: hosts that the fleet has and the database never had are removed too.
        Raises InputError for a database that cannot be read, or a host that cannot be; nothing is
        changed then. Needs SQLAlchemy (``numafit[openstack]``)."""
        from numafit.readers.nova_db import NovaDb

        with_usage = counted(claims)
        if isinstance(database, str):
            with NovaDb(database) as opened:
                return self.sync(opened, claims, alone)
        fields.instance("database", database, NovaDb)
        with self._columns.changes_lock:
            return self._follow(database, with_usage, fields.yes_or_no("alone", alone))

    def _follow(self, database: NovaDb, with_usage: bool, alone: bool) -> Changed:
        from numafit.following import Seen, look

        news = look(database, self._followed.get(database.name) or Seen())
        names = self._columns.names
        gone = {name for name in news.gone if self._has(name)}
        if alone:
            gone.update(names[n] for n in range(self._columns.n_hosts) if names[n])
            gone -= news.seen.stamps.keys()
        changed = self._put_rows(news.rows, with_usage, sorted(gone))
        self._followed[database.name] = news.seen
        return changed

    def _has(self, name: str) -> bool:
        try:
            return bool(name) and self._columns.names.index(name) >= 0
        except ValueError:
            return False

    def _claims_with_holdings(self) -> list[tuple[Claim, int, Holding, dict[str, int]]]:
        """All of them with their hosts and the units that these count; their placements are read
        before hosts have other indices."""
        engine, columns = self._engine, self._columns
        found = []
        for host in engine.claimed_hosts():
            for claim in engine.still_held(host):
                if isinstance(claim, Claim):
                    freeze(claim, columns.names[host], kind_of(columns, host))
                    found.append((claim, host, claim.holding(), claim.placed.counted()))
        return found

    def _without_claims(self, host: int) -> HostInfo:
        """The host as if none of its claims were held."""
        engine, columns = self._engine, self._columns
        while True:
            with columns.devices_lock:
                generation = engine.generation(host)
                copy = engine.host_copy(host)
                devices: set[str] = set()
                missing = ""
                for claim in self.claims([host]):
                    missing = missing or engine.turn_on(copy, claim.placed, False)
                    devices.update(one for drawn in claim.pci for one in drawn.devices)
                if generation is not None and engine.generation(host) == generation:
                    if missing:  # of what a claim holds, and nobody has given back
                        raise AssertionError(missing)
                    return HostNow(columns, host, copy, frozenset(devices)).hostinfo()
            time.sleep(0)

    def _there(self, host: object) -> int:
        if isinstance(host, str):
            return self.index(host)
        return host_index(host, self._columns.n_hosts)
