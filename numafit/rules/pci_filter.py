"""Which pools may a PCI request take from, wherever they are? By nova's rules of matching."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import Any

from numafit.errors import MisuseError
from numafit.model.guest import PciRequest
from numafit.model.values import flag

# matched by placement, not against the pools' properties
_NOT_PROPERTIES = frozenset({"resource_class", "traits", "rp_uuid", "rp_uuids"})
_WORD = (1 << 64) - 1


def spec_matches(spec: Mapping[str, Any], properties: Mapping[str, Any]) -> bool:
    """Does a device or pool have what the spec names? Text is compared without regard to case;
    of two lists the device's must hold the spec's; ``None`` matches a property that is missing."""
    return all(_same(wanted, properties.get(key)) for key, wanted in spec.items())


def _same(wanted: Any, found: Any) -> bool:
    if isinstance(wanted, list) and isinstance(found, list):
        return all(item in found for item in wanted)
    if isinstance(wanted, str):
        wanted = wanted.lower()
    if isinstance(found, str):
        found = found.lower()
    return bool(wanted == found)


def matches(request: PciRequest, properties: Mapping[str, Any]) -> bool:
    """Does one of the request's specs match?"""
    return any(
        spec_matches(
            {key: value for key, value in spec.items() if key not in _NOT_PROPERTIES}, properties
        )
        for spec in request.spec
    )


class Masks:
    """Which of a fleet's property sets a request matches, and which it may use, as masks of bits.

    Remembered by the request's specs, of which a cloud has few: servers come and go, their
    physnets and aliases stay. ``classes``: the property sets, never changed once made.
    """

    _MOST = 1024

    def __init__(self, classes: Sequence[Mapping[str, Any]]) -> None:
        self._classes = classes
        self._known: dict[str, bytes] = {}

    def of(self, request: PciRequest, words: int) -> bytes:
        """``words`` words of 64 bits of the classes that match, then as many of those that may
        be used, as this machine keeps words in memory."""
        key = repr(request.spec)
        masks = self._known.get(key)
        if masks is None:
            if len(self._known) >= self._MOST:
                self._known.clear()
            masks = self._known[key] = self._made(request, words)
        return masks

    def _made(self, request: PciRequest, words: int) -> bytes:
        matching = useful = 0
        for n, properties in enumerate(self._classes):
            if matches(request, properties):
                matching |= 1 << n
                useful |= usable(request, properties) << n
        both = matching | useful << 64 * words
        return array("Q", (both >> 64 * n & _WORD for n in range(2 * words))).tobytes()


def usable(request: PciRequest, properties: Mapping[str, Any]) -> bool:
    """Of the pools that match, those that the request may take from.

    PFs, vDPA and remote-managed devices go to those who ask for them by name; a request whose
    specs all say the same of ``live_migratable`` gets only devices that say it too.
    """
    specs = request.spec
    for kind in ("type-PF", "vdpa"):
        if properties.get("dev_type") == kind and not _asked(specs, "dev_type", kind):
            return False
    if flag(properties.get("remote_managed")) and not any(
        flag(spec.get("remote_managed")) for spec in specs
    ):
        return False
    for word in ("true", "false"):
        if all(spec.get("live_migratable") == word for spec in specs):
            return properties.get("live_migratable") == word
    return True


def _asked(specs: Sequence[Mapping[str, Any]], key: str, value: str) -> bool:
    return any(spec.get(key) == value for spec in specs)


def group_of(request: PciRequest, number: int) -> str:
    """Name of the request group for device ``number`` of the request
    (``nova.objects.RequestSpec.generate_request_groups_from_pci_requests``)."""
    return f"{request.request_id}-{number}"


def _is_of(group: str, request_id: str) -> bool:
    """By the whole id, which may hold dashes itself: nova asks for the same beginning alone."""
    name, _, number = group.rpartition("-")
    return name == request_id and number.isascii() and number.isdigit()


def providers(request: PciRequest, mapping: Mapping[str, Sequence[str]] | None) -> list[str]:
    """Placement's resource providers for the request, one per device; empty: any pool will do.

    ``mapping`` is the scheduler's (request group -> provider uuids; groups as ``group_of`` names
    them); without one the spec's own ``rp_uuids`` counts. Ports have none.
    """
    if request.alias_name is None:
        return []
    if mapping:
        if not request.request_id:
            raise MisuseError(
                "provider_mapping: its groups are named after requests, and PciRequest of alias "
                f"{request.alias_name!r} has no request_id"
            )
        return [
            uuids[0]
            for group, uuids in mapping.items()
            if uuids and _is_of(group, request.request_id)
        ]
    text = request.spec[0].get("rp_uuids") if request.spec else None
    return str(text).split(",") if text else []
