"""How do findings become one HTML file? By jinja2, which escapes all that they say.

The page needs nothing from elsewhere, and its own policy forbids it to ask: scripts run by their
hash alone, so that a name that got past the escaping would still be text.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib import resources
from typing import Any

import numpy as np

from numafit import __version__
from numafit.errors import printable
from numafit.extras import need
from numafit.model.options import FitOptions
from numafit.planning import reasons, stranded_words
from numafit.plurals import counted
from numafit.reporting import charts, tables
from numafit.reporting.findings import Findings
from numafit.reporting.hosts import Row, pictures, rows

TITLE = "numafit report"
EXTRA = "report"
FIRST_ROWS = 100
"""Of the table of hosts, until all are asked for: a page of thousands is shown sooner so."""


def need_libraries() -> None:
    """MissingExtra before any work is done."""
    need("jinja2", EXTRA)
    need("matplotlib", EXTRA)


def page(
    found: Findings,
    *,
    title: str = TITLE,
    notes: Sequence[str] = (),
    remarks: Sequence[str] = (),
    broken: Sequence[tuple[str, str]] = (),
) -> str:
    """The whole file. ``notes``: what answers leave open; ``remarks``: what was said of the
    sources; ``broken``: entries of the list that are no flavors, each with its error."""
    need_libraries()
    infos = [info for fleet in found.fleets for info in fleet.hostinfos()]
    hosts = rows(found, infos)
    numbers = tables.numbers_of_hosts(found.room.hosts)
    script = _file("report.js")
    template = _templates().get_template("report.html")
    text: str = template.render(
        title=printable(title),
        version=__version__,
        style=_markup(_file("report.css")),
        script=_markup(script),
        script_hash=_hash(script),
        data=pictures(found, infos),
        hosts=hosts,
        first=FIRST_ROWS,
        makes=tables.makes(found.room),
        tiles=tiles(found, hosts),
        use=_chart(charts.use_chart(*_use(hosts))),
        room=found.room,
        room_table=tables.flavors(found.room),
        room_chart=_chart(charts.room_chart(found.room)) if found.room.in_all.any() else None,
        lost=found.lost,
        kinds_table=tables.kinds(found.lost),
        causes_table=tables.causes(found.lost),
        asked_by_none=printable(stranded_words.asked_by_none(found.lost)),
        stranded_chart=(
            _chart(charts.stranded_chart(found.lost)) if found.lost.in_all.any() else None
        ),
        refusals=_refusals(found, numbers),
        refused=found.refused,
        plan=_plan(found, numbers),
        asked=asked(found.options),
        notes=list(map(printable, notes)),
        remarks=list(map(printable, remarks)),
        broken=[(printable(name), printable(error)) for name, error in broken],
    )
    return text


def _templates() -> Any:
    jinja2 = need("jinja2", EXTRA)
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_file),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["printable"] = lambda text: printable(str(text))
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    return environment


def _file(name: str) -> str:
    return (resources.files("numafit.reporting") / "templates" / name).read_text("utf-8")


def _markup(text: str) -> Any:
    """Of this package, and so not escaped."""
    return need("markupsafe", EXTRA).Markup(text)


def _hash(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _chart(found: charts.Chart) -> tuple[Any, Any]:
    wide, narrow = found
    return _markup(wide), _markup(narrow)


def _use(hosts: Sequence[Row]) -> tuple[Any, Any]:
    total = np.array([one.cpus for one in hosts], np.int64)
    return total - np.array([one.cpus_free for one in hosts], np.int64), total


def tiles(found: Findings, hosts: Sequence[Row]) -> list[dict[str, Any]]:
    """The fleet at a glance: a figure each, with a ``part`` of 0 to 1 where it is of something."""
    cells = sum(one.cells for one in hosts)
    free, cpus = sum(one.cpus_free for one in hosts), sum(one.cpus for one in hosts)
    memory_free, memory = (sum(getattr(one, key) for one in hosts) for key in _MEMORY)
    at = found.lost.kinds.index(reasons.CPUS)
    lost = int(found.lost.in_all[at])
    none = int(np.count_nonzero(found.room.in_all == 0))
    resting = sum(1 for one in hosts if one.disabled)
    closed = f", {resting:,} taking no guests" if resting else ""
    flavors = len(found.room.flavors)
    gib, gib_free = memory >> 10, memory_free >> 10
    return [
        _tile("Hosts", found.hosts, f"{counted(cells, 'NUMA cell')}{closed}"),
        _tile("Dedicated CPUs free", free, f"of {cpus:,}", free, cpus),
        _tile("Memory free, GiB", gib_free, f"of {gib:,} GiB", memory_free, memory),
        _tile("CPUs stranded", lost, f"of {free:,} that are free", lost, free, True),
        _tile("Flavors without room", none, f"of {flavors:,}", none, flavors, True),
    ]


_MEMORY = ("memory_free", "memory")


def _tile(
    label: str, number: int, below: str, part: int = 0, whole: int = 0, bad: bool = False
) -> dict[str, Any]:
    share = None if not whole else part / whole
    return {"label": label, "number": number, "below": below, "part": share, "bad": bad}


def _refusals(found: Findings, numbers: dict[str, int]) -> list[dict[str, Any]]:
    return [
        {
            "flavor": printable(flavor),
            "sentence": printable(f"{flavor} {one}"),
            "reasons": tables.reasons(f"reasons-{n}", flavor, one),
            "nearest": tables.nearest(f"nearest-{n}", flavor, one, numbers),
        }
        for n, (flavor, one) in enumerate(found.refusals)
    ]


def _plan(found: Findings, numbers: dict[str, int]) -> dict[str, Any] | None:
    if found.plan is None:
        return None
    flavor, made = found.plan
    return {
        "sentence": printable(f"{flavor}: {made}"),
        "steps": tables.steps(made, numbers) if made.steps else None,
        "counts": tables.counts(made) if made.counts else None,
    }


def asked(options: FitOptions) -> str:
    """How guests were placed, in one line."""
    limits = options.limits
    ratios = "of the hosts" if limits == "host" else "none" if limits is None else ""
    if not ratios:
        cpu, ram = limits.cpu_allocation_ratio, limits.ram_allocation_ratio  # type: ignore[union-attr]
        ratios = f"{cpu:g} of CPUs, {ram:g} of memory"
    words = [f"strategy {options.strategy}", f"allocation ratios {ratios}"]
    if options.physnet_affinity != "any":
        words.append(f"physnet affinity {options.physnet_affinity}")
    if options.pci_matching != "nova":
        words.append(f"PCI matching {options.pci_matching}")
    return ", ".join(words)
