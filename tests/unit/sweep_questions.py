"""Questions that sweeps of the tests ask, where processes that start afresh find them."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from numafit import Fleet, GuestCell, GuestTopology, Request


def pinned(vcpus: int) -> Request:
    cell = GuestCell(
        cpuset=frozenset(), pcpuset=frozenset(range(vcpus)), memory_mb=1, cpu_policy="dedicated"
    )
    return Request(GuestTopology(cells=(cell,)))


def guests(fleet: Fleet, vcpus: int) -> dict[str, Any]:
    return {"guests": int(fleet.capacity(pinned(vcpus)).sum())}


def claimed(fleet: Fleet, vcpus: int) -> dict[str, Any]:
    """Fills the fleet, one claim after the other."""
    placed = 0
    for index in range(len(fleet)):
        while fleet.scan(pinned(vcpus))[index]:
            fleet.claim(pinned(vcpus), index)
            placed += 1
    return {"placed": placed}


def drawn(n: int, seed: int) -> dict[str, Any]:
    return {"drawn": seed % 1000 + n}


def kinds(kind: str) -> dict[str, Any]:
    return {
        "whole": {"number": 1, "yes": True, "nothing": None},
        "fraction": {"number": 0.5, "yes": False},
        "none": {"number": None},
        "text": {"word": "w"},
    }[kind]


def nothing(value: object) -> dict[str, Any]:
    return {}


def several(n: int) -> list[dict[str, Any]]:
    return [{"i": i} for i in range(n)]


def an_object() -> object:
    return object()


def its_own_name(n: int) -> dict[str, Any]:
    return {"n": n}


def not_three(n: int) -> dict[str, Any]:
    return {"part": 1 / (n - 3)}


def killed_once(n: int, folder: str) -> dict[str, Any]:
    marker = Path(folder, "killed")
    if n == 5 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return {"square": n * n}


def deadly_five(n: int) -> dict[str, Any]:
    if n == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return {}


def counted(n: int, folder: str) -> dict[str, Any]:
    with open(Path(folder, "asked"), "a") as file:
        file.write(f"{n}\n")
    return {"square": n * n}


def a_seed(value: object, seed: int) -> int:
    return seed
