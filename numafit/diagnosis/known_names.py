"""Which names does nova know? Extra specs, image properties, options of nova.conf.

``known_names.json`` is made from nova by ``tests/nova/names_oracle.py``; it is read when the first
name is asked about.
"""

from __future__ import annotations

import json
import re
from functools import cached_property, lru_cache
from importlib import resources
from typing import Any, NamedTuple

from numafit.diagnosis.slips import Names
from numafit.rules.image_fields import FIELDS, OLDER_NAMES
from numafit.rules.image_properties import NUMA_NODES_MAX

_BRACES = re.compile(r"\{(\w+)\}")
_GROUP = re.compile(r"(trait|resources)[\w-]{0,64}:", re.ASCII)
_LIKE_GROUP = re.compile(r"([a-z]+)([\d_-][\w-]*):", re.ASCII)
_FILTER = re.compile(r"(capabilities:[^:]*)(:.*)")
_NUMBER = re.compile(r"\.(\d+)$")
_LISTS = ("hw_numa_cpus", "hw_numa_mem")


class Suggestion(NamedTuple):
    """``names``: what is meant, one of them. ``slip``: whether one letter is wrong, no more."""

    names: tuple[str, ...]
    slip: bool


NOTHING = Suggestion((), False)


class ExtraSpecs:
    """The extra specs that nova's validators know, and those that it reads beside them."""

    def __init__(self, data: dict[str, Any]) -> None:
        self._parameters: dict[str, str] = data["parameters"]
        traits = [f"trait{{group}}:{name}" for name in (*data["traits"], "CUSTOM_{trait}")]
        self._patterns = [*data["extra_specs"], *traits]
        bare = (name.replace("{group}", "") for name in self._patterns)
        self._plain = frozenset(name for name in bare if "{" not in name)

    @cached_property
    def _parametrized(self) -> re.Pattern[str]:
        bare = (name for name in self._patterns if "{" in name.replace("{group}", ""))
        return re.compile("|".join(map(self._pattern, bare)))

    @cached_property
    def _spaces(self) -> re.Pattern[str]:
        spaces = {name.partition(":")[0] for name in self._patterns if ":" in name}
        return re.compile("|".join(map(self._pattern, sorted(spaces))))

    @cached_property
    def _names(self) -> Names:
        return Names(name.replace("{group}", "").replace("{filter}", "") for name in self._patterns)

    def _pattern(self, name: str) -> str:
        parts = _BRACES.split(name)
        # text and names of parameters in turns
        return "".join(
            f"(?:{self._parameters[part]})" if n % 2 else re.escape(part)
            for n, part in enumerate(parts)
        )

    def knows(self, name: str) -> bool:
        if name in self._plain:
            return True
        grouped = _GROUP.match(name)
        if grouped and f"{grouped[1]}:{name[grouped.end() :]}" in self._plain:
            return True
        return bool(self._parametrized.fullmatch(name))

    def free(self, name: str) -> bool:
        """Whether operators may name things so: nova reads nothing of that kind."""
        space, colon, _rest = name.partition(":")
        return not colon or not self._spaces.fullmatch(space)

    def meant(self, name: str, thorough: bool) -> Suggestion:
        """``thorough``: look for names that are like it too, which takes milliseconds."""
        readings = [_without_parameters(name)]
        if found := _LIKE_GROUP.match(name):
            # a slip in the word before the group
            bare = f"{found[1]}:{name[found.end() :]}"
            readings.append((bare, _Refill("", found[2], "")))
        slips = {
            refill.into(one): None
            for bare, refill in readings
            for one in self._names.slips(bare) or _slip_of_space(bare)
        }
        if slips:
            return Suggestion(tuple(slips), True)
        bare, refill = readings[0]
        like = self._names.like(bare) if thorough else []
        return Suggestion(tuple(refill.into(one) for one in like), False)


class _Refill(NamedTuple):
    """Puts what ``_without_parameters`` took away into a name of the same kind."""

    number: str
    group: str
    filters: str

    def into(self, name: str) -> str:
        name = name.replace("{num}", self.number or "0")
        if self.group and name.startswith(("trait:", "resources:")):
            space, _colon, rest = name.partition(":")
            name = f"{space}{self.group}:{rest}"
        return name + (self.filters if name.startswith("capabilities:") else "")


def _without_parameters(name: str) -> tuple[str, _Refill]:
    number = group = filters = ""
    if found := _GROUP.match(name):
        space = found[1]
        group = found[0][len(space) : -1]
        name = f"{space}:{name[found.end() :]}"
    elif found := _FILTER.fullmatch(name):
        name, filters = found.groups()
    elif found := _NUMBER.search(name):
        number = found[1]
        name = f"{name[: found.start()]}.{{num}}"
    return name, _Refill(number, group, filters)


# what stands before a part that operators choose
_BEFORE_CHOSEN = ("aggregate_instance_extra_specs:", "resources:CUSTOM_", "trait:CUSTOM_")
_CHOSEN = Names(_BEFORE_CHOSEN)


