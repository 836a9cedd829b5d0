"""Long work says how far it is: to a function, on a bar where somebody looks, else to nobody."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
import termios
import time
import types
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from numafit import Flavor, Fleet, HostCell, HostInfo, InvalidValue, Request, progress
from numafit.errors import MissingExtra
from numafit.planning.course import course
from numafit.planning.drain import drain
from numafit.planning.headroom import headroom
from numafit.planning.make_room import make_room
from numafit.planning.stranded import stranded
from numafit.planning.stranded_course import stranded_over
from numafit.planning.trace import Trace
from numafit.planning.what_if import Plan, what_if

Verb = Callable[[Any], object]
Said = list[tuple[float, float | None]]


def fleet() -> Fleet:
    cells = (HostCell(0, cpuset=(), pcpuset=range(8), memory_mb=8192),)
    return Fleet([HostInfo(cells, name=name) for name in ("a", "b")])


def pinned(vcpus: int) -> Request:
    return Request.for_server(Flavor("p", vcpus, 64, {"hw:cpu_policy": "dedicated"}))


CATALOGUE = {"p2": pinned(2), "p4": pinned(4)}
TRACE = Trace.of(CATALOGUE, [0, 1], [0, 1])
PLANS = [Plan("pack", "pack"), Plan("spread")]
COUNTED: dict[str, tuple[Verb, int]] = {
    "headroom": (lambda how: headroom(fleet(), CATALOGUE, progress=how), 2),
    "headroom of two fleets": (lambda how: headroom([fleet()] * 2, CATALOGUE, progress=how), 4),
    "stranded": (lambda how: stranded(fleet(), CATALOGUE, progress=how), 2),
    "stranded by a mix": (lambda how: stranded(fleet(), CATALOGUE, mixed=True, progress=how), 2),
    "stranded over time": (
        lambda how: stranded_over([("a", fleet())] * 3, CATALOGUE, progress=how),
        3,
    ),
    "what-if": (
        lambda how: what_if(fleet(), TRACE, PLANS, executor=ThreadPoolExecutor(1), progress=how),
        2,
    ),
    "what-if of one plan, by its guests": (
        lambda how: what_if(fleet(), TRACE, PLANS[:1], progress=how),
        2,
    ),
    "a course": (lambda how: course(fleet(), TRACE, progress=how), 2),
}
MANY = Trace.of(CATALOGUE, [0] * 2500, range(2500))
TIMED: dict[str, Verb] = {
    "drain": lambda how: drain(fleet(), 0, {}, seconds=1.0, progress=how),
    "make room": lambda how: make_room(fleet(), pinned(8), 2, {}, seconds=1.0, progress=how),
}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("name", COUNTED)
def test_a_function_is_told_each_step(name: str) -> None:
    verb, total = COUNTED[name]
    said: Said = []
    verb(lambda done, of: said.append((done, of)))
    assert said == [(n, total) for n in range(1, total + 1)]


def test_one_long_plan_goes_on_with_its_guests_a_thousand_times_at_the_most() -> None:
    said: Said = []
    what_if(fleet(), MANY, PLANS[:1], progress=lambda done, of: said.append((done, of)))
    assert said[:2] == [(3, 2500), (6, 2500)]
    assert said[-1] == (2500, 2500)
    assert len(said) == 834


def test_moments_that_nobody_counted_have_no_total() -> None:
    said: Said = []
    series = ((str(n), fleet()) for n in range(2))
    stranded_over(series, CATALOGUE, progress=lambda *step: said.append(step))
    assert said == [(1, None), (2, None)]


def test_a_search_tells_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "TICK", 0.01)
    said: Said = []
    with progress.Elapsing(lambda *step: said.append(step), 0.2):
        time.sleep(0.3)
    assert len(said) > 3
    assert {of for _done, of in said} == {0.2}
    done = [one for one, _of in said]
    assert done == sorted(done)
    assert done[-1] == pytest.approx(0.2, abs=0.05)


def test_a_search_goes_on_where_the_function_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "TICK", 0.01)
    calls: list[float] = []

    def fails(done: float, _of: float) -> None:
        calls.append(done)
        raise ValueError

    with progress.Elapsing(fails, 0.2):
        time.sleep(0.1)
    assert len(calls) > 1


@pytest.mark.parametrize("name", [*COUNTED, *TIMED])
def test_nothing_is_said_where_nobody_looks(
    name: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    (TIMED.get(name) or COUNTED[name][0])(None)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", [*COUNTED, *TIMED])
def test_what_is_no_progress_is_refused(name: str) -> None:
    with pytest.raises(InvalidValue, match="True, False, None or a function of two numbers"):
        (TIMED.get(name) or COUNTED[name][0])("yes")


def test_quick_work_shows_no_bar_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", screen := Terminal())
    headroom(fleet(), CATALOGUE)
    assert screen.getvalue() == ""


def test_slow_work_shows_a_bar_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.1)
    monkeypatch.setattr(sys, "stderr", screen := Terminal())
    with progress.Shown(None, 4, "flavor") as show:
        for _ in range(4):
            time.sleep(0.15)
            show(1)
    assert "/4" in screen.getvalue()
    assert "flavor" in screen.getvalue()
    # the line is wiped
    assert screen.getvalue().rstrip("\r").endswith(" ")


def test_a_bar_that_was_asked_for_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", said := io.StringIO())
    headroom(fleet(), CATALOGUE, progress=True)
    assert "2/2" in said.getvalue()


def test_bars_need_tqdm_where_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tqdm.std", None)
    monkeypatch.setattr(sys, "stderr", screen := Terminal())
    headroom(fleet(), CATALOGUE)
    assert screen.getvalue() == ""
    with pytest.raises(MissingExtra, match=r"numafit\[progress\]"):
        headroom(fleet(), CATALOGUE, progress=True)


def in_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    shell = types.SimpleNamespace(kernel=object())
    known = types.SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", known)


def test_a_notebook_without_widgets_shows_text_without_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    in_notebook(monkeypatch)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    monkeypatch.setattr(sys, "stderr", said := io.StringIO())
    with progress.Shown(None, 2, "flavor") as show:
        time.sleep(0.2)
        show(1)
    assert "flavor" in said.getvalue()


def test_workers_show_no_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert not progress.Shown(None, 2, "flavor").to_nobody
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(lambda: progress.Shown(None, 2, "flavor").to_nobody).result()
    parent = types.SimpleNamespace(parent_process=object)
    monkeypatch.setitem(sys.modules, "multiprocessing.process", parent)
    assert progress.Shown(None, 2, "flavor").to_nobody


COMMAND = """
import sys, time
from numafit import progress
progress.PATIENCE = 0.0
from numafit.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_command_says_it_on_the_terminal_alone() -> None:
    """Standard output is a file, standard error a terminal."""
    arguments = ["headroom", "examples/flavors.json", "examples/hosts/dual-xeon.yaml"]
    arguments += ["--flavor", "nfv.small"]
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    command = [sys.executable, "-c", COMMAND, *arguments]
    done = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, stderr=theirs, check=False)
    os.close(theirs)
    said = b""
    with suppress(OSError):  # the end of a terminal
        while more := os.read(ours, 4096):
            said += more
    os.close(ours)
    assert done.returncode == 0
    assert b"flavor" in done.stdout
    assert b"\r" not in done.stdout
    assert b"flavor" in said
    assert b"Traceback" not in said
