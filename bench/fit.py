"""How long does one fit of one guest on one host take, through the Python API, or a refusal?"""

from __future__ import annotations

from bench import cases, stock
from bench.measure import prepared, take_turns, turn_of
from bench.report import Row, faster
from numafit import Host, Placement, Request


def _read_out(host: Host, request: Request) -> None:
    placement = host.fit(request)
    assert isinstance(placement, Placement)
    for cell in placement.cells:
        dict(cell.pinning)


def _say_why(host: Host, request: Request) -> None:
    str(host.fit(request))


def measure() -> list[Row]:
    rows = []
    questions = (
        ("pinned, 4 vCPUs", cases.PINNED_4, 100.0, 50.0),
        ("two cells, pinned, 16 vCPUs", cases.TWO_16, None, None),
        ("refused: no such host cell", cases.TOO_LARGE, None, None),
    )
    for name, flavor, returned, read in questions:
        text = cases.topology(5, cpus=32, used=0.25)
        host, request = Host.from_nova(text), cases.request(flavor)
        fits = bool(host.fit(request))
        look = _read_out if fits else _say_why
        turns = [
            turn_of(lambda h=host, r=request: h.fit(r), 300),
            turn_of(lambda h=host, r=request, look=look: look(h, r), 200),
        ]
        if stock.missing() is None:
            nova = stock.Stock(text)
            assert (nova.fit(nova.instance(flavor)) is not None) == fits, name
            turns.append(prepared(nova.fit, lambda n=nova, f=flavor: n.instance(f), 30))
        best = take_turns(turns)
        theirs = best[-1] if stock.missing() is None else None
        rows.append(faster(f"fit: {name}", "fit", best[0], theirs, returned))
        what = "pinning read" if fits else "put in words"
        rows.append(faster(f"fit: {name}, {what}", "fit", best[1], theirs, read))
    return rows
