"""Rows of compute_nodes in the files that dumps and operators' tools write."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from numafit import HostInfo, InputError
from numafit.readers.nova_rows import host_from_nova, read_nova_rows

COLUMNS = ("host", "numa_topology", "cpu_allocation_ratio", "deleted")


def cell(number: int, memory: int) -> dict[str, object]:
    return {
        "nova_object.name": "NUMACell",
        "nova_object.namespace": "nova",
        "nova_object.version": "1.1",
        "nova_object.data": {
            "id": number,
            "cpuset": [0, 1],
            "memory": memory,
            "cpu_usage": 0,
            "memory_usage": 0,
            "pinned_cpus": [],
            "siblings": [],
        },
    }


def topology(memory: int) -> dict[str, object]:
    return {
        "nova_object.name": "NUMATopology",
        "nova_object.namespace": "nova",
        "nova_object.version": "1.2",
        "nova_object.data": {"cells": [cell(0, memory)]},
    }


ROWS: list[tuple[str, str | None, float, int]] = [
    ("cmp-1.example", json.dumps(topology(1024)), 16.0, 0),
    ("cmp-2", None, 4.0, 0),
    ("gone", json.dumps(topology(4096)), 4.0, 7),
]
WANTED = [host_from_nova(text, None, name, ratio) for name, text, ratio, gone in ROWS if not gone]


def as_dicts(*, text: bool = False) -> list[dict[str, object]]:
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in ROWS]
    if text:
        return [{k: v if v is None else str(v) for k, v in row.items()} for row in rows]
    return rows


def texts(null: str) -> list[list[str]]:
    return [[null if value is None else str(value) for value in row] for row in ROWS]


def mysql_batch() -> str:
    def escaped(value: str) -> str:
        return value.replace("\\", "\\\\").replace("\t", "\\t")

    lines = ["\t".join(COLUMNS)] + ["\t".join(map(escaped, row)) for row in texts("NULL")]
    return "\n".join(lines) + "\n"


def widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def mysql_box() -> str:
    rows = [list(COLUMNS), *texts("NULL")]
    wide = widths(rows)
    rule = "+" + "+".join("-" * (width + 2) for width in wide) + "+"

    def line(row: list[str]) -> str:
        # the client pads up to some width
        cells = [f" {cell:<{min(n, 40)}} " for cell, n in zip(row, wide, strict=True)]
        return "|" + "|".join(cells) + "|"

    return "\n".join([rule, line(rows[0]), rule, *map(line, rows[1:]), rule]) + "\n"


def psql_aligned() -> str:
    rows = [list(COLUMNS), *texts("")]
    wide = widths(rows)

    def line(row: list[str]) -> str:
        return "|".join(f" {cell:<{n}} " for cell, n in zip(row, wide, strict=True)).rstrip(" ")

    rule = "+".join("-" * (width + 2) for width in wide)
    return "\n".join([line(rows[0]), rule, *map(line, rows[1:]), "(3 rows)", "", ""])


def psql_unaligned() -> str:
    return "\n".join(["|".join(row) for row in [list(COLUMNS), *texts("")]] + ["(3 rows)"]) + "\n"


def psql_csv() -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([list(COLUMNS), *texts("")])
    return out.getvalue()


def mysql_vertical() -> str:
    wide = max(map(len, COLUMNS))
    found = []
    for n, row in enumerate(texts("NULL"), 1):
        found.append(f"{'*' * 27} {n}. row {'*' * 27}")
        found += [f"{name:>{wide}}: {value}" for name, value in zip(COLUMNS, row, strict=True)]
    return "\n".join(found) + "\n"


def psql_expanded() -> str:
    wide = max(map(len, COLUMNS))
    found = []
    for n, row in enumerate(texts(""), 1):
        found.append(f"-[ RECORD {n} ]".ljust(wide + 1, "-") + "+" + "-" * 30)
        found += [f"{name:<{wide}} | {value}" for name, value in zip(COLUMNS, row, strict=True)]
    return "\n".join(found) + "\n\n"


def psql_expanded_unaligned() -> str:
    rows = [zip(COLUMNS, row, strict=True) for row in texts("")]
    return "\n\n".join("\n".join(map("|".join, row)) for row in rows) + "\n"


def play() -> str:
    """Of Ansible's callback json: facts first, then what a command has printed."""
    printed = {"changed": True, "rc": 0, "stdout": mysql_vertical(), "stdout_lines": []}
    tasks = [
        {"hosts": {"db-1": {"ansible_facts": {}, "changed": False}}, "task": {"name": "facts"}},
        {"hosts": {"db-1": printed}, "task": {"name": "rows"}},
    ]
    return json.dumps({"plays": [{"play": {}, "tasks": tasks}], "stats": {}})