def _slip_of_space(name: str) -> list[str]:
    for before in _BEFORE_CHOSEN:
        for end in (len(before) - 1, len(before), len(before) + 1):
            rest = name[end:]
            if rest and name[end - 1 : end] == before[-1] and before in _CHOSEN.slips(name[:end]):
                return [before + rest]
    return []


class ImageProperties:
    """The image properties that nova reads, under their names of today and before."""

    PREFIXES = ("hw_", "hw:", "trait:")
    """Of names that nobody but nova gives a meaning."""

    def __init__(self, traits: frozenset[str]) -> None:
        listed = {f"{name}.{n}" for name in _LISTS for n in range(NUMA_NODES_MAX)}
        self._names = image_names() | listed
        self._traits = traits

    def knows(self, name: str) -> bool:
        if name.startswith("trait:"):
            trait = name.removeprefix("trait:")
            return trait in self._traits or trait.startswith("CUSTOM_")
        return name in self._names

    def free(self, name: str) -> bool:
        return not name.startswith(self.PREFIXES)

    @cached_property
    def _near(self) -> Names:
        first = {f"{name}.{{num}}" for name in _LISTS}
        return Names(image_names() | first | {f"trait:{name}" for name in self._traits})

    def meant(self, name: str, thorough: bool) -> Suggestion:
        bare, refill = _without_parameters(name)
        slips = self._near.slips(bare)
        found = slips or (self._near.like(bare) if thorough else [])
        return Suggestion(tuple(refill.into(one) for one in found), bool(slips))


def image_names() -> frozenset[str]:
    """All but the numbered ones and traits."""
    current = FIELDS.keys() - {*_LISTS, "traits_required"}
    return frozenset({*current, *OLDER_NAMES, "vmware_adaptertype", *_READ_ELSEWHERE})


_READ_ELSEWHERE = ("kernel_id", "ramdisk_id", "os_shutdown_timeout")
"""Image properties that nova reads where it starts and stops guests, and does not type."""


_OF_OTHERS = frozenset(
    ("workers", "rbd_user", "rbd_connect_timeout", "remove_unused_resized_minimum_age_seconds")
)
"""Options of a section whose options are known that others have too, whose options are not."""


class Options:
    """Options of nova.conf by section, under their names of today and before."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.sections = frozenset(data["sections"]) | {"neutron_tunnel"}
        self._options = {section: frozenset(names) for section, names in data["options"].items()}
        self._options["neutron_tunnel"] = frozenset(("numa_nodes",))

    def told(self, section: str) -> bool:
        """Whether all options of the section are known here."""
        return self._of(section) is not None

    def _of(self, section: str) -> frozenset[str] | None:
        if section.startswith("neutron_physnet_"):
            return self._options["neutron_tunnel"]
        return self._options.get(section)

    def knows(self, section: str, name: str) -> bool:
        return name in (self._of(section) or ())

    def elsewhere(self, name: str) -> list[str]:
        """The sections that have an option of this name."""
        return [section for section, names in self._options.items() if name in names]

    def misplaced(self, name: str) -> list[str]:
        """The same, of an option in a section whose options are not known here: empty where it
        may be that section's own."""
        found = [] if name in _OF_OTHERS else self.elsewhere(name)
        return [] if {"DEFAULT", "neutron"} & set(found) else found

    @cached_property
    def _near(self) -> dict[str, Names]:
        return {section: Names(names) for section, names in self._options.items()}

    @cached_property
    def _near_sections(self) -> Names:
        return Names(section.lower() for section in self.sections)

    def meant(self, section: str, name: str, thorough: bool) -> Suggestion:
        """``[section] option``, of the same section if there is one that is near."""
        own = "neutron_tunnel" if section.startswith("neutron_physnet_") else section
        found = [f"[{section}] {one}" for one in self._near[own].slips(name)] or [
            f"[{other}] {one}" for other, names in self._near.items() for one in names.slips(name)
        ]
        slip = bool(found)
        if not found and thorough:
            found = [f"[{section}] {one}" for one in self._near[own].like(name)]
        return Suggestion(tuple(found), slip)

    def meant_section(self, section: str, _thorough: bool = False) -> Suggestion:
        # oslo.config compares all but DEFAULT without their case: [DEFALT] comes as [defalt]
        near = set(self._near_sections.slips(section.lower()))
        found = tuple(sorted(one for one in self.sections if one.lower() in near))
        return Suggestion(found, bool(found))


class KnownNames(NamedTuple):
    extra_specs: ExtraSpecs
    image_properties: ImageProperties
    options: Options


@lru_cache(maxsize=1)
def known_names() -> KnownNames:
    text = (resources.files("numafit.diagnosis") / "known_names.json").read_text("utf-8")
    data = json.loads(text)
    return KnownNames(ExtraSpecs(data), ImageProperties(frozenset(data["traits"])), Options(data))
