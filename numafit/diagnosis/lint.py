"""Names that nova does not know, in flavors, images and nova.conf, with the names that are meant.

What nova does not know it passes over: a misspelt ``hw:cpu_policy`` fits, and pins nothing. Names
that operators choose are left alone, unless they are a slip away from one that nova reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from numafit.diagnosis.finding import ERROR, WARNING, Finding
from numafit.diagnosis.known_names import (
    NOTHING,
    ExtraSpecs,
    ImageProperties,
    Suggestion,
    known_names,
)
from numafit.diagnosis.slips import Names
from numafit.model.flavor import Flavor, Image
from numafit.rules.nova_config import NovaConfig, meant_section, unlisted_sections

_COMPARED = 5000
"""Names of one input for which a known name one letter away is looked for: 0.1 ms each."""
_THOROUGH = 40
"""Those among them for which one that is like them is looked for: milliseconds each."""
_SHOWN = 3
"""Flavors that a finding names."""
_LONGEST = 100
"""Characters of a name in a message."""
_PHYSNET = "neutron_physnet_"


class _Effort:
    """What is left of the time for one input, which may hold very many wrong names."""

    def __init__(self) -> None:
        self._names = _COMPARED
        self._thorough = _THOROUGH

    def meant(self, suggest: Callable[[bool], Suggestion], free: bool) -> Suggestion:
        """``suggest`` gets whether to be thorough; for a free name there is no need."""
        if self._names == 0:
            return NOTHING
        self._names -= 1
        found = suggest(not free and self._thorough > 0)
        if not free and not found.slip and self._thorough > 0:
            self._thorough -= 1
        return found


def flavor_findings(flavors: Iterable[Flavor]) -> Iterator[Finding]:
    """One for each extra spec that nova does not know, with the flavors that have it."""
    having: dict[str, list[str]] = {}
    for flavor in flavors:
        for name in flavor.extra_specs:
            having.setdefault(name, []).append(flavor.name)
    for name, advice in _unknown(having, known_names().extra_specs):
        what = f"nova knows no extra spec {_cut(name)}"
        yield Finding(WARNING, "unknown-extra-spec", owners_text(having[name]), what, advice)


def owners_text(flavors: Sequence[str]) -> str:
    """Which flavors a finding is about."""
    return f"{'flavor' if len(flavors) == 1 else 'flavors'} {_some(flavors)}"


def image_findings(image: Image) -> Iterator[Finding]:
    where = f"image {image.name}".rstrip()
    for name, advice in _unknown(image.properties, known_names().image_properties):
        what = f"nova knows no image property {_cut(name)}"
        yield Finding(WARNING, "unknown-image-property", where, what, advice)


def _unknown(
    names: Iterable[str], known: ExtraSpecs | ImageProperties
) -> Iterator[tuple[str, str]]:
    """Those that nova does not know, each with what is meant; free ones where they are slips."""
    effort = _Effort()
    for name in names:
        if known.knows(name):
            continue
        free = known.free(name)
        meant = effort.meant(partial(known.meant, name), free)
        if not free or meant.slip:
            yield name, _did_you_mean(meant)


def config_findings(config: NovaConfig) -> Iterator[Finding]:
    """Sections and options of the files that nova does not read."""
    yield from _networks(config)
    known = known_names().options
    effort = _Effort()
    seen: set[str] = set()
    misspelt = {*config.stray_sections, "neutron_tunneled"}
    for file, section, _name in config.assigned:
        if section in seen or section == "DEFAULT" or section.startswith("neutron"):
            continue
        seen.add(section)
        if section in known.sections:
            continue
        meant = effort.meant(partial(known.meant_section, section), True)
        if meant.names:
            misspelt.add(section)
            where, what = f"{file}: [{_cut(section)}]", "nova reads no section of this name"
            advice = _did_you_mean(Suggestion(tuple(f"[{one}]" for one in meant.names), True))
            yield Finding(WARNING, "unknown-section", where, what, advice)
    for file, section, name in dict.fromkeys(config.assigned):
        told = known.told(section)
        if section in misspelt or (told and known.knows(section, name)):
            continue
        others = known.elsewhere(name) if told else known.misplaced(name)
        if not told and not others:
            continue
        if others:
            advice = f"It is an option of {' and '.join(f'[{one}]' for one in others)}."
        else:
            advice = _did_you_mean(effort.meant(partial(known.meant, section, name), False))
        where = f"{file}: [{_cut(section)}] {_cut(name)}"
        yield Finding(WARNING, "unknown-option", where, "nova knows no such option", advice)


def _networks(config: NovaConfig) -> Iterator[Finding]:
    for name in unlisted_sections(config):
        yield Finding(
            WARNING,
            "physnet-not-listed",
            f"[{_PHYSNET}{name}]",
            "nova does not read this section: [neutron] physnets does not list it",
            f"Add {name} to [neutron] physnets, or remove the section.",
        )
    for name in config.stray_sections:
        meant = _physnets_of(name) or [
            net for net in config.physnet_nodes if meant_section(config, net) == name
        ]
        if meant:
            advice = f"Did you mean [{_PHYSNET}{meant[0]}]?"
        elif tunnel := known_names().options.meant_section(name).names:
            advice = f"Did you mean [{tunnel[0]}]?"
        else:
            advice = f"Sections of physical networks are called [{_PHYSNET}NAME]."
        where, what = f"[{name}]", "nova reads no section of this name"
        yield Finding(WARNING, "stray-section", where, what, advice)
    if config.misnamed_tunnel:
        yield Finding(
            ERROR,
            "tunnel-section",
            "[neutron_tunneled]",
            "nova does not read this section, though its guide writes it so",
            "Call it [neutron_tunnel].",
        )


_BEFORE_PHYSNET = Names((_PHYSNET,))


def _physnets_of(section: str) -> list[str]:
    """``foo`` of ``neutron_physnets_foo``."""
    return [
        section[end:]
        for end in (len(_PHYSNET) - 1, len(_PHYSNET), len(_PHYSNET) + 1)
        if section[end - 1 : end] == "_" and section[end:] and _BEFORE_PHYSNET.slips(section[:end])
    ]


def _cut(name: str) -> str:
    return name if len(name) <= _LONGEST else name[:_LONGEST] + "..."


def _did_you_mean(meant: Suggestion) -> str:
    if not meant.names:
        return ""
    *first, last = meant.names[:_SHOWN]
    return f"Did you mean {', '.join(first)}{' or ' if first else ''}{last}?"


def _some(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(map(_cut, names[:_SHOWN])) + (f" and {more} more" if more > 0 else "")