def lines() -> str:
    return "".join(json.dumps(row) + "\n" for row in as_dicts())


def report(result: object) -> str:
    inner = json.dumps({"changed": False, "query_result": result, "rowcount": [3]}, indent=4)
    return f"db-1 | SUCCESS => {inner}\n"


FORMS: dict[str, Callable[[], str]] = {
    "a row a line": lines,
    "numbers as text": lambda: json.dumps(as_dicts(text=True)),
    "mysql -B": mysql_batch,
    "mysql -t": mysql_box,
    "psql": psql_aligned,
    "mysql -E": mysql_vertical,
    "psql -x": psql_expanded,
    "psql -x -A": psql_expanded_unaligned,
    "a command by Ansible": lambda: f"db-1 | CHANGED | rc=0 >>\n{mysql_batch()}",
    "registered output of Ansible": lambda: json.dumps({"stdout": psql_csv(), "rc": 0}),
    "a play of Ansible": play,
    "psql -A": psql_unaligned,
    "psql --csv": psql_csv,
    "mysql_query of Ansible": lambda: json.dumps({"query_result": [as_dicts()]}),
    "postgresql_query of Ansible": lambda: json.dumps(
        {"query_all_results": [as_dicts()], "query_result": as_dicts()}
    ),
    "registered results of Ansible": lambda: json.dumps(
        {"results": [{"item": "cell1", "query_result": [as_dicts()]}], "changed": False}
    ),
    "a report of ansible": lambda: report([as_dicts()]),
    "YAML": lambda: (
        "compute_nodes:\n" + "".join(f"- {json.dumps(row)}\n" for row in as_dicts(text=True))
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_a_dump(form: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.txt"
    path.write_text(FORMS[form]())
    assert read_nova_rows(path) == WANTED


def test_reports_of_several_hosts(tmp_path: Path) -> None:
    path = tmp_path / "rows.txt"
    path.write_text(report([as_dicts()]) + report([as_dicts()]).replace("db-1", "db-2"))
    assert len(read_nova_rows(path)) == 4


def test_ansibles_report_of_one_line_is_not_an_empty_table(tmp_path: Path) -> None:
    # as ansible-core 2.19 prints it with -o
    path = tmp_path / "rows.txt"
    text = mysql_batch().replace("\n", "\\n")
    path.write_text(f"db-1 | CHANGED | rc=0 | (stdout) {text}\n")
    with pytest.raises(InputError, match=r"without -o"):
        read_nova_rows(path)


def test_a_bare_topology_is_a_host_with_the_files_name(tmp_path: Path) -> None:
    path = tmp_path / "cmp-1.example.json"
    path.write_text(json.dumps(topology(1024)))
    (host,) = read_nova_rows(path)
    assert (host.name, host.cells) == ("cmp-1.example", WANTED[0].cells)


def test_the_key_of_a_row_without_a_name_is_its_name(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    rows = {"cmp-1": {"numa_topology": None}, "cmp-2": {"numa_topology": None, "host": "b"}}
    path.write_text(json.dumps(rows))
    assert [host.name for host in read_nova_rows(path)] == ["cmp-1", "b"]


@pytest.mark.parametrize(
    ("text", "where", "word"),
    [
        ("host\tnuma_topology\ncmp-1\n", "line 2", "2 columns, as the header has"),
        (
            "+---+\n| host | numa_topology |\n+---+\n| a |\n+---+\n",
            "line 4",
            "2 columns, as the header has",
        ),
        ('{"host": "a", "numa_topology": "{\\\\"b\\\\": 1}"}\n{"host": "b"}\n', "line 1", "-r"),
        ('host,numa_topology\ncmp-1,"x\n', "line 2", "comma-separated values"),
        ('{"host": "a", "numa_topology": null}\n{"host": "b"}\n', "line 2: numa_topology", "JSON"),
        ('{"host": "a", "numa_topology": null}\n{"host": }\n', "line 2", "JSON"),
        ('[{"host": "a", "numa_topology": null, "deleted": "no"}]', "[0].deleted", "0, or the id"),
        ('{"changed": false, "rc": 1}', "", "the keys changed, rc"),
        ('{"query_result": "none"}', "query_result", "rows of compute_nodes"),
        ('{"a": {"b": {"c": {"d": {"e": {"f": {"g": 1}}}}}}}', "a.b.c", "rows of compute_nodes"),
        ("cmp-1\t{}\n", "", "rows of compute_nodes"),
        ("db-1 | UNREACHABLE! => {}\ndb-2 | SUCCESS => {}\n", "db-1", "one of SUCCESS, CHANGED"),
        ("db-1 | FAILED | rc=1 >>\nno mysql\n", "db-1", "one of SUCCESS, CHANGED"),
        ("db-1 | CHANGED | rc=0 >>\nhost\tnuma_topology\na\n", "db-1: line 2", "2 columns"),
        (
            '{"plays": [{"tasks": [{"hosts": {"db-1": {"unreachable": true}}}]}]}',
            "plays[0].tasks[0].hosts.db-1",
            "Leave its report out",
        ),
        ("***** 1. row *****\nrubbish\n numa_topology: {}\n", "line 2", "mysql -E"),
        ("-[ RECORD 1 ]-\nnuma_topology | {} +\n  | {}\n", "line 3", "print it with --csv"),
        ("host|a\nnuma_topology|\n}\n", "line 3", "print it with --csv"),
        (
            " host | numa_topology \n------+---------------\n a    + x\n",
            "line 3",
            "print it with --csv",
        ),
    ],
)
def test_what_is_no_dump_names_its_place(text: str, where: str, word: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.txt"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        read_nova_rows(path)
    assert (error.value.key or "").startswith(where)
    assert word in str(error.value)
    assert error.value.file == str(path)


@pytest.mark.parametrize("command", ["fit", "capacity", "show"])
@pytest.mark.parametrize("text", ["[]", "hypervisor_hostname\tnuma_topology\tpci_stats\n"])
def test_no_hosts_at_all_are_no_answer(
    numafit: Callable[..., Any], tmp_path: Path, command: str, text: str
) -> None:
    rows, flavors = tmp_path / "rows", tmp_path / "flavors.json"
    flavors.write_text('[{"name": "f", "vcpus": 1, "ram": 1, "properties": {}}]')
    rows.write_text(text)
    done = numafit(command, *(() if command == "show" else (flavors,)), "--nova-rows", rows)
    assert (done.status, done.out) == (2, "")
    assert f"{rows}: got 'no hosts', expected at least one in all that was named" in done.err


def test_a_pipe_of_the_shell_may_be_asked_for_twice(tmp_path: Path) -> None:
    rows, conf = tmp_path / "rows.tsv", tmp_path / "nova.conf"
    rows.write_text(mysql_batch())
    conf.write_text("[DEFAULT]\ncpu_allocation_ratio = 3\n")
    flavors = tmp_path / "flavors.json"
    flavors.write_text('[{"name": "f", "vcpus": 1, "memory_mb": 1, "extra_specs": {}}]')
    command = (
        f"{sys.executable} -m numafit show --nova-rows <(cat {rows}) --config <(cat {conf}) && "
        f"{sys.executable} -m numafit fit <(cat {flavors}) --nova-rows <(cat {rows}) --config "
        f"<(cat {conf}) --host cmp-1.example"
    )
    command = command.rpartition(" --host")[0]
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    assert done.stderr.count("changes [DEFAULT] cpu_allocation_ratio of 2 hosts") == 2
    assert len(done.stderr.splitlines()) == 2
    assert "allocation ratios: CPUs 3" in done.stdout


def test_an_archive_may_come_through_a_pipe(tmp_path: Path) -> None:
    example = Path(__file__).parents[2] / "examples" / "networking" / "sys.tar.xz"
    for shell in (f"numafit show --sysfs <(cat {example})", f"numafit show --sysfs - < {example}"):
        command = shell.replace("numafit", f"{sys.executable} -m numafit", 1)
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
        assert "cell 3, socket 1" in done.stdout, done.stderr


def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "rows.json")
    with pytest.raises(InputError, match="a FIFO"):
        read_nova_rows(tmp_path / "rows.json")


def test_forms_agree_as_values() -> None:
    assert all(isinstance(host, HostInfo) for host in WANTED)
    assert WANTED[0].cells[0].memory_mb == 1024
    assert WANTED[1].cells == ()


def test_a_value_of_several_lines_in_mysqls_vertical_form(tmp_path: Path) -> None:
    text = mysql_vertical().replace("{", "{\n  ", 1)
    (tmp_path / "rows.txt").write_text(text)
    assert read_nova_rows(tmp_path / "rows.txt") == WANTED
