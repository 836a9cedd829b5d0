"""What libvirt prints of hosts and devices; two files are libvirt's own, of test hosts."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from numafit import HostInfo, InputError
from numafit.readers.libvirt import NodeDevices, read_capabilities, read_nodedevs

DATA = Path(__file__).parents[1] / "data" / "libvirt"


def test_capabilities_of_two_sockets() -> None:
    host = read_capabilities(DATA / "two-socket.xml")
    first, second = host.cells
    assert host.name == "two-socket"
    assert first.cpuset == first.pcpuset == {0, 2, 4, 6}
    assert first.siblings == (frozenset({0, 4}), frozenset({2, 6}))
    assert second.siblings == (frozenset({1, 5}), frozenset({3}))
    assert second.cpuset == {1, 3, 5}  # 7 is off
    assert (first.socket, second.socket) == (0, 1)
    assert first.memory_mb == 64222
    assert [(p.size_kib, p.total) for p in first.page_pools] == [
        (4, 8052258),
        (2048, 0),
        (1048576, 32),
    ]
    assert host.distances == ((10, 21), (21, 10))


def test_capabilities_of_libvirts_test_driver() -> None:
    host = read_capabilities(DATA / "test-driver.xml")
    assert [len(cell.cpuset) for cell in host.cells] == [8, 8]
    assert [cell.memory_mb for cell in host.cells] == [2048, 4096]
    assert [cell.page_pools[0].size_kib for cell in host.cells] == [4, 8]


def test_devices_with_functions_vpd_and_vdpa() -> None:
    found = read_nodedevs(DATA / "sriov-devices.xml")
    pf, vf, vdpa = found.devices
    assert (pf.address, pf.dev_type, pf.numa_node) == ("0000:5e:00.0", "type-PF", 1)
    assert (pf.vendor_id, pf.product_id, pf.serial) == ("15b3", "a2d6", "MT2113X00000")
    assert (vf.dev_type, vf.parent_addr, vf.parent_ifname) == (
        "type-VF",
        "0000:5e:00.0",
        "ens1f0np0",
    )
    assert vdpa.dev_type == "vdpa"
    (net,) = found.interfaces
    assert (net.name, net.pci_address, net.numa_node) == ("ens1f0np0", "0000:5e:00.0", 1)
    assert net.physical_function


def test_devices_of_a_guest() -> None:
    found = read_nodedevs(DATA / "virtio-devices.xml")
    assert {device.vendor_id for device in found.devices} == {"8086", "1af4"}
    assert all(device.numa_node is None for device in found.devices)
    assert [net.name for net in found.interfaces] == ["eth0"]


def damaged(tmp_path: Path, name: str, old: str, new: str) -> Path:
    text = (DATA / name).read_text()
    assert old in text
    path = tmp_path / name
    path.write_text(text.replace(old, new, 1))
    return path


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("cell id='0'", "cell id='zero'", "cell[1]/@id"),
        ("cell id='1'", "cell id='0'", "cell[2]/@id"),
        ("65763848", "-5", "cell[1]/memory"),
        ("65763848", "9" * 40, "cell[1]/memory"),
        ("memory unit='KiB'", "memory unit='bushel'", "cell[1]/memory/@unit"),
        ("siblings='0,4'", "siblings='0-'", "cpu[1]/@siblings"),
        ("siblings='0,4'", "siblings='0,2'", "cpu[2]/@siblings"),
        ("size='2048'", "size='4'", "page_pools"),
        ("size='2048'", "size='0'", "pages[2]/@size"),
        ("value='21'", "value='far'", "sibling[2]/@value"),
        ("<cpu id='2'", "<cpu id='99999999999'", "cpu[2]/@id"),
        ("</cells>", "</cell>", "line"),
        ("<capabilities>", "<!DOCTYPE x [<!ENTITY a 'b'>]><capabilities>", ""),
    ],
)
def test_bad_capabilities(tmp_path: Path, old: str, new: str, key: str) -> None:
    with pytest.raises(InputError) as error:
        read_capabilities(damaged(tmp_path, "two-socket.xml", old, new))
    assert key in (error.value.key or "")
    assert "two-socket.xml" in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("<bus>94</bus>", "<bus>256</bus>", "bus"),
        ("<slot>0</slot>", "", "slot"),
        ("id='0x15b3'", "id='15b3x'", "vendor"),
        ("node='1'", "node='-2'", "numa"),
        ("function='0x0'", "function='9'", "function"),
        ("</device>", "", "line"),
    ],
)
def test_bad_devices(tmp_path: Path, old: str, new: str, key: str) -> None:
    with pytest.raises(InputError) as error:
        read_nodedevs(damaged(tmp_path, "sriov-devices.xml", old, new))
    assert key in (error.value.key or "")


BOMB = "<!DOCTYPE l [<!ENTITY a 'ha'>" + "".join(
    f"<!ENTITY {chr(98 + n)} '{f'&{chr(97 + n)};' * 10}'>" for n in range(9)
)


@pytest.mark.parametrize(
    "text",
    [
        BOMB + "]><capabilities>&j;</capabilities>",
        "<!DOCTYPE x SYSTEM 'file:///etc/passwd'><capabilities/>",
        "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><capabilities>&e;</capabilities>",
        "<a>" * 5000 + "</a>" * 5000,
        "<domain/>",
        "not xml",
        "<capabilities>",
    ],
)
def test_hostile_xml(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.xml"
    path.write_text(text)
    for read in (read_capabilities, read_nodedevs):
        with pytest.raises(InputError, match=r"x\.xml"):
            read(path)


def test_mutations_are_refused_or_read(tmp_path: Path) -> None:
    dice = random.Random(5)
    path = tmp_path / "x.xml"
    readers = {"two-socket.xml": read_capabilities, "sriov-devices.xml": read_nodedevs}
    for name, read in readers.items():
        whole = (DATA / name).read_bytes()
        for _ in range(400):
            text = bytearray(whole)
            for _ in range(dice.randint(1, 4)):
                text[dice.randrange(len(text))] = dice.randrange(256)
            path.write_bytes(text[: dice.randint(1, len(text))] if dice.random() < 0.3 else text)
            try:
                assert isinstance(read(path), HostInfo | NodeDevices)
            except InputError:
                continue
