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
    assert done.stderr.strip() == ""


@pytest.mark.parametrize(
    ("to", "said"),
    [("/dev/full", "standard output: No space left on device"), ("", "standard output is closed")],
)
def test_output_that_cannot_be_written_is_no_answer(to: str, said: str) -> None:
    command = f"{sys.executable} -m numafit --version {f'> {to}' if to else '>&-'}"
    done = subprocess.run(
        command, shell=True, stderr=subprocess.PIPE, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert said in done.stderr
