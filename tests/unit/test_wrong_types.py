"""Every public callable, called with every kind of wrong thing, names what it expected.

For each argument the table has a value that is right, and the words for the kinds that are right
too; all other kinds are put in its place, one after the other.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import numafit
from numafit import (
    Adopted,
    Alias,
    Aliases,
    CellRefusal,
    Changed,
    Claim,
    CpuTopology,
    DeviceSpec,
    FitOptions,
    Flavor,
    Fleet,
    GuestCell,
    GuestTopology,
    Host,
    HostCell,
    HostInfo,
    Image,
    InputError,
    InvalidRequest,
    InvalidValue,
    Journal,
    Limits,
    MisuseError,
    Multiqueue,
    Networks,
    NumafitError,
    PagePool,
    PciAddress,
    PciAllocation,
    PciDevice,
    PciPool,
    PciRequest,
    PciSupport,
    Placement,
    PlacementCell,
    Port,
    Refusal,
    Request,
    StalePlacement,
    SweepError,
    cpu_topology,
    get_include,
    get_library_dir,
    guest_topology,
    multiqueue,
    parse_aliases,
    parse_device_specs,
    pci_numa_policy,
    pci_requests,
    pools_from_devices,
    with_inventories,
)
from numafit.model.host_state import NOTHING_KNOWN

WRONG: dict[str, Any] = {
    "none": None,
    "object": object(),
    "text": "x1",
    "bytes": b"x1",
    "digits": "2",
    "bool": True,
    "negative": -7,
    "huge": 1 << 80,
    "float": 1.5,
    "nan": float("nan"),
    "list of none": [None],
    "list of texts": ["x1"],
    "list of numbers": [3],
    "nested": [[3], [4, 5]],
    "dict": {"x1": 3},
    "dict of numbers": {3: 4},
    "set of pairs": {(3, 4)},
    "array": np.array([0.5, 1.5]),
    "function": len,
    "class": Flavor,
    "flavor": Flavor("f", vcpus=2, memory_mb=64),
}

FLAVOR = Flavor("f", 2, 64, {"hw:cpu_policy": "dedicated", "pci_passthrough:alias": "a:1"})
ALIAS = Alias("a", "legacy", ({"vendor_id": "8086", "product_id": "1515"},))
ALIAS_TEXT = '{"name": "a", "vendor_id": "8086", "product_id": "1515"}'
CELL = HostCell(0, frozenset(), frozenset(range(4)), 4096)
INFO = HostInfo((CELL,), "a", (PciPool("8086", "1515", 0, 2),))
GUEST = GuestTopology((GuestCell(frozenset(), frozenset({0, 1}), 64, None, "dedicated"),))
REQUEST = Request(GUEST)
PCI = PciRequest(1, [{"vendor_id": "8086"}])
TOPOLOGY = '{"cells": [{"id": 0, "cpus": "0-3", "cpu_usage": 0, "mem": {"total": 8, "used": 0}}]}'


Argument = tuple[Any, set[str]]
"""A value that is right, and the names in WRONG of what is right too."""
Call = tuple[Callable[..., Any], dict[str, Argument]]

OPTIONS: dict[str, Argument] = {
    "options": (None, {"none"}),
    "strategy": ("spread", set()),
    "limits": ("host", {"none"}),
    "physnet_affinity": ("any", set()),
    "pci_matching": ("nova", set()),
    "no_such_option": ("spread", set()),
}
HOSTS: dict[str, Argument] = {
    "hosts": (None, {"none"}),
    "threads": (1, {"huge"}),  # no more are started than there are hosts
}
HOST: dict[str, Argument] = {"host": (0, set())}

VALUES: dict[str, Call] = {
    "Flavor": (
        Flavor,
        {
            "name": ("f", {"text", "digits"}),
            "vcpus": (2, set()),
            "memory_mb": (64, set()),
            "extra_specs": ({}, set()),
            **{k: (0, set()) for k in ("disk_gb", "ephemeral_gb", "swap_mb")},
            "public": (None, {"none", "bool"}),
        },
    ),
    "Image": (Image, {"name": ("", {"text", "digits"}), "properties": ({}, {"dict"})}),
    "GuestCell": (
        GuestCell,
        {
            "cpuset": ((), {"list of numbers"}),
            "pcpuset": ((), {"list of numbers"}),
            "memory_mb": (64, set()),
            "pagesize": (None, {"none"}),
            "cpu_policy": (None, {"none"}),
            "cpu_thread_policy": (None, {"none"}),
        },
    ),
    "GuestTopology": (
        GuestTopology,
        {
            "cells": (GUEST.cells, set()),
            "emulator_threads_policy": (None, {"none"}),
            "aliases": ("", {"text", "digits"}),
        },
    ),
    "Networks": (
        Networks,
        {"physnets": ((), {"list of texts"}), "tunneled": (False, {"bool"})},
    ),
    "PciRequest": (
        PciRequest,
        {
            "count": (1, {"negative", "huge"}),
            "spec": ([{}], set()),
            "numa_policy": (None, {"none"}),
            "alias_name": (None, {"none", "text", "digits"}),
            "request_id": (None, {"none", "text", "digits"}),
        },
    ),
    "Request": (
        Request,
        {
            "guest": (GUEST, {"none"}),
            "networks": (None, {"none"}),
            "pci": ((), {"none"}),
            "provider_mapping": (None, {"none"}),
            "resources": (None, {"none"}),
        },
    ),
    "Limits": (
        Limits,
        {
            "cpu_allocation_ratio": (1.0, {"float", "huge"}),
            "ram_allocation_ratio": (1.0, {"float", "huge"}),
        },
    ),
    "FitOptions": (FitOptions, {k: OPTIONS[k] for k in list(OPTIONS)[1:5]}),
    "PagePool": (PagePool, {k: (1, set()) for k in ("size_kib", "total", "used", "reserved")}),
    "HostCell": (
        HostCell,
        {
            "id": (0, set()),
            "cpuset": ((), {"list of numbers"}),
            "pcpuset": ((), {"list of numbers"}),
            "memory_mb": (64, {"none"}),
            "cpu_usage": (0, set()),
            "memory_usage": (0, set()),
            "pinned_cpus": ((), {"list of numbers"}),
            "siblings": ((), {"nested", "set of pairs"}),
            "page_pools": ((), set()),
            "physnets": ((), {"list of texts"}),
            "tunneled": (False, {"bool"}),
            "socket": (None, {"none"}),
        },
    ),
    "PciPool": (
        PciPool,
        {
            "vendor_id": ("8086", {"text", "digits"}),
            "product_id": ("1515", {"text", "digits"}),
            "numa_node": (None, {"none"}),
            "count": (1, set()),
            "tags": ({}, {"dict"}),
            "devices": ((), {"list of texts"}),
        },
    ),
    "HostInfo": (
        HostInfo,
        {
            "cells": ((CELL,), set()),
            "name": ("", {"text", "digits"}),
            "pci_pools": (None, {"none"}),
            "cpu_allocation_ratio": (None, {"none", "float", "huge"}),
            "ram_allocation_ratio": (None, {"none", "float", "huge"}),
            "distances": ((), set()),
            "provider": (None, {"none"}),
            "zone": (None, {"none", "text", "digits"}),
            "disabled": ("", {"text", "digits"}),
            "offline": ((), set()),
            "state": (NOTHING_KNOWN, set()),
            "service": ("", {"text", "digits"}),
            "remarks": ((), {"list of texts"}),
        },
    ),
    "PciAddress": (
        PciAddress,
        {k: (0, set()) for k in ("domain", "bus", "slot", "function")},
    ),
    "PciDevice": (
        PciDevice,
        {
            "address": ("0000:01:00.0", {"text", "digits"}),
            "vendor_id": ("8086", {"text", "digits"}),
            "product_id": ("1515", {"text", "digits"}),
            "dev_type": ("type-PCI", set()),
            "numa_node": (None, {"none"}),
            **{
                k: (None, {"none", "text", "digits"})
                for k in ("parent_addr", "serial", "parent_ifname")
            },
        },
    ),
    "Port": (
        Port,
        {
            "vnic_type": ("direct", set()),
            "physnet": (None, {"none", "text", "digits"}),
            "tunneled": (False, {"bool"}),
            "trusted": (None, {"none", "bool"}),
            "numa_affinity_policy": (None, {"none"}),
        },
    ),
    "Alias": (
        Alias,
        {
            "name": ("a", {"text", "digits"}),
            "numa_policy": ("legacy", set()),
            "specs": (ALIAS.specs, set()),
        },
    ),
    "Aliases": (Aliases, {"found": ({"a": ALIAS}, set())}),
    "PlacementCell": (
        PlacementCell,
        {
            "host_cell": (0, set()),
            "cpuset": ((), {"list of numbers"}),
            "pcpuset": ((), {"list of numbers"}),
            "pinning": ({}, {"none", "dict of numbers"}),
            "pagesize": (None, {"none"}),
            "reserved": ((), {"none", "list of numbers"}),
            "memory_mb": (0, set()),
            "cpu_policy": (None, {"none"}),
            "cpu_thread_policy": (None, {"none"}),
        },
    ),
    "Placement": (
        Placement,
        {
            "cells": ((PlacementCell(0),), set()),
            "pci_requests": ((), set()),
            "host_name": ("", {"text", "digits"}),
        },
    ),
    "Refusal": (Refusal, {"reason": ("free_cpus", set())}),
}

FLAVOR_AND_IMAGE: dict[str, Argument] = {
    "flavor": (FLAVOR, {"flavor"}),
    "image": (None, {"none"}),
}
RULES: dict[str, Call] = {
    "guest_topology": (guest_topology, FLAVOR_AND_IMAGE),
    "cpu_topology": (cpu_topology, {**FLAVOR_AND_IMAGE, "allow_threads": (True, {"bool"})}),
    "multiqueue": (
        multiqueue,
        {
            **FLAVOR_AND_IMAGE,
            "max_queues": (None, {"none", "huge"}),
            "kernel": (None, {"none", "digits"}),
        },
    ),
    "pci_numa_policy": (pci_numa_policy, FLAVOR_AND_IMAGE),
    "pci_requests": (
        pci_requests,
        {
            "flavor": (FLAVOR, {"flavor"}),
            "aliases": ({"a": ALIAS}, set()),
            "numa_policy": (None, {"none"}),
        },
    ),
    "parse_aliases": (
        lambda **given: parse_aliases(**given).check(),
        {"texts": ([ALIAS_TEXT], set()), "pci_in_placement": (False, {"bool"})},
    ),
    "parse_device_specs": (
        parse_device_specs,
        {
            "texts": (['{"address": "0000:01:00.0"}'], set()),
            "functions": (None, {"none"}),
            "netdevs": (None, {"none"}),
            "report_in_placement": (False, {"bool"}),
            "option": ("device_spec", set()),
        },
    ),
    "DeviceSpec.parse": (
        DeviceSpec.parse,
        {
            "text": ('{"address": "0000:01:00.0"}', set()),
            "functions": (None, {"none"}),
            "netdevs": (None, {"none"}),
            "report_in_placement": (False, {"bool"}),
            "key": ("k", {"text", "digits"}),
        },
    ),
    "DeviceSpec.match": (
        DeviceSpec.parse('{"address": "0000:01:00.0"}').match,
        {"device": (PciDevice("0000:01:00.0", "8086", "1515"), set())},
    ),
    "pools_from_devices": (
        pools_from_devices,
        {
            "devices": ([PciDevice("0000:01:00.0", "8086", "1515")], set()),
            "specs": ([DeviceSpec.parse("{}")], set()),
            "report_in_placement": (False, {"bool"}),
        },
    ),
    "PciAddress.parse": (PciAddress.parse, {"text": ("0000:01:00.0", set())}),
    "PciDevice.from_dict": (
        PciDevice.from_dict,
        {"found": ({"address": "a", "vendor_id": "b", "product_id": "c"}, set())},
    ),
    "Port.from_dict": (Port.from_dict, {"found": ({"vnic_type": "direct"}, set())}),
    "Port.from_neutron": (
        Port.from_neutron,
        {"port": ({}, {"dict"}), "network": ({}, {"dict"})},
    ),
    "Request.for_server": (
        Request.for_server,
        {
            **FLAVOR_AND_IMAGE,
            "ports": ((), set()),
            "aliases": ({"a": ALIAS}, set()),
            "networks": (None, {"none"}),
            "resources": (None, {"none"}),
            "pci_implies_topology": (False, {"bool"}),
            "volume_backed": (False, {"bool"}),
            "zone": (None, {"none", "text", "digits"}),
            "filters": (None, {"none"}),
        },
    ),
}


def fleet() -> Fleet:
    return Fleet([INFO, INFO])


def verbs(make: Callable[[], Any], on_one: bool) -> Iterator[tuple[str, Call]]:
    """The verbs of a Fleet, or of a Host."""

    def of(name: str) -> Callable[..., Any]:
        def call(**given: Any) -> Any:
            answer = getattr(make(), name)(**given)
            return list(answer) if inspect.isgenerator(answer) else answer

        return call

    request: dict[str, Argument] = {"request": (REQUEST, set())}
    host = {} if on_one else HOST
    many = {} if on_one else HOSTS
    yield "prepare", (of("prepare"), request)
    yield "scan", (of("scan"), {**request, **OPTIONS, **many})
    yield (
        "capacity",
        (
            of("capacity"),
            {**request, **OPTIONS, **many, "cap": (5, set()), "weights": (None, {"none"})},
        ),
    )
    yield (
        "capacity of a mix",
        (
            of("capacity"),
            {"request": ([REQUEST], set()), "weights": ([1.0], {"none", "list of numbers"})},
        ),
    )
    some = {} if on_one else {"hosts": HOSTS["hosts"]}
    yield "not_judged", (of("not_judged"), {**request, **some})
    if not on_one:
        yield "filled", (of("filled"), {**request, **OPTIONS, **many, "cap": (5, set())})
        threads = {"threads": HOSTS["threads"]}
        weights = {"weights": ([1.0], {"none", "list of numbers"})}
        mix = {"requests": ([REQUEST], set()), **OPTIONS, **threads, **weights}
        yield "filled_mix", (of("filled_mix"), {**mix, "cap": (5, set())})
        yield "derived_of", (of("derived_of"), some)
        yield "disabled_of", (of("disabled_of"), some)
    yield "explain", (of("explain"), {**request, **OPTIONS, **host})
    yield (
        "supports_pci",
        (
            of("supports_pci"),
            {
                "requests": ([PCI], set()),
                "cells": (None, {"none"}),
                "provider_mapping": (None, {"none"}),
                **OPTIONS,
                **host,
            },
        ),
    )
    yield "claim", (of("claim"), {"what": (REQUEST, set()), **OPTIONS, **host})
    yield (
        "claim_all",
        (
            of("claim_all"),
            {"placements": ([], set()), **({} if on_one else {"hosts": (None, {"none"})})},
        ),
    )
    yield "release", (of("release"), {"what": ([], set())})
    yield "schedule", (of("schedule"), {"requests": ([REQUEST], set()), **OPTIONS})
    yield "columns", (of("columns"), {"copy": (True, {"bool"})})
    if on_one:
        yield "fit", (of("fit"), {**request, **OPTIONS})
        return
    yield "fit", (of("fit"), {**request, **OPTIONS, **HOSTS, "limit": (None, {"none"})})
    yield "fit_on", (of("fit_on"), {**request, **OPTIONS, **HOST})
    yield (
        "schedule among hosts",
        (
            of("schedule"),
            {"requests": ([], set()), "choose": ("first", {"array"}), "hosts": (None, {"none"})},
        ),
    )
    yield (
        "release of a placement",
        (
            lambda host: make().release(Placement([PlacementCell(0)]), host=host),
            {"host": (0, set())},
        ),
    )
    for name in ("hostinfo", "usage", "pools"):
        yield name, (of(name), HOST)
    for name in ("hostinfos", "derived_of", "disabled_of"):
        yield name, (of(name), {"hosts": (None, {"none"})})
    yield "index", (of("index"), {"name": ("a", set())})
    yield "add", (of("add"), {"hosts": ([INFO], set())})
    kept: Argument = ("in usage", set())
    yield "adopt", (of("adopt"), {"claims": ([], set()), "usage": kept})
    yield "claims", (of("claims"), {"hosts": (None, {"none"})})
    yield "remove", (of("remove"), {"hosts": ([0], set())})
    yield "replace", (of("replace"), {**HOST, "info": (INFO, set()), "claims": kept})
    rows = [("a", TOPOLOGY, None)]
    yield "update_rows", (of("update_rows"), {"rows": (rows, set()), "claims": kept})
    yield (
        "set",
        (
            of("set"),
            {
                "hosts": (None, {"none"}),
                "dedicated_cpus": (None, {"none", "digits", "list of numbers"}),
                "shared_cpus": (None, {"none", "digits", "list of numbers"}),
                "reserved_pages": (None, {"none"}),
                "ratios": (None, {"none"}),
                "traits": (None, {"none", "list of texts"}),
            },
        ),
    )
    yield "save", (of("save"), {"path": ("/nowhere/at/all", {"text", "digits", "bytes"})})


FLEETS: dict[str, Call] = {
    **{f"Fleet.{name}": call for name, call in verbs(fleet, on_one=False)},
    **{f"Host.{name}": call for name, call in verbs(lambda: Host(INFO), on_one=True)},
    "Fleet": (Fleet, {"hosts": ([INFO], set())}),
    "Host": (Host, {"hostinfo": (INFO, set())}),
    "Host.from_nova": (
        Host.from_nova,
        {
            "numa_topology": (TOPOLOGY, {"none"}),
            "pci_stats": (None, {"none"}),
            "name": ("", {"text", "digits"}),
        },
    ),
    "Fleet.from_nova_rows": (
        Fleet.from_nova_rows,
        {"rows": ([("a", TOPOLOGY, None)], set()), "progress": (None, {"none", "function"})},
    ),
    "Fleet.with_inventories": (fleet().with_inventories, {"ratios": (None, {"none"})}),
    "with_inventories": (
        with_inventories,
        {"host": (INFO, set()), "config": (None, {"none"}), "ratios": (None, {"none"})},
    ),
    "Fleet.load": (Fleet.load, {"path": ("/nowhere/at/all", set()), "claims": (None, {"none"})}),
    "Journal": (
        Journal,
        {"path": ("/nowhere/at/all", {"text", "digits", "bytes"}), "fsync": (False, {"bool"})},
    ),
    **{
        f"Fleet.{name}": (call, {"host": (INFO, set()), "n": (2, set()), "names": (None, {"none"})})
        for name, call in (("of", Fleet.of), ("with_hosts", fleet().with_hosts))
    },
    "Fleet.from_arrow": (Fleet.from_arrow, {"source": (fleet(), set())}),
}
PATH: Argument = (None, {"none", "text", "digits"})
SWEEPS: dict[str, Call] = {
    "grid": (numafit.grid, {}),
    "sweep": (
        lambda **given: numafit.sweep(**given).table(),
        {
            "question": (len, {"function", "class"}),
            "points": ([], set()),
            "executor": (None, {"none"}),
            "seed": (0, set()),
            "to": PATH,
            "workers": (None, {"none"}),
            "spool": (None, {"none"}),
            "batch": (1, set()),
            "errors": ("row", set()),
            "progress": (None, {"none", "bool", "function", "class"}),
        },
    ),
}
TABLE = {**VALUES, **RULES, **FLEETS, **SWEEPS}

# what calls give back, and what takes no arguments
ANSWERS = {Adopted, CellRefusal, Changed, CpuTopology, Multiqueue, PciAllocation, PciSupport}
NO_ARGUMENTS = {get_include, get_library_dir}
ERRORS = {
    *(InputError, InvalidRequest, InvalidValue, MisuseError, NumafitError),
    *(StalePlacement, SweepError),
}


@pytest.mark.parametrize("name", TABLE)
def test_the_table_itself_is_right(name: str) -> None:
    """Else a wrong argument could be refused for the sake of another one."""
    call, arguments = TABLE[name]
    given = right_ones(arguments)
    if "path" in given:
        with pytest.raises((OSError, InputError), match="No such file"):
            call(**given)
    else:
        call(**given)


def right_ones(arguments: dict[str, Argument]) -> dict[str, Any]:
    """Without the keywords that options stand for: the two do not go together."""
    left_out = OPTIONS if "options" in arguments else ()
    return {key: right for key, (right, _too) in arguments.items() if key not in left_out}


CASES = [(name, key) for name, (_call, arguments) in TABLE.items() for key in arguments]


@pytest.mark.parametrize(("name", "argument"), CASES)
def test_a_wrong_argument_is_named(name: str, argument: str) -> None:
    call, arguments = TABLE[name]
    right = right_ones(arguments)
    for kind, value in WRONG.items():
        if kind in arguments[argument][1]:
            continue
        try:
            answer = call(**{**right, argument: value})
        except (MisuseError, InvalidRequest, InputError):
            continue
        except Exception as error:
            pytest.fail(f"{name}({argument}={kind}) raised {error!r}")
        pytest.fail(f"{name}({argument}={kind}) gave {answer!r}")


def test_every_public_callable_stands_in_the_table() -> None:
    public = {getattr(numafit, name) for name in numafit.__all__}
    listed = {getattr(numafit, name.split(".")[0].split(" ")[0]) for name in TABLE}
    assert public - listed - ANSWERS - NO_ARGUMENTS - ERRORS == {Claim}
    for one in (Fleet, Host):
        methods = {
            name
            for name, value in inspect.getmembers(one, callable)
            if not name.startswith("_") and len(inspect.signature(value).parameters) > 1
        }
        here = {
            name.split(".")[1].split(" ")[0]
            for name in FLEETS
            if name.startswith(one.__name__ + ".")
        }
        # it wants a database; tests/unit/test_fleet_lives.py has what it refuses
        assert methods - here <= {"sync"}


# what callers do not give: they are filled in by numafit's own code
INNER = {
    "PciAddress": {"fields"},
    "Refusal": set(inspect.signature(Refusal).parameters) - {"reason"},
    "Aliases": {"fault"},
}


@pytest.mark.parametrize("name", {row.split(" ")[0]: None for row in TABLE})
def test_every_argument_stands_in_the_table(name: str) -> None:
    owner, _dot, method = name.partition(".")
    of = getattr(numafit, owner)
    of = getattr(of, method) if method else of
    asked = {
        key
        for key, one in inspect.signature(of).parameters.items()
        if key != "self" and one.kind is not one.VAR_KEYWORD
    }
    rows = [set(TABLE[row][1]) for row in TABLE if row.split(" ")[0] == name]
    assert asked - set().union(*rows) - INNER.get(name, set()) == set()


def test_nobody_makes_a_claim_by_hand() -> None:
    with pytest.raises(MisuseError, match="claim"):
        Claim(Placement(), None, None)  # type: ignore[arg-type]


MISTAKES = [
    # the same mistake in a guest, a host, a placement and an option
    ("memory_mb", [lambda v: GuestCell((), {0}, v), lambda v: HostCell(0, (), (), v or -1),
                   lambda v: PlacementCell(0, memory_mb=v), lambda v: Flavor(memory_mb=v)],
     [-1, 1 << 60, "64", 1.5, True, None]),
    ("cpuset", [lambda v: GuestCell(v, (), 0), lambda v: HostCell(0, v, (), 0),
                lambda v: PlacementCell(0, cpuset=v)],
     [3, "0-3", {-1}, {"0"}, {1.5}, None]),
    ("cells", [lambda v: GuestTopology(v), lambda v: HostInfo(v), lambda v: Placement(v)],
     [3, "cells", [None], [CELL, GUEST]]),
    ("cpu_policy", [lambda v: GuestCell((), {0}, 0, cpu_policy=v),
                    lambda v: PlacementCell(0, cpu_policy=v)],
     ["pinned", 3, ["dedicated"]]),
    ("cpu_allocation_ratio", [lambda v: Limits(v), lambda v: HostInfo((), cpu_allocation_ratio=v)],
     [-1, "2", float("nan"), float("inf"), True]),
    ("physnets", [lambda v: Networks(v), lambda v: HostCell(0, (), (), 0, physnets=v)],
     ["foo", [3], 3, {"foo": 1}]),
    ("tunneled", [lambda v: Networks(tunneled=v), lambda v: HostCell(0, (), (), 0, tunneled=v),
                  lambda v: Port(tunneled=v)],
     ["no", 3, None, [True]]),
    ("count", [lambda v: PciRequest(v, []), lambda v: PciPool("8086", "1515", 0, v)],
     ["2", 1.5, None, True]),
]  # fmt: skip


@pytest.mark.parametrize(("key", "makers", "values"), MISTAKES, ids=[one[0] for one in MISTAKES])
def test_the_same_mistake_raises_the_same_error(
    key: str, makers: list[Callable[[Any], Any]], values: list[Any]
) -> None:
    for value in values:
        for make in makers:
            with pytest.raises(InvalidValue) as caught:
                make(value)
            assert isinstance(caught.value, MisuseError)
            assert isinstance(caught.value, InputError)
            assert caught.value.key is not None
            assert caught.value.key.startswith(key)
            assert caught.value.expected


SAID = [
    (lambda: fleet().scan(FLAVOR), "request=Flavor(.*: expected a Request, or what prepare"),
    (lambda: fleet().scan(None), "request=None: expected a Request"),
    (lambda: Fleet(["a"]), r"hosts\[0\]: got 'a', expected a HostInfo, or a Host"),
    (lambda: Fleet(3), "hosts: got 3, expected a list of HostInfo or Host"),
    (lambda: Host("x"), "hostinfo: got 'x', expected a HostInfo, or a Host"),
    (lambda: fleet().release([None]), r"claims\[0\]: got None, expected a Claim"),
    (lambda: fleet().release(3), "got 3, expected a Claim, a list of Claims or a Placement"),
    (lambda: fleet().claim(FLAVOR, host=0), "got Flavor(.*expected a Placement or a Request"),
    (lambda: Host(INFO).claim(Refusal("memory", 2, 1)), "got Refusal(.*expected a Placement"),
    (lambda: guest_topology(FLAVOR, {}), "image: got {}, expected an Image or None"),
    (lambda: Request(FLAVOR), "guest: got Flavor(.*expected a GuestTopology or None"),
    (lambda: Request(GUEST, pci=[3]), r"pci\[0\]: got 3, expected a PciRequest"),
    (lambda: fleet().hostinfo("a"), r"host='a': expected an index from 0 to 1 \(Fleet.index"),
    (lambda: fleet().scan(REQUEST, threads="2"), "threads='2': expected 1 or more"),
    (lambda: fleet().scan(REQUEST, hosts="ab"), "hosts='ab': expected a flat sequence"),
    (lambda: fleet().scan(REQUEST, hosts=5), "hosts=5: expected a flat sequence"),
    (lambda: fleet().capacity(REQUEST, cap=1.5), "cap: got 1.5, expected a whole number"),
    (lambda: fleet().fit(REQUEST, limit="x"), "limit: got 'x', expected a whole number"),
    (lambda: Networks(physnets="foo"), "physnets: got 'foo', expected a set of names"),
    (lambda: PciRequest("2", []), "count: got '2', expected a whole number"),
    (lambda: FitOptions("best"), "strategy: got 'best', expected one of spread, pack, closest"),
    (lambda: fleet().scan(REQUEST, "pack"), "options='pack': expected a FitOptions"),
    (lambda: fleet().scan(REQUEST, stratgy="pack"), "stratgy: no argument .* are strategy"),
    (lambda: fleet().scan(REQUEST, FitOptions(), strategy="pack"), "expected none beside strategy"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "words"), SAID, ids=[words for _call, words in SAID])
def test_what_was_expected_is_said(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(MisuseError, match=words.replace("(.*", r"\(.*")):
        call()
