"""Rules for hosts that come as nova stores them: rows, and a database that is followed."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule

from numafit import Claim, Fleet, HostInfo, InputError
from tests.property.living_truth import built_anew, some_host
from tests.property.nova_database import Database, row_of, told_by_rows

DICE = st.randoms(use_true_random=False)


class RowsCome:
    """Part of the machine ``Living``."""

    fleet: Fleet
    truth: list[HostInfo | None]
    held: list[Claim]
    database: Database
    name: Any
    one: Any
    drop: Any

    def names(self) -> dict[str, int]:
        return {info.name: n for n, info in enumerate(self.truth) if info is not None}

    def put(self, infos: list[HostInfo], result: Any) -> None:
        """These hosts, as they are told by rows, are what is there from now on; claims came on top
        of them. What was lost could not be kept."""
        there = self.names()
        for info in infos:
            if info.name in there:
                self.truth[there[info.name]] = info
            else:
                self.truth.append(info)
        assert set(result.added) == {info.name for info in infos} - there.keys()
        assert set(result.changed) == {info.name for info in infos} & there.keys()
        self.drop(result.lost)
        texts = [claim.to_json() for claim in result.lost]
        gone = {claim.host_name for claim in result.lost} - self.names().keys()
        assert gone <= set(result.removed)
        assert not built_anew(self.truth, self.held).adopt(texts, usage="on top").claims

    def row_host(self, dice: random.Random) -> HostInfo:
        """One that is there, otherwise used or altogether another; or one more."""
        host = self.one(dice)
        if host is None or dice.random() < 0.3:
            return told_by_rows(some_host(dice, self.name()))
        info = self.truth[host]
        assert info is not None
        if dice.random() < 0.5:
            cells = tuple(replace(cell, cpu_usage=dice.randint(0, 9)) for cell in info.cells)
            return told_by_rows(replace(info, cells=cells))
        return told_by_rows(some_host(dice, info.name))

    @rule(dice=DICE, n=st.integers(1, 3))
    def rows_come_on_top(self, dice: random.Random, n: int) -> None:
        infos = {info.name: info for info in (self.row_host(dice) for _ in range(n))}
        rows = [row_of(info) for info in infos.values()]
        self.put(list(infos.values()), self.fleet.update_rows(rows, claims="on top"))

    def in_use_of_some(
        self, dice: random.Random, host: int, base: HostInfo
    ) -> tuple[list[Claim], HostInfo, list[str]]:
        """All claims of the host; ``base`` with what some of them use; which of them it holds."""
        mine = [claim for claim in self.held if claim.host == host]
        some = [claim.to_json() for claim in mine if dice.random() < 0.7]
        told = Fleet([base])
        known = told.adopt(some, usage="on top").claims
        return mine, told.hostinfo(0), [claim.to_json() for claim in known]

    def keep_those(self, host: int, base: HostInfo, mine: list[Claim], known: list[str]) -> None:
        """The host was told with what ``known`` claims use. Where others are found in that, which
        nothing tells from them, all are given back."""
        kept = [claim for claim in mine if claim.state == "held"]
        if sorted(claim.to_json() for claim in kept) == sorted(known):
            self.truth[host] = base
        else:
            self.fleet.release(kept)
            self.held = [claim for claim in self.held if claim not in kept]
            self.truth[host] = self.fleet.hostinfo(host)

    @rule(dice=DICE)
    def rows_come_with_usage(self, dice: random.Random) -> None:
        """Of some of the claims, as nova-compute has told of them so far."""
        host = self.one(dice)
        if host is None:
            return
        info = self.truth[host]
        assert info is not None
        base = told_by_rows(info)
        mine, told, known = self.in_use_of_some(dice, host, base)
        row = told_by_rows(told)
        result = self.fleet.update_rows([row_of(row)])
        assert result.changed == (info.name,)
        self.drop(result.lost)
        assert self.fleet.hostinfo(host).cells == row.cells
        self.keep_those(host, base, mine, known)

    @rule(dice=DICE)
    def a_row_that_cannot_be_changes_nothing(self, dice: random.Random) -> None:
        before, bad = list(self.fleet.hostinfos()), self.name()
        good = [row_of(self.row_host(dice))]
        with pytest.raises(InputError, match=bad):
            self.fleet.update_rows([*good, (bad, "{", None)])
        assert list(self.fleet.hostinfos()) == before

    @rule(dice=DICE, n=st.integers(0, 3), later=st.booleans(), alone=st.booleans())
    def follow_the_database(self, dice: random.Random, n: int, later: bool, alone: bool) -> None:
        database = self.database
        for _ in range(n):
            if database.nodes and dice.random() < 0.3:
                database.delete(dice.choice(sorted(database.nodes)))
            else:
                database.put(self.row_host(dice), later)
        changed, gone = database.news()
        there = self.names()
        if alone:
            gone = [name for name in there if name not in database.nodes]
        gone = [name for name in gone if name in there]
        result = self.fleet.sync(database.url, claims="on top", alone=alone)
        assert set(result.removed) == set(gone)
        for name in gone:
            self.truth[there[name]] = None
        # each node names its nova-compute
        self.put([replace(info, service=info.name) for info in changed], result)
