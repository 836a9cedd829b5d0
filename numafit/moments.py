"""What is of one moment, whoever claims meanwhile: a host, all columns, the lists of devices."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from numafit._engine import Engine, HostCopy
from numafit.columns import Columns
from numafit.columns.snapshot import HostNow

_NO_DEVICES = nullcontext()


def device_lists(columns: Columns) -> AbstractContextManager[object]:
    """Counts are the engine's, addresses are Python's: both change under one lock, or a claim
    could be granted a device whose address another has not given back yet.

    The order of locks, for whoever takes several: this one, then those of the engine, in the order
    of their hosts. No call of the engine waits for this one, or for the GIL, while it holds a lock.
    """
    return columns.devices_lock if columns.knows_devices else _NO_DEVICES


def host_now(engine: Engine, host: int) -> tuple[HostCopy, HostNow]:
    """The host at this moment, for the engine and for Python: no claim is seen by half."""
    with device_lists(engine.columns):
        copy = engine.host_copy(host)
        return copy, HostNow(engine.columns, host, copy)


def columns_now(engine: Engine) -> Columns:
    """All columns at this moment: others' claims and changes do not reach them."""
    with device_lists(engine.columns):
        return engine.columns.forked(*engine.fork())
