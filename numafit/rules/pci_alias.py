"""``[pci] alias``: the names by which flavors ask for PCI devices, and what a flavor asks for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from numafit.errors import InvalidRequest, InvalidValue, shorten
from numafit.model import fields
from numafit.model.flavor import Flavor
from numafit.model.guest import PCI_NUMA_POLICIES, PciRequest
from numafit.model.values import refuse, strict_flag

KEY = "pci_passthrough:alias"
"""The extra spec that names aliases: ``name:count``, several behind commas."""

DEVICE_TYPES = ("type-PCI", "type-PF", "type-VF")
"""What an alias may ask for; vDPA devices are only for ports."""

_HEX4 = re.compile(r"^([\da-fA-F]{4})$")
_KEYS = (
    "name",
    "vendor_id",
    "product_id",
    "device_type",
    "numa_policy",
    "live_migratable",
    "resource_class",
    "traits",
    "capability_type",
)


@dataclass(frozen=True, slots=True)
class Alias:
    """One name of ``[pci] alias``: ``specs``, of which a device matches one, and the policy."""

    name: str
    numa_policy: str
    specs: tuple[Mapping[str, str], ...]

    def __post_init__(self) -> None:
        fields.text("name", self.name)
        fields.word("numa_policy", self.numa_policy, PCI_NUMA_POLICIES, none=False)
        specs = fields.many("specs", self.specs, Mapping, "a mapping", "a list of mappings")
        object.__setattr__(self, "specs", specs)


class Aliases(Mapping[str, Alias]):
    """The aliases of a configuration by name.

    Like nova, which reads ``[pci] alias`` when a flavor first asks for one, it says what is wrong
    with them when it is first looked at, or when ``check`` is called.
    """

    __slots__ = ("_fault", "_found")

    def __init__(self, found: Mapping[str, Alias], fault: InvalidRequest | None = None) -> None:
        self._found = alias_names("found", found)
        self._fault = fault

    def check(self) -> Aliases:
        """The aliases themselves; raises ``InvalidRequest`` where they are at fault."""
        if self._fault is not None:
            raise self._fault.with_traceback(None)
        return self

    def __getitem__(self, name: str) -> Alias:
        return self.check()._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.check()._found)

    def __len__(self) -> int:
        return len(self.check()._found)

    def __repr__(self) -> str:
        return f"Aliases({self._fault or list(self._found.values())})"


def parse_aliases(texts: Iterable[str], *, pci_in_placement: bool = False) -> Aliases:
    """The aliases by name, from the values of ``[pci] alias``, each the text of a JSON object.

    Several values with one name make one alias with several specs; they must agree in
    ``device_type``, which they must have, and in ``numa_policy``. ``pci_in_placement``: nova's
    ``[filter_scheduler] pci_in_placement``, which takes a ``resource_class`` in place of vendor
    and product, but only one spec a name.

    What is malformed raises ``InvalidRequest`` (``PciInvalidAlias``, by the rules of nova's
    ``get_alias_from_config``) when the aliases are first used; ``parse_aliases(...).check()``
    raises it at once.
    """
    given = fields.iterable("aliases", texts, "a list of texts")
    pci_in_placement = fields.yes_or_no("pci_in_placement", pci_in_placement)
    try:
        return Aliases(_parse(given, pci_in_placement))
    except InvalidRequest as fault:
        return Aliases({}, fault)


def alias_names(key: str, found: Any) -> dict[str, Alias]:
    """A mapping of names to Alias values, copied."""
    known = fields.mapping(key, found, "a mapping of names to Alias values")
    for name, alias in known.items():
        if not isinstance(alias, Alias):
            raise InvalidValue(f"{key}[{name!r}]", alias, "an Alias")
    return known


def _parse(texts: Iterable[str], pci_in_placement: bool) -> dict[str, Alias]:
    found: dict[str, Alias] = {}
    for n, text in enumerate(texts):
        where = f"[pci] alias[{n}]"
        one = _alias(where, text)
        known = found.get(one.name)
        found[one.name] = one if known is None else _joined(where, known, one)
    for alias in found.values():
        _check_placement(alias, pci_in_placement)
    return found


def pci_requests(
    flavor: Flavor, aliases: Mapping[str, Alias], numa_policy: str | None = None
) -> list[PciRequest]:
    """The PCI requests of a flavor, from its ``pci_passthrough:alias``, in its order.

    ``numa_policy``: what ``pci_numa_policy`` says of flavor and image; it beats the alias's own.
    A negative count is kept, as nova's code keeps it (its API lets none in); it takes nothing.

    Raises ``InvalidRequest``: ``PciRequestAliasNotDefined`` for a name that no alias has,
    ``ValueError`` (as nova's code has it) where the text is not ``name:count,name:count``.
    """
    fields.instance("flavor", flavor, Flavor)
    fields.word("numa_policy", numa_policy, PCI_NUMA_POLICIES)
    if not isinstance(aliases, Aliases):
        aliases = alias_names("aliases", aliases)
    text = flavor.extra_specs.get(KEY)
    if text is None:
        return []
    if isinstance(aliases, Aliases):
        aliases.check()
    requests = []
    for part in text.split(","):
        name, colon, count = part.partition(":")
        if not colon or ":" in count:
            raise _bad_text(text, part)
        name = name.strip()
        alias = aliases.get(name)
        if alias is None:
            known = ", ".join(sorted(aliases)) or "none"
            raise refuse(
                "PciRequestAliasNotDefined",
                KEY,
                name,
                f"a name that [pci] alias defines ({known})",
            )
        requests.append(
            PciRequest(
                _count(text, part, count), alias.specs, numa_policy or alias.numa_policy, name
            )
        )
    return requests


def _count(text: str, part: str, digits: str) -> int:
    try:
        return int(digits)
    except ValueError:
        raise _bad_text(text, part) from None


def _bad_text(text: str, part: str) -> InvalidRequest:
    return refuse(
        "ValueError",
        KEY,
        text,
        f"name:count, several of them behind commas ({shorten(part)} is none)",
        "Write for example qat:1,gpu:2, without a comma at the end.",
    )


def _alias(where: str, text: str) -> Alias:
    spec = _object(where, text)
    for key, value in spec.items():
        _check_entry(where, key, value)
    if "name" not in spec:
        raise _invalid(f"{where}.name", None, "a name of 1 to 256 characters")
    name = spec.pop("name").strip()
    policy = spec.pop("numa_policy", "legacy")
    # nova appends these two again, so they stand last: the order is seen in requests
    device_type = spec.pop("device_type", None)
    if device_type is not None:
        spec["dev_type"] = device_type
    migratable = spec.pop("live_migratable", None)
    if migratable is not None:
        try:
            spec["live_migratable"] = "true" if strict_flag(migratable) else "false"
        except ValueError as error:
            raise _invalid(f"{where}.live_migratable", migratable, str(error)) from None
    return Alias(name, policy, (spec,))


def _object(where: str, text: str) -> dict[str, Any]:
    try:
        spec = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        raise _invalid(
            where,
            text,
            "the JSON text of an object",
            'Write for example {"vendor_id": "8086", "product_id": "0443", "name": "qat"}.',
        ) from None
    if not isinstance(spec, dict):
        raise _invalid(where, text, "a JSON object with name, vendor_id and product_id")
    return spec


def _check_entry(where: str, key: str, value: Any) -> None:
    place = f"{where}.{key}"
    if key not in _KEYS:
        raise _invalid(place, value, f"only the keys {', '.join(_KEYS)}")
    if not isinstance(value, str):
        raise _invalid(place, value, "text", "Put it in quotes.")
    if key == "name" and not 1 <= len(value) <= 256:
        raise _invalid(place, value, "a name of 1 to 256 characters")
    if key in ("vendor_id", "product_id") and not _HEX4.search(value):
        raise _invalid(place, value, "four hexadecimal digits such as 8086")
    for limited, words in (
        ("device_type", DEVICE_TYPES),
        ("numa_policy", PCI_NUMA_POLICIES),
        ("capability_type", ("pci",)),
    ):
        if key == limited and value not in words:
            raise _invalid(place, value, f"one of {', '.join(words)}")


def _joined(where: str, known: Alias, one: Alias) -> Alias:
    """Two specs under one name."""
    if known.numa_policy != one.numa_policy:
        raise _invalid(
            f"{where}.numa_policy",
            one.numa_policy,
            f"{known.numa_policy}, as in the other specs of alias {one.name!r}",
        )
    types = [alias.specs[0].get("dev_type") for alias in (known, one)]
    if None in types:
        raise _invalid(
            f"{where}.device_type",
            types[1],
            f"one device_type in every spec of alias {one.name!r}",
            "Where several specs have one name, each must say its device_type.",
        )
    if types[0] != types[1]:
        raise _invalid(
            f"{where}.device_type",
            types[1],
            f"{types[0]}, as in the other specs of alias {one.name!r}",
        )
    return Alias(one.name, one.numa_policy, known.specs + one.specs)


def _check_placement(alias: Alias, pci_in_placement: bool) -> None:
    where = f"[pci] alias {alias.name!r}"
    if pci_in_placement and len(alias.specs) > 1:
        raise _invalid(
            where,
            len(alias.specs),
            "one spec where [filter_scheduler] pci_in_placement is on",
            "Give the devices of several [pci] device_spec one resource_class instead.",
        )
    for spec in alias.specs:
        if "vendor_id" in spec and "product_id" in spec:
            continue
        if pci_in_placement:
            if "resource_class" in spec:
                continue
            raise _invalid(where, dict(spec), "vendor_id and product_id, or a resource_class")
        raise _invalid(where, dict(spec), "vendor_id and product_id")


def _invalid(key: str, value: object, expected: str, hint: str = "") -> InvalidRequest:
    return refuse("PciInvalidAlias", key, value, expected, hint)
