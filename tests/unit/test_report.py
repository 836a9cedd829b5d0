"""``numafit report``: its figures are those of the other commands, names are text whatever they
hold, and the same input gives the same bytes. What it looks like is asked in tests/browser."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from numafit import Fleet, HostCell, HostInfo, PagePool, PciPool
from numafit.errors import printable
from numafit.readers.hostfile import read_host_file
from tests.reports import Page, many_hosts, number, parse

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
FLAVORS = EXAMPLES / "flavors.json"
BROKEN = EXAMPLES / "flavors-broken.json"
HOSTS = sorted((EXAMPLES / "hosts").iterdir())
RACK = sorted((EXAMPLES / "planning" / "rack").iterdir())
PLANNED = (EXAMPLES / "planning" / "flavors.json", *RACK)
CLAIMS = ("--claims", EXAMPLES / "planning" / "rack-claims.jsonl")
Run = Callable[..., Any]


def page_of(numafit: Run, *arguments: object, status: int = 0) -> Page:
    done = numafit("report", *arguments)
    assert done.status == status, done.err
    return parse(done.out)


def asked(numafit: Run, *arguments: object) -> Any:
    return json.loads(numafit(*arguments, "--format", "json").out)


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    """The examples' hosts and 60 others, so that each figure has something to tell."""
    path = tmp_path / "fleet.npz"
    Fleet([*map(read_host_file, HOSTS), *many_hosts(60)]).save(path)
    return path


def test_headroom_is_that_of_the_command(numafit: Run, fleet: Path) -> None:
    page = page_of(numafit, FLAVORS, "--fleet", fleet)
    told = asked(numafit, "headroom", FLAVORS, "--fleet", fleet)
    head, *rows = page.tables["flavors"]
    assert head == ["Flavor", "In all", "Any order", "Hosts with room", "Ended by"]
    assert [row[0] for row in rows] == [one["flavor"] for one in told["flavors"]]
    for row, one in zip(rows, told["flavors"], strict=True):
        assert number(row[1]) == one["in_all"]
        assert number(row[2]) == one["at_most"]
        assert row[2].startswith("≤") == (not one["exact"])
        assert number(row[3]) == sum(count > 0 for count in one["reached"])
        for what, hosts in list(one["ended_by"].items())[:2]:
            assert f"{what} ({hosts:,})" in row[4]
    by_flavor = [list(counts) for counts in zip(*page.data["room"], strict=True)]
    assert by_flavor == [one["reached"] for one in told["flavors"]]
    assert told["sentence"] in page.texts
    kinds = asked(numafit, "headroom", FLAVORS, "--fleet", fleet, "--by", "kind")["groups"]
    assert page.tables["makes"][1:] == [[one["name"], f"{one['hosts']:,}"] for one in kinds]
    ended = page.data["ended"]
    for n, one in enumerate(told["flavors"]):
        words = [page.data["ends"][row[n]] for row in ended]
        assert {word: words.count(word) for word in words} == one["ended_by"]


def test_stranded_is_that_of_the_command(numafit: Run, fleet: Path) -> None:
    few = ("--flavor", "nfv.small", "--flavor", "hpc.quad")
    page = page_of(numafit, FLAVORS, "--fleet", fleet, *few)
    told = asked(numafit, "stranded", FLAVORS, "--fleet", fleet, *few)
    units = {"MiB": ", MiB"}
    assert page.tables["kinds"][1:] == [
        [
            one["kind"] + units.get(one["unit"], ""),
            f"{one['free_in_all']:,}",
            f"{one['stranded_in_all']:,}",
            f"{one['fragmentation']:.2f}",
        ]
        for one in told["kinds"]
    ]
    causes = [
        [
            one["kind"] + units.get(one["unit"], ""),
            f"{cause['stranded']:,}",
            f"{cause['hosts']:,}",
            cause["lacks"],
            cause["freed_by"],
        ]
        for one in told["kinds"]
        for cause in one["causes"]
    ]
    assert page.tables["causes"][1:] == [row for row in causes if "no flavor asks" not in row[3]]
    assert len(page.tables["causes"]) > 3
    by_kind = [list(lost) for lost in zip(*page.data["lost"], strict=True)]
    assert by_kind == [one["stranded"] for one in told["kinds"]]
    assert told["sentence"] in page.texts


