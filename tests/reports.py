"""Reading a report as a browser's table would, and fleets to report on."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from numafit import HostCell, HostInfo, PagePool, PciPool


@dataclass
class Page(HTMLParser):
    """``tables``: by their ids, rows of texts, the head first. ``data``: what pictures are drawn
    from. ``scripts``: elements of that name; ``links``: what asks for anything from elsewhere."""

    tables: dict[str, list[list[str]]] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    scripts: int = 0
    links: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)
    _table: str = ""
    _json: str = ""
    _in_json: bool = False

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if given.get("id"):
            self.ids.append(str(given["id"]))
        self.links += [str(given[key]) for key in ("src", "href", "xlink:href") if key in given]
        if tag == "table":
            self._table = str(given["id"])
            self.tables[self._table] = []
        elif tag == "tr":
            self.tables[self._table].append([])
        elif tag in ("th", "td"):
            self.tables[self._table][-1].append("")
            self._open.append(tag)
        elif tag == "script":
            self.scripts += 1
            self._in_json = given.get("type") == "application/json"

    def handle_endtag(self, tag: str) -> None:
        if tag in ("th", "td"):
            self._open.pop()
        self._in_json = False

    def handle_data(self, data: str) -> None:
        if self._in_json:
            self._json += data
        elif self._open:
            self.tables[self._table][-1][-1] += data
        elif data.strip():
            self.texts.append(" ".join(data.split()))

    @property
    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._json)
        return found


def parse(html: str) -> Page:
    page = Page()
    page.feed(html)
    page.close()
    return page


def number(text: str) -> int:
    return int(text.removeprefix("≤ ").removesuffix("+").replace(",", ""))


def many_hosts(n: int, seed: int = 1) -> list[HostInfo]:
    """Hosts of 2, 4 and 8 cells with 128 to 256 CPUs, more than half of them pinned at random."""
    chance = random.Random(seed)
    return [_host(f"compute-{number:04}", chance, number % 4) for number in range(n)]


def _host(name: str, chance: random.Random, kind: int) -> HostInfo:
    n_cells, cores = ((2, 32), (2, 56), (4, 32), (8, 16))[kind]
    cells = []
    for cell in range(n_cells):
        first = cell * cores
        siblings = [{first + n, first + n + n_cells * cores} for n in range(cores)]
        cpus = sorted(set().union(*siblings))
        used = chance.randrange(64)
        cells.append(
            HostCell(
                cell,
                (),
                cpus,
                190000 + chance.randrange(50),
                memory_usage=used * 1024,
                pinned_cpus=chance.sample(cpus, chance.randrange(len(cpus) // 2, len(cpus))),
                siblings=siblings,
                page_pools=[PagePool(4, 20 << 18), PagePool(1 << 20, 96, used)],
                physnets={"provider"} if cell == 0 else (),
                tunneled=cell == 1,
                socket=cell // 2,
            )
        )
    tags = {"dev_type": "type-VF", "physical_network": "provider"}
    pools = [PciPool("8086", "1889", 0, chance.randrange(8), tags)]
    return HostInfo(cells, name, pools)
