"""How does the time grow with the guest's cells, where nova walks over all permutations?"""

from __future__ import annotations

from time import perf_counter
from typing import Any

from bench import cases, stock
from bench.measure import take_turns, turn_of
from bench.report import Row
from numafit import Host, Limits

LIMIT = 1e-3
PATIENCE = 3.0
NO_LIMITS = Limits(1000.0, 1000.0)


def case(guest_cells: int, host_cells: int, refused: str = "") -> tuple[str, Any, tuple[str, ...]]:
    """Host, flavor, physnets. ``refused``: ``"network"``: a physnet is near one cell alone, and
    that cell is full; ``"full"``: one cell is full, and the guest wants all."""
    full = host_cells - 1
    nets = {n: ["net0"] for n in range(0, host_cells, 2)}
    physnets: tuple[str, ...] = ("net0",)
    if refused == "network":
        nets = {full: ["net1"]}
        physnets = ("net1",)
    text = cases.topology(
        3, host_cells, 16, used=0.0, nets=nets, full={full} if refused else frozenset()
    )
    flavor = cases.flavor(
        "wide", 4 * guest_cells, 1024 * guest_cells, cpu_policy="dedicated",
        numa_nodes=str(guest_cells),
    )  # fmt: skip
    return text, flavor, physnets


def ours(guest_cells: int, host_cells: int, refused: str = "") -> tuple[float, bool]:
    text, flavor, physnets = case(guest_cells, host_cells, refused)
    host, request = Host.from_nova(text), cases.request(flavor, physnets)
    fits = bool(host.fit(request, limits=NO_LIMITS))
    assert fits == (not refused), (guest_cells, host_cells, refused)
    return take_turns([turn_of(lambda: host.fit(request, limits=NO_LIMITS), 20)], 10)[0], fits


def theirs(guest_cells: int, host_cells: int, refused: str = "") -> float:
    """One call: it may take seconds."""
    text, flavor, physnets = case(guest_cells, host_cells, refused)
    nova = stock.Stock(text)
    limits = nova.limits(1000.0, 1000.0, {"physnets": physnets, "tunneled": False})
    best = float("inf")
    for _ in range(3):
        instance = nova.instance(flavor)
        start = perf_counter()
        found = nova.fit(instance, limits)
        best = min(best, perf_counter() - start)
        assert (found is None) == bool(refused), (guest_cells, host_cells, refused)
        if best > 0.2:
            break
    return best


def curves() -> dict[str, list[tuple[int, float]]]:
    """Seconds against guest cells, on hosts of one cell more."""
    found: dict[str, list[tuple[int, float]]] = {}
    for kind in ("", "network"):
        word = "refused for its network" if kind else "fits"
        found[f"numafit, {word}"] = [
            (n, ours(n, n + 1, kind)[0]) for n in (2, 3, 4, 6, 8, 12, 16, 24, 32)
        ]
        if stock.missing() is not None:
            continue
        points = found[f"nova 34, {word}"] = []
        for n in (2, 3, 4, 5, 6, 7, 8, 12, 16, 24, 32):
            points.append((n, theirs(n, n + 1, kind)))
            if points[-1][1] > PATIENCE / 8:
                break  # the next takes some nine times as long
    return found


def measure() -> list[Row]:
    rows = []
    for guest, host, refused, words in (
        (12, 12, "", "fits"),
        (12, 12, "full", "refused: one cell full"),
        (11, 12, "network", "refused: network"),
        (32, 64, "", "fits"),
        (32, 64, "network", "refused: network"),
    ):
        least, _ = ours(guest, host, refused)
        rows.append(
            Row(
                f"search: {guest} guest cells on {host}, {words}",
                "fit",
                least,
                ratio=least * 1e3,
                ratio_of="ms",
                at_most=LIMIT * 1e3,
            )
        )
    return rows
