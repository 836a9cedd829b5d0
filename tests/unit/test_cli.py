"""The command line: exit status, the shape of its JSON, and one line for each mistake."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from numafit.cli import COMMANDS, main
from numafit.cli.group import Commands
from numafit.cpuset import parse_cpu_list

EXAMPLES = Path(__file__).parents[2] / "examples"
FLAVORS = EXAMPLES / "flavors.json"
XEON = EXAMPLES / "hosts" / "dual-xeon.yaml"
EDGE = EXAMPLES / "hosts" / "edge-gold.json"
EPYC = EXAMPLES / "hosts" / "epyc-nps4.yaml"
ROWS = Path(__file__).parent / "data" / "nova_rows.json"
Run = Callable[..., Any]


def test_fits_is_0_does_not_is_1_bad_input_is_2(numafit: Run) -> None:
    assert numafit("fit", FLAVORS, XEON, "--flavor", "nfv.huge").status == 0
    assert numafit("fit", FLAVORS, EDGE, "--flavor", "nfv.huge").status == 1
    assert numafit("fit", FLAVORS, EDGE, XEON, "--flavor", "nfv.huge").status == 0
    assert numafit("fit", FLAVORS, EXAMPLES / "nowhere.yaml").status == 2


def test_json_of_a_placement(numafit: Run) -> None:
    done = numafit("fit", FLAVORS, XEON, "--flavor", "nfv.large", "--format", "json")
    assert (done.status, done.err) == (0, "")
    (answer,) = json.loads(done.out)
    assert (answer["flavor"], answer["host"], answer["fits"]) == ("nfv.large", "dual-xeon", True)
    assert [cell["guest_cell"] for cell in answer["cells"]] == [0, 1]
    for cell in answer["cells"]:
        assert cell["memory_mb"] == 8192
        assert cell["pagesize_kib"] == 1 << 20
        assert sorted(map(int, cell["pinning"])) == cell["pcpuset"]
        assert cell["cpuset"] == cell["reserved"] == []
    pins = [cpu for cell in answer["cells"] for cpu in cell["pinning"].values()]
    assert len(set(pins)) == 8


def test_table_and_json_say_the_same(numafit: Run) -> None:
    asked = ("fit", FLAVORS, XEON, "--flavor", "nfv.huge")
    (answer,) = json.loads(numafit(*asked, "--format", "json").out)
    rows = [line.split() for line in numafit(*asked).out.splitlines() if line[:11].strip() in "01"]
    rows = [row for row in rows if row]
    assert len(rows) == 2
    for row, cell in zip(rows, answer["cells"], strict=True):
        assert int(row[1]) == cell["host_cell"]
        assert parse_cpu_list(row[2]) == set(cell["pcpuset"])
        assert parse_cpu_list(row[3]) == set(cell["pinning"].values())


def test_json_of_a_refusal(numafit: Run) -> None:
    done = numafit("fit", FLAVORS, EDGE, "--flavor", "nfv.huge", "--format", "json")
    (answer,) = json.loads(done.out)
    refusal = answer["refusal"]
    assert not answer["fits"]
    assert set(refusal) == {"reason", "wanted", "available", "message", "cells"}
    found = {(cell["guest_cell"], cell["host_cell"]): cell["reason"] for cell in refusal["cells"]}
    assert found == {
        (0, 0): "pages",
        (1, 0): "pages",
        (0, 1): "dedicated_total",
        (1, 1): "dedicated_total",
    }


def test_hosts_of_all_sources_in_the_order_of_the_options(numafit: Run) -> None:
    done = numafit(
        "fit", FLAVORS, XEON, "--nova-rows", ROWS, "--host", EDGE, "--flavor", "c1.pinned4",
        "--format", "json",
    )  # fmt: skip
    hosts = [answer["host"] for answer in json.loads(done.out)]
    assert hosts == ["dual-xeon", "edge-gold", "compute1", "compute1", "compute1"]


def test_flavors_from_standard_input(numafit: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for text, status in ((FLAVORS.read_bytes(), 0), (b'[{"Name": 1', 2), (b"", 2)):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
        done = numafit("fit", "-", XEON, "--flavor", "nfv.large")
        assert done.status == status
        assert done.err == "" if status == 0 else done.err.startswith("numafit: -: ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Missing argument 'FLAVORS'"),
        ((FLAVORS,), "No host given"),
        ((FLAVORS, XEON, "--flavor", "nfv.larg"), "Did you mean 'nfv.large'?"),
        ((FLAVORS, XEON, "--flavor", "zzzz"), "There are m1.small, m1.numa2"),
        ((FLAVORS, XEON, "--strategy", "best"), "'spread', 'pack', 'closest'"),
        ((FLAVORS, XEON, "--limits", "16"), "cpu=16,ram=1.5"),
        ((FLAVORS, XEON, "--limits", "cpu=x"), "cpu=16,ram=1.5"),
        ((FLAVORS, XEON, "--limits", "cpu=-1"), "expected a number of 0 or more"),
        ((FLAVORS, XEON, "--limits", "cpu=nan"), "expected a number of 0 or more"),
        ((FLAVORS, XEON, "--format", "xml"), "'table', 'json'"),
        ((FLAVORS, XEON, "--flavr", "a"), "No such option"),
        ((FLAVORS, FLAVORS), "expected a mapping with the keys of a host file"),
        ((XEON, XEON), "expected one of the keys name, vcpus"),
        ((FLAVORS, XEON, "--image", FLAVORS), "expected an image"),
        ((FLAVORS, XEON, "--alias", "{"), "[pci] alias[0]"),
        ((FLAVORS, "--nova-rows", XEON), "Dump the table compute_nodes"),
        ((FLAVORS, XEON, "--flavor", "\x1b[2J\na"), "has no flavor"),
        ((FLAVORS, "\x1b[2J\na"), "Check the path"),
        ((FLAVORS, XEON, "--strategy", "x" * 3000), "xxx..."),
        ((FLAVORS, "x" * 3000), "xxx..."),
        ((EXAMPLES, XEON), "a directory"),
        (("/dev/null", XEON), "a device"),
    ],
)
def test_a_mistake_is_one_line(numafit: Run, arguments: tuple[object, ...], words: str) -> None:
    done = numafit("fit", *arguments)
    assert done.status == 2
    assert done.out == ""
    assert done.err.startswith("numafit: ")
    assert done.err.count("\n") == 1
    assert "\x1b" not in done.err
    assert len(done.err) < 1300
    assert words in done.err


def test_a_hostile_file_cannot_write_to_the_terminal(numafit: Run, tmp_path: Path) -> None:
    path = tmp_path / "host.json"
    path.write_text(json.dumps({"version": 1, "cells": [], "\x1b]0;x\x07\ny": "\x1b[2J" * 99}))
    done = numafit("fit", FLAVORS, path)
    assert done.status == 2
    assert "\x1b" not in done.err
    assert done.err.count("\n") == 1


def flavors(tmp_path: Path, *found: dict[str, Any]) -> Path:
    path = tmp_path / "flavors.json"
    path.write_text(json.dumps([{"vcpus": 2, "memory_mb": 1024, **one} for one in found]))
    return path


def test_an_invalid_flavor_is_named(numafit: Run, tmp_path: Path) -> None:
    path = flavors(tmp_path, {"name": "bad", "extra_specs": {"hw:cpu_policy": "pinned"}})
    done = numafit("fit", path, XEON)
    assert done.status == 2
    assert "flavor bad: hw:cpu_policy" in done.err


def test_a_flavor_that_stands_twice_is_refused(numafit: Run, tmp_path: Path) -> None:
    done = numafit("fit", flavors(tmp_path, {"name": "a"}, {"name": "a"}), XEON)
    assert done.status == 2
    assert "each flavor once" in done.err


def test_a_name_with_markup_is_printed_as_it_is(numafit: Run, tmp_path: Path) -> None:
    path = flavors(tmp_path, {"name": "[red]a[/b]", "extra_specs": {"hw:numa_nodes": "1"}})
    done = numafit("fit", path, XEON)
    assert done.out.startswith("[red]a[/b] on dual-xeon: fits")
    assert "[red]a[/b]" in numafit("capacity", path, XEON).out


ALIAS = '{"name":"nic","vendor_id":"8086","product_id":"1889","device_type":"type-VF"}'


def test_devices_of_an_alias(numafit: Run, tmp_path: Path) -> None:
    specs = {"hw:cpu_policy": "dedicated", "pci_passthrough:alias": "nic:2"}
    path = flavors(tmp_path, {"name": "v", "extra_specs": specs})
    done = numafit("fit", path, XEON, "--alias", ALIAS, "--format", "json")
    (answer,) = json.loads(done.out)
    (drawn,) = answer["pci"]
    assert (drawn["count"], drawn["numa_node"], drawn["pool"]["product_id"]) == (2, 0, "1889")
    assert drawn["devices"] == ["0000:18:01.7", "0000:18:01.6"]
    words = numafit("fit", path, XEON, "--alias", ALIAS).out.split()
    assert words.index("0000:18:01.6,") < words.index("0000:18:01.7")
    assert "2 devices wanted, 0 match" in numafit("fit", path, EDGE, "--alias", ALIAS).out
    assert "[pci] alias" in numafit("fit", path, XEON).err


def keys_of(value: Any) -> set[str]:
    """The keys of an answer; those of a pinning and of a pool are the host's."""
    if isinstance(value, list):
        return set().union(*map(keys_of, value))
    if not isinstance(value, dict):
        return set()
    inner = [keys_of(part) for key, part in value.items() if key not in ("pinning", "pool")]
    return set(value).union(*inner)


