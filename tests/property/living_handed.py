"""Rules for fleets that are handed over: to the next process, to a copy, to Arrow, to C."""

from __future__ import annotations

import pickle
import random
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from numafit import Claim, Fleet, HostInfo, Journal, StalePlacement, shared
from tests.property.c_image import Image, capacity
from tests.property.living_truth import GONE, built_anew, of_what_is_there
from tests.property.nova_database import Database
from tests.property.worlds import make_request

DICE = st.randoms(use_true_random=False)


def _pickled(fleet: Fleet, _file: Path) -> Fleet:
    there: Fleet = pickle.loads(pickle.dumps(fleet))
    return there


def _written(fleet: Fleet, file: Path) -> Fleet:
    shared.write(fleet, file)
    return shared.open(file).fork()


def _shared(fleet: Fleet, _file: Path) -> Fleet:
    with shared.share(fleet) as memory:
        return shared.open(memory).fork()


def _saved(fleet: Fleet, file: Path) -> Fleet:
    fleet.save(file.with_suffix(".npz"))
    return Fleet.load(file.with_suffix(".npz"))


def _streamed(fleet: Fleet, _file: Path) -> Fleet:
    return Fleet.from_arrow(pyarrow.table(fleet))


def told_by_arrow(info: HostInfo) -> HostInfo:
    """Rows of Arrow have no inventories and no zone."""
    return HostInfo(
        info.cells,
        info.name,
        pci_pools=info.pci_pools,
        cpu_allocation_ratio=info.cpu_allocation_ratio,
        ram_allocation_ratio=info.ram_allocation_ratio,
        distances=info.distances,
        disabled=info.disabled,
    )


def _told(fleet: Fleet, _file: Path) -> Fleet:
    return Fleet(info for info in fleet.hostinfos() if info.disabled != GONE)


IN_PLACE: dict[str, Callable[[Fleet, Path], Fleet]] = {
    "fork": lambda fleet, _file: fleet.fork(),
    "copy": lambda fleet, _file: fleet.copy(),
    "arrow": _streamed,
}
"""Ways that leave each host its index."""

LEFT_OUT = {
    "pickle": _pickled,
    "write": _written,
    "share": _shared,
    "save": _saved,
    "slice": lambda fleet, _file: fleet[:],
    "hosts": _told,
}
"""Ways that leave out hosts that were removed."""

BY_VALUE = ("arrow", "hosts")
"""Ways that tell of no pool whose devices are all in use; so its claims are not found again."""


class HandedOver:
    """Part of the machine ``Living``."""

    fleet: Fleet
    truth: list[HostInfo | None]
    held: list[Claim]
    prepared: list[tuple[Any, Any]]
    streams: list[Any]
    journal: Journal
    database: Database
    before: tuple[Fleet, list[HostInfo], list[str]] | None
    one: Any

    def go_on_with(self, made: Fleet, whole: bool) -> None:
        """The journal is opened again, as another process does; ``whole``: indices stay."""
        self.journal.close()
        self.journal = Journal(self.journal.path)
        found = made.adopt(self.journal)
        assert not found.lost, found.lost
        texts = sorted(claim.to_json() for claim in self.held)
        assert sorted(claim.to_json() for claim in found.claims) == texts
        self.before = self.fleet, list(self.fleet.hostinfos()), self.fleet.names
        self.fleet, self.held = made, list(found.claims)
        if not whole:
            self.truth = [info for info in self.truth if info is not None]
        self.streams.clear()
        self.database.seen = {}
        assert len(made) == len(self.truth)

    @rule(way=st.sampled_from([*IN_PLACE, *LEFT_OUT]))
    def another_goes_on(self, way: str) -> None:
        if way in BY_VALUE and any(claim.pci for claim in self.held):
            return
        with tempfile.TemporaryDirectory() as folder:
            made = (IN_PLACE | LEFT_OUT)[way](self.fleet, Path(folder) / "fleet")
        if way not in ("fork", "copy"):
            self.prepared.clear()
        if way == "arrow":
            self.truth = [info and told_by_arrow(info) for info in self.truth]
        self.go_on_with(made, way in IN_PLACE)

    @rule(dice=DICE, trim=st.booleans())
    def it_restarts(self, dice: random.Random, trim: bool) -> None:
        """What was claimed and given back since it was saved stands in the journal alone."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "fleet.npz"
            self.fleet.save(file)
            if trim:
                self.journal.trim()
            for _ in range(dice.randint(0, 4)):
                self.claim_or_release(dice)
            made = Fleet.load(file)
        self.prepared.clear()
        self.go_on_with(made, whole=False)

    def claim_or_release(self, dice: random.Random) -> None:
        host = self.one(dice)
        if self.held and dice.random() < 0.4:
            claim = self.held.pop(dice.randrange(len(self.held)))
            self.fleet.release(claim)
        elif host is not None:
            with suppress(StalePlacement):
                self.held.append(self.fleet.claim(make_request(dice, True), host=host))

    @invariant()
    def what_was_handed_over_stays_as_it_was(self) -> None:
        if self.before is not None:
            fleet, infos, names = self.before
            assert fleet.check() is None
            assert list(fleet.hostinfos()) == infos
            assert fleet.names == names

    @rule(dice=DICE)
    def a_c_program_opens_it(self, dice: random.Random) -> None:
        there = [info.name for info in self.truth if info is not None]
        anew = built_anew(self.truth, self.held)
        asking = [make_request(dice, True), make_request(dice, False)]
        others = of_what_is_there(anew)
        asking += dice.sample(others, min(len(others), 2))
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "fleet"
            shared.write(self.fleet, file)
            with Image(file) as image:
                assert image.fault() is None
                assert image.names() == there
                for request in asking:
                    assert image.capacity(request, 4) == capacity(anew, request, 4)
