"""numafit check: what remote-managed devices ask of libvirt and of all computes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from numafit import InputError
from numafit.readers import libvirt_version
from numafit.readers.libvirt_version import live_libvirt_version, read_libvirt_version

PRINTED = """\
Compiled against library: libvirt 9.0.0
Using library: libvirt 9.0.0
Using API: QEMU 9.0.0
Running hypervisor: QEMU 7.2.13
Running against daemon: 7.8.0
"""


@pytest.mark.parametrize(
    ("text", "version"),
    [
        (PRINTED, (7, 8, 0)),
        (PRINTED.partition("Running against")[0], (9, 0, 0)),
        ("8.1.0\n", (8, 1, 0)),
        ("libvirtd (libvirt) 10.2.0\n", (10, 2, 0)),
    ],
)
def test_versions_of_files(text: str, version: tuple[int, ...], tmp_path: Path) -> None:
    file = tmp_path / "version"
    file.write_text(text)
    assert read_libvirt_version(str(file)) == version
    assert read_libvirt_version(".".join(map(str, version))) == version


def test_what_is_no_version(tmp_path: Path) -> None:
    file = tmp_path / "version"
    file.write_text("virsh: command not found\n")
    for source in (str(file), "nine", "9"):
        with pytest.raises(InputError, match="a version such as"):
            read_libvirt_version(source)


def test_virsh_is_asked_on_the_host_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    virsh = tmp_path / "virsh"
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setattr(libvirt_version, "_COMMAND", (str(virsh), "version", "--daemon"))
    assert live_libvirt_version() is None
    virsh.write_text(f"#!/bin/sh\ncat <<'X'\n{PRINTED}X\n")
    virsh.chmod(0o755)
    assert live_libvirt_version() == (7, 8, 0)


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A host with a PF that has a serial number, and a VF of it."""
    vpd = b"\x90\x05\x00SN\x02X1\x78"
    files: dict[str, str | bytes] = {
        "devices/system/node/node0/cpulist": "0\n",
        "devices/system/node/node0/meminfo": "Node 0 MemTotal: 4194304 kB\n",
    }
    for address, product in (("0000:3b:00.0", "0xa2d6"), ("0000:3b:00.1", "0x101e")):
        base = f"bus/pci/devices/{address}"
        files |= {f"{base}/vendor": "0x15b3", f"{base}/device": product, f"{base}/vpd": vpd}
    files["bus/pci/devices/0000:3b:00.0/sriov_totalvfs"] = "8"
    for name, data in files.items():
        path = tmp_path / "sys" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
    (tmp_path / "sys/bus/pci/devices/0000:3b:00.1/physfn").symlink_to("../0000:3b:00.0")
    (tmp_path / "nova.conf").write_text(
        '[pci]\ndevice_spec = {"product_id": "101e", "remote_managed": "true"}\n'
    )
    return tmp_path


def services(path: Path, *rows: tuple[str, int | None, int, int]) -> str:
    with closing(sqlite3.connect(path)) as database:
        database.execute(
            "CREATE TABLE services (binary TEXT, version INTEGER, forced_down INTEGER, "
            "deleted INTEGER)"
        )
        database.executemany("INSERT INTO services VALUES (?,?,?,?)", rows)
        database.commit()
    return f"sqlite:///{path}"


def test_the_conditions_reach_the_operator(host: Path, numafit: Callable) -> None:
    asked = ("check", "--sysfs", host / "sys", "--config", host / "nova.conf")
    assert "libvirt" not in numafit(*asked).out
    good = numafit(*asked, "--libvirt-version", "8.1.0")
    assert good.status == 0
    assert "lose their device for the time of a live migration" in good.out
    (host / "version").write_text(PRINTED)
    old = numafit(*asked, "--libvirt-version", host / "version")
    assert old.status == 1
    assert "libvirt 7.8.0: shows no Vital Product Data" in old.out
    assert "libvirt 7.8.0: clears the VLAN" in old.out


@pytest.mark.parametrize(
    ("rows", "oldest"),
    [
        ([("nova-compute", 66, 0, 0), ("nova-scheduler", 1, 0, 0)], None),
        ([("nova-compute", 66, 0, 0), ("nova-compute", 60, 0, 0)], 60),
        # as nova: those that are deleted or forced down are not asked
        ([("nova-compute", 61, 0, 0), ("nova-compute", 1, 1, 0), ("nova-compute", 2, 0, 9)], None),
    ],
)
def test_all_computes_must_be_of_yoga(
    rows: list[tuple[str, int | None, int, int]], oldest: int | None, host: Path, numafit: Callable
) -> None:
    url = services(host / "cell.db", *rows)
    found = numafit(
        *("check", "--sysfs", host / "sys", "--config", host / "nova.conf", "--nova-db", url)
    )
    assert (f"service version {oldest}, expected 61 (Yoga)" in found.out) == (oldest is not None)
    assert found.status == (oldest is not None)
