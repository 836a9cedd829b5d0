"""A fleet that processes share: opened as it is, read by all, changed by none."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sys
import time
import zlib
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from numafit import Fleet, InputError, MisuseError, shared
from numafit.columns import image
from tests.unit.travelling import REQUEST, ROOT, capacities, make_fleet, same, sums

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def fleet() -> Fleet:
    return make_fleet(7)


def test_what_is_opened_is_what_was_written(fleet: Fleet, tmp_path: Path) -> None:
    path = tmp_path / "fleet"
    claim = fleet.claim(REQUEST, 3)
    shared.write(fleet, path)
    expected, then = list(fleet.hostinfos()), fleet.fork()
    fleet.release(claim)
    opened = shared.open(path)
    assert list(opened.hostinfos()) == expected
    assert opened.names == [info.name for info in expected]
    assert opened.index("höst 4") == 4
    assert opened.check() is None
    # all that a request is prepared with: networks, property sets, resource classes, kinds of hosts
    assert opened.capacity(REQUEST).tolist() == [2, 2, 2, 1, 2, 2, 2]
    assert str(opened.fit_on(REQUEST, 3)) == str(Fleet(expected).fit_on(REQUEST, 3))
    for other in (then, opened.fork(), shared.open(path, check=False)):
        assert same(other, opened)


def test_an_opened_fleet_is_not_claimed_from_and_a_fork_of_it_is(
    fleet: Fleet, tmp_path: Path
) -> None:
    path = tmp_path / "fleet"
    shared.write(fleet, path)
    before = path.read_bytes()
    opened = shared.open(path)
    placement = opened.fit_on(REQUEST, 0)
    for verb in (
        lambda: opened.claim(REQUEST, 0),
        lambda: opened.claim(placement),
        lambda: opened.claim_all([placement]),
        lambda: next(iter(opened.schedule([REQUEST]))),
        lambda: opened.release(placement, 0),
    ):
        with pytest.raises(MisuseError, match=r"open for reading alone: claim from a fork\(\)"):
            verb()
    fork = opened.fork()
    claims = [fork.claim(REQUEST, 0) for _ in range(2)]
    assert opened.capacity(REQUEST).tolist() == [2] * 7
    assert fork.capacity(REQUEST).tolist() == [0] + [2] * 6
    fork.release(claims)
    assert fork.check() is None
    assert path.read_bytes() == before


def test_writing_again_leaves_readers_what_they_have(fleet: Fleet, tmp_path: Path) -> None:
    path = tmp_path / "fleet"
    shared.write(fleet, path)
    first = shared.open(path)
    fleet.claim(REQUEST, 0)
    shared.write(fleet, path)
    assert first.capacity(REQUEST)[0] == 2
    assert shared.open(path).capacity(REQUEST)[0] == 1
    assert [file.name for file in tmp_path.iterdir()] == ["fleet"]


@pytest.mark.parametrize("hosts", [0, 1])
def test_fleets_of_few_hosts(hosts: int, tmp_path: Path) -> None:
    fleet = make_fleet(hosts)
    shared.write(fleet, tmp_path / "fleet")
    opened = shared.open(tmp_path / "fleet")
    assert len(opened) == hosts
    assert list(opened.hostinfos()) == list(fleet.hostinfos())


def test_four_processes_open_one_file_and_one_memory(
    fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, ROOT])  # spawned processes take it over
    fleet.claim(REQUEST, 2)
    shared.write(fleet, tmp_path / "fleet")
    with shared.share(fleet) as lent, ProcessPoolExecutor(4, mp_context=SPAWN) as pool:
        for source in (tmp_path / "fleet", lent):
            answers = list(pool.map(capacities, [source] * 8))
            assert answers == [[2, 2, 1, 2, 2, 2, 2]] * 8


def test_what_was_shared_is_there_until_it_is_closed(fleet: Fleet) -> None:
    lent = shared.share(fleet)
    opened = shared.open(lent)
    with pytest.raises(OSError, match=r"Permission|not permitted|Read-only|Text file busy"):
        os.truncate(lent.path, 10)
    lent.close()
    lent.close()
    assert opened.capacity(REQUEST).tolist() == [2] * 7
    with pytest.raises(InputError, match="expected a fleet that is still shared"):
        shared.open(lent)
    # another file under the same number
    with open("/dev/null", "rb"), pytest.raises(InputError, match="still shared"):
        shared.open(lent)


def test_each_byte_of_the_head_counts(fleet: Fleet, tmp_path: Path) -> None:
    path = tmp_path / "fleet"
    shared.write(fleet, path)
    whole = path.read_bytes()
    rng = random.Random(1)
    for at in [*range(64), *rng.sample(range(64, 8192), 300)]:
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << rng.randrange(8)]) + whole[at + 1 :])
        with pytest.raises(InputError) as found:
            shared.open(path, check=False)
        assert str(found.value).startswith(str(path))
    for size in (0, 1, 8191, 8192, len(whole) - 1, len(whole) + 1):
        path.write_bytes(whole[:size].ljust(size, b"\0"))
        with pytest.raises(InputError):
            shared.open(path, check=False)


def ask_all(fleet: Fleet) -> None:
    list(fleet.hostinfos())
    fleet.capacity(REQUEST)
    for host in range(len(fleet)):
        fleet.explain(REQUEST, host)
    fork = fleet.fork()
    list(fork.schedule([REQUEST] * 20))


def test_flipped_bytes_are_refused_or_do_no_harm(fleet: Fleet, tmp_path: Path) -> None:
    path = tmp_path / "fleet"
    shared.write(fleet, path)
    whole = path.read_bytes()
    rng = random.Random(2)
    refused = 0
    for _ in range(600):
        at = rng.randrange(8192, len(whole))
        path.write_bytes(whole[:at] + bytes([rng.randrange(256)]) + whole[at + 1 :])
        try:
            ask_all(shared.open(path))
        except InputError:
            refused += 1
    assert 100 < refused < 600


def test_other_files_are_refused_in_words(fleet: Fleet, tmp_path: Path) -> None:
    fleet.save(tmp_path / "saved")
    (tmp_path / "empty").touch()
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    for name in ("saved", "empty", "folder", "fifo", "nothing"):
        with pytest.raises(InputError) as found:
            shared.open(tmp_path / name)
        assert str(tmp_path / name) in str(found.value)
    for wrong in (None, 7, fleet):
        with pytest.raises(MisuseError):
            shared.open(wrong)  # type: ignore[arg-type]
    with pytest.raises(MisuseError, match="check"):
        shared.open(tmp_path / "saved", check=3)  # type: ignore[arg-type]
    for verb in (lambda: shared.write("fleet", tmp_path / "x"), lambda: shared.share(None)):
        with pytest.raises(MisuseError, match="expected a Fleet"):
            verb()
    with pytest.raises(InputError, match="a regular file or a new name"):
        shared.write(fleet, tmp_path / "folder")


def test_a_head_with_names_of_no_text_is_refused(fleet: Fleet, tmp_path: Path) -> None:
    """Its checksum is right: whoever changes a file can make one."""
    path = tmp_path / "fleet"
    shared.write(fleet, path)
    whole = path.read_bytes()
    for table in ("counts", "parts"):
        head = np.frombuffer(bytearray(whole[: image._header.IMAGE_HEAD]), image._HEAD, 1)[0]
        head[table][0]["name"] = b"\xff" + head[table][0]["name"]
        head["checksum"] = 0
        head["checksum"] = zlib.crc32(head.tobytes().ljust(image._header.IMAGE_HEAD, b"\0"))
        path.write_bytes(head.tobytes() + whole[image._HEAD.itemsize :])
        with pytest.raises(InputError, match="it is missing"):
            shared.open(path)


def test_another_version_is_refused_with_what_to_do(
    fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "fleet"
    abi = image._header.ABI_VERSION
    monkeypatch.setattr(image._header, "ABI_VERSION", abi + 1)
    shared.write(fleet, path)
    monkeypatch.undo()
    with pytest.raises(InputError, match=f"abi: got {abi + 1}, expected {abi}. Write it anew"):
        shared.open(path)


def test_killed_writers_leave_the_old_file_or_the_new(tmp_path: Path) -> None:
    one, other = make_fleet(40), make_fleet(41)
    path = tmp_path / "fleet"
    shared.write(one, path)
    rng, seen = random.Random(3), set()
    for kill in range(400):
        if kill >= 10 and len(seen) == 2:
            break
        child = os.fork()
        if not child:
            try:
                while True:
                    shared.write(one, path)
                    shared.write(other, path)
            finally:
                os._exit(1)
        time.sleep(rng.uniform(0.001, 0.05))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        opened = shared.open(path)
        assert same(opened, one if len(opened) == 40 else other)
        seen.add(len(opened))
    assert seen == {40, 41}, "too few kills hit different moments"


def test_what_was_shared_ends_with_its_process(fleet: Fleet) -> None:
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.write(writer, repr((lent := shared.share(fleet)).path).encode())
        time.sleep(60)
        lent.close()
        os._exit(0)
    path = eval(os.read(reader, 1000))
    found = os.stat(path)
    lent = shared.Shared(path, (found.st_dev, found.st_ino))
    opened = shared.open(lent)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(reader)
    os.close(writer)
    assert opened.capacity(REQUEST).tolist() == [2] * 7
    assert opened.check() is None
    with pytest.raises(InputError, match="still shared"):
        shared.open(lent)


def test_arrays_that_may_not_be_written_to_are_taken(fleet: Fleet) -> None:
    """As Dask and Ray hand them out."""
    hosts, scores = np.array([4, 1]), np.linspace(0.0, 1.0, 7)
    weights = np.array([1.0, 2.0])
    for array in (hosts, scores, weights):
        array.flags.writeable = False
    assert fleet.scan(REQUEST, hosts=hosts).tolist() == [True, True]
    assert fleet.capacity([REQUEST, REQUEST], hosts=hosts, weights=weights).shape == (2, 2)
    assert len(fleet.fit(REQUEST, hosts=hosts)) == 2
    claim = next(iter(fleet.schedule([REQUEST], choose=scores)))
    assert claim is not None
    assert claim.host == 6
    assert sums(fleet, hosts) == 4


def test_arrow_that_may_not_be_written_to_is_taken(fleet: Fleet) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    sink = pyarrow.BufferOutputStream()
    table = pyarrow.table(fleet)
    with pyarrow.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    again = pyarrow.ipc.open_stream(pyarrow.py_buffer(bytes(sink.getvalue()))).read_all()
    assert list(Fleet.from_arrow(again).hostinfos()) == list(Fleet.from_arrow(table).hostinfos())
