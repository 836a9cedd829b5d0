"""What placement's database or its tools say of resource providers -> a Provider for each host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from numafit.errors import shorten
from numafit.model.hostinfo import HostInfo
from numafit.model.resources import Inventory, Provider
from numafit.readers.checks import nearest
from numafit.rules.candidates import NO_PROVIDER
from numafit.rules.inventories import CPU_CLASSES

SHARES = "MISC_SHARES_VIA_AGGREGATE"
"""Trait of a provider whose inventories are for all that are in one of its aggregates."""
MOST_NAMES = 3


@dataclass(slots=True)
class Facts:
    """Of one provider. ``None``: not told. ``root``: the uuid of its tree's root."""

    name: str = ""
    root: str | None = None
    inventories: dict[str, Inventory] | None = None
    usages: dict[str, int] = field(default_factory=dict)
    traits: frozenset[str] | None = None
    aggregates: frozenset[str] | None = None

    def used(self) -> dict[str, Inventory]:
        """Inventories with what is in use."""
        found = self.inventories or {}
        return {
            name: replace(one, used=self.usages[name]) if name in self.usages else one
            for name, one in found.items()
        }


class PlacementFacts:
    """Providers by uuid, or by name where nothing tells their uuid. ``listed``: they are all that
    placement has."""

    def __init__(self) -> None:
        self.listed = False
        self._facts: dict[str, Facts] = {}

    def of(self, key: str) -> Facts:
        """``key``: a uuid, or a name."""
        return self._facts.setdefault(key, Facts())

    def list(self, uuid: str, name: str, root: str | None) -> None:
        """A row of the list of providers."""
        facts = self.of(uuid)
        facts.name, facts.root = name, root or uuid

    def listed_names(self) -> set[str]:
        """Names and uuids of the providers in lists."""
        listed = {key: facts.name for key, facts in self._facts.items() if facts.name}
        return {*listed, *listed.values()}

    def hosts(self) -> Mapping[str, Provider]:
        """Name of each root provider -> what it has; others of its tree, and those that share with
        it, are ``elsewhere``."""
        merged = self._merged()
        nested: dict[str, list[Facts]] = {}
        roots: dict[str, Facts] = {}
        for key, facts in merged.items():
            if facts.root in (None, key):
                roots[key] = facts
            else:
                nested.setdefault(facts.root or key, []).append(facts)
        pools = [facts for facts in roots.values() if _is_pool(facts)]
        # of a root of which nothing is told it is not known whether it is a host
        complete = self.listed and not any(_is_unknown(facts) for facts in roots.values())
        return {
            facts.name or key: _provider(facts, nested.get(key, []), pools, complete)
            for key, facts in roots.items()
        }

    def _merged(self) -> dict[str, Facts]:
        """What was said of a provider by its name stands beside what was said by its uuid."""
        uuids = {facts.name: key for key, facts in self._facts.items() if facts.name}
        merged: dict[str, Facts] = {}
        for key, facts in self._facts.items():
            target = merged.setdefault(uuids.get(key, key), Facts())
            target.name = target.name or facts.name
            target.root = target.root or facts.root
            if target.inventories is None:
                target.inventories = facts.inventories
            target.usages |= facts.usages
            target.traits = facts.traits if target.traits is None else target.traits
            target.aggregates = facts.aggregates if target.aggregates is None else target.aggregates
        return merged


def _is_unknown(facts: Facts) -> bool:
    return facts.inventories is None and facts.traits is None


def _is_pool(facts: Facts) -> bool:
    """Does it share, or may it? What has CPUs is a host, and shares nothing."""
    if facts.traits is not None:
        return SHARES in facts.traits
    classes = (facts.inventories or {}).keys()
    return bool(classes) and not classes & CPU_CLASSES


def _provider(
    facts: Facts, nested: Iterable[Facts], pools: Iterable[Facts], complete: bool
) -> Provider:
    others = [*nested, *(pool for pool in pools if pool is not facts and _near(pool, facts))]
    told = complete and facts.inventories is not None
    told = told and all(one.inventories is not None for one in others)
    classes = frozenset[str]().union(*((one.inventories or {}) for one in others))
    traits = frozenset[str]().union(*((one.traits or frozenset()) for one in others))
    return Provider(
        facts.used(),
        facts.traits,
        facts.aggregates,
        classes if told else None,
        traits_elsewhere=traits - {SHARES},
    )


def _near(pool: Facts, host: Facts) -> bool:
    if pool.aggregates is None or host.aggregates is None:
        return True
    return bool(pool.aggregates & host.aggregates)


def with_placement(host: HostInfo, known: Mapping[str, Provider], complete: bool) -> HostInfo:
    """``host`` with what placement knows of it. ``complete``: placement has no other providers; a
    host that it does not know gets no guests then, as in nova."""
    provider = known.get(host.name)
    if provider is None and not complete:
        return host
    if provider is None:
        names = [name for name in known if name]
        hint = nearest(host.name, names)
        there = ", ".join(map(shorten, names[:MOST_NAMES])) or "none"
        more = hint or f"It has {there}" + (", ..." if len(names) > MOST_NAMES else "")
        why = f"{NO_PROVIDER}. {more}"
        return host if host.disabled else replace(host, disabled=why)
    if not tells_inventories(provider):
        # traits or aggregates alone: inventories stay as the host's source has them
        told = host.provider or Provider({})
        return replace(host, provider=_beside(told, provider))
    return replace(host, provider=provider)


def tells_inventories(provider: Provider) -> bool:
    """Does placement tell what the host has, if only that it has nothing?"""
    return bool(provider.inventories) or provider.elsewhere is not None


def _beside(told: Provider, more: Provider) -> Provider:
    return replace(
        told,
        traits=told.traits if more.traits is None else more.traits,
        aggregates=told.aggregates if more.aggregates is None else more.aggregates,
        traits_elsewhere=told.traits_elsewhere | more.traits_elsewhere,
    )
