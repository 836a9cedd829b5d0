"""What placement knows of hosts -> columns: units by class, hosts by kind."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
import numpy.typing as npt

from numafit.columns.schema import COLUMNS
from numafit.errors import InputError
from numafit.model.host_state import NOTHING_KNOWN, HostState
from numafit.model.hostinfo import HostInfo
from numafit.model.resources import Provider
from numafit.rules.candidates import UNLIMITED, HostKind, kind_with

MAX_CLASSES = 4096
Told = tuple[Provider | None, str | None, str, HostState]
"""What is known of a host as a whole: its provider, its zone, why it takes no guests, its state."""
NOTHING_TOLD: Told = (None, None, "", NOTHING_KNOWN)
NO_KIND = HostKind(None, None, None, None, None, "")
REMOVED_KIND = NO_KIND._replace(disabled="it was removed from the fleet")


def told_of(host: HostInfo) -> Told:
    return host.provider, host.zone, host.disabled, host.state


class HostResources:
    """Of hosts, one after the other; ``classes``: resource class -> row of the columns;
    ``kinds``: the distinct kinds of hosts, by their numbers;
    ``providers``: host -> what was said of it."""

    def __init__(self, beside: HostResources | None = None) -> None:
        self.classes: dict[str, int] = beside.classes if beside else {}
        self.kinds: list[HostKind] = beside.kinds if beside else []
        self.numbers: dict[HostKind, int] = beside.numbers if beside else {}
        self.kind = array("I")
        self._bare: dict[tuple[str | None, str], int] = {}
        """Kinds of hosts of which little is known."""
        self.providers: dict[int, Provider] = {}

    def add_host(self, host: HostInfo | None) -> None:
        """``None``: nothing is known of it."""
        self.add(*(NOTHING_TOLD if host is None else told_of(host)))

    def add(
        self,
        provider: Provider | None,
        zone: str | None = None,
        disabled: str = "",
        state: HostState = NOTHING_KNOWN,
    ) -> None:
        if provider is None and state is NOTHING_KNOWN:
            number = self._bare.get((zone, disabled))
            if number is None:
                number = self._number(kind_with(None, zone, disabled, state))
                self._bare[zone, disabled] = number
        else:
            number = self._number(kind_with(provider, zone, disabled, state))
        if provider is not None:
            self.providers[len(self.kind)] = provider
            for name in provider.inventories:
                self.classes.setdefault(name, len(self.classes))
        self.kind.append(number)

    def _number(self, kind: HostKind) -> int:
        number = self.numbers.get(kind)
        if number is None:
            number = self.numbers[kind] = len(self.kinds)
            self.kinds.append(kind)
        return number

    def known(self) -> dict[str, Any]:
        """What stands behind the numbers, by the names of Columns' attributes."""
        return {
            "resource_classes": self.classes,
            "providers_of_hosts": self.providers,
            "host_kinds": self.kinds or [NO_KIND],
        }

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Kinds of hosts; units that may be in use and units in use, [class][host]. A class that
        a host has no inventory of ends nothing there: whether it is a candidate all the same, its
        kind says."""
        if len(self.classes) > MAX_CLASSES:
            expected = f"at most {MAX_CLASSES} resource classes in a fleet"
            raise InputError(None, "resources", len(self.classes), expected)
        shape = (len(self.classes), len(self.kind))
        limit = np.full(shape, UNLIMITED, COLUMNS["resource_limit"].dtype)
        used = np.zeros(shape, COLUMNS["resource_used"].dtype)
        for host, provider in self.providers.items():
            for name, inventory in provider.inventories.items():
                limit[self.classes[name], host] = inventory.limit
                used[self.classes[name], host] = inventory.used
        kind = np.array(self.kind, COLUMNS["host_class"].dtype)
        return {"host_class": kind, "resource_limit": limit, "resource_used": used}
