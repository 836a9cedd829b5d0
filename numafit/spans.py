"""The bounds of a call: which hosts it looks at, in what shares guests come, how many threads
share the work."""

from __future__ import annotations

import operator
import threading
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from numafit._engine import Engine
from numafit.errors import MOVED, MisuseError, StalePlacement, shorten
from numafit.model import fields

Hosts = Sequence[int] | npt.NDArray[np.integer[Any]] | None
Answer = TypeVar("Answer")


def host_index(host: object, n_hosts: int) -> int:
    """One host's index, counted from 0."""
    try:
        index = -1 if isinstance(host, bool) else operator.index(host)  # type: ignore[arg-type]
    except TypeError:
        index = -1
    if not 0 <= index < n_hosts:
        name = " (Fleet.index() finds a name's)" if isinstance(host, str) else ""
        raise MisuseError(f"host={shorten(host)}: expected an index from 0 to {n_hosts - 1}{name}")
    return index


def host_indices(hosts: Hosts, n_hosts: int) -> npt.NDArray[np.uint32] | None:
    """Indices as the engine reads them; ``None``: all hosts. One may stand more than once."""
    if hosts is None:
        return None
    beyond = f"hosts: expected indices from 0 to {n_hosts - 1}"
    if isinstance(hosts, range) and hosts:  # looked at before it is written out
        every = range(n_hosts)
        if hosts[0] not in every or hosts[-1] not in every:
            raise MisuseError(beyond)
    try:
        given = np.asarray(hosts)
    except ValueError:  # rows of unlike lengths
        given = np.empty((0, 0))
    if given.ndim != 1 or (given.size and not np.issubdtype(given.dtype, np.integer)):
        raise MisuseError(
            f"hosts={shorten(hosts)}: expected a flat sequence of host indices; "
            "numpy.flatnonzero() of a mask is one"
        )
    if given.size and (int(given.min()) < 0 or int(given.max()) >= n_hosts):
        raise MisuseError(beyond)
    return np.ascontiguousarray(given, dtype=np.uint32)


def in_one_numbering(
    engine: Engine,
    hosts: Hosts,
    ask: Callable[[npt.NDArray[np.uint32] | None, int], Answer],
) -> Answer:
    """``ask(indices, how many)``, in which no index comes to be another host's: about all hosts it
    is asked anew where ``compact`` has come in between; of some StalePlacement is raised."""
    while True:
        epoch, n_hosts = engine.epoch, engine.columns.n_hosts
        indices = host_indices(hosts, n_hosts)
        try:
            answer = ask(indices, n_hosts if indices is None else len(indices))
        except (MisuseError, StalePlacement):  # of an index that is no host's any more, perhaps
            if engine.epoch == epoch:
                raise
        else:
            if engine.epoch == epoch:
                return answer
        if indices is not None:
            raise StalePlacement(MOVED)


def mix_shares(weights: Sequence[float] | None, n: int, mixed: bool) -> list[float]:
    """What part of the arrivals each request of a mix has."""
    if not mixed and weights is not None:
        raise MisuseError("weights: expected none beside a request alone; pass a list of requests")
    if mixed and not n:
        raise MisuseError("capacity: expected at least one request in the mix")
    if weights is None:
        return [1.0] * n
    expected = f"{n} numbers above 0"
    shares = [fields.real("weights", one) for one in fields.listed("weights", weights, expected)]
    if len(shares) != n or not all(shares):
        raise MisuseError(f"weights={shorten(weights)}: expected {expected}")
    return shares


FIRST_STEP = 1024
"""Hosts in the first step of a call: done before anybody would stop it."""
FEW_HOSTS = 64
"""The same where guests may have to be placed one by one."""
DEFAULT_CAP = 500
"""Guests that are counted on a host."""
_STEP_SECONDS = 0.02
_HEARD_SECONDS = 0.05


def in_steps(
    part: Callable[[int, int], object], first: int, last: int, step: int, stop: threading.Event
) -> None:
    """``part`` of one range after the other, so that Ctrl-C is heard between them. Steps grow and
    shrink: each takes about as long as a person waits without noticing."""
    while first < last and not stop.is_set():
        upto = min(first + step, last)
        start = time.perf_counter()
        part(first, upto)
        took = time.perf_counter() - start
        if took < _STEP_SECONDS / 4:
            step *= 4
        elif took > _STEP_SECONDS:
            step = max(1, step // 4)
        first = upto


def in_threads(
    part: Callable[[int, int], object], total: int, threads: int, step: int = FIRST_STEP
) -> None:
    """``part(first, last)`` of ranges that cover ``total``, shared by threads that end with the
    call. Ctrl-C ends all of them within a step."""
    if type(threads) is not int or threads < 1:
        raise MisuseError(f"threads={shorten(threads)}: expected 1 or more")
    # a thread for less than a host each would have nothing to do
    threads = max(1, min(threads, total))
    stop = threading.Event()
    if threads == 1:
        if total <= step:
            part(0, total)
        else:
            in_steps(part, 0, total, step, stop)
        return
    edges = [total * n // threads for n in range(threads + 1)]
    failed: list[BaseException] = []

    def guarded(first: int, last: int) -> None:
        try:
            in_steps(part, first, last, step, stop)
        except BaseException as error:
            failed.append(error)

    workers = [threading.Thread(target=guarded, args=pair) for pair in pairwise(edges)]
    try:
        for worker in workers:
            worker.start()
        for worker in workers:
            # a signal that another thread was given does not wake one that waits for a lock
            while worker.is_alive():
                worker.join(_HEARD_SECONDS)
    finally:
        stop.set()
        for worker in workers:
            if worker.ident:  # Ctrl-C may come before the last of them starts
                worker.join()
    if failed:
        raise failed[0]
