"""Placement's database -> what it knows of each host (extra ``openstack``: SQLAlchemy)."""

from __future__ import annotations

from collections.abc import Mapping

from numafit.errors import InputError
from numafit.model.resources import MAX_USED, Inventory, Provider
from numafit.readers import checks
from numafit.readers.database import Database, Kind, url_of
from numafit.readers.placement_facts import PlacementFacts

KIND = Kind(
    "--placement-db",
    "placement's database",
    "a URL such as mysql+pymysql://placement:PASSWORD@db/placement or sqlite:////var/placement.db",
    "placement_database",
    "placement.conf",
    "It stands in the placement.conf of the placement service.",
    "Give placement's own database, not nova_api or that of a cell.",
)
_UNITS = ("total", "reserved", "min_unit", "max_unit", "step_size", "allocation_ratio")


class PlacementDb(Database):
    """Placement's database, open; a context manager."""

    kind = KIND

    def hosts(self) -> Mapping[str, Provider]:
        """Name of each root provider, which is the hypervisor's hostname -> inventories with what
        is in use, traits and aggregates; ``elsewhere``: what nested and sharing providers have."""
        facts = PlacementFacts()
        facts.listed = True
        uuids = self._providers(facts)
        self._inventories(facts, uuids)
        self._usages(facts, uuids)
        self._names(facts, uuids)
        try:
            return facts.hosts()
        except InputError as error:
            raise error.within(self.name) from None

    def _providers(self, facts: PlacementFacts) -> dict[int, str]:
        one = self.table("resource_providers", "id", "uuid", "name", "root_provider_id").c
        rows = list(self.stream(self._sa.select(one.id, one.uuid, one.name, one.root_provider_id)))
        uuids = {number: self._text("uuid", uuid) for number, uuid, _name, _root in rows}
        for number, _uuid, name, root in rows:
            uuid = uuids[number]
            facts.list(uuid, self._text("name", name or ""), uuids.get(root))
            found = facts.of(uuid)
            # what has no row has none of it
            found.inventories, found.traits, found.aggregates = {}, frozenset(), frozenset()
        return uuids

    def _inventories(self, facts: PlacementFacts, uuids: dict[int, str]) -> None:
        inventories = self.table(
            "inventories", "resource_provider_id", "resource_class_id", *_UNITS
        )
        classes = self.table("resource_classes", "id", "name")
        one = inventories.c
        query = self._sa.select(
            one.resource_provider_id, classes.c.name, *(one[name] for name in _UNITS)
        ).join_from(inventories, classes, one.resource_class_id == classes.c.id)
        for provider, name, *units in self.stream(query):
            uuid = uuids.get(provider)
            if uuid is None:
                continue
            try:
                inventory = Inventory(**dict(zip(_UNITS, units, strict=True)))
            except InputError as error:
                raise error.within(self.name, f"inventories of {uuid}.{name}") from None
            facts.of(uuid).inventories[name] = inventory  # type: ignore[index]

    def _usages(self, facts: PlacementFacts, uuids: dict[int, str]) -> None:
        allocations = self.table("allocations", "resource_provider_id", "resource_class_id", "used")
        classes = self.table("resource_classes", "id", "name")
        one = allocations.c
        query = (
            self._sa.select(one.resource_provider_id, classes.c.name, self._sa.func.sum(one.used))
            .join_from(allocations, classes, one.resource_class_id == classes.c.id)
            .group_by(one.resource_provider_id, classes.c.name)
        )
        for provider, name, used in self.stream(query):
            if provider in uuids:
                facts.of(uuids[provider]).usages[name] = self.whole(
                    "allocations.used", used, MAX_USED
                )

    def _text(self, column: str, value: object) -> str:
        try:
            return checks.label(f"resource_providers.{column}", value)
        except InputError as error:
            raise error.within(self.name) from None

    def _names(self, facts: PlacementFacts, uuids: dict[int, str]) -> None:
        for link, key, table, column, field in (
            ("resource_provider_traits", "trait_id", "traits", "name", "traits"),
            (
                "resource_provider_aggregates",
                "aggregate_id",
                "placement_aggregates",
                "uuid",
                "aggregates",
            ),
        ):
            links = self.table(link, "resource_provider_id", key)
            names = self.table(table, "id", column)
            query = self._sa.select(links.c.resource_provider_id, names.c[column]).join_from(
                links, names, links.c[key] == names.c.id
            )
            found: dict[str, set[str]] = {}
            for provider, name in self.stream(query):
                if provider in uuids:
                    found.setdefault(uuids[provider], set()).add(name)
            for uuid, values in found.items():
                setattr(facts.of(uuid), field, frozenset(values))


def read_placement_db(source: str) -> Mapping[str, Provider]:
    """Host name -> Provider. ``source``: a URL, ``env:VARIABLE`` that holds one, or a
    placement.conf. Raises ``InputError``."""
    with PlacementDb(url_of(source, KIND)) as database:
        return database.hosts()
