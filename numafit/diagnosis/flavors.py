"""What nova makes of flavors without looking at any host: what it refuses, what it passes over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from numafit.diagnosis.finding import ERROR, WARNING, Finding
from numafit.diagnosis.known_names import known_names
from numafit.diagnosis.lint import owners_text
from numafit.errors import InvalidRequest
from numafit.model.flavor import Flavor
from numafit.model.request import Request
from numafit.rules.pci_alias import KEY as ALIAS
from numafit.rules.topology import cpu_topology


def asked(flavor: Flavor, common: Mapping[str, Any]) -> Request:
    """What a server of this flavor asks for; ``common``: arguments of ``Request.for_server``.

    Raises InvalidRequest for what nova refuses, be it when the guest starts.
    """
    found = Request.for_server(flavor, **common)
    # nova finds out when it starts the guest, on every host anew
    cpu_topology(flavor, common["image"])
    return found


def passed_over(request: Request) -> Iterator[tuple[str, str]]:
    """Extra specs that nova knows and passes over, each with the reason. Names that it does not
    know are others' to say, with the name that is meant."""
    known = known_names().extra_specs
    for key, why in request.resources.ignored if request.resources else ():
        if known.knows(key):
            yield key, why


def value_findings(flavors: Iterable[Flavor], common: Mapping[str, Any]) -> Iterator[Finding]:
    """Values of extra specs; each finding once, with the flavors that it is about. PCI aliases
    are looked at where ``common`` has ``aliases``."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for flavor in flavors:
        looked_at = flavor if "aliases" in common else _without_aliases(flavor)
        try:
            request = asked(looked_at, common)
        except InvalidRequest as error:
            told = [(ERROR, "flavor-refused", str(error))]
        else:
            told = [
                (WARNING, "passed-over", f"nova passes over {key}: {why}")
                for key, why in passed_over(request)
            ]
        for one in told:
            found.setdefault(one, []).append(flavor.name)
    for (severity, rule, what), owners in found.items():
        yield Finding(severity, rule, owners_text(owners), what)


def _without_aliases(flavor: Flavor) -> Flavor:
    """Where nova.conf is not known, nobody can say which aliases it defines."""
    specs = {key: value for key, value in flavor.extra_specs.items() if key != ALIAS}
    return replace(flavor, extra_specs=specs)