def test_refusals_are_those_of_the_command_with_the_fewest_hosts_first(
    numafit: Run, fleet: Path
) -> None:
    page = page_of(numafit, FLAVORS, "--fleet", fleet, "--worst", "3")
    flavors = page.tables["flavors"][1:]
    taking = {row[0]: number(row[3]) for row in flavors}
    worst = sorted(taking, key=lambda name: taking[name])[:3]
    for n, name in enumerate(worst):
        (told,) = asked(numafit, "explain", FLAVORS, "--fleet", fleet, "--flavor", name)
        assert f"{told['sentence']}." in page.texts
        assert page.tables[f"reasons-{n}"][1:] == [
            [
                one["words"],
                f"{one['hosts']:,}",
                f"{one['never']:,}",
                f"{one['short']} short on {one['nearest']}" if one["short"] else "-",
            ]
            for one in told["causes"]
        ]
        changes = page.tables[f"nearest-{n}"][1:]
        assert [row[0] for row in changes] == [one["host"] for one in told["nearest"]]
        texts = {one["text"] for near in told["nearest"] for one in near["suggestions"]}
        assert {text for row in changes for text in row[1:]} <= texts | {"-"}
    assert "reasons-3" not in page.tables


def test_a_plan_of_moves_is_that_of_the_command(numafit: Run) -> None:
    page = page_of(numafit, *PLANNED, *CLAIMS, "--room-for", "p8=1")
    told = asked(numafit, "plan-moves", *PLANNED, *CLAIMS, "--for", "p8", "--room", "1")
    assert f"{told['sentence']}." in page.texts
    assert page.tables["steps"][1:] == [
        [str(n), one["guest"], one["from"], one["to"], f"{one['memory_mb']:,}", str(one["gain"])]
        for n, one in enumerate(told["steps"], 1)
    ]
    assert len(page.tables["steps"]) == 2
    assert page.tables["counts"][1:] == [
        [one["flavor"], str(one["before"]), str(one["after"])] for one in told["counts"]
    ]
    by_moves = page_of(numafit, *PLANNED, *CLAIMS, "--room-for", "p8", "--moves", "1")
    assert by_moves.tables["counts"] == page.tables["counts"]


def test_a_host_is_what_its_file_says(numafit: Run) -> None:
    page = page_of(numafit, FLAVORS, EXAMPLES / "planning" / "busy-xeon.yaml", *HOSTS)
    assert [row[0] for row in page.tables["host-table"][1:]] == [
        "busy-xeon",
        *(path.stem for path in HOSTS),
    ]
    info = read_host_file(EXAMPLES / "planning" / "busy-xeon.yaml")
    cells, _lines, _distances = page.data["hosts"][0]
    assert [cell[0] for cell in cells] == ["cell 0, socket 0", "cell 1, socket 1"]
    pinned = set()
    for cell, known in zip(cells, info.cells, strict=True):
        _title, cores, memory, used, _floating, bits, pages, _near, _devices = cell
        cpus = [
            int(cpu) for core in page.data["cores"][cores][0].split(";") for cpu in core.split(",")
        ]
        assert sorted(cpus) == sorted(known.pcpuset | known.cpuset)
        flags = "".join(f"{int(digit, 16):04b}" for digit in bits)
        pinned |= {cpu for cpu, flag in zip(cpus, flags, strict=False) if flag == "1"}
        assert (memory, used) == (known.memory_mb, known.memory_usage)
        assert pages == [[p.size_kib, p.total, p.used, p.reserved] for p in known.page_pools]
    assert pinned == info.cells[0].pinned_cpus | info.cells[1].pinned_cpus
    assert pinned
    row = page.tables["host-table"][1]
    free = sum(len(cell.pcpuset - cell.pinned_cpus) for cell in info.cells)
    assert [int(text) for text in row[1:4]] == [2, free, free + len(pinned)]
    shown = numafit("show", EXAMPLES / "hosts" / "dual-xeon.yaml").out
    for n in page.data["hosts"][1][1]:
        line = page.data["lines"][n]
        assert line in shown or "(derived)" in line


