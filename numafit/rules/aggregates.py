"""Host aggregates of nova: which of them has a host, and what their metadata says together.

By nova 34's ``scheduler/filters/utils.py``: values stand behind commas, and a key has those of all
the host's aggregates. An availability zone is the metadata ``availability_zone``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from numafit.model import fields
from numafit.model.hostinfo import HostInfo

ZONE = "availability_zone"
PROJECTS = "filter_tenant_id"
"""How a key begins whose values are the projects that the aggregate's hosts are for."""
DEFAULT_ZONE = "nova"
"""``[DEFAULT] default_availability_zone``: of hosts that no aggregate puts into another."""


@dataclass(frozen=True, slots=True)
class Aggregate:
    """``hosts``: names of compute services. ``metadata``: as nova has it, text to text."""

    name: str
    hosts: frozenset[str] = frozenset()
    metadata: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        fields.text("name", self.name)
        object.__setattr__(self, "hosts", fields.names("hosts", self.hosts))
        metadata = fields.mapping("metadata", self.metadata or {})
        for key, value in metadata.items():
            fields.text(f"metadata[{key!r}]", value)
        object.__setattr__(self, "metadata", metadata)

    @property
    def projects(self) -> frozenset[str]:
        """Ids of the projects that its hosts are for; none: it does not say."""
        given = [text for key, text in (self.metadata or {}).items() if key.startswith(PROJECTS)]
        return frozenset().union(*map(values_of, given)) - {""}


def values_of(text: str) -> frozenset[str]:
    """``"a, b"`` -> both."""
    return frozenset(part.strip() for part in text.split(","))


class Aggregates:
    """All aggregates of a cloud, by the hosts in them."""

    def __init__(self, aggregates: Iterable[Aggregate]) -> None:
        self._of: dict[str, list[Aggregate]] = {}
        aggregates = fields.many("aggregates", aggregates, Aggregate, "an Aggregate", "a list")
        for one in aggregates:
            for host in one.hosts:
                self._of.setdefault(host, []).append(one)
        self.for_projects = [one for one in aggregates if one.projects]
        """Those whose hosts are for some projects alone."""
        self._by_label: dict[str, list[str]] = {}
        for host in self._of:
            self._by_label.setdefault(host.partition(".")[0], []).append(host)

    @property
    def hosts(self) -> list[str]:
        """Every host that is in one."""
        return list(self._of)

    def service_of(self, host: HostInfo) -> str:
        """The name under which aggregates have the host. Where its source does not tell it, the
        name of its hypervisor, or the one that begins with the same label, if there is one."""
        if host.service or host.name in self._of:
            return host.service or host.name
        alike = self._by_label.get(host.name.partition(".")[0], [])
        return alike[0] if len(alike) == 1 else host.name

    def applied(self, host: HostInfo) -> HostInfo:
        """``host`` with the metadata of its aggregates, and with its zone where that was open."""
        fields.instance("host", host, HostInfo)
        found: dict[str, frozenset[str]] = {}
        zones = []
        for one in self._of.get(self.service_of(host), ()):
            for key, value in (one.metadata or {}).items():
                found[key] = found.get(key, frozenset()) | values_of(value)
                zones += [value] if key == ZONE else []
        zone = host.zone
        if zone is None:
            zone = zones[0] if zones else DEFAULT_ZONE
        return replace(host, zone=zone, state=replace(host.state, aggregate_metadata=found))
