"""Files that somebody changed on purpose: refused by file and column, or a fleet like any other."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from numafit import Fleet, InputError
from numafit.columns.npz import HELD
from tests.unit.saved_files import REQUESTS, Change, loaded, read, rewrite, rich_fleet, use


def written() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fleet.npz"
        rich_fleet().save(path)
        return path.read_bytes()


FILE = written()


def put(name: str, value: Any, at: Any = slice(None), field: str | None = None) -> Change:
    def change(arrays: dict[str, Any], _meta: dict[str, Any]) -> None:
        column = arrays[name] if field is None else arrays[name][field]
        column[at] = value

    return change


def say(**changes: Any) -> Change:
    return lambda _arrays, meta: meta.update(changes)


def both(*changes: Change) -> Change:
    def change(arrays: dict[str, Any], meta: dict[str, Any]) -> None:
        for one in changes:
            one(arrays, meta)

    return change


def swap(name: str, a: int, b: int) -> Change:
    def change(arrays: dict[str, Any], _meta: dict[str, Any]) -> None:
        arrays[name][[a, b]] = arrays[name][[b, a]]

    return change


def pools(**changes: Any) -> Change:
    def change(_arrays: dict[str, Any], meta: dict[str, Any]) -> None:
        meta["pools"][0].update(changes)

    return change


def without(name: str) -> Change:
    return lambda arrays, meta: (arrays if name in arrays else meta).pop(name)


def pin(slot: int) -> Change:
    def change(arrays: dict[str, Any], _meta: dict[str, Any]) -> None:
        arrays["pinned"][0] |= np.uint64(1 << slot)

    return change


NAMED: dict[str, tuple[Change, str]] = {
    "cores beyond the slots": (put("layouts", 1 << 28, field="n_cores"), "layouts.n_cores"),
    "a few cores beyond the slots": (put("layouts", 4000, field="n_cores"), "layouts.n_cores"),
    "one core less": (put("layouts", 2, 0, "n_cores"), "layout_cpus"),
    "a shift beyond 64": (put("layouts", 70, field="shift"), "layouts.shift"),
    "a shift below 0": (put("layouts", 0xFFFFFFFF, field="shift"), "layouts.shift"),
    "threads beyond a word": (put("layouts", 5000, field="threads"), "layouts.threads"),
    "threads beyond memory": (put("layouts", 1 << 30, field="threads"), "layouts.threads"),
    "threads that no core has": (put("layouts", 3, 0, "threads"), "layouts.threads"),
    "no words for a mask": (put("layouts", 0, field="n_words"), "layout_words"),
    "no slots": (put("layouts", 0, field="n_slots"), "layouts.n_cores"),
    "the same sets, which they are not": (put("layouts", 1, 0, "same_sets"), "layouts.same_sets"),
    "layouts that share their CPUs": (put("layouts", 0, field="cpu_at"), "layouts.cpu_at"),
    "masks beyond memory": (put("layouts", 2**64 - 1, field="mask_at"), "layouts.mask_at"),
    "no CPU in any slot": (put("layout_cpus", -1), "layout_cpus"),
    "one CPU in all slots": (put("layout_cpus", 5), "layout_cpus"),
    "a CPU twice in one core": (put("layout_cpus", 1, 2), "layout_cpus"),
    "a CPU below -1": (put("layout_cpus", -2, 5), "layout_cpus"),
    "threads out of order": (swap("layout_cpus", 0, 1), "layout_cpus"),
    "a dedicated slot without a CPU": (put("layout_words", 0xFF, 0), "layout_words"),
    "a shared CPU twice": (put("layout_shared", 0, 1), "layouts.n_shared"),
    "a shared CPU below 0": (put("layout_shared", -1), "layout_cpus"),
    "a pinned slot without a CPU": (pin(7), "pinned"),
    "a pinned slot beyond the last": (pin(63), "pinned"),
    "pools of no cell": (put("pool_cell", 100000), "pool_cell"),
    "pools of no class": (put("pool_class", 100000), "pool_class"),
    "pools of other properties": (swap("pool_class", 0, 2), "pool_class"),
    "a PF that passes for a VF": (put("pool_kind", 2, 1), "pool_kind"),
    "families that no address makes": (put("pool_family", 7), "pool_family"),
    "providers that are not the pools'": (put("pool_provider", 1), "pool_provider"),
    "more devices than the pool has": (put("pool_count", 3, 2), "pool_count"),
    "more devices than can be counted": (
        both(put("pool_count", 2**31 - 1), put("pool_taken", 2**31 - 1)),
        "pool_count, pool_taken, pool_hidden",
    ),
    "a count below gone": (put("pool_count", -2, 0), "pool_count"),
    "devices that nothing hides": (
        both(put("pool_hidden", 1, 2), put("pool_count", 1, 2)),
        "pool_hidden",
    ),
    "devices of a cell that has no pool": (put("cell_devices", 1), "cell_devices"),
    "sizes of pages that there are not": (put("cell_page_sizes", 2**32 - 1), "cell_page_sizes"),
    "pages of no size": (put("page_kib", 0), "page_kib"),
    "pages too large for a host": (put("page_kib", 2**31, 1), "page_kib"),
    "page sizes out of order": (swap("page_kib", 0, 1), "page_kib"),
    "pages of a size that the cell lacks": (
        put("cell_page_sizes", 1),
        "pages_total",
    ),
    "more pages free than there are": (put("pages_free", 2**31 - 1), "pages_free"),
    "fewer pages than none": (put("pages_total", -1), "pages_total"),
    "more memory than can be counted": (put("cell_memory", 2**63 - 1), "cell_memory"),
    "less memory than none": (put("cell_memory", -1), "cell_memory"),
    "more vCPUs than can be counted": (
        put("cell_cpu_used", 2**31),
        "cell_memory_used, cell_cpu_used",
    ),
    "ids below 0": (put("cell_id", -7, 4), "cell_id"),
    "an id twice in a host": (put("cell_id", 1, 4), "cell_id"),
    "sockets below -1": (put("cell_socket", -2), "cell_socket"),
    "a mask that two cells share": (put("cell_mask_at", 0, 1), "cell_mask_at"),
    "networks that have no name": (put("cell_nets", 8, 0), "cell_nets"),
    "a ratio below 0": (put("host_cpu_ratio", -5.0), "host_cpu_ratio"),
    "a ratio without end": (put("host_ram_ratio", float("inf")), "host_ram_ratio"),
    "cells of two hosts": (put("host_first_cell", 5, 1), "host_first_cell"),
    "pools of two hosts": (put("host_first_pool", 0, 1), "pools"),
    "edges that do not begin at 0": (put("host_first_cell", 1, 0), "host_first_cell"),
    "edges that do not end at the end": (put("host_first_pool", 0, -1), "host_first_pool"),
    "distances below 0": (put("distances", -(2**31)), "distances"),
    "distances that no host has": (put("distances", 65536, 0), "distances"),
    "distances of other hosts": (put("host_distance_at", 2**63), "host_distance_at"),
    "kinds of hosts that are not there": (put("host_class", 99), "host_class"),
    "a host of another kind": (put("host_class", 1, 0), "host_class"),
    "units that the inventory does not have": (put("resource_limit", 10**6, (0, 0)),
                                               "resource_limit"),
    "more masks than cells": (
        lambda arrays, _meta: arrays.update(pinned=np.append(arrays["pinned"], np.uint64(0))),
        "pinned",
    ),
    "distances of no host": (
        lambda arrays, _meta: arrays.update(distances=np.append(arrays["distances"], np.int32(1))),
        "distances",
    ),
    "limits, and no units in use": (without("resource_used"), "resource_used"),
    "units below 0 in use": (put("resource_used", -1, (0, 0)), "resource_used"),
    "names that are not UTF-8": (put("names", 0xFF), "names"),
    "a name cut inside a character": (put("name_ends", 2, 1), "name_ends"),
    "ends of names that fall": (put("name_ends", 1, 3), "name_ends"),
    "ends of names beyond the text": (put("name_ends", 2**64 - 1, -1), "name_ends"),
    "fewer pools than columns": (lambda _a, meta: meta["pools"].pop(), "pools"),
    "more pools than columns": (lambda _a, meta: meta["pools"].append(meta["pools"][0]), "pools"),
    "pools in another order": (lambda _a, meta: meta["pools"].reverse(), "pools"),
    "a pool that is none": (say(pools=[1] * 7), "pools[0]"),
    "a pool without a vendor": (pools(vendor_id=None), "pools[0].vendor_id"),
    "a pool of half a device": (pools(count=1.5), "pools[0].count"),
    "a pool of a node beyond numbers": (pools(numa_node=2**40), "pools[0].numa_node"),
    "a pool of another node": (pools(numa_node=0), "pool_cell"),
    "a pool of another type": (pools(dev_type="type-VF"), "pool_kind"),
    "a provider that is a list": (pools(rp_uuid=["x"]), "pools"),
    "devices that are numbers": (pools(devices=[7]), "pools[0].devices[0]"),
    "devices named twice": (pools(devices=["x", "x"], count=2), "pools"),
    "no classes": (say(classes=[]), "pool_class"),
    "classes of another type": (say(classes=[[], 1]), "classes[0]"),
    "classes that are one": (say(classes={}), "classes"),
    "providers of another type": (say(providers=[["x"]]), "providers"),
    "a provider that no pool has": (say(providers=["vfs", "x"]), "providers"),
    "a network twice": (say(nets=["a", "a"]), "nets"),
    "networks of another type": (say(nets=[["a"], "b"]), "nets[0]"),
    "networks that are one text": (say(nets="ab"), "nets"),
    "more networks than bits": (say(nets=list(map(str, range(64)))), "cell_nets"),
    "a network less": (say(nets=["a"]), "cell_nets"),
    "devices taken of no pool": (say(devices_taken={"99": ["x"]}), "devices_taken"),
    "devices taken by another number": (say(devices_taken={"-1": ["x"]}), "devices_taken"),
    "devices taken that the pool lacks": (say(devices_taken={"2": ["x"]}), "devices_taken"),
    "a device taken twice": (say(devices_taken={"2": ["x", "x"]}), "devices_taken.2"),
    "devices taken that nobody holds": (
        say(devices_taken={"3": ["0000:81:02.0"]}),
        "devices_taken",
    ),
    "devices taken that are one text": (say(devices_taken={"3": "0000:81:02.0"}),
                                        "devices_taken.3"),
    "resource classes of no host": (say(resource_classes=["VCPU"]), "resource_classes"),
    "inventories of no host": (say(hosts={"99": {"provider": None, "zone": "x", "disabled": ""}}),
                               "hosts"),
    "an inventory of another type": (
        say(hosts={"0": {"provider": {"inventories": {"DISK_GB": 7}}, "disabled": ""}}),
        "hosts.0.inventories.DISK_GB",
    ),
    "a zone of another type": (say(hosts={"0": {"zone": 7, "disabled": ""}}), "hosts.0.zone"),
    "a column of another file": (
        lambda arrays, _meta: arrays.update(cell_mood=arrays["cell_id"]),
        "cell_mood.npy",
    ),
    "a derived column": (
        lambda arrays, _meta: arrays.update(cell_free=arrays["cell_id"]),
        "cell_free.npy",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", NAMED)
def test_is_refused(case: str, tmp_path: Path) -> None:
    change, key = NAMED[case]
    path = tmp_path / "fleet.npz"
    path.write_bytes(FILE)
    rewrite(path, change)
    with pytest.raises(InputError) as error:
        Fleet.load(path)
    assert error.value.key == key
    assert error.value.file == str(path)


def test_any_generation_is_one(tmp_path: Path) -> None:
    """It only tells whether a host has changed: the last of its lower half is followed by 0."""
    path = tmp_path / "fleet.npz"
    path.write_bytes(FILE)
    rewrite(path, put("host_generation", 2**64 - 1))
    fleet = Fleet.load(path)
    (placement,) = fleet.fit(REQUESTS[0], hosts=[0])
    fleet.claim(placement)
    assert fleet.columns()["host_generation"].tolist() == [2**64 - 2**32] + 4 * [2**64 - 1]
    use(fleet, tmp_path / "again.npz")


def values_of(column: np.ndarray[Any, Any]) -> Iterator[np.ndarray[Any, Any]]:
    """Each extreme value, in one place and in all; the same values in other places."""
    if column.dtype.kind == "f":
        ends: list[Any] = [np.nan, np.inf, -np.inf, -1.0, -0.0, 0.0, 5e-324, 1.7e308]
    else:
        bounds = np.iinfo(column.dtype)
        near = [bounds.min, bounds.max, bounds.max - 1, -1, 0, 1, 2, 65, 1 << 31]
        ends = [value for value in near if bounds.min <= value <= bounds.max]
    n = column.size
    for value in ends:
        for at in ([0], [n // 2], range(n)) if n else ():
            changed = column.copy()
            changed.flat[list(at)] = value
            yield changed
    flat = column.ravel()
    for other in (flat[::-1], np.roll(flat, 1), np.sort(flat), np.unique(flat).repeat(n)[:n]):
        yield other.reshape(column.shape).astype(column.dtype)
    if column.dtype.kind != "f":
        one = column.dtype.type(1)
        with np.errstate(over="ignore"):
            yield column + one
            yield column - one


def all_values_of(column: np.ndarray[Any, Any]) -> Iterator[np.ndarray[Any, Any]]:
    for field in column.dtype.names or ():
        for values in values_of(column[field]):
            changed = column.copy()
            changed[field] = values
            yield changed
    if not column.dtype.names:
        yield from values_of(column)


def forms_of(column: np.ndarray[Any, Any]) -> Iterator[np.ndarray[Any, Any]]:
    """The same values in what is no such column: all of these are refused."""
    yield column[:-1]
    yield np.concatenate([column, column[-1:]])
    yield column[:0]
    yield column[None]
    yield column[..., None]
    yield column.reshape(-1)[0]
    if column.dtype.itemsize > 1:
        yield column.astype(column.dtype.newbyteorder())
    if not column.dtype.names:
        yield column.astype("S8")
        yield column.astype("f4")
        for kind in ("i4", "u4", "i8", "u8", "f8"):
            if column.dtype != kind:
                with np.errstate(invalid="ignore"):
                    yield column.astype(kind)
    if column.ndim == 2:
        yield np.concatenate([column, column[:, -1:]], axis=1)
        yield column.T


@pytest.mark.parametrize("name", HELD)
def test_every_column_in_every_form_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "fleet.npz"
    path.write_bytes(FILE)
    column = read(path)[0][name]
    for form in forms_of(column):
        path.write_bytes(FILE)
        rewrite(path, lambda arrays, _meta, form=form: arrays.update({name: form}))
        with pytest.raises(InputError, match=r"fleet\.npz") as error:
            Fleet.load(path)
        assert error.value.key is not None
    path.write_bytes(FILE)
    rewrite(path, without(name))
    with pytest.raises(InputError, match=name):
        Fleet.load(path)


@pytest.mark.parametrize("name", HELD)
def test_every_value_is_refused_or_the_fleet_is_whole(name: str, tmp_path: Path) -> None:
    path = tmp_path / "fleet.npz"
    path.write_bytes(FILE)
    column = read(path)[0][name]
    for values in all_values_of(column):
        path.write_bytes(FILE)
        rewrite(path, lambda arrays, _meta, values=values: arrays.update({name: values}))
        fleet = loaded(path)
        if fleet is not None:
            use(fleet, tmp_path / "again.npz")


STRANGE: list[Any] = [
    None, True, 0, -1, 1.5, 2**31, 2**70, float("nan"), "", "x", "\ud800", "0", "-1", "\x00",
    [], {}, [[]], [{}], {"x": {}}, ["a", "a"], {"0": None}, "a" * 5000,
]  # fmt: skip


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """(what holds it, its key) of everything in a JSON value."""
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from places(value[key])


def change_place(number: int, other: Any) -> Change:
    def change(_arrays: dict[str, Any], meta: dict[str, Any]) -> None:
        holder, key = list(places(meta))[number]
        if other is without:
            del holder[key]
        else:
            holder[key] = other

    return change


def test_every_word_is_refused_or_the_fleet_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "fleet.npz"
    path.write_bytes(FILE)
    whole = refused = 0
    for number in range(len(list(places(read(path)[1])))):
        for other in (without, *STRANGE[number % 2 :: 2]):
            path.write_bytes(FILE)
            rewrite(path, change_place(number, other))
            fleet = loaded(path)
            if fleet is None:
                refused += 1
            else:
                use(fleet, tmp_path / "again.npz")
                whole += 1
    assert refused > 10 * whole > 0
