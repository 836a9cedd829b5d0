"""What goes from one process to another when a fleet is pickled, and what comes of it there.

A fleet's columns go as one block of bytes, out of band where the pickler takes buffers. All that
is pickled together with the fleet (requests that were prepared for it, claims behind it) belongs to
the same fleet again on the other side.
"""

from __future__ import annotations

import copyreg
import weakref
from collections.abc import Callable
from pickle import PickleBuffer
from typing import Any, SupportsIndex

from numafit._engine import ManyHosts, Prepared
from numafit.adopting import Adopting
from numafit.claims import Claim
from numafit.columns import Columns, image
from numafit.errors import InputError
from numafit.holding import Holding
from numafit.moments import columns_now


class Parcel:
    """Stands for a fleet's columns in a pickle; the same for all that is pickled at once."""

    __slots__ = ("__weakref__", "_columns")

    def __init__(self, columns: Columns) -> None:
        self._columns = columns

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        engine = _engine_of(self._columns)
        packed = image.pack(self._columns if engine is None else columns_now(engine))
        if int(protocol) < 5:
            return unpacked, (packed.tobytes(),)
        return unpacked, (PickleBuffer(packed.data),)


def _engine_of(columns: Columns) -> ManyHosts | None:
    return None if columns.engine is None else columns.engine()


def parcel_of(columns: Columns) -> Parcel:
    found = None if columns.parcel is None else columns.parcel()
    if found is None:
        found = Parcel(columns)
        columns.parcel = weakref.ref(found)
    return found


def unpacked(data: Any) -> Columns:
    """The columns in the bytes of a Parcel, in memory of their own. Raises InputError for what is
    damaged, or could not have come from hosts: it may come from anywhere."""
    try:
        memory = memoryview(data).cast("B")
    except TypeError:
        raise InputError(None, None, data, "the bytes of a fleet") from None
    return image.load_columns(memory)


class Arrived:
    """Shared by a fleet and its claims in a pickle: there the claims find the fleet by it."""

    __slots__ = ("engine",)

    def __init__(self) -> None:
        self.engine: Callable[[], ManyHosts | None] | None = None

    def __reduce__(self) -> Any:
        return Arrived, ()


def arrived_of(columns: Columns) -> Arrived:
    if columns.arrived is None:
        columns.arrived = Arrived()
    found: Arrived = columns.arrived
    return found


def claim_anew(arrived: Arrived, text: str, held: bool) -> Claim | Holding:
    """The claim of the fleet that came before it in the pickle; else what it holds, in names.
    Raises InputError where the fleet's hosts do not have that in use."""
    engine = None if arrived.engine is None else arrived.engine()
    if engine is None or not held:
        return Holding.from_json(text)
    found = Adopting(engine, engine.columns.names.index).written([text], True)
    if found.lost:
        raise InputError(None, "claim", found.lost[0].why, "what the fleet's hosts have in use")
    return found.claims[0]


def _reduce_claim(claim: Claim) -> Any:
    arrived = arrived_of(claim.placed.engine.columns)
    return claim_anew, (arrived, claim.to_json(), claim.state == "held")


def prepared_anew(columns: Columns, request: Any) -> Prepared:
    engine = _engine_of(columns)
    return (ManyHosts(columns, holds=True) if engine is None else engine).prepare(request)


def _reduce_prepared(prepared: Prepared) -> Any:
    engine = _engine_of(prepared.columns)
    columns = prepared.columns if engine is None else engine.columns
    return prepared_anew, (parcel_of(columns), prepared.request)


copyreg.pickle(Prepared, _reduce_prepared)
copyreg.pickle(Claim, _reduce_claim)
