"""What is of one moment, whoever claims meanwhile: a host, all columns, the lists of devices."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from weakref import WeakSet

from numafit._engine import Engine, HostCopy
from numafit.columns import Columns
from numafit.columns.snapshot import HostNow
from numafit.journal import Journal

_NO_DEVICES = nullcontext()
_NOT_WRITTEN = nullcontext(None)


def device_lists(engine: Engine) -> AbstractContextManager[object]:
    """Counts are the engine's, addresses are Python's: both change under one lock, or a claim
    could be granted a device whose address another has not given back yet.

    The order of locks, for whoever takes several: ``changes_lock``, this one, the journal's, then
    those of the engine, in the order of their hosts. No call of the engine waits for another one,
    or for the GIL, while it holds a lock.
    """
    columns = engine.columns
    # the journal names hosts and devices, under a lock that comes after this one
    needed = columns.knows_devices or engine.journal is not None
    return columns.devices_lock if needed else _NO_DEVICES


def writing(engine: Engine) -> AbstractContextManager[Journal | None]:
    """The journal of a fleet's claims, to be written while they change: its lock comes after that
    of ``device_lists``, and before those of the engine. ``None``: there is none, or it is the
    parent's of this process."""
    journal: Journal | None = engine.journal
    return _NOT_WRITTEN if journal is None or not journal.here else journal.locked()


def unchanged(engine: Engine) -> AbstractContextManager[object]:
    """While no host becomes another, and no device gets or loses its name."""
    lock: AbstractContextManager[object] = engine.columns.devices_lock
    return lock


def host_now(engine: Engine, host: int) -> tuple[HostCopy, HostNow]:
    """The host at this moment, for the engine and for Python: no claim is seen by half. What is
    read of it later is read while it is ``unchanged``."""
    with unchanged(engine):
        copy = engine.host_copy(host)
        return copy, HostNow(engine.columns, host, copy)


def columns_now(engine: Engine) -> Columns:
    """All columns at this moment: others' claims and changes do not reach them."""
    columns = engine.columns
    with columns.changes_lock, unchanged(engine), writing(engine) as journal:
        slab, arrays, number = engine.fork()
        now = columns.forked(slab, arrays)
        now.ancestors = (engine.number, number, columns.ancestors)
        now.gone = columns.gone and WeakSet(columns.gone)
        now.saved_at = None if journal is None else journal.position
        return now
