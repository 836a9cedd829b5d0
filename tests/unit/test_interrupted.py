"""Ctrl-C in a long call: it ends within a blink, and the fleet is as it was before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest

from numafit import (
    Fleet,
    GuestCell,
    GuestTopology,
    HostCell,
    HostInfo,
    PciPool,
    PciRequest,
    Request,
)

AT_MOST = 5.0
"""Seconds from the signal to the end of a call of 40 s; 0.1 on a machine that does nothing else."""


def slow_fleet() -> Fleet:
    cells = tuple(
        HostCell(n, frozenset(), frozenset(range(64 * n, 64 * n + 64)), 1 << 20) for n in range(8)
    )
    pools = tuple(PciPool("8086", f"{n:04x}", n % 8, 64) for n in range(16))
    return Fleet([HostInfo(cells, "h", pci_pools=pools)])


def slow_request() -> Request:
    guest = GuestTopology(tuple(GuestCell((), {g}, 1, None, "dedicated") for g in range(4)))
    pci = [PciRequest(1, [{"product_id": f"{n:04x}"}], "preferred") for n in range(4)]
    return Request(guest, pci=pci)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("mixed", [False, True])
def test_ctrl_c_ends_a_count(threads: int, mixed: bool) -> None:
    fleet, request = slow_fleet(), slow_request()
    before = fleet.columns()
    asked = [request, request] if mixed else request
    sent: list[float] = []

    def interrupt() -> None:
        time.sleep(0.3)
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    killer = threading.Thread(target=interrupt)
    killer.start()
    with pytest.raises(KeyboardInterrupt):
        fleet.capacity(asked, hosts=[0] * 200_000, threads=threads)
    took = time.perf_counter() - sent[0]
    killer.join()
    assert took < AT_MOST
    assert fleet.check() is None
    for name, column in fleet.columns().items():
        np.testing.assert_array_equal(column, before[name], err_msg=name)


def test_steps_answer_as_one_call_does() -> None:
    fleet, request = slow_fleet(), slow_request()
    many = fleet.capacity(request, hosts=[0] * 300, cap=3)
    assert many.tolist() == [3] * 300
    assert fleet.scan(request, hosts=[0] * 5000).all()


def test_ctrl_c_on_the_command_line_is_one_line_and_130() -> None:
    program = textwrap.dedent("""
        import os, signal, sys, threading, time
        from numafit.cli import main
        from numafit.readers import hostfile
        def read(path):
            time.sleep(30)
        hostfile.read_host_file = read
        threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        sys.argv = ["numafit", "show", "host.yaml"]
        sys.exit(main())
    """)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 130, done
    assert done.stderr == "numafit: interrupted\n"


@pytest.mark.parametrize("wait", [0.0, 0.03, 0.1, 0.2])
def test_ctrl_c_at_start_up_is_one_line_and_130(wait: float) -> None:
    program = textwrap.dedent("""
        import sys
        import numafit_command
        class Say:
            def find_spec(self, name, path=None, target=None):
                if name == "numafit":
                    print("started", flush=True)
                return None
        sys.meta_path.insert(0, Say())
        sys.argv = ["numafit", "replay", *["tests/vectors/data/capacity.jsonl.gz"] * 9]
        sys.exit(numafit_command.main())
    """)
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "started\n"
        time.sleep(wait)
        child.send_signal(signal.SIGINT)
        sent = time.perf_counter()
        output, said = child.communicate(timeout=20)
        assert time.perf_counter() - sent < AT_MOST
    assert child.returncode == 130, said
    assert output == ""
    # an editable install may be asking its build tool, which complains too
    assert "numafit: interrupted\n" in said
    assert "Traceback" not in said


def test_a_command_that_was_told_to_ignore_ctrl_c_does() -> None:
    program = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); "
        "import numafit_command; from numafit import cli; "
        "cli.main = lambda: os.kill(os.getpid(), signal.SIGINT) or 7; "
        "sys.exit(numafit_command.main())"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 7
