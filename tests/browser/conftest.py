"""Debian's Chromium without a head, and pages to look at."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from numafit import Fleet
from numafit.cli import main
from tests.reports import many_hosts

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
FLAVORS = EXAMPLES / "flavors.json"


@dataclass
class Tab:
    """A page as it is shown. ``said``: messages of its console and errors of its scripts;
    ``asked``: addresses that it asked for, its own left out."""

    page: Any
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


Open = Callable[..., Tab]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="make test-report installs it")
    path = os.environ.get("NUMAFIT_CHROMIUM") or shutil.which("chromium")
    assert path, "no Chromium: make test-report installs it, NUMAFIT_CHROMIUM names another"
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path)
        yield browser
        browser.close()


@pytest.fixture
def shown(browser: Any) -> Iterator[Open]:
    """Opens a file in a window of its own: ``width``, and settings as playwright names them."""
    contexts = []

    def show(path: Path, width: int = 1440, height: int = 900, **settings: Any) -> Tab:
        context = browser.new_context(viewport={"width": width, "height": height}, **settings)
        contexts.append(context)
        tab = Tab(context.new_page())
        tab.page.on("console", lambda message: tab.said.append(message.text))
        tab.page.on("pageerror", lambda error: tab.said.append(str(error)))
        tab.page.on("request", lambda request: tab.asked.append(request.url))
        tab.page.goto(path.as_uri())
        tab.asked = [one for one in tab.asked if one != path.as_uri()]
        return tab

    yield show
    for context in contexts:
        context.close()


def report(path: Path, *arguments: object) -> Path:
    assert main(["report", *map(str, arguments), "--output", str(path)]) == 0
    return path


@pytest.fixture(scope="session")
def rack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All sections: three hosts, and a plan of moves."""
    folder = EXAMPLES / "planning"
    claims = ("--claims", folder / "rack-claims.jsonl", "--room-for", "p8=1")
    path = tmp_path_factory.mktemp("rack") / "report.html"
    return report(path, folder / "flavors.json", *sorted((folder / "rack").iterdir()), *claims)


@pytest.fixture(scope="session")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hosts of three makes with shared CPUs, devices and networks, one of them in use."""
    hosts = [EXAMPLES / "planning" / "busy-xeon.yaml", *sorted((EXAMPLES / "hosts").iterdir())]
    return report(tmp_path_factory.mktemp("examples") / "report.html", FLAVORS, *hosts)


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2,000 hosts."""
    folder = tmp_path_factory.mktemp("large")
    Fleet(many_hosts(2000)).with_inventories().save(folder / "fleet.npz")
    words = ("--fleet", folder / "fleet.npz", "--worst", "2")
    return report(folder / "report.html", FLAVORS, *words)
