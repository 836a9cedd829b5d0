"""Can a server that exists go to another host, or be resized where it is?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from numafit.errors import MisuseError, NumafitError
from numafit.fleet import Fleet
from numafit.host import Host
from numafit.model import fields
from numafit.model.hostinfo import HostInfo
from numafit.model.options import FitOptions
from numafit.model.placement import Placement
from numafit.model.refusal import Refusal, page_words
from numafit.model.request import Request
from numafit.model.resources import Resources
from numafit.model.server import Server
from numafit.rules.moved_server import request_of_server
from numafit.spans import Hosts, host_indices

OTHER_PAGES = "live_page_size"
"""Reason of a refusal: nova does not migrate a server live to pages of another size."""
SAME_HOST = "same_host"
"""Reason of a refusal: nova's API leaves the own host out of a resize (``compute/api.py``)."""
_NOT_THERE = "nova does not resize on the same host unless allow_resize_to_same_host is set"


@dataclass(frozen=True, slots=True)
class Move:
    """May the server go to the host? True in a condition where it may.

    ``found``: where it lands beside all that is in use there, or why it does not fit. ``own``: it
    is the server's own host, where nova counts what it has until the resize is confirmed; ``after``
    is then the answer without that, ``None`` where what it has is not known.
    """

    host: int
    host_name: str
    found: Placement | Refusal
    own: bool = False
    after: Placement | Refusal | None = None

    def __bool__(self) -> bool:
        return bool(self.found)


def moves(
    fleet: Fleet,
    server: Server,
    request: Request | None = None,
    *,
    hosts: Hosts = None,
    live: bool = False,
    resized: bool | None = None,
    same_host: bool = False,
    options: FitOptions | None = None,
) -> Iterator[Move]:
    """A Move for each of ``hosts`` (indices, default: all), in their order.

    ``request``: what it will ask for, of ``request_of_server``; ``None``: what it asks for now.
    ``resized``: it gets another flavor; its own host is left out otherwise. Default: where a
    request is given that is not ``live``. ``same_host``: nova's ``allow_resize_to_same_host``,
    without which a resize is refused on the own host. ``live``: it keeps running, so that its pages
    keep their size. Raises ``MisuseError`` for what is both live and resized.
    """
    fields.instance("fleet", fleet, Fleet)
    fields.instance("server", server, Server)
    live = fields.yes_or_no("live", live)
    same_host = fields.yes_or_no("same_host", same_host)
    if resized is None:
        resized = request is not None and not live
    if fields.yes_or_no("resized", resized) and live:
        raise MisuseError("nova resizes no server live: live or resized, not both")
    asked = request_of_server(server) if request is None else request
    indices = host_indices(hosts, len(fleet))
    names = fleet.names
    for host in range(len(fleet)) if indices is None else indices.tolist():
        own = bool(server.host) and names[host] == server.host
        if own and not resized:
            continue
        if own and not same_host:
            yield Move(host, names[host], _not_there(names[host], host), own)
            continue
        found = fleet.fit_on(asked, host, options)
        if live:
            found = _with_its_pages(server, found, names[host], host)
        after = _after(fleet.hostinfo(host), server, asked, options) if own else None
        yield Move(host, names[host], found, own, after)


def _not_there(name: str, host: int) -> Refusal:
    return Refusal(SAME_HOST, host=host, host_name=name, words=_NOT_THERE)


def _with_its_pages(
    server: Server, found: Placement | Refusal, name: str, host: int
) -> Placement | Refusal:
    held = server.placement
    if isinstance(found, Refusal) or held is None or keeps_its_pages(held, found):
        return found
    sizes = (held.cells[0].pagesize, found.cells[0].pagesize)
    words = [page_words(size) if size else "no size asked for" for size in sizes]
    text = f"pages of {words[1]} there, it has {words[0]}: a live migration keeps them"
    return Refusal(OTHER_PAGES, host=host, host_name=name, words=text)


def keeps_its_pages(held: Placement, found: Placement) -> bool:
    """May a guest go live from one to the other? nova looks at the first cell alone: all have pages
    of one size."""
    if not held.cells or not found.cells:
        return True
    return held.cells[0].pagesize == found.cells[0].pagesize


def _after(
    info: HostInfo, server: Server, asked: Request, options: FitOptions | None
) -> Placement | Refusal | None:
    """The answer once what the server has on its own host is given back. Its devices stay taken:
    a pool does not say which of them it was made of."""
    if server.placement is None:
        return None
    host = Host(_without(info, request_of_server(server).resources))
    try:
        if server.placement.cells:
            host.release(Placement(server.placement.cells))
    except NumafitError:
        # the host's row and the server's disagree: 'differences' of the database says so
        return None
    return host.fit(asked, options)


def _without(info: HostInfo, resources: Resources | None) -> HostInfo:
    if info.provider is None or resources is None:
        return info
    amounts = resources.amounts
    inventories = {
        name: replace(one, used=max(one.used - amounts.get(name, 0), 0))
        for name, one in info.provider.inventories.items()
    }
    return replace(info, provider=replace(info.provider, inventories=inventories))
