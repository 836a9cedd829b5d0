"""numafit check on the machine of the networking example: sound, and with every kind of fault."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from numafit.cli import main

EXAMPLES = Path(__file__).parents[2] / "examples" / "networking"
MACHINE = [
    "--sysfs",
    str(EXAMPLES / "sys.tar.xz"),
    "--neutron",
    str(EXAMPLES / "linuxbridge_agent.ini"),
    "--addresses",
    str(EXAMPLES / "addr.json"),
]
BAD = """\
[compute]
cpu_dedicated_set = 1-3,17
[neutron]
physnets = foo
[neutron_physnet_foo]
numa_nodes = 2
[neutron_tunneled]
numa_nodes = 0
[pci]
device_spec = {"vendor_id": "8086", "physical_network": "foo"}
alias = {"name": "gpu", "vendor_id": "10de", "product_id": "1db4", "device_type": "type-PCI"}
"""


def test_the_example_is_sound(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", *MACHINE, "--config", str(EXAMPLES / "nova.conf")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("note: bond0: physnet bar is on NUMA nodes 2, 3")
    assert lines[-1] == "1 note"


def test_faults_in_order_of_severity(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "nova.conf"
    file.write_text(BAD)
    assert main(["check", *MACHINE, "--config", str(file), "--format", "json"]) == 1
    found = [(one["severity"], one["rule"]) for one in json.loads(capsys.readouterr().out)]
    assert found == [
        ("error", "tunnel-section"),
        ("error", "wrong-node"),
        ("warning", "split-cores"),
        ("warning", "missing-node"),
        ("warning", "physnet-without-section"),
        ("warning", "tunnel-without-section"),
        ("warning", "pf-and-vfs"),
        ("warning", "alias-unserved"),
        ("note", "spread"),
        ("note", "cell-without-cpus"),
        ("note", "cell-without-cpus"),
        ("note", "cell-without-cpus"),
        ("note", "migration"),
    ]
    assert main(["check", *MACHINE, "--config", str(file)]) == 1
    assert capsys.readouterr().out.endswith("2 errors, 6 warnings, 5 notes\n")


def test_without_neutron_nothing_is_said_of_networks(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["check", *MACHINE[:2], "--config", str(EXAMPLES / "nova.conf")]) == 0
    assert capsys.readouterr().out == "nothing to report for 1 host: configuration and host agree\n"


@pytest.mark.parametrize(
    "arguments",
    [
        MACHINE,
        [*MACHINE, "--config", "absent"],
        ["--sysfs", "absent", "--config", str(EXAMPLES / "nova.conf")],
        [*MACHINE, "--config", str(EXAMPLES / "flavors.json")],
    ],
)
def test_bad_input(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", *arguments]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("numafit: ")
    assert errors.count("\n") == 1
