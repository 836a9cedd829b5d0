"""Which metrics, with which labels: counts -> families of prometheus_client (extra ``export``).

Names and labels that begin with ``openstack_`` are those of StackHPC's os-capacity, so that its
dashboards show what numafit counts. As there a host without room has no row by host.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from numafit import __version__
from numafit.extras import need
from numafit.fleet import Fleet
from numafit.planning import behind
from numafit.planning.explain_empty import NEVER, NOT_NOW, OPEN
from numafit.rules.aggregates import DEFAULT_ZONE
from numafit.serving.counts import ROOM, Counts

VERDICTS = (ROOM, NOT_NOW, NEVER, OPEN)
_PUBLIC = {None: "", True: "True", False: "False"}
Family = Any
"""prometheus_client.Metric; the library is there once somebody exports."""
Labels = tuple[str, ...]
Rows = Iterable[tuple[Labels, float]]
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def text_of(families: Iterable[Family]) -> bytes:
    """In Prometheus' text format, 0.0.4."""
    text: bytes = need("prometheus_client", "export").generate_latest(_Collected(families))
    return text


class _Collected:
    """What prometheus_client asks of a registry."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._families = families

    def collect(self) -> Iterable[Family]:
        return self._families


def gauge(name: str, words: str, labels: Sequence[str], rows: Rows) -> Family:
    return _filled("GaugeMetricFamily", name, words, labels, rows)


def counter(name: str, words: str, value: float) -> Family:
    return _filled("CounterMetricFamily", name, words, (), [((), value)])


def _filled(kind: str, name: str, words: str, labels: Sequence[str], rows: Rows) -> Family:
    made = getattr(need("prometheus_client.core", "export"), kind)
    family = made(name, words, labels=labels)
    for values, value in rows:
        family.add_metric(values, value)
    return family


def families(counts: Counts) -> Iterator[Family]:
    yield from _of_os_capacity(counts)
    yield from _of_hosts(counts)
    yield from _of_flavors(counts)
    yield from _of_stranded(counts)


def _of_os_capacity(counts: Counts) -> Iterator[Family]:
    reading = counts.reading
    # a gauge in all but its type: whoever checks names takes _total for a counter's
    yield _filled(
        "UnknownMetricFamily",
        "openstack_free_capacity_by_flavor_total",
        "Guests of the flavor that fit on all hosts, each flavor as if it came alone.",
        ("flavor_name", "public"),
        (
            ((_label(one.wanted.name), _PUBLIC[one.wanted.public]), one.total)
            for one in counts.flavors
        ),
    )
    yield gauge(
        "openstack_free_capacity_hypervisor_by_flavor",
        "Guests of the flavor that fit on the host; no row where there is no room for one.",
        ("hypervisor", "flavor_name", "az_aggregate", "project_aggregate"),
        _by_host(counts),
    )
    yield gauge(
        "openstack_project_filter_aggregate",
        "Projects that an aggregate keeps its hosts for.",
        ("project_id", "aggregate"),
        (
            ((_label(project), _label(name)), 1)
            for name, projects in sorted(reading.projects.items())
            for project in sorted(projects)
        ),
    )
    limits, used = Counter[Labels](), Counter[Labels]()
    for fleet in reading.fleets:
        names = list(map(_label, fleet.names))
        for resource, (there, limit, taken) in behind.inventories(fleet).items():
            for host in there.nonzero()[0].tolist():
                limits[names[host], resource] += int(limit[host])
                used[names[host], resource] += int(taken[host])
    labels = ("hypervisor", "resource")
    yield gauge(
        "openstack_hypervisor_placement_allocated",
        "Units of a resource class in use on the host.",
        labels,
        used.items(),
    )
    yield gauge(
        "openstack_hypervisor_placement_allocatable_capacity",
        "Units of a resource class that guests may have on the host: (total - reserved) x ratio.",
        labels,
        limits.items(),
    )


def _by_host(counts: Counts) -> Rows:
    """Hosts of one name, which files may hold, share a row: a series stands once."""
    places = [place for fleet in counts.reading.fleets for place in _places(fleet, counts)]
    once = len(set(places)) == len(places)
    for one in counts.flavors:
        flavor, numbers = _label(one.wanted.name), one.by_host
        some = numbers.nonzero()[0].tolist()
        rows = (
            ((places[host][0], flavor, *places[host][1:]), number)
            for host, number in zip(some, numbers[some].tolist(), strict=True)
        )
        yield from rows if once else _summed(rows)


def _places(fleet: Fleet, counts: Counts) -> Iterator[Labels]:
    """Of each host its name, its zone where an aggregate names one, and the aggregate that keeps
    it for some projects."""
    set_apart = counts.reading.set_apart
    for name, zone in zip(fleet.names, behind.zones(fleet), strict=True):
        named = "" if zone in ((), (DEFAULT_ZONE,)) else _label(zone[0])
        yield _label(name), named, _label(set_apart.get(name, ""))


def _summed(rows: Rows) -> Rows:
    found = Counter[Labels]()
    for labels, value in rows:
        found[labels] += value  # type: ignore[assignment]
    return found.items()


def _of_hosts(counts: Counts) -> Iterator[Family]:
    fleets = counts.reading.fleets
    yield gauge(
        "numafit_build_info", "The version of numafit.", ("version",), [((__version__,), 1)]
    )
    hosts = int(behind.there(*fleets).sum())
    yield gauge("numafit_hosts", "Hosts that were read.", (), [((), hosts)])
    resting = sum(len(fleet.disabled) for fleet in fleets)
    yield gauge(
        "numafit_hosts_without_service",
        "Hosts whose compute service takes no guests.",
        (),
        [((), resting)],
    )
    yield gauge(
        "numafit_hosts_unreadable",
        "Hosts that are left out because their rows tell of none; the log names them.",
        (),
        [((), counts.reading.unreadable)],
    )
    derived = sorted(frozenset[str]().union(*(fleet.derived for fleet in fleets)))
    yield gauge(
        "numafit_inventory_derived",
        "Resource classes whose inventories were worked out from the hosts, not read.",
        ("resource",),
        (((name,), 1) for name in derived),
    )


def _of_flavors(counts: Counts) -> Iterator[Family]:
    def each(names: Sequence[str], tally: str) -> Iterator[tuple[Labels, float]]:
        for one in counts.flavors:
            found: Mapping[str, int] = getattr(one, tally)
            for name in names or sorted(found):
                yield (_label(one.wanted.name), _label(name)), found.get(name, 0)

    yield gauge(
        "numafit_flavor_hosts",
        "Hosts by what they say to one more guest: room, not_now (an empty host would take it), "
        "never, open (devices are missing, and it is not known which ones guests have).",
        ("flavor_name", "verdict"),
        (((name, word.replace(" ", "_")), n) for (name, word), n in each(VERDICTS, "verdicts")),
    )
    yield gauge(
        "numafit_flavor_refused_hosts",
        "Hosts that refuse one more guest, by the first reason of each.",
        ("flavor_name", "reason"),
        each((), "refused"),
    )
    yield gauge(
        "numafit_flavor_not_judged_hosts",
        "Hosts of which answers leave something open, in words.",
        ("flavor_name", "what"),
        each((), "not_judged"),
    )
    yield gauge(
        "numafit_flavor_hosts_at_cap",
        "Hosts where counting stopped, so that there is room for that many or more.",
        ("flavor_name",),
        (((_label(one.wanted.name),), one.at_cap) for one in counts.flavors),
    )
    yield gauge(
        "numafit_flavor_broken",
        "Flavors that are none, or that nova refuses.",
        ("flavor_name",),
        (((name,), 1) for name in sorted(set(map(_label, counts.reading.broken)))),
    )


def _of_stranded(counts: Counts) -> Iterator[Family]:
    lost = counts.stranded
    kinds = list(zip(lost.kinds, lost.units, strict=True))
    labels = ("kind", "unit")
    yield gauge(
        "numafit_free_units",
        "What is free on all hosts.",
        labels,
        zip(kinds, lost.free_in_all.tolist(), strict=True),
    )
    yield gauge(
        "numafit_stranded_units",
        "What of it stays free whichever flavor fills its host.",
        labels,
        zip(kinds, lost.in_all.tolist(), strict=True),
    )
    yield gauge(
        "numafit_stranded_by_cause_units",
        "The same, by what the next guest lacks there.",
        ("kind", "lacks"),
        (((one.kind, one.lacks), one.units) for one in lost.causes),
    )
    yield gauge(
        "numafit_fragmentation_ratio",
        "The part of what is free that a guest cannot reach, on average over the flavors that ask "
        "for it.",
        ("kind",),
        (((kind,), value) for kind, value in zip(lost.kinds, lost.index.tolist(), strict=True)),
    )


def _label(text: str) -> str:
    """What UTF-8 cannot hold is replaced, as one series would lose all."""
    return text.encode("utf-8", "replace").decode("utf-8")
