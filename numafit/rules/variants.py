"""A host as if it were configured otherwise: what-if questions in Python's words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from numafit.cpuset import parse_cpu_list
from numafit.errors import InputError, InvalidValue
from numafit.model import fields
from numafit.model.guest import Limits
from numafit.model.hostinfo import MAX_PAGE_COUNT, MAX_PAGE_KIB, HostInfo
from numafit.model.resources import Provider
from numafit.rules.config_over import PAGES, apply_over
from numafit.rules.inventories import with_inventories
from numafit.rules.nova_config import DEDICATED, SHARED, NovaConfig, ReservedPages

_CPU_RATIO, _RAM_RATIO = "[DEFAULT] cpu_allocation_ratio", "[DEFAULT] ram_allocation_ratio"


@dataclass(frozen=True, slots=True)
class Variant:
    """What is set of hosts. ``reserved_pages``: KiB -> pages of each cell."""

    config: NovaConfig
    reserved_pages: Mapping[int, int]
    traits: frozenset[str] | None

    @classmethod
    def of(
        cls,
        dedicated_cpus: Any,
        shared_cpus: Any,
        reserved_pages: Mapping[int, int] | None,
        ratios: Limits | None,
        traits: Iterable[str] | None,
    ) -> Variant:
        """Raises InputError (InvalidValue) that names the argument."""
        given: dict[str, Any] = {}
        if dedicated_cpus is not None:
            given[DEDICATED] = _cpus("dedicated_cpus", dedicated_cpus)
        if shared_cpus is not None:
            given[SHARED] = _cpus("shared_cpus", shared_cpus)
        if ratios is not None:
            fields.instance("ratios", ratios, Limits)
            given[_CPU_RATIO] = ratios.cpu_allocation_ratio
            given[_RAM_RATIO] = ratios.ram_allocation_ratio
        given_pages: object = reserved_pages
        if not isinstance(given_pages, Mapping | None):
            expected = "a mapping of page sizes in KiB to pages of each cell, or None"
            raise InvalidValue("reserved_pages", reserved_pages, expected)
        pages = dict(reserved_pages or {})
        for size, count in pages.items():
            fields.number("reserved_pages", size, 1, MAX_PAGE_KIB, "KiB")
            fields.number("reserved_pages", count, 0, MAX_PAGE_COUNT, "pages")
        names = {option: option.split()[1] for option in given}
        config = NovaConfig(
            given=frozenset(given) | ({PAGES} if pages else set()),
            **{names[option]: value for option, value in given.items()},
        )
        return cls(config, pages, None if traits is None else fields.names("traits", traits))

    def apply(self, host: HostInfo) -> HostInfo:
        """The host so; its usage stays. Raises InputError that names the host."""
        for size in self.reserved_pages:
            if not any(pool.size_kib == size for cell in host.cells for pool in cell.page_pools):
                expected = "a size of pages that the host has"
                raise InputError(host.name or None, "reserved_pages", size, expected)
        pages = tuple(
            ReservedPages(
                cell.id, one.size_kib, self.reserved_pages.get(one.size_kib, one.reserved)
            )
            for cell in host.cells
            for one in cell.page_pools
        )
        config = replace(self.config, reserved_pages=pages)
        made = apply_over(host, config).host if config.given else host
        if made.provider is not None and config.given:
            made = with_inventories(made, config)
        if self.traits is not None:
            provider = made.provider or Provider({})
            made = replace(made, provider=replace(provider, traits=self.traits))
        return made


def _cpus(key: str, value: Any) -> frozenset[int]:
    if isinstance(value, str):
        try:
            return parse_cpu_list(value)
        except ValueError as error:
            raise InvalidValue(key, value, "a CPU list such as 0-3,8,^2", f"{error}.") from None
    return fields.ids(key, value, "CPU ids")
