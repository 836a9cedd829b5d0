"""OR-Tools' CP-SAT as a yardstick of plans of moves: it puts guests where they win most room.

The model knows neither an order of moves nor nova's choice of cells: guests of one size are alike,
and so many leave each cell as come to others. What it finds may not be a plan at all, and its bound
holds for every plan: none wins more, none needs fewer moves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.two_cells import OFTEN, WIDE
from numafit import Claim, Fleet

CELLS, BOTH = (0, 1), 2


def missing() -> str | None:
    """Why it cannot be asked here, in words; ``None``: it can."""
    try:
        import ortools.sat.python.cp_model  # noqa: F401
    except ImportError:
        return "OR-Tools is not installed (pip install 'numafit[bench]')"
    return None


@dataclass(frozen=True, slots=True)
class Best:
    """``found``: the best value so far, ``None`` where there is none; ``bound``: no better one."""

    found: int | None
    bound: int


def most_room(fleet: Fleet, claims: Mapping[str, Claim], moves: int, seconds: float) -> Best:
    """Of guests of OFTEN vCPUs in one cell, after so many moves."""
    model = _Model(fleet, claims)
    model.cp.add(sum(model.leave) <= moves)
    model.cp.maximize(sum(model.rooms))
    return model.solve(seconds)


def fewest_moves(fleet: Fleet, claims: Mapping[str, Claim], wanted: int, seconds: float) -> Best:
    model = _Model(fleet, claims)
    model.cp.add(sum(model.rooms) >= wanted)
    model.cp.minimize(sum(model.leave))
    return model.solve(seconds)


class _Model:
    def __init__(self, fleet: Fleet, claims: Mapping[str, Claim]) -> None:
        from ortools.sat.python import cp_model

        self.cp = cp_model.CpModel()
        self.leave: list[Any] = []
        self.rooms: list[Any] = []
        here: Counter[tuple[int, int, int]] = Counter()
        for claim in claims.values():
            cells = claim.placement.cells
            vcpus = sum(len(cell.pinning) for cell in cells)
            here[vcpus, claim.host, BOTH if vcpus >= WIDE else cells[0].host_cell] += 1
        sizes = {vcpus for vcpus, _host, _cell in here}
        balance: dict[int, list[Any]] = {vcpus: [] for vcpus in sizes}
        for host in range(len(fleet)):
            infos = fleet.hostinfo(host).cells
            free = [len(cell.pcpuset - cell.pinned_cpus) for cell in infos]
            now = list(free)
            for vcpus in sizes:
                for at in (BOTH,) if vcpus >= WIDE else CELLS:
                    each = vcpus // 2 if at == BOTH else vcpus
                    most = min(len(cell.pcpuset) for cell in infos) // each
                    leave = self.cp.new_int_var(0, here[vcpus, host, at], "")
                    come = self.cp.new_int_var(0, most, "")
                    self.leave.append(leave)
                    balance[vcpus].append(leave - come)
                    for cell in CELLS if at == BOTH else (at,):
                        free[cell] += each * (leave - come)
            for cell in CELLS:
                room = self.cp.new_int_var(0, len(infos[cell].pcpuset) // OFTEN, "")
                self.cp.add(free[cell] >= OFTEN * room)
                self.cp.add_hint(room, now[cell] // OFTEN)
                self.rooms.append(room)
        for terms in balance.values():
            self.cp.add(sum(terms) == 0)

    def solve(self, seconds: float) -> Best:
        from ortools.sat.python import cp_model

        solver = cp_model.CpSolver()
        solver.parameters.max_time_in_seconds = seconds
        solver.parameters.num_workers = 2
        status = solver.solve(self.cp)
        some = status in (cp_model.OPTIMAL, cp_model.FEASIBLE)
        return Best(
            round(solver.objective_value) if some else None, round(solver.best_objective_bound)
        )
