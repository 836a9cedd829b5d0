"""What does it take to claim a placement and to give it back?"""

from __future__ import annotations

from bench import cases, core, stock
from bench.measure import prepared, take_turns, turn_of
from bench.report import Row, faster
from numafit import Fleet, Host, Placement


def measure() -> list[Row]:
    text = cases.topology(5, cpus=32, used=0.25)
    host, request = Host.from_nova(text), cases.request(cases.PINNED_4)
    fleet = Fleet([host])
    placement = host.fit(request)
    assert isinstance(placement, Placement)
    (mine,) = fleet.fit(request)
    turns = [
        turn_of(lambda: host.release(host.claim(placement)), 100),
        turn_of(lambda: fleet.release(fleet.claim(mine)), 100),
    ]
    if stock.missing() is None:
        nova = stock.Stock(text)
        found = nova.fit(nova.instance(cases.PINNED_4))
        turns.append(
            prepared(
                lambda host: nova.usage(nova.usage(host, found), found, free=True),
                lambda: nova.host,
                20,
            )
        )
    best = take_turns(turns, 60)
    theirs = best[2] if len(best) > 2 else None
    in_c = core.times().get("claim_release")
    rows = [
        faster("claim and release: Host", "both", best[0], theirs, 100.0),
        faster("claim and release: Fleet", "both", best[1], theirs, 100.0),
    ]
    if in_c is not None:
        rows.append(faster("claim and release: C", "both", in_c, theirs, 1000.0))
    return rows
