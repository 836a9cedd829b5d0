"""The guest as it runs: sockets, cores and threads, emulator threads, and pins, in text and JSON.

Expected CPUs are worked out by hand from nova's libvirt driver (``_get_emulatorpin_cpuset``).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]

# no hyper-threading: each CPU is a core
HOST: dict[str, Any] = {
    "version": 1,
    "name": "h",
    "cells": [
        {"id": 0, "shared_cpus": "0-1", "dedicated_cpus": "2-5", "memory_mb": 8192},
        {"id": 1, "shared_cpus": "8-9", "dedicated_cpus": "10-13", "memory_mb": 8192},
    ],
}
PINNED = {"hw:cpu_policy": "dedicated"}
REALTIME = {**PINNED, "hw:cpu_realtime": "yes"}


@pytest.fixture
def ask(numafit: Run, tmp_path: Path) -> Callable[..., Any]:
    """``fit`` of a flavor of 4 vCPUs with these extra specs on the host."""

    def run(specs: dict[str, str], *options: str, host: dict[str, Any] = HOST, rc: int = 0) -> Any:
        (tmp_path / "host.json").write_text(json.dumps(host))
        flavor = {"name": "f", "vcpus": 4, "ram": 2048, "extra_specs": specs}
        (tmp_path / "flavors.json").write_text(json.dumps([flavor]))
        done = numafit("fit", tmp_path / "flavors.json", tmp_path / "host.json", *options)
        assert done.status == rc, done.err
        return done

    return run


@pytest.fixture
def answer(ask: Callable[..., Any]) -> Callable[..., Any]:
    def run(specs: dict[str, str], *options: str, host: dict[str, Any] = HOST) -> Any:
        (found,) = json.loads(ask(specs, "--format", "json", *options, host=host).out)
        return found

    return run


def floating_host() -> dict[str, Any]:
    """Without CPU sets: floating and dedicated vCPUs get the same CPUs."""
    return {"version": 1, "name": "h", "cells": [{"id": 0, "cpus": "0-5", "memory_mb": 8192}]}


def test_sockets_cores_and_threads_follow_the_flavor(ask: Run, answer: Run) -> None:
    specs = {**PINNED, "hw:cpu_sockets": "1", "hw:cpu_threads": "2"}
    assert answer(specs)["topology"] == {"sockets": 1, "cores": 2, "threads": 2}
    assert " 1 socket of 2 cores of 2 threads; " in ask(specs).out


def test_a_guest_without_numa_topology_has_sockets_too(ask: Run, answer: Run) -> None:
    found = answer({"hw:cpu_max_sockets": "2"})
    assert found["topology"] == {"sockets": 2, "cores": 2, "threads": 1}
    assert found["emulator_threads"] is None
    assert " 2 sockets of 2 cores of 1 thread\n" in ask({"hw:cpu_max_sockets": "2"}).out


def test_sockets_that_cannot_be_are_an_error_that_names_the_flavor(ask: Run) -> None:
    limits = {f"hw:cpu_max_{part}": "1" for part in ("sockets", "cores", "threads")}
    done = ask(limits, rc=2)
    assert done.out == ""
    assert done.err.startswith("numafit: flavor f: hw:cpu_max_sockets=1: expected limits")


def test_emulator_threads_without_a_policy_run_beside_the_vcpus(ask: Run, answer: Run) -> None:
    assert answer(PINNED)["emulator_threads"] == {
        "policy": None,
        "cpus": [2, 3, 4, 5],
        "whose": "vcpus",
        "problem": None,
    }
    assert "emulator threads on the CPUs of its vCPUs" in ask(PINNED).out


def test_isolated_emulator_threads_have_the_cpu_that_is_reserved(ask: Run, answer: Run) -> None:
    specs = {**PINNED, "hw:emulator_threads_policy": "isolate", "hw:numa_nodes": "2"}
    emulator = answer(specs)["emulator_threads"]
    assert (emulator["policy"], emulator["whose"]) == ("isolate", "reserved")
    # the first free CPU of the host cell of guest cell 0 that its two vCPUs (2-3) leave
    assert emulator["cpus"] == [4]
    assert "emulator threads on CPU 4, reserved for them" in ask(specs).out


def test_shared_emulator_threads_have_the_shared_cpus_of_all_cells(ask: Run, answer: Run) -> None:
    specs = {**PINNED, "hw:emulator_threads_policy": "share"}
    emulator = answer(specs)["emulator_threads"]
    assert (emulator["cpus"], emulator["whose"]) == ([0, 1, 8, 9], "shared")
    assert "emulator threads on CPUs 0-1,8-9, shared by the host's guests" in ask(specs).out


def test_shared_emulator_threads_without_shared_cpus_run_beside_the_vcpus(answer: Run) -> None:
    specs = {**PINNED, "hw:emulator_threads_policy": "share"}
    emulator = answer(specs, host=floating_host())["emulator_threads"]
    assert (emulator["cpus"], emulator["whose"]) == ([0, 1, 2, 3], "vcpus")
    assert emulator["problem"] is None


def test_cpu_shared_set_beside_vcpu_pin_set_is_for_emulator_threads(
    answer: Run, tmp_path: Path
) -> None:
    conf = tmp_path / "nova.conf"
    conf.write_text("[DEFAULT]\nvcpu_pin_set = 1-5\n[compute]\ncpu_shared_set = 0\n")
    specs = {**PINNED, "hw:emulator_threads_policy": "share"}
    emulator = answer(specs, "--config", str(conf), host=floating_host())["emulator_threads"]
    assert (emulator["cpus"], emulator["whose"]) == ([0], "shared")


def test_emulator_threads_keep_off_realtime_vcpus(ask: Run, answer: Run) -> None:
    specs = {**REALTIME, "hw:cpu_realtime_mask": "^0"}
    emulator = answer(specs)["emulator_threads"]
    assert (emulator["cpus"], emulator["whose"]) == ([2], "not_realtime")
    assert emulator["problem"] is None
    assert "on CPU 2, those of its vCPUs without realtime" in ask(specs).out


def test_realtime_with_shared_emulator_threads_needs_shared_cpus(ask: Run, answer: Run) -> None:
    specs = {**REALTIME, "hw:cpu_realtime_mask": "^0", "hw:emulator_threads_policy": "share"}
    assert answer(specs)["emulator_threads"]["problem"] is None
    assert "cpu_shared_set" in answer(specs, host=floating_host())["emulator_threads"]["problem"]
    assert "nova does not start it here: " in ask(specs, host=floating_host()).out


def test_mixed_guest_has_emulator_threads_on_pinned_and_shared_cpus(answer: Run) -> None:
    specs = {"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "2-3"}
    found = answer(specs, "--pins")
    assert found["emulator_threads"]["cpus"] == [0, 1, 2, 3]
    assert found["vcpu_cpus"] == {"0": [0, 1], "1": [0, 1], "2": [2], "3": [3]}


def test_pins_has_a_row_for_each_vcpu(ask: Run) -> None:
    rows = [
        line.split()
        for line in ask({**PINNED, "hw:numa_nodes": "2"}, "--pins").out.splitlines()
        if len(line.split()) == 4 and line.split()[0].isdigit()
    ]
    assert rows == [
        ["0", "0", "0", "2"],
        ["1", "0", "0", "3"],
        ["2", "1", "1", "10"],
        ["3", "1", "1", "11"],
    ]
    assert "vCPU" not in ask(PINNED).out.replace("vCPUs", "")


def test_pins_of_a_guest_without_a_topology_are_one_line(ask: Callable[..., Any]) -> None:
    said = " each vCPU may run on CPUs 0-1,8-9, those of the host's shared guests\n"
    assert said in ask({}, "--pins").out
    assert "each vCPU" not in ask({}).out
    (answer,) = json.loads(ask({}, "--pins", "--format", "json").out)
    assert answer["vcpu_cpus"] == {str(n): [0, 1, 8, 9] for n in range(4)}
    bare = {"version": 1, "name": "h", "cells": []}
    assert " each vCPU may run on any CPU of the host\n" in ask({}, "--pins", host=bare).out
