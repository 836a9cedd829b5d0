"""``numafit what-if``: how long do the hosts last as guests come and go?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Any

import click

from numafit.cli.coming import Coming, coming_options
from numafit.cli.notes import Notes
from numafit.cli.output import NOTHING, format_option, print_csv, print_json, print_table, say
from numafit.cli.requests import Guests, guest_options
from numafit.cli.scenarios import HELP, Scenario, scenarios
from numafit.cli.sections import Sectioned
from numafit.cli.sources import HostSources, host_sources
from numafit.errors import InputError, MisuseError, shorten
from numafit.fleet import Fleet
from numafit.model.options import STRATEGIES, FitOptions
from numafit.planning.changes import changed
from numafit.planning.course import SAMPLES
from numafit.planning.weighers import NOVA, WEIGHERS, multipliers, untold
from numafit.planning.what_if import CHOICES, CHOOSERS, PARTS, Comparison, Plan, what_if
from numafit.plurals import counted

_PLANS, _FLAVORS, _TIME = "plan", "flavor", "time"
_PART_OF = dict(zip((_PLANS, _FLAVORS, _TIME), PARTS, strict=True))
_OUTSIDE = "not within the trace"


@click.command(cls=Sectioned)
@guest_options
@click.argument("host_files", metavar="[HOST]...", nargs=-1)
@host_sources
@coming_options
@click.option(
    "--choose",
    "choices",
    metavar="HOW",
    multiple=True,
    default=("spread",),
    show_default=True,
    help=f"How a host is chosen: {', '.join(CHOICES)}, {NOVA} (by its weighers), or weighers with "
    f"their multipliers, of {', '.join(WEIGHERS)}, such as ram=-1,pci=2. Several are compared.",
)
@click.option(
    "--also-strategy",
    "strategies",
    type=click.Choice(STRATEGIES),
    multiple=True,
    help="Compare with another --strategy; may be given several times.",
)
@click.option("--scenario", "texts", metavar="NAME: CHANGE[; CHANGE]...", multiple=True, help=HELP)
@click.option(
    "--by",
    type=click.Choice(list(_PART_OF)),
    default=_PLANS,
    show_default=True,
    help="A row for each plan, or for each of its flavors or moments.",
)
@click.option(
    "--samples",
    type=click.IntRange(2, 10_000),
    default=SAMPLES,
    show_default=True,
    help="Moments at which the hosts are looked at.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 1024),
    help="Processes (default: one a CPU). The answer does not depend on it.",
)
@format_option("json", "csv")
def command(
    guests: Guests,
    sources: HostSources,
    coming: Coming,
    choices: Sequence[str],
    strategies: Sequence[str],
    texts: Sequence[str],
    by: str,
    samples: int,
    workers: int | None,
    output: str,
) -> int:
    """How many of the guests that come find a host, and when the hosts are full.

    Guests of FLAVORS come by a --mix at random, or as a --trace says, and leave again; each is
    placed as nova's scheduler would, or refused. FLAVORS and HOST are files as 'numafit fit' takes
    them. Each --choose and strategy is played with the hosts as they are, and once more with each
    --scenario. The same --seed gives the same answer.

    "stranded" are free dedicated CPUs that no flavor can have in the end; "index" is the part of
    free ones that a guest cannot have, on average; "near" is 10 over the mean distance between the
    cells of guests that have several. "full" is the hour of the first refusal, or how long after
    the trace the trend of what is in use meets what there is.

    \b
    Examples:
      numafit what-if examples/flavors.json examples/hosts/* --guests 20 --mix nfv.small
      numafit what-if examples/flavors.json examples/hosts/* --guests 20 --mix nfv.small \
--choose pack --choose spread
      numafit what-if examples/flavors.json examples/hosts/* --guests 20 --mix nfv.small \
--scenario 'one more: add 1 examples/hosts/edge-gold.json'

    Exit status: 0 one plan at least refuses nobody, 1 each refuses somebody, 2 bad input.
    """
    trace, wanted = coming.trace(guests, lambda: guests.read(sources.aliases(), sources.filters()))
    if guests.broken:
        raise guests.broken[0].error
    cases = scenarios(texts, wanted, guests.request)
    fleet: Fleet = reduce(add, sources.fleets(guests.ratios))
    for case in cases:
        _try(fleet, case)
    unweighed = _unweighed(fleet, choices)
    plans = _plans(cases, choices, guests.options, strategies)
    found = what_if(fleet, trace, plans, seed=coming.seed, samples=samples, workers=workers)
    if output == "json":
        about = coming.described()
        print_json(
            {
                "sentence": str(found),
                "best": found.best(),
                "hours": trace.seconds / 3600,
                **({} if about is None else {"trace": about}),
                "plans": found.rows,
                "flavors": found.flavors.rows,
                "samples": found.samples.rows,
            }
        )
    elif output == "csv":
        rows = _rows(found, by)
        heads = list(dict.fromkeys(name for row in rows for name in row))
        print_csv(heads, ([row.get(name) for name in heads] for row in rows))
    else:
        _TABLES[by](_rows(found, by))
        say(str(found))
    coming.show(err=output != "table")
    if unweighed:
        click.echo(f"not weighed: {', '.join(unweighed)}", err=output != "table")
    Notes([(fleet, None)]).show(wanted, err=output != "table")
    return 0 if any(not row["refused"] for row in found.rows) else 1


def _try(fleet: Fleet, case: Scenario) -> None:
    """So that what is wrong with a change is said as that, and not as a defect of a worker."""
    try:
        changed(fleet, case[1])
    except (InputError, MisuseError) as error:
        text = f"{case[0]}: {error}".removesuffix(".")
        raise click.BadParameter(f"{text}.", param_hint="--scenario") from None


def _unweighed(fleet: Fleet, choices: Sequence[str]) -> list[str]:
    """Those of nova's weighers that find nothing to go by."""
    lacking: dict[str, str] = {}
    for choose in choices:
        wanted = None if choose in CHOICES else multipliers(choose)
        if wanted is None and choose not in CHOICES:
            raise click.BadParameter(
                f"{shorten(choose)}: expected {CHOOSERS}.", param_hint="--choose"
            )
        missing = untold(fleet) if wanted else {}
        for name in [name for name in wanted or () if name in missing]:
            said = f"{name} (not known of {counted(missing[name], 'host')})"
            if choose != NOVA:
                raise click.BadParameter(f"{choose}: {said}.", param_hint="--choose")
            lacking[name] = said
    return list(lacking.values())


def _plans(
    cases: Sequence[Scenario],
    choices: Sequence[str],
    options: FitOptions,
    more: Sequence[str],
) -> list[Plan]:
    """Each is named by what it does not share with all others."""
    names = ("strategy", "limits", "physnet_affinity", "pci_matching")
    own = {name: getattr(options, name) for name in names}
    strategies = list(dict.fromkeys((options.strategy, *more)))
    several = list(dict.fromkeys(choices))
    plans = []
    for name, changes in cases:
        for choose in several:
            for strategy in strategies:
                words = [name] if len(cases) > 1 else []
                words += [choose] if len(several) > 1 or not words else []
                words += [f"{strategy} cells"] if len(strategies) > 1 else []
                fit = FitOptions(**{**own, "strategy": strategy})
                plans.append(Plan(" / ".join(words), choose, fit, changes))
    return plans


def _rows(found: Comparison, by: str) -> list[dict[str, Any]]:
    parts = {_PLANS: found.batch, _FLAVORS: found.flavors, _TIME: found.samples}
    # one trace is all that the command line has
    return [{key: row[key] for key in row if key != "trace"} for row in parts[by].rows]


def _by_plan(rows: Sequence[dict[str, Any]]) -> None:
    heads = ("plan", "placed", "of all", "stranded", "index", "near", "full")
    shown = [
        (
            row["plan"],
            row["placed"],
            NOTHING if not row["came"] else f"{row['placed'] / row['came']:.1%}",
            row["stranded_cpus"],
            _figure(row["fragmentation"]),
            _figure(row["closeness"]),
            _full(row, row["full_by"]),
        )
        for row in rows
    ]
    print_table(heads, shown, numbers=heads[1:6])


def _full(row: dict[str, Any], by: str) -> str:
    """``by``: what ends it."""
    if row["full_hours"] is None:
        return _OUTSIDE
    if row["full_seen"]:
        return ", ".join(filter(None, (f"{row['full_hours']:,.1f} h", by)))
    words = ("trend of", by) if by else ("its trend",)
    return f"{row['remaining_hours']:,.1f} h after the trace, {' '.join(words)}"


def _by_flavor(rows: Sequence[dict[str, Any]]) -> None:
    heads = ("plan", "flavor", "came", "refused", "room", "full")
    shown = []
    last = None
    for row in rows:
        # the same words on many lines would hide what differs
        plan = row["plan"] if row["plan"] != last else ""
        last = row["plan"]
        room = NOTHING if row["room"] is None else row["room"]
        shown.append((plan, row["flavor"], row["came"], row["refused"], room, _full(row, "")))
    print_table(heads, shown, numbers=heads[2:5])


def _by_time(rows: Sequence[dict[str, Any]]) -> None:
    heads = ("plan", "hours", "guests", "CPUs used", "free", "stranded", "index", "near")
    shown = []
    last = None
    for row in rows:
        plan = row["plan"] if row["plan"] != last else ""
        last = row["plan"]
        shown.append(
            (
                plan,
                f"{row['hours']:,.1f}",
                row["running"],
                row["dedicated_cpus"],
                row["free_cpus"],
                row["stranded_cpus"],
                _figure(row["fragmentation"]),
                _figure(row["closeness"]),
            )
        )
    print_table(heads, shown, numbers=heads[1:])


def _figure(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f}"


_TABLES = {_PLANS: _by_plan, _FLAVORS: _by_flavor, _TIME: _by_time}
