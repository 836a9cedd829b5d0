"""Two fleets, one behind the other -> columns of both."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

import numpy as np

from numafit._header import MAX_PAGE_SIZES, NO_DISTANCES
from numafit.columns.columns import Columns
from numafit.columns.gather import FIRST_PHYSNET, WORD_BITS, net_words
from numafit.columns.in_order import edges_of, tidy
from numafit.columns.layouts import Layout, Layouts
from numafit.columns.names import Names
from numafit.columns.pools import class_key
from numafit.columns.ranges import Array, edges_from, from_edges
from numafit.columns.schema import COLUMNS, GIVEN
from numafit.errors import InputError
from numafit.rules.candidates import UNLIMITED


def joined(first: Columns, second: Columns) -> Columns:
    """The hosts of both with their usage, the second fleet's behind those of the first, without
    those that were removed. Raises InputError where they have more page sizes than a fleet may
    have."""
    pair = tidy(first), tidy(second)
    one, other = pair
    layouts, layout_of = _interned(_each(pair, "cpu_layouts"), _layout_key)
    # a fleet without hosts has a kind all the same
    kinds, kind_of = _interned([c.host_kinds if c.n_hosts else [] for c in pair], lambda kind: kind)
    classes, class_of = _interned(_each(pair, "classes"), class_key)
    uuids, provider_of = _interned([["", *c.providers] for c in pair], lambda name: name)
    resources, resource_of = _interned([list(c.resource_classes) for c in pair], lambda name: name)
    nets, net_of = _interned([list(c.nets) for c in pair], lambda name: name)
    sizes = np.unique(np.concatenate([c.page_kib for c in pair]))
    if len(sizes) > MAX_PAGE_SIZES:
        expected = f"at most {MAX_PAGE_SIZES} page sizes in a fleet"
        raise InputError(None, "page_pools", sizes.tolist(), expected)
    size_of = [np.searchsorted(sizes, c.page_kib) for c in pair]
    numbered = {
        "cell_layout": layout_of,
        "host_class": kind_of,
        "pool_class": class_of,
        "pool_provider": provider_of,
    }
    arrays = {}
    for name, column in GIVEN.items():
        parts = _each(pair, name)
        if name in numbered:
            parts = [new[part] for new, part in zip(numbered[name], parts, strict=True)]
        elif column.axes[0] == "n_page_sizes" and len(column.axes) == 2:
            parts = [_spread(*both, len(sizes), 0) for both in zip(parts, size_of, strict=True)]
        elif column.axes[0] == "n_resources":
            missing = UNLIMITED if name == "resource_limit" else 0
            parts = [
                _spread(*both, len(resources), missing)
                for both in zip(parts, resource_of, strict=True)
            ]
        elif name == "cell_nets":
            parts = [_nets(*both, len(nets)) for both in zip(parts, net_of, strict=True)]
        elif name == "cell_page_sizes":
            parts = [_bits(*both) for both in zip(parts, size_of, strict=True)]
        arrays[name] = np.concatenate(
            parts, axis=len(column.axes) - 1 if name != "cell_nets" else 0
        )
    for part in ("cell", "pool"):
        edges = [edges_of(c, part) for c in pair]
        arrays |= from_edges(part, np.concatenate((edges[0], edges[0][-1] + edges[1][1:])))
    table = Layouts.holding(layouts).arrays()
    words = table["layouts"]["n_words"][arrays["cell_layout"]].astype(np.int64)
    at = other.host_distance_at.copy()
    at[at != NO_DISTANCES] += np.uint64(len(one.distances))
    arrays |= {
        **table,
        "page_kib": sizes,
        "cell_mask_at": edges_from(words)[:-1],
        "host_distance_at": np.concatenate((one.host_distance_at, at)),
    }
    hosts, pools = one.n_hosts, len(one.pools)
    known = {
        "names": _names(one.names, other.names),
        "nets": {name: n for n, name in enumerate(nets, FIRST_PHYSNET)},
        "cpu_layouts": layouts,
        "classes": classes,
        "providers": {name: n for n, name in enumerate(uuids) if n},
        "pools": [*one.pools, *other.pools],
        "devices_taken": {**one.devices_taken, **_behind(other.devices_taken, pools)},
        "resource_classes": {name: n for n, name in enumerate(resources)},
        "providers_of_hosts": {
            **one.providers_of_hosts,
            **_behind(other.providers_of_hosts, hosts),
        },
        "host_kinds": kinds or one.host_kinds,
    }
    return Columns.of(
        {name: array.astype(COLUMNS[name].dtype, copy=False) for name, array in arrays.items()},
        known,
    )


def _each(pair: Iterable[Columns], name: str) -> list[Any]:
    return [getattr(columns, name) for columns in pair]


def _interned(
    lists: Iterable[Sequence[Any]], key: Callable[[Any], Hashable]
) -> tuple[list[Any], list[Array]]:
    """All values once, as they are met; and for each list where its values are among these."""
    found: dict[Hashable, int] = {}
    values: list[Any] = []
    places = []
    for one in lists:
        mine = []
        for value in one:
            place = found.setdefault(key(value), len(values))
            if place == len(values):
                values.append(value)
            mine.append(place)
        places.append(np.array(mine, np.int64))
    return values, places


def _layout_key(layout: Layout) -> Hashable:
    return layout.shift, layout.n_cores, tuple(layout.cpus), layout.dedicated, layout.shared


def _spread(values: Array, rows: Array, n: int, missing: int) -> Array:
    """These rows of ``n``."""
    made = np.full((n, values.shape[1]), missing, values.dtype)
    made[rows] = values
    return made


def _bits(masks: Array, new: Array) -> Array:
    """Masks with each bit in its new place."""
    made = np.zeros_like(masks)
    for old, place in enumerate(new.tolist()):
        made |= (masks >> masks.dtype.type(old) & masks.dtype.type(1)) << masks.dtype.type(place)
    return made


def _nets(near: Array, new: Array, n: int) -> Array:
    """Network bits, [cell][word]; the bit of the tunnel endpoint stays where it is."""
    made = np.zeros((len(near), net_words(n)), near.dtype)
    places = [*range(FIRST_PHYSNET), *(new + FIRST_PHYSNET).tolist()]
    for old, place in enumerate(places):
        bit = near[:, old // WORD_BITS] >> np.uint64(old % WORD_BITS) & np.uint64(1)
        made[:, place // WORD_BITS] |= bit << np.uint64(place % WORD_BITS)
    return made


def _behind(found: dict[int, Any], n: int) -> dict[int, Any]:
    return {n + number: value for number, value in found.items()}


def _names(one: Names, other: Names) -> Names:
    (text, ends), (behind, more) = one.parts(), other.parts()
    new = np.concatenate((ends, ends[-1] + more[1:])).astype(np.uint64)
    return Names.of(bytes(text) + bytes(behind), array("Q", new.tobytes()))
