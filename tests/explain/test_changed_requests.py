"""A request with changes is what the API would make of the flavor with these changes."""

from __future__ import annotations

import pytest

from numafit import Flavor, Request
from numafit.planning import explain_changed_request as changed
from numafit.planning.explain_search import Key

PINNED = {"hw:cpu_policy": "dedicated"}
ISOLATE = {**PINNED, "hw:cpu_thread_policy": "isolate"}
EMULATOR = {**PINNED, "hw:emulator_threads_policy": "isolate"}
HUGE = {**PINNED, "hw:mem_page_size": "1048576"}
TWO = {**PINNED, "hw:numa_nodes": "2"}
MIXED = {"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "2-7"}

CASES: list[tuple[dict[str, str], dict[Key, int], Flavor]] = [
    (PINNED, {("cells", 2): 1}, Flavor("f", 8, 4096, TWO)),
    (TWO, {("cells", 1): 1}, Flavor("f", 8, 4096, {**PINNED, "hw:numa_nodes": "1"})),
    (PINNED, {("fewer dedicated", 0): 3}, Flavor("f", 5, 4096, PINNED)),
    (TWO, {("fewer dedicated", -1): 1}, Flavor("f", 6, 4096, TWO)),
    (TWO, {("less memory", -1): 1024}, Flavor("f", 8, 2048, TWO)),
    (HUGE, {("less memory", 0): 1024}, Flavor("f", 8, 3072, HUGE)),
    (HUGE, {("page size", 2048): 1}, Flavor("f", 8, 4096, {**PINNED, "hw:mem_page_size": "2048"})),
    (HUGE, {("page size", None): 1}, Flavor("f", 8, 4096, PINNED)),
    (ISOLATE, {("threads", None): 1}, Flavor("f", 8, 4096, PINNED)),
    (EMULATOR, {("emulator", None): 1}, Flavor("f", 8, 4096, PINNED)),
    (HUGE, {("policy", "shared"): 1}, Flavor("f", 8, 4096, {**HUGE, "hw:cpu_policy": "shared"})),
    (PINNED, {("policy", "shared"): 1}, Flavor("f", 8, 4096, {"hw:cpu_policy": "shared"})),
    (EMULATOR, {("policy", "shared"): 1}, Flavor("f", 8, 4096, {"hw:cpu_policy": "shared"})),
    (ISOLATE, {("policy", "shared"): 1}, Flavor("f", 8, 4096, {"hw:cpu_policy": "shared"})),
    ({}, {("policy", "dedicated"): 1}, Flavor("f", 8, 4096, PINNED)),
    (MIXED, {("policy", "dedicated"): 1}, Flavor("f", 8, 4096, PINNED)),
    ({}, {("fewer units", "VCPU"): 2}, Flavor("f", 6, 4096, {})),
    (
        {**TWO, "trait:CUSTOM_A": "required"},
        {("no need", "CUSTOM_A"): 1},
        Flavor("f", 8, 4096, TWO),
    ),
]


def parts(request: Request | None) -> tuple[object, ...]:
    """What a fit looks at: cells by their sizes, for vCPUs have other numbers, and resources."""
    assert request is not None
    cells = () if request.guest is None else request.guest.cells
    shapes = [
        (
            len(cell.cpuset),
            len(cell.pcpuset),
            cell.memory_mb,
            cell.pagesize,
            cell.cpu_policy if cell.cpu_policy != "shared" else None,
            cell.cpu_thread_policy,
        )
        for cell in cells
    ]
    emulator = None if request.guest is None else request.guest.emulator_threads_policy
    asked = request.resources
    assert asked is not None
    second = None if asked.second is None else asked.second.amounts
    return shapes, emulator, asked.amounts, second, asked.required, asked.forbidden


@pytest.mark.parametrize(("specs", "changes", "flavor"), CASES)
def test_a_changed_request_is_that_of_the_changed_flavor(
    specs: dict[str, str], changes: dict[Key, int], flavor: Flavor
) -> None:
    before = Request.for_server(Flavor("f", 8, 4096, specs))
    after = Request.for_server(flavor)
    assert parts(before) != parts(after)
    assert parts(changed.changed_request(before, changes)) == parts(after)
