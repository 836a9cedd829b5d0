"""What hostile files try, told by its kind; how long each may take is asked in tests/fuzz."""

from __future__ import annotations

import fcntl
import http.server
import io
import json
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from numafit import Fleet, InputError, InvalidRequest
from numafit.cpuset import MAX_NAMED, parse_cpu_list
from numafit.errors import shorten
from numafit.model.effort import MAX_EFFORT, effort
from numafit.readers.hostfile import host_from_mapping
from numafit.readers.libvirt import read_nodedevs
from numafit.readers.nova_conf import read_nova_conf
from numafit.readers.sysfs import read_sysfs
from numafit.readers.tree import open_tree
from numafit.rules.device_spec import parse_device_specs
from tests.unit.conftest import Done

HOST = {"version": 1, "cells": [{"id": 0, "cpus": "0-3", "memory_mb": 1}]}
Run = Callable[..., Done]


# --- configuration


@pytest.fixture
def asked() -> Iterator[tuple[int, list[str]]]:
    """A web server, its port and what it was asked for."""
    paths: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"[DEFAULT]\nvcpu_pin_set = 3-5\n")

        def log_message(self, *_arguments: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port, paths
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\n\f", "\n\x1f", "\n\u3000"])
@pytest.mark.parametrize("mark", [" = ", ":", "="])
def test_a_configuration_that_names_another_place_is_refused_before_that_is_visited(
    end: str, mark: str, asked: tuple[int, list[str]], tmp_path: Path
) -> None:
    port, paths = asked
    path = tmp_path / "nova.conf"
    lines = ("[DEFAULT]", f"config_source{mark}x", "[x]", "driver = remote_file")
    text = end.join([*lines, f"uri = http://127.0.0.1:{port}/secret", ""])
    path.write_text(text, newline="")
    with pytest.raises(InputError) as caught:
        read_nova_conf(path)
    assert "config_source" in str(caught.value) or "line " in str(caught.value)
    assert not paths


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[DEFAULT]\nvcpu_pin_set = $vcpu_pin_set\n", "[DEFAULT] vcpu_pin_set"),
        (
            "[compute]\ncpu_dedicated_set = ${compute.cpu_shared_set}\n"
            "cpu_shared_set = ${compute.cpu_dedicated_set}\n",
            "[compute] cpu_dedicated_set",
        ),
        (
            "[compute]\ncpu_dedicated_set = $cpu_shared_set$cpu_shared_set\n"
            "cpu_shared_set = ${DEFAULT.vcpu_pin_set}\n[DEFAULT]\nvcpu_pin_set = 1,\n",
            "[compute] cpu_dedicated_set",
        ),
        ("[pci]\nalias = $alias\n", "[pci] alias"),
        ("[neutron]\nphysnets = a\n[neutron_physnet_a]\nnuma_nodes = $numa_nodes\n",
         "[neutron_physnet_a] numa_nodes"),
    ],
)  # fmt: skip
def test_options_that_refer_to_each_other_are_named(text: str, key: str, tmp_path: Path) -> None:
    path = tmp_path / "nova.conf"
    path.write_text(text)
    with pytest.raises(InputError, match="that names another option itself") as caught:
        read_nova_conf(path)
    assert (caught.value.file, caught.value.key) == (str(path), key)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[DEFAULT]\nvcpu_pin_set = $mine\nmine = 0-3\n", "[DEFAULT] vcpu_pin_set"),
        ("[compute]\ncpu_dedicated_set = 0,$mine\n", "[compute] cpu_dedicated_set"),
        ("[compute]\ncpu_dedicated_set = ${nowhere.mine}\n", "[compute] cpu_dedicated_set"),
        ("[compute]\ncpu_dedicated_set = ${compute}\n", "[compute] cpu_dedicated_set"),
    ],
)
def test_an_option_that_names_an_unknown_one_is_told_to_hold_the_value(
    text: str, key: str, tmp_path: Path
) -> None:
    path = tmp_path / "nova.conf"
    path.write_text(text)
    with pytest.raises(InputError, match=r"expected text without \$\. Write the value") as caught:
        read_nova_conf(path)
    assert (caught.value.file, caught.value.key) == (str(path), key)


