"""kill -9 in the middle of a save leaves the old file or the new one, never a part.

NUMAFIT_KILLS says how often (default: 25).
"""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

from numafit import Fleet, GuestCell, GuestTopology, HostCell, HostInfo, Request

KILLS = int(os.environ.get("NUMAFIT_KILLS", "25"))


def make_fleet(name: str) -> Fleet:
    cells = tuple(
        HostCell(n, frozenset(), frozenset(range(64 * n, 64 * n + 64)), 65536) for n in range(2)
    )
    return Fleet(HostInfo(cells, f"{name}{n}") for n in range(400))


def save_again_and_again(path: Path, one: Fleet, other: Fleet) -> None:
    """In a child that only a signal ends."""
    while True:
        one.save(path)
        other.save(path)


def test_a_kill_leaves_the_old_file_or_the_new(tmp_path: Path) -> None:
    rng = random.Random(5)
    one, other = make_fleet("one"), make_fleet("other")
    other.claim(Request(GuestTopology((GuestCell((), {0}, 1, None, "dedicated"),))), host=7)
    path = tmp_path / "fleet.npz"
    one.save(path)
    seen = set()
    for kill in range(40 * KILLS):
        if kill >= KILLS and len(seen) == 2:
            break  # a busy machine may need more, until some hit a later save
        child = os.fork()
        if child == 0:
            try:
                save_again_and_again(path, one, other)
            finally:
                os._exit(1)
        time.sleep(rng.uniform(0.001, 0.05))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        found = Fleet.load(path)
        expected = one if found.names[0] == "one0" else other
        assert found.names == expected.names
        assert found.usage(7) == expected.usage(7)
        assert found.check() is None
        seen.add(found.names[0])
    assert seen == {"one0", "other0"}, "too few kills hit different moments"
    one.save(path)
    assert [file.name for file in tmp_path.iterdir()] == ["fleet.npz"], "a draft was left behind"
