"""Every answer of planning has a picture that can be read, frames, and a look in a notebook."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import combinations, pairwise
from typing import Any

import pytest

from numafit import Claim, Flavor, Fleet, HostCell, HostInfo, PagePool, Request
from numafit.errors import InvalidValue, MisuseError
from numafit.model.placement import Placement, PlacementCell
from numafit.planning.answer import MOST_ROWS, Answer
from numafit.planning.cells import cells
from numafit.planning.course import course
from numafit.planning.drain import drain
from numafit.planning.explain import explain
from numafit.planning.explain_fleet import explain_fleet
from numafit.planning.headroom import headroom
from numafit.planning.make_room import make_room
from numafit.planning.placement_picture import placement_picture
from numafit.planning.stranded import stranded
from numafit.planning.stranded_course import stranded_over
from numafit.planning.trace import Trace
from numafit.planning.what_if import Plan, what_if

pytest.importorskip("matplotlib")
GIB = 1 << 20
SIZES = (1, 3, 20, 48, 300)


def host(name: str, n_cells: int = 2, pinned: int = 0) -> HostInfo:
    """8 CPUs of 4 cores and 8 GiB a cell, half of it in pages of 1 GiB."""
    return HostInfo(
        [
            HostCell(
                n,
                cpuset=(),
                pcpuset=range(8 * n, 8 * n + 8),
                memory_mb=8192,
                siblings=[{8 * n + 2 * core, 8 * n + 2 * core + 1} for core in range(4)],
                page_pools=[PagePool(4, GIB), PagePool(GIB, 4)],
                pinned_cpus=range(8 * n, 8 * n + pinned),
            )
            for n in range(n_cells)
        ],
        name=name,
    )


def asks(vcpus: int, nodes: int = 1, **specs: str) -> Request:
    given = {"hw:cpu_policy": "dedicated", "hw:numa_nodes": str(nodes), **specs}
    return Request.for_server(Flavor(f"p{vcpus}", vcpus, 64 * vcpus, given))


SMALL, WIDE, HUGE = asks(2), asks(12, 2), asks(10)
CATALOGUE = {"small": SMALL, "wide": WIDE, "a flavor with a name that is longer than a label": HUGE}


def fleet_of(n: int) -> tuple[Fleet, dict[str, Claim]]:
    """Hosts of two and of four cells with some guests."""
    fleet = Fleet(host(f"compute-{k:03}.example", 4 if k % 3 == 2 else 2) for k in range(n))
    claims = fleet.schedule([SMALL] * (3 * n), choose="spread")
    return fleet, {f"guest {k}": claim for k, claim in enumerate(claims) if claim is not None}


def answers(n: int) -> dict[str, Answer]:
    fleet, claims = fleet_of(n)
    trace = Trace.of_mix({"small": (SMALL, 3), "wide": (WIDE, 1)}, 12 * n, 6, 24, seed=1)
    plans = [Plan("pack", "pack"), Plan("spread, which has a longer name, as a planner might have")]
    return {
        "cells": cells(fleet),
        "headroom": headroom(fleet, CATALOGUE),
        "stranded": stranded(fleet, CATALOGUE),
        "stranded over time": stranded_over(((f"week {k}", fleet) for k in range(n)), CATALOGUE),
        "explain": explain(fleet, HUGE, guests=claims),
        "explain where it fits": explain(host("free", 4), WIDE),
        "explain a fleet": explain_fleet(fleet, HUGE),
        "drain": drain(fleet, 0, claims, seconds=0.5),
        "make room": make_room(fleet, WIDE, None, claims, most_moves=30, seconds=0.5),
        "course": course(fleet, trace),
        "what if": what_if(fleet, trace, plans, executor=ThreadPoolExecutor(1)),
    }


@pytest.fixture(scope="module", params=SIZES, ids=lambda n: f"{n} hosts")
def found(request: pytest.FixtureRequest) -> dict[str, Answer]:
    return answers(request.param)


def labels_of(axis: Any) -> Iterator[tuple[str, Any]]:
    low, high = sorted(axis.get_view_interval())
    for tick in axis.get_major_ticks():
        for label in (tick.label1, tick.label2):
            if low <= tick.get_loc() <= high and label.get_visible() and label.get_text():
                yield label.get_text(), label.get_window_extent()


def assert_legible(figure: Any) -> None:
    """Nothing stands outside of the picture, and no two labels of an axis on each other."""
    figure.draw_without_rendering()
    page = figure.bbox
    said = [(figure.get_suptitle(), figure._suptitle.get_window_extent())]
    for axes in figure.axes:
        beside = [axes.xaxis.label, axes.yaxis.label, *axes.texts]
        said += [(text.get_text(), text.get_window_extent()) for text in beside if text.get_text()]
        written = [(text.get_text(), text.get_window_extent()) for text in axes.texts]
        for (one, box), (other, next_box) in combinations(written, 2):
            assert not (one and other and box.overlaps(next_box)), f"{one!r} stands on {other!r}"
        if axes.get_legend() is not None:
            legend = axes.get_legend()
            said.append(("the legend", legend.get_window_extent()))
        for axis in (axes.xaxis, axes.yaxis):
            if not axes.axison or not axis.get_visible():
                continue
            labels = list(labels_of(axis))
            said += labels
            if any(label.get_rotation() for label in axis.get_ticklabels()):
                # their boxes overlap, the letters in them do not where they are far enough apart
                starts = sorted(
                    label.get_transform().transform(label.get_position())[0]
                    for label in axis.get_ticklabels()
                )
                assert all(b - a >= 10 for a, b in pairwise(starts))
                continue
            for (one, box), (other, next_box) in combinations(labels, 2):
                assert not box.overlaps(next_box), f"{one!r} stands on {other!r}"
    for text, box in said:
        out = min(box.x0 - page.x0, page.x1 - box.x1, box.y0 - page.y0, page.y1 - box.y1)
        assert out >= -1, f"{text!r} is cut off by {-out:.0f} pixels"


def test_every_picture_can_be_read_and_says_the_sentence(found: dict[str, Answer]) -> None:
    for name, answer in found.items():
        figure = answer.picture()
        try:
            assert_legible(figure)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from None
        if name != "explain where it fits":
            assert figure.get_suptitle().replace("\n", " ") == str(answer)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_every_answer_is_a_frame(found: dict[str, Answer], library: str) -> None:
    module = pytest.importorskip(library)
    for name, answer in found.items():
        frame = answer.frame(library)
        assert isinstance(frame, module.DataFrame)
        assert len(frame.columns), name


def test_a_notebook_shows_the_sentence_and_a_short_table(found: dict[str, Answer]) -> None:
    for answer in found.values():
        shown = answer._repr_html_()
        assert shown.startswith("<div><p>")
        assert shown.count("<tr>") <= MOST_ROWS + 1
        assert "object at 0x" not in shown


def test_a_table_says_how_much_of_it_is_left_out() -> None:
    fleet, _claims = fleet_of(2)
    course_of = stranded_over(((f"day {k}", fleet) for k in range(14)), {"small": SMALL})
    assert "and 2 more rows" in course_of._repr_html_()
    assert "<td style='text-align: left'>day 11</td>" in course_of._repr_html_()
    assert "day 12" not in course_of._repr_html_().split("<table>")[1]


def test_names_of_flavors_are_no_markup() -> None:
    fleet, _claims = fleet_of(1)
    assert "<b>" not in headroom(fleet, {"<b>": HUGE})._repr_html_()


def test_a_notebook_shows_a_picture_without_pyplot() -> None:
    figure = cells(fleet_of(3)[0]).picture()
    assert figure._repr_png_()[:8] == b"\x89PNG\r\n\x1a\n"
    from matplotlib import pyplot

    assert pyplot.get_fignums() == []


def test_pictures_of_nothing() -> None:
    nobody = Trace.of({"small": SMALL}, [], [])
    empty, _claims = fleet_of(1)
    for answer in (
        cells(Fleet([])),
        headroom(Fleet([]), CATALOGUE),
        stranded(Fleet([]), CATALOGUE),
        explain_fleet(Fleet([]), SMALL),
        drain(Fleet([host("a")]), 0, {}),
        make_room(Fleet([host("a")]), SMALL, 1, {}),
        course(Fleet([]), nobody),
        what_if(empty, nobody, [], executor=ThreadPoolExecutor(1)),
    ):
        assert_legible(answer.picture())
        assert answer.frame() is not None
        assert answer._repr_html_().startswith("<div>")


def test_names_are_no_formulas() -> None:
    """Between dollars matplotlib reads TeX, and fails where it is none."""
    odd = r"$\frac$ ^{_"
    fleet = Fleet([host(odd, 1), host(f"{odd}2", 1, pinned=7)])
    claims = {odd: fleet.claim(SMALL, 0)}
    catalogue = {odd: SMALL, "wide": WIDE}
    trace = Trace.of({odd: SMALL}, [0], [0])
    plans = [Plan(odd), Plan("other")]
    compared = what_if(fleet, trace, plans, executor=ThreadPoolExecutor(1))
    for picture in (
        cells(fleet).picture(),
        headroom(fleet, catalogue).picture(),
        stranded_over([(odd, fleet)], catalogue).picture(),
        explain(fleet, HUGE, guests=claims).picture(),
        explain_fleet(fleet, HUGE).picture(),
        drain(fleet, 0, claims, seconds=0.1).picture(),
        compared.picture(),
        compared.picture("samples"),
    ):
        assert_legible(picture)
    (label, _wide) = headroom(fleet, catalogue).picture().axes[0].get_yticklabels()
    assert label.get_text() == odd.replace("$", r"\$")


# --- cells


def test_cells_count_what_is_used_by_hand() -> None:
    half = host("half", 2, pinned=4)
    busy = replace(half, cells=(half.cells[0], replace(half.cells[1], pinned_cpus=range(8, 16))))
    found = cells(Fleet([host("free", 1), busy]))
    assert found.kinds == ("dedicated CPUs", "memory", "pages of 1 GiB")
    assert found.host.tolist() == [0, 1, 1]
    assert found.cell.tolist() == [0, 0, 1]
    assert found.part().tolist() == [0.0, 0.5, 1.0]
    assert found.total.tolist() == [[8] * 3, [8192] * 3, [4] * 3]
    assert str(found) == (
        "12 of 24 dedicated CPUs (50%) are used on 2 hosts; of 3 cells 1 is full and 1 is empty."
    )
    frame = found.frame("polars")
    assert frame.columns == ["host", "cell", "kind", "total", "used"]
    assert frame.row(2) == ("half", 1, "dedicated CPUs", 8, 8)
    with pytest.raises(MisuseError, match="expected one of dedicated CPUs, memory"):
        found.part("devices")


def test_heat_map_has_a_field_for_each_cell_and_none_for_those_that_are_not() -> None:
    fleet = Fleet([host("two", 2, pinned=2), host("one", 1, pinned=8)])
    axes = cells(fleet).picture().axes[0]
    grid = axes.images[0].get_array()
    assert grid.shape == (2, 2)
    assert grid[0].tolist() == [0.25, 1.0]
    assert grid[1, 0] == 0.25
    assert grid.mask[1, 1]
    assert sorted(text.get_text() for text in axes.texts) == ["100", "25", "25"]


def test_a_removed_host_has_no_cells() -> None:
    fleet = Fleet([host("a"), host("b"), host("c")])
    fleet.remove([1])
    found = cells(fleet)
    assert found.host.tolist() == [0, 0, 2, 2]
    assert_legible(found.picture())


# --- a placement


def test_a_placement_shows_each_vcpu_on_its_cpu() -> None:
    there = explain(host("free", 2, pinned=2), WIDE)
    assert there
    figure = there.picture()
    numbers = [text.get_text() for text in figure.axes[0].texts]
    assert {str(n) for n in range(12)} <= set(numbers)
    assert figure.get_suptitle() == "free: 12 vCPUs in 2 guest cells on host cells 0, 1"
    assert "host cell 0: 6 of 8 CPUs free" in numbers


def test_a_suggestion_shows_where_the_guest_lands_then() -> None:
    refused = explain(host("half", 1, pinned=4), asks(6))
    assert not refused
    figure = refused.of("host")[0].picture()
    assert_legible(figure)
    assert figure.get_suptitle() == "half: 6 vCPUs in 1 guest cell on host cell 0"


def test_a_placement_of_another_host_is_refused() -> None:
    placed = Placement([PlacementCell(7, memory_mb=64)])
    with pytest.raises(InvalidValue, match="cells of the host"):
        placement_picture(host("two", 2), placed)


@pytest.mark.parametrize("n_cells", [1, 2, 3, 8])
def test_a_placement_can_be_read_on_hosts_of_any_cells(n_cells: int) -> None:
    paged = asks(4, 1, **{"hw:mem_page_size": "1GB"})
    flavor = Flavor("paged", 4, 2048, {"hw:cpu_policy": "dedicated", "hw:mem_page_size": "1GB"})
    assert paged.guest is not None
    figure = explain(host("host", n_cells, 1), Request.for_server(flavor)).picture()
    assert_legible(figure)
    assert "2 of 4 free 1 GiB pages" in [text.get_text() for text in figure.axes[0].texts]


# --- moves


def test_a_plan_of_moves_is_an_arrow_for_each_step() -> None:
    fleet = Fleet([host("a", 1), host("b", 1, pinned=2), host("c", 1, pinned=6)])
    claims = {name: fleet.claim(SMALL, 0) for name in ("web", "db")}
    plan = drain(fleet, 0, claims)
    assert plan.frame("polars").height == 2
    axes = plan.picture().axes[0]
    assert axes.get_xticklabels()[0].get_text() == "a"
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        f"{step.guest}, 0.125 GiB   {n}" for n, step in enumerate(plan.steps, 1)
    ]
    arrows = [one.arrow_patch for one in axes.texts if getattr(one, "arrow_patch", None)]
    assert len(arrows) == 2


def test_long_names_of_hosts_do_not_stand_on_each_other() -> None:
    names = [f"compute-rack-{n}.production.example.org" for n in range(5)]
    fleet = Fleet([host(names[0], 1), *(host(name, 1, pinned=6) for name in names[1:])])
    claims = {f"guest-{n}.tenant.example.org": fleet.claim(SMALL, 0) for n in range(4)}
    plan = drain(fleet, 0, claims)
    assert len(plan.picture().axes[0].get_xticklabels()) == 5
    for answer in (plan, cells(fleet), stranded_over([(n, fleet) for n in names], CATALOGUE)):
        assert_legible(answer.picture())


def test_what_stays_and_what_is_won_are_frames_too() -> None:
    fleet = Fleet([host("a", 1), host("b", 1, pinned=8)])
    plan = drain(fleet, 0, {"web": fleet.claim(SMALL, 0)})
    assert plan.left_frame("polars").row(0)[::2] == ("web", True)
    made = make_room(fleet, SMALL, None, {}, most_moves=1, catalogue={"small": SMALL})
    assert made.counts_frame("polars").rows() == [("small", 3, 3)]


# --- what if


def test_acceptance_over_time_is_what_was_placed_of_those_that_came() -> None:
    """Two guests of 4 CPUs fill a cell of 8, the third and the fourth are refused."""
    four = asks(4)
    trace = Trace.of({"four": four}, [0] * 4, [0, 3600, 7200, 10800])
    seen = course(Fleet([host("a", 1)]), trace, samples=4)
    (line,) = seen.picture().axes[0].lines
    assert line.get_xdata().tolist() == [0, 1, 2, 3]
    # each look is before the guest of its hour
    assert line.get_ydata().tolist() == [100, 100, 100, pytest.approx(100 * 2 / 3)]
    used, stranded = seen.picture().axes[1].lines
    assert used.get_ydata().tolist() == [0, 50, 100, 100]
    assert stranded.get_ydata().tolist() == [0, 0, 0, 0]
    frame = seen.frame("polars")
    assert frame["placed"].to_list() == [0, 1, 2, 2]
    assert frame["refused"].to_list() == [0, 0, 0, 1]


def test_plans_stand_beside_each_other_over_time() -> None:
    fleet, _claims = fleet_of(3)
    trace = Trace.of_mix({"wide": (WIDE, 1)}, 30, 6, seed=1)
    plans = [Plan(choose, choose) for choose in ("pack", "spread", "first")]
    found = what_if(fleet, trace, plans, executor=ThreadPoolExecutor(1))
    figure = found.picture("samples")
    assert_legible(figure)
    _handles, labels = figure.axes[0].get_legend_handles_labels()
    assert labels == ["pack", "spread", "first"]
    for line, name in zip(figure.axes[0].lines, labels, strict=True):
        (whole,) = [row for row in found.rows if row["plan"] == name]
        # the last look is before the last of 30 guests
        assert line.get_ydata()[-1] == pytest.approx(100 * whole["placed"] / 30, abs=100 / 29)
    with pytest.raises(InvalidValue, match="one of plans, samples"):
        found.picture("flavors")


def test_plans_are_bars_of_what_they_place() -> None:
    fleet, _claims = fleet_of(1)
    trace = Trace.of({"wide": WIDE}, [0, 0], [0, 1])
    plans = [Plan("as it is"), Plan("packed", "pack")]
    found = what_if(fleet, trace, plans, executor=ThreadPoolExecutor(1))
    widths = [bar.get_width() for bar in found.picture().axes[0].patches]
    assert widths == [100.0 * row["placed"] / row["came"] for row in found.rows]
    assert found.frame("pandas")["plan"].tolist() == ["as it is", "packed"]