def test_the_guide_names_every_key_of_the_answers(numafit: Run, tmp_path: Path) -> None:
    page = (EXAMPLES.parent / "docs" / "guide" / "command-line.md").read_text(encoding="utf-8")
    specs = {"hw:cpu_policy": "dedicated", "pci_passthrough:alias": "nic:2"}
    path = flavors(tmp_path, {"name": "v", "extra_specs": specs})
    keys = keys_of(
        [
            json.loads(numafit("fit", path, XEON, EDGE, "--alias", ALIAS, "--format", "json").out),
            json.loads(numafit("capacity", FLAVORS, EDGE, "--format", "json").out),
        ]
    )
    assert {"devices", "refusal", "hosts_at_cap"} <= keys
    assert not {key for key in keys if f"`{key}`" not in page and f".{key}`" not in page}


def test_networks(numafit: Run) -> None:
    asked = ("fit", FLAVORS, EPYC, "--flavor", "c1.pinned4", "--format", "json")
    (plain,) = json.loads(numafit(*asked).out)
    (near,) = json.loads(numafit(*asked, "--physnet", "fabric").out)
    (tunnel,) = json.loads(numafit(*asked, "--tunneled").out)
    assert plain["cells"][0]["host_cell"] not in (1, 5)
    assert near["cells"][0]["host_cell"] in (1, 5)
    assert tunnel["cells"][0]["host_cell"] == 1
    done = numafit(*asked, "--physnet", "fabric", "--physnet-affinity", "all")
    assert done.status == 1


