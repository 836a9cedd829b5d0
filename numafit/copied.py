"""Fleets made of fleets: copies, parts, sums, and hosts that are all alike."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Self

import numpy as np

from numafit._engine import ManyHosts
from numafit._header import REMOVED_CLASS
from numafit.columns import Columns
from numafit.columns.gather import Gatherer
from numafit.columns.joined import joined
from numafit.columns.names import Names
from numafit.columns.selected import selected
from numafit.errors import InvalidValue, MisuseError
from numafit.model import fields
from numafit.model.hostinfo import HostInfo
from numafit.moments import columns_now
from numafit.spans import Hosts, host_indices
from numafit.travel import Arrived, arrived_of, parcel_of

_MOST = 0xFFFF_FFFF


class CopiedHalf:
    """Part of a Fleet."""

    _columns: Columns
    _engine: ManyHosts

    @classmethod
    def _of(cls, columns: Columns, holds: bool = False) -> Self:
        raise NotImplementedError

    def fork(self) -> Self:
        """A fleet that is like this one at this moment, and goes its own way from then on.

        Memory is shared until one of them changes it, page by page: a fork of 1,000,000 hosts
        takes milliseconds. What ``prepare`` made here is good there; claims that are held may be
        released there, which leaves them as they are here.
        """
        return self._of(columns_now(self._engine), holds=True)

    def copy(self) -> Self:
        """As ``fork``, under the name that it has elsewhere."""
        return self.fork()

    def __copy__(self) -> Self:
        return self.fork()

    def __deepcopy__(self, memo: object) -> Self:
        return self.fork()

    def __reduce__(self) -> Any:
        columns = self._columns
        return arrived, (type(self), parcel_of(columns), arrived_of(columns))

    def __add__(self, other: Self) -> Self:
        """A fleet of the hosts of both with their usage, those of ``other`` behind; a name may
        stand in both, and hosts that were removed are left out. Raises InputError for more page
        sizes than a fleet may have."""
        if not isinstance(other, CopiedHalf):
            return NotImplemented
        return self._of(joined(columns_now(self._engine), columns_now(other._engine)))

    def __getitem__(self, hosts: Hosts | slice) -> Self:
        """A fleet of these hosts with their usage, in this order: indices, a slice, or an array of
        one bool per host, such as ``scan`` gives. One may stand more than once. Those that were
        removed are left out of slices and bools, and MisuseError among indices."""
        columns = columns_now(self._engine)
        n = columns.n_hosts
        there = columns.host_class[:n] != REMOVED_CLASS
        chosen: Any = hosts
        if isinstance(hosts, slice):
            chosen = np.arange(n)[hosts]
            chosen = chosen[there[chosen]]
        elif isinstance(hosts, np.ndarray) and hosts.dtype == bool:
            if hosts.shape != (n,):
                raise MisuseError(f"hosts: {hosts.shape} bools, expected one for each of {n} hosts")
            chosen = np.flatnonzero(hosts & there)
        elif hosts is None or isinstance(hosts, int | np.integer | str):
            raise InvalidValue(
                "hosts", hosts, "a list of host indices", "hostinfo(host) is one host's."
            )
        indices = host_indices(chosen, n)
        assert indices is not None
        if not there[indices].all():
            raise MisuseError(f"hosts: {indices[~there[indices]][0]} was removed")
        return self._of(selected(columns, indices))

    @classmethod
    def of(cls, host: Any, n: int, names: Iterable[str] | None = None) -> Self:
        """A fleet of ``n`` hosts like this one (a HostInfo or a Host), its usage included, stored
        side by side and not built one by one.

        ``names``: one for each; else the host's name, or ``host``, with a number from 1 on:
        ``host-0001``.
        """
        info = host if isinstance(host, HostInfo) else getattr(host, "hostinfo", None)
        if not isinstance(info, HostInfo):
            raise InvalidValue("host", host, "a HostInfo, or a Host")
        n = fields.number("n", n, 0, _MOST, "hosts")
        if names is None:
            stem, width = info.name or "host", max(4, len(str(n)))
            names = (f"{stem}-{number:0{width}}" for number in range(1, n + 1))
        else:
            names = fields.listed("names", names, "a list of names")
            if len(names) != n:
                raise MisuseError(f"names: {len(names)} of them, expected {n}")
            for name in names:
                fields.text("names", name)
        gathered = Gatherer()
        gathered.add_host(replace(info, name=""))
        columns = selected(Columns(gathered), np.zeros(n, np.int64))
        columns.names = Names(names)
        return cls._of(columns)

    def with_hosts(self, host: Any, n: int, names: Iterable[str] | None = None) -> Self:
        """This fleet with ``n`` more hosts, as ``of`` makes them."""
        return self + self.of(host, n, names)


def arrived(cls: type[Any], columns: Columns, known_by: Arrived) -> Any:
    """A fleet whose columns came in a pickle; claims behind it find it."""
    fleet = cls._of(columns, holds=True)
    known_by.engine = weakref.ref(fleet._engine)
    return fleet