def test_an_option_may_name_one_that_holds_a_value(tmp_path: Path) -> None:
    path = tmp_path / "nova.conf"
    path.write_text(
        "[DEFAULT]\nmy_ip = $other\n[compute]\ncpu_shared_set = 0-3\n"
        "cpu_dedicated_set = ${compute.cpu_shared_set},8\n[pci]\nalias = a$$b\n"
    )
    config = read_nova_conf(path)
    assert config.cpu_dedicated_set == {0, 1, 2, 3, 8}
    assert config.aliases == ("a$b",)


# --- CPU lists and patterns


def test_a_range_that_stands_again_costs_nothing() -> None:
    assert parse_cpu_list(",".join(["0-65535"] * 2000)) == frozenset(range(65536))


def test_ranges_that_overlap_are_counted() -> None:
    with pytest.raises(ValueError, match=f"more than {MAX_NAMED} CPUs"):
        parse_cpu_list(",".join(f"{n}-65535" for n in range(10)))


@pytest.mark.parametrize(
    "pattern",
    [".*", "[0-9a-f]{4}", "(0[0-9]|1[0-f])+", "|".join(f"{n:04x}" for n in range(500)), r"\d+",
     "[]a]*", "(?P<bus>3[bc])?", "^.*$", "(ab){2}", "[^{*]+"],
)  # fmt: skip
def test_patterns_as_people_write_them_are_taken(pattern: str) -> None:
    assert effort(pattern) <= MAX_EFFORT
    parse_device_specs([json.dumps({"address": {"domain": pattern}})])


@pytest.mark.parametrize(
    "pattern",
    ["(((.*)*)*)*x", "((.?){999}){999}", ".*" * 30, "(.?)" * 30, "(a|b|)" * 30, "(?:.{0,9}){9}",
     "((.+)?)+" * 3, "[0-9]?" * 2000, "(?x).* # [\n((.*)*)*"],
)  # fmt: skip
def test_patterns_that_may_take_hours_are_refused(pattern: str) -> None:
    """Nova hands them to ``re``, and waits."""
    assert effort(pattern) > MAX_EFFORT
    with pytest.raises(InvalidRequest, match="without repeats inside of repeats") as caught:
        parse_device_specs([json.dumps({"address": {"domain": pattern}})])
    assert caught.value.nova_exception == "PciDeviceWrongAddressFormat"


# --- what is shown of values


def test_a_value_that_fits_into_no_memory_is_shown_in_part() -> None:
    value: object = "x" * 1_000_000
    for _level in range(40):
        value = [value] * 1000
    assert len(shorten(value)) < 100
    assert len(shorten({"a": {"b": value}})) < 100


@pytest.mark.parametrize(
    "value",
    [(), (1,), (1, 2), [], [[]], {}, {"a": [1, "b"], 2: None}, "a'b", b"ab", 1.5, None, True],
)
def test_what_is_short_is_shown_as_python_shows_it(value: object) -> None:
    assert shorten(value) == repr(value)


# --- archives


def archive(path: Path, *members: tarfile.TarInfo, form: int = tarfile.GNU_FORMAT) -> Path:
    with tarfile.open(path, "w", format=form) as out:
        for member in members:
            out.addfile(member, io.BytesIO(bytes(member.size)))
    return path