def test_what_is_left_open_is_said_as_on_the_command_line(numafit: Run, tmp_path: Path) -> None:
    page = page_of(numafit, FLAVORS, *HOSTS)
    lines = numafit("headroom", FLAVORS, *HOSTS).out.splitlines()
    below = [line for line in lines if line.startswith(("not judged: ", "derived from "))]
    assert len(below) >= 2
    assert set(below) <= set(page.texts)
    twice = numafit("report", FLAVORS, HOSTS[0], HOSTS[0], "--flavor", "nfv.small")
    said = "this host is given more than once, and counted each time: dual-xeon"
    assert f"numafit: {said}" in twice.err
    assert said in parse(twice.out).texts
    host = json.loads(HOSTS[1].read_text())
    path = tmp_path / "resting.json"
    path.write_text(json.dumps({**host, "disabled": "a new <disk>"}))
    resting = page_of(numafit, FLAVORS, path)
    assert "take no guests: resting (a new <disk>)" in resting.texts


def test_broken_flavors_are_named_and_the_others_reported(numafit: Run) -> None:
    page = page_of(numafit, BROKEN, HOSTS[0], status=2)
    assert [row[0] for row in page.tables["flavors"][1:]] == ["web", "monster"]
    assert "typo" in page.texts
    assert any("[2].vcpus: got 'four'" in text for text in page.texts)


EVIL = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)//",
    '"><img src=x onerror=alert(1)>',
    "<!--<script>",
    "{{ 7 * 7 }}",
    "]]>&lt;b&gt;'\"\\",
    "\u2028\u202e\x1b[31m",
    "\ud800",
]


def evil_host(name: str, **others: Any) -> HostInfo:
    """Everything that a host's source may choose is this text."""
    tags = {"dev_type": "type-VF", "physical_network": name}
    cell = HostCell(0, (), range(8), 4096, physnets=[name], page_pools=[PagePool(4, 1 << 20)])
    return HostInfo([cell], name, [PciPool("8086", "1889", 0, 1, tags)], zone=name, **others)


