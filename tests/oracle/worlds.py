"""Random small worlds, each found again by its kind, seed and number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from numafit import FitOptions, HostInfo, Request

from . import guests, hosts
from .dials import KINDS, Dials

VERBS = ("fit", "capacity", "mix", "claims")
"""What is asked; ``fleet`` asks of a whole fleet at once, some hosts of it in any order."""
Step = tuple[str, int]
"""``("claim", number of the request)``, ``("bring", the same)`` for a placement made elsewhere, or
``("release", which of the held claims)``"""


@dataclass(slots=True)
class Ask:
    """A question to each host of a world. ``verb``: one of VERBS."""

    verb: str
    requests: list[Request]
    options: FitOptions
    cap: int = 0
    weights: list[float] | None = None
    steps: list[Step] = field(default_factory=list)
    hosts: list[int] | None = None
    threads: int = 1
    prepared: bool = False


@dataclass(slots=True)
class World:
    name: str
    hosts: list[HostInfo]
    asks: list[Ask]


def world(kind: str, seed: int, number: int) -> World:
    rng = Random(f"{kind} {seed} {number}")
    dials = KINDS[kind]
    sizes = rng.choice(hosts.USUAL_SIZES)
    made: list[HostInfo] = []
    for n in range(dials.n_hosts):
        if made and rng.random() < dials.alike:
            made.append(hosts.like(rng, dials, rng.choice(made[-4:]), f"h{n}"))
        else:
            made.append(hosts.host(rng, dials, f"h{n}", sizes))
    asks = [ask(rng, dials, made, sizes) for _ in range(dials.n_asks)]
    return World(f"--kind {kind} --seed {seed} --world {number}", made, asks)


def ask(rng: Random, dials: Dials, made: list[HostInfo], sizes: Sequence[int]) -> Ask:
    verb = rng.choice(VERBS) if dials.verb == "everything" else dials.verb
    many = rng.randint(*{"mix": (2, 3), "claims": (1, 3)}.get(verb, (1, 1)))
    asked = Ask(
        verb, [guests.request(rng, dials, made, sizes) for _ in range(many)], guests.options(rng)
    )
    asked.prepared = rng.random() < 0.3
    if verb == "fleet":
        asked.threads = rng.choice((1, 1, 2, 3))
        if rng.random() < 0.5:
            asked.hosts = rng.choices(range(dials.n_hosts), k=rng.randrange(2 * dials.n_hosts))
    if verb in ("capacity", "mix", "fleet"):
        asked.cap = rng.choice((0, 1, 3, 6, 12, 12, 12, 12))
    if verb == "mix" and rng.random() < 0.7:
        asked.weights = [rng.choice((1, 1, 2, 3, 0.5, 0.1)) for _ in asked.requests]
    if verb == "claims":
        asked.steps = [
            (what, rng.randrange(4 if what == "release" else many))
            for what in rng.choices(("claim", "claim", "bring", "release"), k=8)
        ]
    return asked
