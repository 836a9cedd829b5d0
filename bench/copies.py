"""What do copies cost: forks, fleets in files and memory, pickles, parts and sums?"""

from __future__ import annotations

import pickle
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from bench import cases
from bench.measure import once, prepared, take_turns, turn_of
from bench.report import Row
from bench.wide import wide
from numafit import Fleet, shared

HOSTS, FEWER = 1_000_000, 100_000


def touched(fleet: Fleet) -> None:
    """Read all columns once: of memory that nobody has looked at yet there is nothing to find."""
    for column in fleet.columns(copy=False).values():
        column.max(initial=column.dtype.type()) if column.dtype.fields is None else None


def measure(hosts: int = HOSTS, fewer: int = FEWER) -> list[Row]:
    fleet = wide(hosts).fleet
    touched(fleet)
    return [*_forks(fleet, cases.request(cases.PINNED_4), hosts), *_files(fewer)]


def _changed(fleet: Fleet, request: Any, claims: int, rng: np.random.Generator) -> Fleet:
    """A fork, and so many claims in it all over the fleet."""
    fork = fleet.fork()
    can = np.flatnonzero(fork.scan(request))
    for host in rng.choice(can, claims, replace=False).tolist():
        fork.claim(request, host)
    return fork


def _forks(fleet: Fleet, request: Any, hosts: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fleet.npz"

        def anew() -> Fleet:
            fleet.save(path)
            return Fleet.load(path)

        saved = once(anew)
    rng = np.random.default_rng(1)
    fork = _changed(fleet, request, 100, rng)
    touched(fork)
    best = take_turns(
        [
            prepared(Fleet.fork, lambda: _changed(fleet, request, 100, rng), 1),
            turn_of(lambda: fleet.scan(request)),
            turn_of(lambda: fork.scan(request)),
            prepared(Fleet.fork, lambda: _changed(fleet, request, 1000, rng), 1),
        ],
        9,
    )
    return [
        Row(
            f"copies: a fork of {hosts:,} hosts after 100 claims", "fork", best[0],
            ratio=best[0] * 1e3, ratio_of="ms", at_most=10.0,
        ),
        Row(
            "copies: the same after 1,000 claims", "fork", best[3], ratio=best[3] / best[0],
            ratio_of="x that after 100",
        ),
        Row(
            "copies: the same by save and load", "copy", saved, ratio=saved / best[0],
            ratio_of="x a fork",
        ),
        Row(
            "copies: scan over the fork", "scan", best[2], ratio=best[2] / best[1],
            ratio_of="x scan of the original", at_most=1.1,
        ),
    ]  # fmt: skip


def _files(hosts: int) -> list[Row]:
    fleet = wide(hosts).fleet
    with tempfile.TemporaryDirectory() as folder, shared.share(fleet) as lent:
        path, saved = Path(folder) / "fleet", Path(folder) / "fleet.npz"
        shared.write(fleet, path)
        fleet.save(saved)
        best = take_turns(
            [
                turn_of(lambda: shared.open(lent)),
                turn_of(lambda: shared.open(path)),
                turn_of(lambda: shared.write(fleet, path)),
                turn_of(lambda: Fleet.load(saved)),
                turn_of(lambda: pickle.loads(pickle.dumps(fleet))),
            ],
            5,
        )
    size = f"{hosts:,} hosts"
    return [
        Row(
            f"copies: open a shared fleet of {size}", "open", best[0], ratio=best[0] * 1e3,
            ratio_of="ms", at_most=5.0,
        ),
        Row(f"copies: open a file of {size}, checked", "open", best[1],
            ratio=best[3] / best[1], ratio_of="x faster than load"),
        Row("copies: write that file", "write", best[2]),
        Row("copies: pickle, there and back", "copy", best[4]),
    ]  # fmt: skip