def test_a_damaged_archive_is_one_line(numafit: Run, tmp_path: Path) -> None:
    good = tmp_path / "sys.tar"
    archive(good, *(tarfile.TarInfo(f"sys/devices/system/x{n}") for n in range(400)))
    data = good.read_bytes()
    for ending, module in (("gz", "gzip"), ("bz2", "bz2"), ("xz", "lzma")):
        packed = bytearray(__import__(module).compress(data))
        for n in range(len(packed) // 2, len(packed) // 2 + 10):
            packed[n] ^= 0x5A
        path = tmp_path / f"sys.tar.{ending}"
        for text in (packed, packed[: len(packed) // 2], packed[:6]):
            path.write_bytes(text)
            done = numafit("show", "--sysfs", path)
            assert done.status == 2
            assert done.err.count("\n") == 1
            assert "expected a tar archive that is whole" in done.err


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
def test_names_of_any_form_are_read(form: int, tmp_path: Path) -> None:
    letter = "e" if form == tarfile.USTAR_FORMAT else "\u0663"
    below = "/".join(["directory"] * 10 + [letter * 20, "name"])
    link = tarfile.TarInfo("sys/devices/link")
    link.type, link.linkname = tarfile.SYMTYPE, "directory/directory"
    file = tarfile.TarInfo(f"sys/devices/directory/directory/{below}")
    file.size = 3
    tree = open_tree(archive(tmp_path / "a.tar", link, file, form=form), ("devices",))
    assert tree.resolve(f"devices/link/{below}") == f"devices/directory/directory/{below}"
    assert tree.data(f"devices/link/{below}") == b""  # NULs, with which 'tar' fills up


def test_a_long_path_is_refused_with_its_length(tmp_path: Path) -> None:
    deep = archive(tmp_path / "a.tar", tarfile.TarInfo("devices/" + "/".join("d" * 4000)))
    with pytest.raises(InputError, match="names and links of at most 4096 bytes"):
        read_sysfs(deep)
    deep = archive(tmp_path / "a.tar", tarfile.TarInfo("devices/" + "/".join("d" * 100)))
    with pytest.raises(InputError, match="at most 64 directories inside each other"):
        read_sysfs(deep)


def test_a_sparse_file_is_said_to_be_one(tmp_path: Path) -> None:
    member = tarfile.TarInfo("sys/devices/system/node/possible")
    member.type = tarfile.GNUTYPE_SPARSE
    path = archive(tmp_path / "a.tar", member)
    with pytest.raises(InputError, match="without --sparse"):
        read_sysfs(path)


# --- XML


def test_declarations_between_documents_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "devices.xml"
    one = "<device><name>net_a</name><capability type='net'/></device>"
    path.write_text(f"<?xml version='1.0'?>{one}\n<?xml version='1.0' encoding='UTF-8'?>\n{one}")
    assert read_nodedevs(path).devices == ()
    path.write_text(f"{one}<?xml version='1.0' {one}")
    with pytest.raises(InputError, match="expected XML"):
        read_nodedevs(path)


# --- rows and Arrow data


def arrow_row() -> dict[str, object]:
    (row,) = pa.table(Fleet([host_from_mapping(HOST)])).to_pylist()
    return dict(row)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"distances": [1]}, "row 0: distances[0]"),
        ({"distances": 5}, "row 0: distances"),
        ({"distances": "ab"}, "row 0: distances"),
        ({"cells": [5]}, "row 0: cells[0]"),
        ({"cells": None}, "row 0: cells"),
        ({"pci_pools": [5]}, "row 0: pci_pools[0]"),
        ({"generation": -1}, "row 0: generation"),
        ({"name": 5}, "row 0: name"),
    ],
)
def test_arrow_data_of_another_type_is_an_input_error(change: dict[str, object], key: str) -> None:
    table = pa.Table.from_pylist([arrow_row() | change])
    with pytest.raises(InputError) as caught:
        Fleet.from_arrow(table)
    assert caught.value.key == key.replace("row 0: ", "") or str(caught.value).startswith(key)


@pytest.mark.parametrize(
    "tags", ["[]", "{", '{"rp_uuid": []}', '{"address": {}}', "[" * 100_000, '{"a": NaN}']
)
def test_tags_of_arrow_data_that_are_none_are_an_input_error(tags: str) -> None:
    pool = {"vendor_id": "a", "product_id": "b", "numa_node": 0, "count": 1, "tags": tags}
    table = pa.Table.from_pylist([arrow_row() | {"pci_pools": [{**pool, "devices": []}]}])
    with pytest.raises(InputError, match=r"row 0: pci_pools\[0\].tags"):
        Fleet.from_arrow(table)


@pytest.mark.parametrize(
    ("name", "values", "key"),
    [
        ("cells", [[{}, {}]], "cells"),
        ("cells", [[{"id": 0, "siblings": {}}]], "cells.siblings"),
        ("pci_pools", [[{}]], "pci_pools"),
        ("name", [{}], "name"),
        ("distances", [{}], "distances"),
    ],
)
def test_structs_without_fields_are_an_input_error(name: str, values: Any, key: str) -> None:
    """And not as many hosts, cells or pools fewer."""
    table = pa.Table.from_pylist([arrow_row()])
    table = table.set_column(table.column_names.index(name), name, pa.array(values))
    with pytest.raises(InputError, match=f"^{key}: got 'structs without fields'"):
        Fleet.from_arrow(table)


@pytest.mark.parametrize("row", [(), 5, None, "abc", b"abc", ("h",), [], {}, ("h", None, {"a": 1})])
def test_rows_that_are_none_are_an_input_error(row: object) -> None:
    with pytest.raises(InputError, match="row 1"):
        Fleet.from_nova_rows([("good", None, None), row])  # type: ignore[list-item]


