"""Every verb of Fleet and Host, on one host or four, for the gate."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import cases
from numafit import Fleet, Host, Limits, PciRequest, Placement
from numafit.model.hostinfo import HostInfo

Verbs = dict[str, Callable[[], Any]]


def verbs() -> Verbs:
    """Name -> call. Named ``Fleet.verb`` or ``Host.verb``, and a word behind it where there are
    several."""
    return {**_fleet(), **_host()}


def _hosts() -> list[HostInfo]:
    return [Host.from_nova(cases.topology(seed)).hostinfo for seed in range(4)]


def _fleet() -> Verbs:
    folder = Path(tempfile.mkdtemp())
    fleet, infos = Fleet(_hosts()), _hosts()
    request, refused = cases.request(cases.PINNED_4), cases.request(cases.TOO_LARGE)
    host = int(fleet.scan(request).argmax())
    placement = fleet.fit_on(request, host)
    assert isinstance(placement, Placement)
    pci = (PciRequest(1, [{"vendor_id": "8086"}]),)
    rows = [(f"h{seed}", cases.topology(seed), None) for seed in range(4)]
    fleet.save(folder / "saved.npz")
    named = Fleet.from_nova_rows(rows)
    living = Fleet.from_nova_rows(rows)
    claim_text = fleet.claim(request, host).to_json()
    fleet.release(fleet.claims())
    left = Fleet(_hosts())
    left.remove(0)

    def added() -> Any:
        return living.remove(living.add(infos[:1]))

    def adopted() -> Any:
        taken = fleet.adopt([claim_text], usage="on top").claims
        return fleet.release(taken)

    return {
        "Fleet": lambda: Fleet(infos),
        "Fleet.add": added,
        "Fleet.adopt": adopted,
        "Fleet.capacity": lambda: fleet.capacity(request),
        "Fleet.capacity mix": lambda: fleet.capacity([request, refused]),
        "Fleet.cell_by_cell": fleet.cell_by_cell,
        "Fleet.check": fleet.check,
        "Fleet.claim": lambda: fleet.release(fleet.claim(placement)),
        "Fleet.claim request": lambda: fleet.release(fleet.claim(request, host)),
        "Fleet.claim_all": lambda: fleet.release(fleet.claim_all([placement])),
        "Fleet.claims": fleet.claims,
        "Fleet.columns": fleet.columns,
        "Fleet.compact": left.compact,
        "Fleet.c_columns": fleet.c_columns,
        "Fleet.copy": fleet.copy,
        "Fleet.derived_of": lambda: fleet.derived_of(None),
        "Fleet.disabled_of": lambda: fleet.disabled_of(None),
        "Fleet.explain": lambda: fleet.explain(refused, 0),
        "Fleet.explain read": lambda: str(fleet.explain(refused, 0)),
        "Fleet.filled": lambda: fleet.filled(request),
        "Fleet.filled_mix": lambda: fleet.filled_mix([request]),
        "Fleet.fit": lambda: fleet.fit(request),
        "Fleet.fit_on": lambda: fleet.fit_on(request, host),
        "Fleet.fork": fleet.fork,
        "Fleet.from_arrow": lambda: Fleet.from_arrow(fleet),
        "Fleet.from_nova_rows": lambda: Fleet.from_nova_rows(rows),
        "Fleet.hostinfo": lambda: fleet.hostinfo(0),
        "Fleet.hostinfos": lambda: list(fleet.hostinfos()),
        "Fleet.index": lambda: named.index("h3"),
        "Fleet.load": lambda: Fleet.load(folder / "saved.npz"),
        "Fleet.not_judged": lambda: fleet.not_judged(request),
        "Fleet.of": lambda: Fleet.of(infos[0], 100),
        "Fleet.pools": lambda: fleet.pools(0),
        "Fleet.prepare": lambda: fleet.prepare(request),
        "Fleet.release": lambda: fleet.release([fleet.claim(request, host)]),
        "Fleet.remove": added,
        "Fleet.replace": lambda: living.replace(1, infos[1]),
        "Fleet.save": lambda: fleet.save(folder / "again.npz"),
        "Fleet.scan": lambda: fleet.scan(request),
        "Fleet.schedule": lambda: [fleet.release(c) for c in fleet.schedule([request]) if c],
        "Fleet.set": lambda: living.set(2, ratios=Limits(2.0, 1.0)),
        "Fleet.supports_pci": lambda: fleet.supports_pci(pci, 0),
        "Fleet.table": fleet.table,
        "Fleet.to_pandas": fleet.to_pandas,
        "Fleet.update_rows": lambda: living.update_rows(rows[:1]),
        "Fleet.usage": lambda: fleet.usage(0),
        "Fleet.with_hosts": lambda: fleet.with_hosts(infos[0], 100),
        "Fleet.with_inventories": lambda: fleet.with_inventories(),
    }


def _host() -> Verbs:
    text = cases.topology(5, cpus=32, used=0.25)
    host = Host.from_nova(text)
    request, refused = cases.request(cases.PINNED_4), cases.request(cases.TOO_LARGE)
    placement = host.fit(request)
    assert isinstance(placement, Placement)
    info = host.hostinfo
    pci = (PciRequest(1, [{"vendor_id": "8086"}]),)

    def read_out() -> Any:
        made = host.fit(request)
        assert isinstance(made, Placement)
        return made.cells

    return {
        "Host": lambda: Host(info),
        "Host.capacity": lambda: host.capacity(request),
        "Host.check": host.check,
        "Host.claim": lambda: host.release(host.claim(placement)),
        "Host.claim_all": lambda: host.release(host.claim_all([placement])),
        "Host.columns": host.columns,
        "Host.copy": host.copy,
        "Host.explain": lambda: host.explain(refused),
        "Host.fit": lambda: host.fit(request),
        "Host.fit read": read_out,
        "Host.fit refused": lambda: host.fit(refused),
        "Host.fork": host.fork,
        "Host.from_nova": lambda: Host.from_nova(text),
        "Host.not_judged": lambda: host.not_judged(request),
        "Host.pools": host.pools,
        "Host.prepare": lambda: host.prepare(request),
        "Host.release": lambda: host.release(host.claim(request)),
        "Host.scan": lambda: host.scan(request),
        "Host.schedule": lambda: [host.release(c) for c in host.schedule([request]) if c],
        "Host.supports_pci": lambda: host.supports_pci(pci),
        "Host.usage": host.usage,
    }
