"""A request belongs to the fleet that it was prepared for, in Python and through the table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from numafit import Fleet, Host, MisuseError
from tests.threads.world import Library, asking, host


def twins(tmp_path: Path) -> dict[str, Callable[[Fleet], Fleet]]:
    """Fleets whose numbers look like those of another."""

    def loaded(fleet: Fleet) -> Fleet:
        fleet.save(tmp_path / "fleet.npz")
        return Fleet.load(tmp_path / "fleet.npz")

    return {
        "made of the same": lambda _fleet: Fleet([host("h")]),
        "made of its hosts": lambda fleet: Fleet(fleet.hostinfos()),
        "loaded": loaded,
        "from Arrow": lambda fleet: Fleet.from_arrow(fleet),
    }


@pytest.mark.parametrize("twin", ["made of the same", "made of its hosts", "loaded", "from Arrow"])
def test_a_request_prepared_for_another_fleet_is_refused(
    library: Library, tmp_path: Path, twin: str
) -> None:
    other = Fleet([host("h")])
    fleet = twins(tmp_path)[twin](other)
    prepared = other.prepare(asking())
    verbs: list[Callable[[], Any]] = [
        lambda: fleet.scan(prepared),
        lambda: fleet.capacity(prepared),
        lambda: fleet.capacity([prepared, asking()]),
        lambda: fleet.fit(prepared),
        lambda: fleet.fit_on(prepared, 0),
        lambda: fleet.explain(prepared, 0),
        lambda: fleet.claim(prepared, host=0),
        lambda: next(iter(fleet.schedule([prepared]))),
        lambda: Host(other.hostinfo(0)).fit(prepared),
    ]
    for verb in verbs:
        with pytest.raises(MisuseError, match="request: it was prepared for another fleet"):
            verb()
    assert library.taken(fleet, prepared) == 0
    assert fleet.check() is None
    assert library.taken(other, prepared) > 0


def test_the_table_refuses_what_is_no_fleet_of_its_own(library: Library) -> None:
    fleet = Fleet([host("h")])
    with pytest.raises(MisuseError, match="expected a Fleet or a Host"):
        library.start([], fleet.prepare(asking()), 1)
    with pytest.raises(MisuseError, match="expected what prepare"):
        library.start(fleet, asking(), 1)