def test_a_row_without_the_column_of_cells_is_an_input_error() -> None:
    """It is not a host without cells."""
    with pytest.raises(InputError, match=r"row 0 \(h\): .*missing. Did you mean 'numa_topolgy'"):
        Fleet.from_nova_rows([{"host": "h", "numa_topolgy": "{}"}])
    assert Fleet.from_nova_rows([{"host": "h", "numa_topology": None}]).names[0] == "h"


def test_a_label_that_cannot_be_written_is_escaped() -> None:
    with pytest.raises(InputError, match=r"row 0 \(\\ud800\)") as raised:
        Fleet.from_nova_rows([("\ud800", "{", None)])
    str(raised.value).encode()


# --- saved fleets


def test_a_fleet_that_another_program_packed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "fleet.npz"
    fleet = Fleet([host_from_mapping(HOST)])
    fleet.save(path)
    with np.load(path) as arrays:
        np.savez_compressed(tmp_path / "packed.npz", **arrays)
    with pytest.raises(InputError, match="a member that is not packed"):
        Fleet.load(tmp_path / "packed.npz")


def test_members_that_lie_upon_each_other_are_refused(tmp_path: Path) -> None:
    """A directory may name the same bytes a thousand times."""
    path = tmp_path / "fleet.npz"
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("cell_id.npy", bytes(10_000))
        for n in range(20):
            out.filelist.append(out.filelist[0])
            out.NameToInfo[f"{n}"] = out.filelist[0]
    with pytest.raises(InputError, match="a member that is not packed"):
        Fleet.load(path)


def test_a_member_that_is_encrypted_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "fleet.npz"
    Fleet([host_from_mapping(HOST)]).save(path)
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1  # flags of the first member, in the directory
    path.write_bytes(data)
    with pytest.raises(InputError, match="a member that is not encrypted"):
        Fleet.load(path)


def test_a_draft_whose_writer_is_gone_is_removed_by_the_next_save(tmp_path: Path) -> None:
    fleet = Fleet([host_from_mapping(HOST)])
    path = tmp_path / "fleet.npz"
    abandoned = tmp_path / ".fleet.npz.0123abcd.draft"
    held = tmp_path / ".fleet.npz.4567abcd.draft"
    others = [tmp_path / name for name in (".fleet.npz.draft", ".other.npz.0123abcd.draft", "a")]
    for file in (abandoned, held, *others):
        file.write_bytes(b"half")
    with held.open("rb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        fleet.save(path)
        assert not abandoned.exists()
        assert held.read_bytes() == b"half"
    fleet.save(path)
    assert sorted(tmp_path.iterdir()) == sorted([path, *others])
    assert path.stat().st_mode & 0o777 == 0o666 & ~current_umask()


def current_umask() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("Umask:"):
            return int(line.split()[1], 8)
    raise AssertionError("no umask")


def test_a_save_that_fails_leaves_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = Fleet([host_from_mapping(HOST)])
    path = tmp_path / "fleet.npz"
    fleet.save(path)
    before = path.read_bytes()

    def full(*_arguments: object, **_arrays: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space left"):
        fleet.save(path)
    assert [file.name for file in tmp_path.iterdir()] == ["fleet.npz"]
    assert path.read_bytes() == before


# --- the command line


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("show",), '{"version": 1, "cells": [' + "[" * 5000),
        (("show",), '{"version": 1, "name": "' + "n" * 5000 + '", "cells": []}'),
        (("show", "--nova-rows"), '[{"numa_topology": "' + "[" * 5000 + '"}]'),
        (("show", "--libvirt"), "<a>" * 5000),
        (("show", "--hwloc"), "<?xml " * 5000),
        (("show", "--sysfs"), "\x1f\x8b\b" + "x" * 5000),
        (("discover", "--switch"), "[" * 5000),
        (("discover", "--neutron"), "[ovs]\nbridge_mappings = " + "a" * 5000 + "\n"),
        (("show", "--config"), "[DEFAULT]\rconfig_source = x\r"),
    ],
)
def test_the_command_line_says_one_line_and_status_2(
    arguments: tuple[str, ...], text: str, numafit: Run, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_text(text, "latin-1", newline="")
    if arguments[-1] == "--config":
        host = tmp_path / "host.json"
        host.write_text(json.dumps(HOST))
        arguments = (arguments[0], str(host), "--config")
    done = numafit(*arguments, path)
    assert done.status == 2
    assert not done.out
    assert done.err.count("\n") == 1
    assert len(done.err) < 2000