@pytest.mark.parametrize("name", EVIL)
def test_what_a_host_or_flavor_is_called_stays_text(
    numafit: Run, tmp_path: Path, name: str
) -> None:
    hosts, flavors = tmp_path / "hosts.npz", tmp_path / "flavors.json"
    specs = {"hw:cpu_policy": "dedicated"}

    def reported(host: str, flavor: str) -> tuple[str, Page]:
        Fleet([evil_host(host), evil_host(host, disabled=host)]).with_inventories().save(hosts)
        entry = {"name": flavor, "vcpus": 3, "ram": 64, "properties": specs}
        flavors.write_text(json.dumps([entry]))
        done = numafit("report", flavors, "--fleet", hosts, "--title", host)
        assert done.status == 0, done.err
        return done.out, parse(done.out)

    _html, plain = reported("plain", "plain")
    # files with a flavor whose name no terminal can print are refused
    html, page = reported(name, name if name.isprintable() else "plain")
    counts = (page.scripts, len(page.ids), len(page.links))
    assert counts == (plain.scripts, len(plain.ids), len(plain.links))
    for row in page.tables["host-table"][1:]:
        text = row[0].removesuffix(" takes no guests")
        assert text == printable(name)
        assert text.isprintable()
    assert page.tables["flavors"][1][0] == page.data["flavors"][0]
    head, script = html.split('<script type="application/json"', 1)
    assert "<script>alert" not in head
    assert "<img" not in head
    assert not set("<>&'") & set(script.partition(">")[2].partition("</script>")[0])


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    """In processes whose sets go another way round."""
    texts = []
    for seed in ("1", "2"):
        words = ["-m", "numafit", "report", FLAVORS, *HOSTS, "--output", tmp_path / seed]
        settings = {"PYTHONHASHSEED": seed, "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
        subprocess.run(
            [sys.executable, *words], check=True, env=settings, cwd=tmp_path, timeout=120
        )
        texts.append((tmp_path / seed).read_bytes())
    assert texts[0] == texts[1]


def test_the_page_asks_for_nothing_and_names_each_element_once(numafit: Run) -> None:
    done = numafit("report", *PLANNED, *CLAIMS, "--room-for", "p8=1")
    page = parse(done.out)
    assert [link for link in page.links if link[:1] != "#" and link != "data:,"] == []
    assert sorted(set(page.ids)) == sorted(page.ids)
    assert {link[1:] for link in page.links if link[:1] == "#"} <= set(page.ids)
    assert "default-src 'none'" in done.out


def test_two_thousand_hosts_take_less_than_five_megabytes(numafit: Run, tmp_path: Path) -> None:
    path = tmp_path / "fleet.npz"
    Fleet(many_hosts(2000)).with_inventories().save(path)
    done = numafit("report", FLAVORS, "--fleet", path, "--worst", "0", "--output", tmp_path / "r")
    assert done.status == 0
    html = (tmp_path / "r").read_bytes()
    assert len(html) < 5_000_000
    page = parse(html.decode())
    assert len(page.data["hosts"]) == 2000 == len(page.tables["host-table"]) - 1


def test_hosts_without_cells_cpus_or_names_are_reported(numafit: Run, tmp_path: Path) -> None:
    bare, shared = tmp_path / "bare.npz", tmp_path / "shared.npz"
    Fleet([HostInfo(()), HostInfo(())]).save(bare)
    Fleet([HostInfo([HostCell(0, range(4), (), 4096)], "s")]).save(shared)
    page = page_of(numafit, FLAVORS, "--fleet", bare, "--fleet", shared)
    assert [row[0] for row in page.tables["host-table"][1:]] == ["host 0", "host 1", "s"]


def test_a_file_is_replaced_as_a_whole_or_not_at_all(numafit: Run, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("before")
    done = numafit("report", FLAVORS, tmp_path / "no-such-host", "--output", path)
    assert (done.status, path.read_text()) == (2, "before")
    assert numafit("report", FLAVORS, HOSTS[0], "--output", path).out == ""
    assert path.read_text().startswith("<!DOCTYPE html>\n")
    assert [one.name for one in tmp_path.iterdir()] == ["report.html"]
    done = numafit("report", FLAVORS, HOSTS[0], "--output", tmp_path / "no" / "r.html")
    assert (done.status, done.err.count("\n")) == (2, 1)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (("--room-for", "p9=1", *CLAIMS), "the name of one of the flavors"),
        (("--room-for", "p8=0", *CLAIMS), "NAME=N, a number of guests"),
        (("--room-for", "p8=x", *CLAIMS), "NAME=N, a number of guests"),
        (("--room-for", "p8", *CLAIMS), "--room-for p8=N"),
        (("--room-for", "p8=1"), "Which guests are there?"),
        (CLAIMS, "--claims is of a plan of moves"),
        (("--moves", "0"), "--moves is of a plan of moves"),
        (("--worst", "-1"), "--worst"),
    ],
)
def test_mistakes(numafit: Run, wrong: tuple[object, ...], words: str) -> None:
    done = numafit("report", *PLANNED, *wrong)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("numafit: ")
    assert done.err.count("\n") == 1
    assert words in done.err


@pytest.mark.parametrize("module", ["jinja2", "matplotlib"])
def test_a_missing_library_is_named_with_the_extra(
    numafit: Run, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    done = numafit("report", FLAVORS, HOSTS[0])
    assert done.status == 2
    assert done.err == (f"numafit: {module} is not installed. Run: pip install 'numafit[report]'\n")
