"""``numafit fit``: does this flavor fit this host, and where does it land?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any, NamedTuple

import click

from numafit.cli.glance import (
    MOST_HOSTS,
    Answered,
    AskedHosts,
    Glance,
    glance_options,
    print_summary,
)
from numafit.cli.notes import Notes
from numafit.cli.output import cpu_text, format_option, print_json, print_table, say, size_text
from numafit.cli.requests import Guests, broken_rows, guest_options, show_broken
from numafit.cli.running import Running, Shape
from numafit.cli.sections import Sectioned
from numafit.cli.sources import HostSources, host_sources
from numafit.model.flavor import Flavor
from numafit.model.placement import PciAllocation, Placement, PlacementCell
from numafit.model.refusal import CellRefusal, Refusal
from numafit.readers.hostcell import page_size_text

# pairs of cells say nothing about these
_WHOLE_HOST = ("no_topology", "too_few_cells")


class Answer(NamedTuple):
    """``host``: its name; several hosts may have the same."""

    flavor: Flavor
    host: str
    found: Running | Refusal

    @classmethod
    def of(cls, flavor: Flavor, shape: Shape, one: Answered, sources: HostSources) -> Answer:
        if isinstance(one.found, Refusal):
            return cls(flavor, one.host, one.found)
        return cls(flavor, one.host, Running(shape, one.found, one, sources))


@click.command(cls=Sectioned)
@guest_options
@click.argument("host_files", metavar="[HOST]...", nargs=-1)
@host_sources
@glance_options
@click.option("--pins", is_flag=True, help="Which host CPUs each vCPU may run on.")
@format_option("json")
def command(guests: Guests, sources: HostSources, glance: Glance, pins: bool, output: str) -> int:
    """Where a flavor's guest lands on each host, or why it does not fit.

    FLAVORS is a file of flavors as 'openstack flavor list --long -f json' or 'openstack flavor
    show -f json' print them, or a plain list (JSON or YAML); - reads them from standard input.
    HOST is a host file. Each host is asked as it is: what one flavor takes is not missing when the
    next one is asked about. Where there are more than 20 answers of a flavor, they are summed up:
    how many hosts take it, and why the others do not.

    \b
    Examples:
      numafit fit examples/flavors.json examples/hosts/dual-xeon.yaml --flavor nfv.large
      numafit fit examples/flavors.json examples/hosts/* --flavor nfv.large --format json
      numafit fit examples/flavors.json examples/hosts/* --flavor nfv.large --only refused

    Exit status: 0 each flavor fits on at least one host, 1 one of them does not, 2 bad input, one
    flavor of the list among it.
    """
    wanted = guests.read(sources.aliases(), sources.filters())
    hosts = glance.hosts(sources.fleets(guests.ratios), sources.services)
    notes = Notes(hosts.parts)
    asked = [
        (
            flavor,
            Shape.of(flavor, guests.image, request.guest),
            hosts.asked(request, guests.options),
        )
        for flavor, request in wanted
    ]

    def answers(flavor: Flavor, shape: Shape, found: AskedHosts) -> Iterator[Answer]:
        for one in found.answers(glance):
            yield Answer.of(flavor, shape, one, sources)

    if output == "json":
        rows = [_described(one, notes, pins) for each in asked for one in answers(*each)]
        print_json(rows + broken_rows(guests))
        return _status(guests, asked)
    for flavor, shape, found in asked:
        if found.shown(glance) > MOST_HOSTS and not glance.by_host:
            print_summary(flavor.name, found, glance)
            continue
        for one in answers(flavor, shape, found):
            _show(one, pins)
    show_broken(guests)
    notes.show((flavor, found.request) for flavor, _shape, found in asked if found.fitting)
    return _status(guests, asked)


def _status(guests: Guests, asked: Iterable[tuple[Flavor, Shape, AskedHosts]]) -> int:
    if guests.broken:
        return 2
    return 0 if all(found.fitting for *_guest, found in asked) else 1


def _show(one: Answer, pins: bool = False) -> None:
    where = f"{one.flavor.name} on {one.host or 'host'}"
    answer = one.found
    if isinstance(answer, Refusal):
        say(f"{where}: does not fit: {answer.message}")
        print_pairs(answer)
        return
    placement = answer.placement
    floats = "; it asks for no NUMA topology, so its CPUs and memory float"
    say(f"{where}: fits{'' if placement.cells else floats}")
    for line in answer.lines(pins):
        say(f" {line}")
    if placement.cells:
        print_table(
            ("guest cell", "host cell", "vCPUs", "CPUs", "memory", "pages"),
            map(_cell_row, count(), placement.cells),
            numbers=("guest cell", "host cell", "memory", "pages"),
        )
        if pins:
            print_table(
                ("vCPU", "guest cell", "host cell", "CPUs"),
                answer.pins(),
                numbers=("vCPU", "guest cell", "host cell"),
            )
    if placement.pci:
        print_table(
            ("PCI request", "devices", "vendor:product", "node", "distance", "addresses"),
            map(_pci_row, placement.pci),
            numbers=("PCI request", "devices", "node", "distance"),
        )


def print_pairs(answer: Placement | Refusal) -> None:
    """What is in the way of each pair of cells, where pairs have to do with it."""
    if not isinstance(answer, Refusal) or answer.reason in _WHOLE_HOST:
        return
    if any(cell.reason != "fits" for cell in answer.cells):
        print_table(("guest cells", "host cells", "first in the way"), _grouped(answer.cells))


def _cell_row(n: int, cell: PlacementCell) -> tuple[object, ...]:
    return (
        n,
        cell.host_cell,
        cpu_text(cell.cpuset | cell.pcpuset),
        cpu_text(cell.pinning.values()),
        size_text(cell.memory_mb),
        page_size_text(cell.pagesize) if cell.pagesize else None,
    )


def _pci_row(drawn: PciAllocation) -> tuple[object, ...]:
    return (
        drawn.request,
        drawn.count,
        f"{drawn.info.vendor_id}:{drawn.info.product_id}",
        drawn.numa_node,
        drawn.distance,
        ", ".join(sorted(drawn.devices)) or None,
    )


def _grouped(cells: Iterable[CellRefusal]) -> Iterator[tuple[object, ...]]:
    """Pairs that are refused for the same reason, in one row."""
    pairs: dict[int, dict[str, set[int]]] = {}
    for cell in cells:
        pairs.setdefault(cell.guest_cell, {}).setdefault(cell.message, set()).add(cell.host_cell)
    merged: dict[tuple[tuple[str, tuple[int, ...]], ...], set[int]] = {}
    for guest, reasons in pairs.items():
        key = tuple((message, tuple(sorted(hosts))) for message, hosts in reasons.items())
        merged.setdefault(key, set()).add(guest)
    for reasons_of, guests in merged.items():
        for message, hosts in reasons_of:
            yield cpu_text(guests), cpu_text(hosts), "nothing" if message == "fits" else message


def _described(one: Answer, notes: Notes, pins: bool = False) -> dict[str, Any]:
    """The answer for machines; sizes are MiB, page sizes KiB, CPUs are ids."""
    answer = one.found
    about: dict[str, Any] = {"flavor": one.flavor.name, "host": one.host}
    if isinstance(answer, Refusal):
        return about | {"fits": False, "refusal": _refusal(answer)}
    placement = answer.placement
    return about | {
        "fits": True,
        **answer.described(pins),
        "cells": [_cell(n, cell) for n, cell in enumerate(placement.cells)],
        "pci": [_pci(drawn) for drawn in placement.pci],
        "not_judged": list(placement.not_judged),
        "derived": notes.derived,
    }


def _cell(n: int, cell: PlacementCell) -> dict[str, Any]:
    return {
        "guest_cell": n,
        "host_cell": cell.host_cell,
        "cpuset": sorted(cell.cpuset),
        "pcpuset": sorted(cell.pcpuset),
        "pinning": {str(vcpu): cell.pinning[vcpu] for vcpu in sorted(cell.pinning)},
        "reserved": sorted(cell.reserved),
        "memory_mb": cell.memory_mb,
        "pagesize_kib": cell.pagesize,
        "cpu_policy": cell.cpu_policy,
        "cpu_thread_policy": cell.cpu_thread_policy,
    }


def _pci(drawn: PciAllocation) -> dict[str, Any]:
    return {
        "request": drawn.request,
        "count": drawn.count,
        "numa_node": drawn.numa_node,
        "distance": drawn.distance,
        "pool": drawn.info.as_dict(),
        "devices": list(drawn.devices),
    }


def _refusal(refusal: Refusal) -> dict[str, Any]:
    return {
        **_reason(refusal),
        "cells": [
            {"guest_cell": cell.guest_cell, "host_cell": cell.host_cell, **_reason(cell)}
            for cell in refusal.cells
        ],
    }


def _reason(found: Refusal | CellRefusal) -> dict[str, Any]:
    return {
        "reason": found.reason,
        "wanted": found.wanted,
        "available": found.available,
        "message": found.message,
    }
