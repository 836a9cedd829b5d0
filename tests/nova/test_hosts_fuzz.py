"""Random hosts and device lists as libvirt describes them: what numafit reads is what nova's
libvirt driver makes of them.

Among them cells without memory and without CPUs, 64 KiB pages, CPUs that are off with and without
power management, VFs that list functions of their own. ``test_nova_conf.py`` says how to run it.
"""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from numafit.cpuset import format_cpu_list
from numafit.model.hostinfo import HostCell, HostInfo, PagePool
from numafit.model.pci_device import PciDevice, with_parent_serials
from numafit.readers.libvirt import read_capabilities, read_nodedevs
from numafit.readers.nova_conf import read_nova_conf
from numafit.readers.nova_rows import host_from_nova
from numafit.rules.nova_config import apply_config
from numafit.rules.offline import off_remark
from tests.nova.test_nova_conf import CASES, SEED, ask_nova, host

pytestmark = pytest.mark.nova

BASES = [4, 4, 16, 64]


def odd_host(chance: random.Random) -> HostInfo:
    """A host with some cells that lack memory, CPUs, or both, and with pages of any base."""
    made = host(chance)
    base = chance.choice(BASES)
    cells = []
    for cell in made.cells:
        memory = 0 if chance.random() < 0.25 else cell.memory_mb or 0
        pools = (PagePool(base, memory * 1024 // base), PagePool(base * 512, chance.randint(0, 9)))
        cell = replace(cell, memory_mb=memory, page_pools=pools)
        if len(made.cells) > 1 and chance.random() < 0.15:
            cell = replace(cell, cpuset=frozenset(), pcpuset=frozenset(), siblings=())
        cells.append(cell)
    return replace(made, cells=tuple(cells))


def cpu_xml(cell: HostCell, off: frozenset[int], *, at_rest: bool) -> str:
    """``at_rest``: as libvirt shows CPUs while they are off."""
    lines = []
    for core in cell.siblings:
        for cpu in sorted(core):
            if at_rest and cpu in off:
                lines.append(f"<cpu id='{cpu}' socket_id='0' core_id='0' siblings='{cpu}'/>")
                continue
            shown = format_cpu_list(core - off if at_rest else core)
            lines.append(
                f"<cpu id='{cpu}' socket_id='{cell.socket}' core_id='{min(core)}' "
                f"siblings='{shown}'/>"
            )
    return f"<cpus num='{len(lines)}'>{''.join(lines)}</cpus>" if lines else "<cpus num='0'/>"


def capabilities(made: HostInfo, off: frozenset[int] = frozenset(), *, at_rest: bool) -> str:
    cells = []
    for cell in made.cells:
        memory = f"<memory unit='KiB'>{(cell.memory_mb or 0) * 1024}</memory>"
        pages = "".join(
            f"<pages unit='KiB' size='{p.size_kib}'>{p.total}</pages>" for p in cell.page_pools
        )
        inner = (memory if cell.memory_mb else "") + pages + cpu_xml(cell, off, at_rest=at_rest)
        cells.append(f"<cell id='{cell.id}'>{inner}</cell>")
    return (
        "<capabilities><host><cpu><arch>x86_64</arch></cpu><topology>"
        f"<cells num='{len(cells)}'>{''.join(cells)}</cells></topology></host></capabilities>"
    )


def sets(chance: random.Random, made: HostInfo) -> tuple[str, frozenset[int]]:
    """A nova.conf and its dedicated CPUs: whole cores, as power management wants them."""
    cores = [core for cell in made.cells for core in cell.siblings]
    dedicated = frozenset[int]()
    for core in cores:
        if chance.random() < 0.6:
            dedicated |= core
    shared = frozenset[int]().union(*cores) - dedicated
    lines = ["[compute]"]
    if dedicated:
        lines.append(f"cpu_dedicated_set = {format_cpu_list(dedicated)}")
    if shared and chance.random() < 0.9:
        lines.append(f"cpu_shared_set = {format_cpu_list(shared)}")
    return "\n".join(lines) + "\n", dedicated


def read(xml: str, config: str, folder: Path) -> HostInfo:
    (folder / "caps.xml").write_text(xml)
    (folder / "nova.conf").write_text(config)
    return apply_config(
        read_capabilities(folder / "caps.xml"), read_nova_conf(folder / "nova.conf")
    )


def test_odd_cells_are_what_novas_driver_reports(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    cases = [(made := odd_host(chance), sets(chance, made)[0]) for _ in range(CASES)]
    texts = [capabilities(made, at_rest=False) for made, _config in cases]
    answers = ask_nova(
        "".join(
            json.dumps({"config": config, "capabilities": text}) + "\n"
            for (_made, config), text in zip(cases, texts, strict=True)
        )
    )
    bare = 0
    for (_made, config), text, nova in zip(cases, texts, answers, strict=True):
        found = read(text, config, tmp_path)
        theirs = host_from_nova(nova["topology"]).cells
        assert found.cells == theirs, (text, config)
        bare += any(not cell.memory_mb or not cell.cpuset | cell.pcpuset for cell in theirs)
    assert bare > CASES // 4


def test_cpus_at_rest_are_what_novas_driver_reports(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    exact = 0
    for managed in (True, False):
        cases = []
        for _ in range(CASES // 2):
            made = host(chance)
            config, dedicated = sets(chance, made)
            off = dedicated - {0}
            config += f"[libvirt]\ncpu_power_management = {managed}\n"
            everything = frozenset().union(*(cell.cpuset for cell in made.cells))
            cases.append((made, config, off, everything - off))
        answers = ask_nova(
            "".join(
                json.dumps(
                    {
                        "config": config,
                        "capabilities": capabilities(made, at_rest=False),
                        "online": sorted(online),
                    }
                )
                + "\n"
                for made, config, _off, online in cases
            )
        )
        for (made, config, off, _online), nova in zip(cases, answers, strict=True):
            if not managed and off:
                # CPUs that are off cannot be dedicated; libvirt itself does not show them so
                assert "error" in nova
                continue
            theirs = host_from_nova(nova["topology"]).cells
            # while all are on, the source tells everything
            assert read(capabilities(made, at_rest=False), config, tmp_path).cells == theirs
            exact += same_at_rest(made, config, off, theirs, tmp_path)
    assert exact > CASES // 8


def test_cpus_that_are_off_for_good_are_what_novas_driver_leaves_out(tmp_path: Path) -> None:
    """Without power management. libvirt shows such CPUs in socket 0 and core 0, without siblings;
    nova asks which are on. Where CPU sets do not leave them out, numafit counts what may be off,
    and says so."""
    chance = random.Random(SEED)
    cases = []
    for n in range(CASES):
        everything = frozenset[int]()
        while 0 not in everything:  # there is a CPU in socket 0 and core 0
            made = odd_host(chance)
            everything = frozenset().union(*(cell.cpuset for cell in made.cells))
        off = frozenset(cpu for cpu in everything - {0} if chance.random() < 0.2)
        online = everything - off
        config = "[libvirt]\ncpu_power_management = False\n"
        dedicated = frozenset(cpu for cpu in online if chance.random() < 0.5)
        with_sets = n % 2 == 0 and bool(dedicated) and bool(online - dedicated)
        if with_sets:
            config += (
                f"[compute]\ncpu_dedicated_set = {format_cpu_list(dedicated)}\n"
                f"cpu_shared_set = {format_cpu_list(online - dedicated)}\n"
            )
        cases.append((capabilities(made, off, at_rest=True), config, off, online, with_sets))
    answers = ask_nova(
        "".join(
            json.dumps({"config": config, "capabilities": text, "online": sorted(online)}) + "\n"
            for text, config, _off, online, _with_sets in cases
        )
    )
    exact = said = 0
    for (text, config, off, _online, with_sets), nova in zip(cases, answers, strict=True):
        found = read(text, config, tmp_path)
        theirs = host_from_nova(nova["topology"]).cells
        if not with_sets:
            shown = frozenset().union(*(cell.cpuset for cell in found.cells))
            if off & shown:
                assert format_cpu_list(off & shown) in off_remark(found)
                said += 1
        assert [known(cell, off) for cell in found.cells] == [known(cell, off) for cell in theirs]
        exact += with_sets
    assert (exact > CASES // 4, said > CASES // 4) == (True, True)


def known(cell: HostCell, off: frozenset[int]) -> tuple[object, ...]:
    cores = {core - off for core in cell.siblings if core - off}
    return (cell.id, cell.cpuset - off, cell.pcpuset - off, cores, cell.memory_mb, cell.page_pools)


def same_at_rest(
    made: HostInfo, config: str, off: frozenset[int], theirs: tuple[HostCell, ...], folder: Path
) -> bool:
    """Whether the cores too could be told; the CPUs must be the same."""
    found = read(capabilities(made, off, at_rest=True), config, folder)
    for mine, nova in zip(found.cells, theirs, strict=True):
        assert (mine.id, mine.cpuset, mine.pcpuset) == (nova.id, nova.cpuset, nova.pcpuset)
        assert (mine.memory_mb, mine.page_pools) == (nova.memory_mb, nova.page_pools)
        # libvirt has lost the socket of a cell whose CPUs are all at rest
        if mine.socket is not None:
            assert mine.socket == nova.socket
    cores = [set(cell.siblings) for cell in found.cells]
    if cores == [set(cell.siblings) for cell in theirs]:
        return True
    # what could not be told is said
    assert any("each counts as a core of its own" in remark for remark in found.remarks)
    return False


# --- devices

ADDRESS = "<address domain='0x0000' bus='0x{:02x}' slot='0x{:02x}' function='0x{:x}'/>"


def pci_xml(bus: int, slot: int, function: int, inner: str) -> str:
    return (
        f"<device><name>pci_0000_{bus:02x}_{slot:02x}_{function}</name><capability type='pci'>"
        f"<domain>0</domain><bus>{bus}</bus><slot>{slot}</slot><function>{function}</function>"
        f"<product id='0x{0x1000 + bus:04x}'>x</product><vendor id='0x8086'>y</vendor>{inner}"
        "</capability></device>"
    )


def child_xml(kind: str, parent: str, n: int) -> str:
    inner = f"<interface>eth{n}</interface>" if kind == "net" else f"<chardev>/dev/v{n}</chardev>"
    return (
        f"<device><name>{kind}_{n}</name><parent>{parent}</parent>"
        f"<capability type='{kind}'>{inner}</capability></device>"
    )


def serial_xml(chance: random.Random, bus: int) -> str:
    if chance.random() < 0.6:
        return ""
    number = f"<serial_number>S{bus}</serial_number>" if chance.random() < 0.7 else ""
    return (
        f"<capability type='vpd'><name>n</name><fields access='readonly'>{number}"
        "<part_number>P</part_number></fields></capability>"
    )


def some_devices(chance: random.Random) -> list[str]:
    found = []
    for bus in chance.sample(range(0x40, 0xF0), chance.randint(1, 4)):
        numa = f"<numa node='{chance.randint(0, 3)}'/>" if chance.random() < 0.8 else ""
        vfs = range(2, 2 + chance.randint(0, 3))
        listed = "".join(ADDRESS.format(bus, slot, 0) for slot in vfs)
        own = f"<capability type='virt_functions' maxCount='8'>{listed}</capability>"
        maybe = own if chance.random() < 0.8 else ""
        parts = [maybe, serial_xml(chance, bus), numa]
        chance.shuffle(parts)
        found.append(pci_xml(bus, 0, 0, "".join(parts)))
        for slot in vfs:
            where = ADDRESS.format(bus, 0, 0) if chance.random() < 0.9 else ""
            of_pf = f"<capability type='phys_function'>{where}</capability>"
            parts = [of_pf, serial_xml(chance, bus), numa]
            if chance.random() < 0.3:
                parts.append("<capability type='virt_functions'/>")
            chance.shuffle(parts)
            found.append(pci_xml(bus, slot, 0, "".join(parts)))
            if chance.random() < 0.3:
                parent = f"pci_0000_{bus:02x}_{slot:02x}_0"
                found.append(child_xml("vdpa", parent, bus * 8 + slot))
    chance.shuffle(found)
    return found


def facts(device: PciDevice) -> dict[str, Any]:
    return {
        "address": device.address,
        "vendor_id": device.vendor_id,
        "product_id": device.product_id,
        "dev_type": device.dev_type,
        "numa_node": device.numa_node,
        "parent_addr": device.parent_addr,
        "serial": device.serial,
    }


def test_devices_are_what_novas_driver_reports(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    cases = [some_devices(chance) for _ in range(CASES)]
    answers = ask_nova("".join(json.dumps({"devices": case}) + "\n" for case in cases))
    kinds = set()
    for case, nova in zip(cases, answers, strict=True):
        path = tmp_path / "devices.xml"
        path.write_text("\n".join(case))
        mine = [facts(one) for one in with_parent_serials(read_nodedevs(path).devices)]
        theirs = [
            {key: one.get(key) for key in mine[0] if key != "serial"}
            | {"serial": one.get("capabilities", {}).get("vpd", {}).get("card_serial_number")}
            for one in nova["devices"]
        ]
        assert mine == theirs, case
        kinds |= {one["dev_type"] for one in mine}
    assert kinds == {"type-PCI", "type-PF", "type-VF", "vdpa"}
