"""The journal of claims: whole lines or none, whatever ends the writer."""

from __future__ import annotations

import fcntl
import os
import random
import signal
import sys
import threading
import time
import zlib
from pathlib import Path

import pytest

from numafit import (
    Fleet,
    GuestCell,
    GuestTopology,
    HostCell,
    HostInfo,
    InputError,
    MisuseError,
    Request,
    StalePlacement,
)
from numafit.journal import Journal

REQUEST = Request(GuestTopology((GuestCell((), {0}, 64, None, "dedicated"),)))
KILLS = int(os.environ.get("NUMAFIT_KILLS", "10"))


def make_fleet(n: int = 3) -> Fleet:
    return Fleet(
        HostInfo((HostCell(0, (), range(8), 4096),), f"h{host}")  # type: ignore[arg-type]
        for host in range(n)
    )


def pins(fleet: Fleet) -> list[list[int]]:
    return [fleet.usage(host)[0]["pinned_cpus"] for host in range(len(fleet))]


def test_a_fleet_built_anew_and_its_journal_are_the_fleet_that_ended(tmp_path: Path) -> None:
    fleet = make_fleet()
    with Journal(tmp_path / "j") as journal:
        assert fleet.adopt(journal, usage="on top").claims == ()
        held = [fleet.claim(REQUEST, host=host) for host in (0, 0, 1, 2)]
        fleet.release([held[0], held[2]])
        fleet.claim_all(fleet.fit(REQUEST))
    again = make_fleet()
    with Journal(tmp_path / "j") as journal:
        found = again.adopt(journal, usage="on top")
        assert not found.lost
        assert pins(again) == pins(fleet) == [[0, 1], [0], [0, 1]]
        again.release(again.claims())
    assert pins(again) == [[], [], []]
    with Journal(tmp_path / "j") as journal:
        assert make_fleet().adopt(journal, usage="on top").claims == ()


def test_a_saved_fleet_goes_on_from_its_place_in_the_journal(tmp_path: Path) -> None:
    fleet = make_fleet()
    with Journal(tmp_path / "j", fsync=True) as journal:
        fleet.adopt(journal)
        held = [fleet.claim(REQUEST, host=host) for host in (0, 0, 1)]
        fleet.save(tmp_path / "f")
        fleet.release(held[0])  # held in the file, given back since
        fleet.claim(REQUEST, host=0)  # and its CPU is another's
        fleet.claim(REQUEST, host=2)
    with Journal(tmp_path / "j") as journal:
        again = Fleet.load(tmp_path / "f", claims=journal)
        assert pins(again) == pins(fleet) == [[0, 1], [0], [0]]
        assert len(again.claims()) == 4
        again.save(tmp_path / "f")
        journal.trim()
        again.release(again.claims([0]))
    with Journal(tmp_path / "j") as journal:
        assert pins(Fleet.load(tmp_path / "f", claims=journal)) == [[], [0], [0]]


def test_a_file_of_before_a_trim_or_of_another_journal_does_not_go_with_it(tmp_path: Path) -> None:
    fleet = make_fleet()
    with Journal(tmp_path / "j") as journal:
        fleet.adopt(journal)
        fleet.save(tmp_path / "f")
        fleet.claim(REQUEST, host=0)
        journal.trim()
        with pytest.raises(InputError, match="trimmed after a later save"):
            Fleet.load(tmp_path / "f", claims=journal)
    with Journal(tmp_path / "other") as journal, pytest.raises(InputError, match="another one"):
        Fleet.load(tmp_path / "f", claims=journal)


@pytest.mark.parametrize("fault", [KeyboardInterrupt, MemoryError, OSError])
def test_a_trim_that_is_ended_once_the_new_file_is_there_goes_on_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: type[BaseException]
) -> None:
    def ended(_folder: Path) -> None:
        raise fault

    fleet = make_fleet()
    with Journal(tmp_path / "j") as journal:
        fleet.adopt(journal)
        fleet.release(fleet.claim(REQUEST, host=2))
        with monkeypatch.context() as meanwhile:
            meanwhile.setattr("numafit.columns.drafts._sync", ended)
            with pytest.raises(fault):
                journal.trim()
        with pytest.raises(InputError, match="no other process"):
            Journal(tmp_path / "j")
        fleet.claim(REQUEST, host=0)
    assert (tmp_path / "j").read_bytes().count(b"\n") == 2
    with Journal(tmp_path / "j") as journal:
        again = make_fleet()
        assert len(again.adopt(journal, usage="on top").claims) == 1