def test_limits_on_the_command_line(numafit: Run) -> None:
    asked = ("fit", FLAVORS, XEON, "--flavor", "m1.numa2")
    assert numafit(*asked).status == 0
    assert numafit(*asked, "--limits", "cpu=0.5,ram=1").status == 1
    assert numafit(*asked, "--limits", "none").status == 0


@pytest.mark.parametrize("width", [80, 120])
def test_tables_keep_to_the_width(
    numafit: Run, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    for command in (("fit",), ("capacity",), ("capacity", "--by-host")):
        out = numafit(command[0], FLAVORS, XEON, EDGE, EPYC, *command[1:]).out
        tables = [line for line in out.splitlines() if line.startswith(" ")]
        assert tables
        assert max(map(len, tables)) <= width
        assert "\x1b" not in out


def test_every_command_has_a_click_command_and_a_page_of_help(numafit: Run) -> None:
    group = Commands("numafit")
    for name in COMMANDS:
        assert group.get_command(None, name) is not None  # type: ignore[arg-type]
        done = numafit(name, "--help")
        assert done.status == 0
        assert "Exit status:" in done.out
    assert numafit("nothing").status == 2
    assert numafit("--version").status == 0


def run_without(module: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    code = (
        f"import sys; sys.modules[{module!r}] = None; import numafit.cli as c; sys.exit(c.main())"
    )
    words = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True)


@pytest.mark.parametrize(("module", "extra"), [("click", "cli"), ("rich", "cli"), ("yaml", "yaml")])
def test_a_missing_extra_says_what_to_install(module: str, extra: str) -> None:
    done = run_without(module, "fit", FLAVORS, XEON)
    assert done.returncode == 2
    assert f"pip install 'numafit[{extra}]'" in done.stderr
    assert done.stderr.count("\n") == 1


def test_json_needs_neither_rich_nor_yaml() -> None:
    done = run_without("rich", "fit", FLAVORS, EDGE, "--flavor", "nfv.small", "--format", "json")
    assert done.returncode == 0


def test_a_reader_that_stops_reading_is_no_error() -> None:
    line = f"{sys.executable} -m numafit capacity {FLAVORS} {XEON} --format csv | head -1"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True)
    assert done.stdout == "flavor,host,count,at_cap,error\n"
    said = [line for line in done.stderr.splitlines() if not line.startswith("not judged: ")]
    assert [line for line in said if not line.startswith("derived from the hosts")] == []


def test_main_takes_the_arguments_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["numafit", "--version"])
    assert main() == 0
