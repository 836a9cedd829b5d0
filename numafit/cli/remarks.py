"""What is said of hosts as they are read: what their sources left open, or contradict."""

from __future__ import annotations

import numpy as np

from numafit.cli.output import say
from numafit.errors import printable
from numafit.fleet import Fleet
from numafit.model.hostinfo import HostInfo
from numafit.plurals import counted
from numafit.rules.huge_pages import BASE_PAGES_KIB, overfull_remarks
from numafit.rules.offline import off_remark

MOST_REMARKS = 20
"""Lines of one kind about the hosts of a fleet."""


def say_remarks(host: HostInfo, source: str) -> None:
    """``source``: what the host came from, where it has no name."""
    for remark in (*host.remarks, off_remark(host), *overfull_remarks(host)):
        if remark:
            _say(host.name or source, remark)


def say_overfull(fleet: Fleet) -> None:
    """The same of hosts that were read as columns, which keep no other remarks."""
    found = [
        (fleet.names[host] or f"host {host}", remark)
        for host in _candidates(fleet)
        for remark in overfull_remarks(fleet.hostinfo(host))
    ]
    for name, remark in found[:MOST_REMARKS]:
        _say(name, remark)
    more = len(found) - MOST_REMARKS
    if more > 0:
        say(f"numafit: {counted(more, 'more remark')} of this kind", err=True)


def _candidates(fleet: Fleet) -> list[int]:
    """Hosts of which a cell may be overfull, found without looking at each."""
    columns = fleet.columns(copy=False)
    kib = columns["page_kib"].astype(np.int64)
    taken = np.where(kib < BASE_PAGES_KIB, 0, kib) @ columns["pages_total"].astype(np.int64)
    hosts = columns["cell_host"][taken >= (columns["cell_memory"] + 1) << 10]
    found: list[int] = np.unique(hosts[hosts < len(fleet)]).tolist()
    return found


def _say(name: str, remark: str) -> None:
    say(printable(f"numafit: {name}: {remark}"), err=True)