def test_a_journal_that_is_trimmed_as_it_is_opened_is_opened_in_its_new_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the opening of a file and its lock another process may put a new one in its place."""
    Journal(tmp_path / "j").close()
    flock, left = fcntl.flock, [2]

    def late(handle: int, how: int) -> None:
        if left[0]:
            left[0] -= 1
            (tmp_path / "new").write_bytes((tmp_path / "j").read_bytes())
            os.replace(tmp_path / "new", tmp_path / "j")
        flock(handle, how)

    monkeypatch.setattr("numafit.journal.fcntl.flock", late)
    fleet = make_fleet()
    with Journal(tmp_path / "j") as journal:
        assert left == [0]
        fleet.adopt(journal)
        fleet.claim(REQUEST, host=0)
    with Journal(tmp_path / "j") as journal:
        assert len(make_fleet().adopt(journal, usage="on top").claims) == 1


def test_a_journal_whose_name_is_another_files_is_not_trimmed(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        (tmp_path / "j").rename(tmp_path / "moved")
        for there in (False, True):
            if there:
                (tmp_path / "j").write_text("another's")
            with pytest.raises(InputError, match="got 'another file, or none'"):
                journal.trim()
        assert (tmp_path / "j").read_text() == "another's"


def test_a_journal_is_trimmed_where_it_was_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with Journal("j") as journal:
        (tmp_path / "other").mkdir()
        monkeypatch.chdir(tmp_path / "other")
        journal.trim()
    assert sorted(os.listdir(tmp_path)) == ["j", "other"]
    assert os.listdir(tmp_path / "other") == []


def test_the_child_of_a_fork_does_not_wait_for_the_journals_lock(tmp_path: Path) -> None:
    """Another thread of the parent held it at the fork, and is not there."""
    with Journal(tmp_path / "j") as journal:
        taken, over = threading.Event(), threading.Event()

        def hold() -> None:
            with journal.lock:
                taken.set()
                over.wait()

        thread = threading.Thread(target=hold)
        thread.start()
        taken.wait()
        child = os.fork()
        if not child:
            signal.alarm(20)
            told = 0
            for verb in (journal.trim, lambda: journal.forget([1])):
                try:
                    verb()
                except MisuseError:
                    told += 1
            journal.close()
            os._exit(told)
        over.set()
        thread.join()
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
        journal.trim()


def test_claims_on_a_host_that_is_not_there_stay_in_the_journal_until_adopted_or_forgotten(
    tmp_path: Path,
) -> None:
    fleet = make_fleet(3)
    with Journal(tmp_path / "j") as journal:
        fleet.adopt(journal)
        for host in (1, 2, 2):
            fleet.claim(REQUEST, host=host)
    for _ in range(2):
        with Journal(tmp_path / "j") as journal:
            found = make_fleet(2).adopt(journal, usage="on top")
            assert [one.holding.host_name for one in found.lost] == ["h2", "h2"]
            assert "no host of the fleet has it" in found.lost[0].why
    with Journal(tmp_path / "j") as journal:
        whole = make_fleet(3)
        whole.adopt(journal, usage="on top")
        whole.release(whole.claims([1]))
    with Journal(tmp_path / "j") as journal:
        few = make_fleet(2)
        found = few.adopt(journal, usage="on top")
        journal.forget([found.lost[0].number or 0])
    with Journal(tmp_path / "j") as journal:
        whole = make_fleet(3)
        held = whole.adopt(journal, usage="on top")
        assert [claim.placement.cells[0].pinning for claim in held.claims] == [{0: 1}]


def test_lost_claims_are_adopted_under_a_new_number(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        fleet = make_fleet(1)
        fleet.adopt(journal)
        fleet.claim(REQUEST, host=0)
    with Journal(tmp_path / "j") as journal:
        full = Fleet([HostInfo((HostCell(0, (), {0}, 64, 0, 64, {0}),), "h0")])  # type: ignore[arg-type]
        lost = full.adopt(journal, usage="on top").lost
        assert len(lost) == 1
        assert not full.adopt(lost).lost  # as it is in use, it is the claim's
    with Journal(tmp_path / "j") as journal:
        assert len(make_fleet(1).adopt(journal, usage="on top").claims) == 1


def test_a_line_that_was_torn_off_is_cut_and_all_before_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with Journal(path) as journal:
        fleet = make_fleet()
        fleet.adopt(journal)
        fleet.claim(REQUEST, host=0)
        sure = path.stat().st_size
        fleet.claim(REQUEST, host=1)
    whole = path.read_bytes()
    for size in range(sure, len(whole)):
        path.write_bytes(whole[:size])
        with Journal(path) as journal:
            again = make_fleet()
            again.adopt(journal, usage="on top")
            assert pins(again) == [[0], [], []]
            again.claim(REQUEST, host=2)
        with Journal(path) as journal:
            again = make_fleet()
            again.adopt(journal, usage="on top")
            assert pins(again) == [[0], [], [0]]


def test_a_damaged_line_in_the_middle_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with Journal(path) as journal:
        fleet = make_fleet()
        fleet.adopt(journal)
        fleet.claim(REQUEST, host=0)
        fleet.claim(REQUEST, host=1)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1].replace(b"h0", b"h1") + lines[2])
    with pytest.raises(InputError, match=r"line 2.*changed or damaged"):
        Journal(path)
    assert path.read_bytes().splitlines(keepends=True)[2] == lines[2]


@pytest.mark.parametrize("content", [b"hello\n", b"00000000 {}\n", b"x" * 100])
def test_a_file_that_is_no_journal_is_left_as_it_is(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "j"
    path.write_bytes(content)
    with pytest.raises(InputError, match="journal of numafit claims"):
        Journal(path)
    assert path.read_bytes() == content
    with pytest.raises(InputError, match="directory"):
        Journal(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'{"take":3}', "line 2: take: got 3"),
        (b'{"take":{"1":[]}}', "line 2: take"),
        (b'{"take":{"one":{}}}', "line 2: take: got 'one'"),
        (b"[" * 50_000, "line 2: got .* a JSON object"),
        (b"[]", "line 2: got .* a JSON object"),
        (b"\xff", "line 2: got .* a JSON object"),
    ],
)
def test_a_line_that_somebody_wrote_with_its_checksum_is_looked_at_too(
    text: bytes, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "j"
    Journal(path).close()
    with path.open("ab") as file:
        file.write(b"%08x %b\n" % (zlib.crc32(text), text))
    content = path.read_bytes()
    with pytest.raises(InputError, match=said), Journal(path) as journal:
        make_fleet().adopt(journal)
    assert path.read_bytes() == content


def test_a_head_without_what_is_held_is_no_head(tmp_path: Path) -> None:
    path = tmp_path / "j"
    Journal(path).close()
    text = path.read_bytes()[9:-1].replace(b',"held":{}', b"")
    path.write_bytes(b"%08x %b\n" % (zlib.crc32(text), text))
    with pytest.raises(InputError, match="line 1: held: got None, expected a mapping"):
        Journal(path)


def test_one_process_writes_and_one_fleet(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        with pytest.raises(InputError, match="Stop the other one first"):
            Journal(tmp_path / "j")
        fleet = make_fleet()
        fleet.adopt(journal)
        fleet.claim(REQUEST, host=0)
        with pytest.raises(MisuseError, match="expected one that has none"):
            fleet.adopt(journal)
    with pytest.raises(MisuseError, match="the journal is closed"):
        fleet.claim(REQUEST, host=0)
    assert pins(fleet) == [[0], [], []]
    with pytest.raises(MisuseError, match="the journal is closed"):
        fleet.release(fleet.claims())
    assert len(fleet.claims()) == 1


def test_the_child_of_a_fork_does_not_write(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        fleet = make_fleet()
        fleet.adopt(journal)
        child = os.fork()
        if child == 0:
            try:
                fleet.release(fleet.claim(REQUEST, host=1))
                fleet.claim(REQUEST, host=1)
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        fleet.claim(REQUEST, host=2)
    with Journal(tmp_path / "j") as journal:
        again = make_fleet()
        again.adopt(journal, usage="on top")
        assert pins(again) == [[], [], [0]]


def test_a_claim_that_cannot_be_written_is_not_taken(tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("needs a limit of file sizes")
    import resource

    path = tmp_path / "j"
    with Journal(path) as journal:
        fleet = make_fleet()
        fleet.adopt(journal)
        fleet.claim(REQUEST, host=0)
        old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20, limits[1]))
        try:
            with pytest.raises(OSError, match="large"):
                fleet.claim(REQUEST, host=1)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, old)
        assert pins(fleet) == [[0], [], []]
        fleet.claim(REQUEST, host=2)
    with Journal(path) as journal:
        again = make_fleet()
        again.adopt(journal, usage="on top")
        assert pins(again) == [[0], [], [0]]


def work(fleet: Fleet, seed: int, told: int) -> None:
    """Claims and releases; each is told (host and pins) once it has happened."""
    rng = random.Random(seed)
    while True:
        mine = fleet.claims()
        if len(mine) > 12 or (mine and rng.random() < 0.4):
            gone = rng.choice(mine)
            os.write(told, f"- {gone.host} {gone.placement.cells[0].pinning[0]}\n".encode())
            fleet.release(gone)
            os.write(told, b"done\n")
        else:
            try:
                made = fleet.claim(REQUEST, host=rng.randrange(len(fleet)))
            except StalePlacement:
                continue
            os.write(told, f"+ {made.host} {made.placement.cells[0].pinning[0]}\n".encode())


def test_after_kill_9_a_restart_has_each_claim_that_was_answered(tmp_path: Path) -> None:
    truth: set[tuple[int, int]] = set()
    make_fleet().save(tmp_path / "f")
    rng = random.Random(1)
    with Journal(tmp_path / "j") as journal:
        fleet = make_fleet()
        fleet.adopt(journal)
        fleet.save(tmp_path / "f")
    for kill in range(KILLS):
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                journal = Journal(tmp_path / "j")
                fleet = Fleet.load(tmp_path / "f", claims=journal)
                if kill % 3 == 1:
                    fleet.save(tmp_path / "f")
                    if kill % 2:
                        journal.trim()
                work(fleet, kill, write)
            finally:
                os._exit(1)
        os.close(write)
        time.sleep(rng.uniform(0.1, 0.3))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with open(read) as told:
            lines = told.read().splitlines()
        unsure: set[tuple[int, int]] = set()
        for line in lines:
            if line == "done":
                unsure.clear()
                continue
            sign, host, cpu = line.split()
            seat = (int(host), int(cpu))
            if sign == "+":
                truth.add(seat)
            else:
                truth.discard(seat)
                unsure.add(seat)
        with Journal(tmp_path / "j") as journal:
            again = Fleet.load(tmp_path / "f", claims=journal)
            held = {(h, cpu) for h, cpus in enumerate(pins(again)) for cpu in cpus}
            assert len(again.claims()) == len(held)
        # one claim may have been taken and written, and not yet been told of
        assert truth <= held, lines[-3:]
        assert len(held - truth - unsure) <= 1
        truth = held
        assert again.check() is None


def test_threads_share_a_journal(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        fleet = make_fleet(8)
        fleet.adopt(journal)
        failed: list[BaseException] = []

        def run(host: int) -> None:
            try:
                for _ in range(50):
                    held = [fleet.claim(REQUEST, host=host) for _ in range(4)]
                    fleet.release(held[:3])
                    if len(fleet.claims([host])) == 5:
                        fleet.release(fleet.claims([host]))
            except BaseException as error:
                failed.append(error)

        threads = [threading.Thread(target=run, args=(host,)) for host in range(4)]
        for thread in threads:
            thread.start()
        for n in range(5):
            fleet.save(tmp_path / f"f{n}")
        for thread in threads:
            thread.join()
        assert not failed, failed
    for n in range(5):
        with Journal(tmp_path / "j") as journal:
            assert pins(Fleet.load(tmp_path / f"f{n}", claims=journal)) == pins(fleet)


def test_a_claim_that_is_given_back_twice_stays_given_back(tmp_path: Path) -> None:
    fleet = make_fleet()
    with Journal(tmp_path / "j") as journal:
        fleet.adopt(journal)
        gone, held = fleet.claim(REQUEST, host=0), fleet.claim(REQUEST, host=0)
        fleet.release(gone)
        for again in ([gone], [held, gone], [gone, held]):
            with pytest.raises(MisuseError, match="released before"):
                fleet.release(again)
    with Journal(tmp_path / "j") as journal:
        (claim,) = make_fleet().adopt(journal, usage="on top").claims
    assert [cell.pinning for cell in claim.placement.cells] == [{0: 1}]
