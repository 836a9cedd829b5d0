"""``numafit headroom``: how much room each flavor has, what ends it, what fragments will cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from numafit.cli.counting import counting_options, picture_option
from numafit.cli.notes import Notes
from numafit.cli.output import (
    NOTHING,
    format_option,
    print_csv,
    print_json,
    print_table,
    save_picture,
    say,
)
from numafit.cli.requests import Guests, guest_options
from numafit.cli.sections import Sectioned
from numafit.cli.sources import HostSources, host_sources
from numafit.planning import headroom_words
from numafit.planning.headroom import GROUPS, Headroom, headroom
from numafit.planning.tables import rows_of


@click.command(cls=Sectioned)
@guest_options
@click.argument("host_files", metavar="[HOST]...", nargs=-1)
@host_sources
@click.option(
    "--by",
    "groups",
    type=click.Choice(["host", *GROUPS]),
    help="A row for each host, aggregate, zone or kind of host (hosts built alike).",
)
@click.option("--by-host", is_flag=True, help="The same as --by host.")
@counting_options
@picture_option
@format_option("json", "csv")
def command(
    guests: Guests,
    sources: HostSources,
    groups: str | None,
    by_host: bool,
    cap: int,
    threads: int,
    picture: str | None,
    output: str,
) -> int:
    """How much room each flavor has on the hosts, what ends it, and what fragments will cost.

    FLAVORS and HOST are files as 'numafit fit' takes them. 'in all' is what placing one guest after
    the other reaches, as 'numafit capacity' counts; 'any order' the most that guests could reach,
    whichever of its host's cells each is put on ('<=': no more than that). 'ended by' is what
    refuses the next guest once a host is full, with the number of hosts. Each flavor is counted as
    if it came alone.

    \b
    Examples:
      numafit headroom examples/flavors.json examples/hosts/* --flavor nfv.large --flavor db.uneven
      numafit headroom examples/flavors.json examples/hosts/* --by kind --flavor db.uneven
      numafit headroom examples/flavors.json examples/hosts/* --flavor db.uneven --format csv

    Exit status: 0 there is room for each flavor, 1 for one of them there is none, 2 bad input, one
    flavor of the list among it.
    """
    if by_host:
        if groups not in (None, "host"):
            raise click.UsageError(f"--by-host does not go with --by {groups}.")
        groups = "host"
    wanted = guests.read(sources.aliases(), sources.filters())
    fleets = sources.fleets(guests.ratios)
    catalogue = {flavor.name: request for flavor, request in wanted}
    answer = headroom(fleets, catalogue, guests.options, cap=cap, threads=threads)
    notes = Notes([(fleet, None) for fleet in fleets])
    room = [one for one, count in zip(wanted, answer.in_all.tolist(), strict=True) if count]
    if picture is not None:
        save_picture(answer.picture(), picture)
    if output == "json":
        errors = [{"flavor": one.name, "error": str(one.error)} for one in guests.broken]
        print_json({**_described(answer, groups), "errors": errors})
    elif output == "csv":
        _print_csv(answer)
    elif groups is None:
        _show_flavors(answer)
    else:
        _show_groups(answer, groups)
    if output != "json":
        for one in guests.broken:
            say(f"{one.name}: {one.error}", err=output == "csv")
    notes.show(room, err=output != "table")
    if guests.broken:
        return 2
    return 0 if all(answer.in_all.tolist()) else 1


def _most(count: int, exact: bool, capped: bool) -> str:
    return f"{'' if exact else '<= '}{count}{'+' if capped else ''}"


def _show_flavors(answer: Headroom) -> None:
    heads = ("flavor", "in all", "any order", "ended by")
    capped = [int(column.max(initial=0)) >= answer.cap for column in answer.reached.T]
    rows = [
        (
            name,
            f"{count}{'+' if capped[n] else ''}",
            _most(most, bool(answer.all_exact[n]), capped[n]),
            headroom_words.ends(answer, name),
        )
        for n, (name, count, most) in enumerate(
            zip(answer.flavors, answer.in_all.tolist(), answer.at_most.tolist(), strict=True)
        )
    ]
    print_table(heads, rows, numbers=heads[1:3])
    _below(answer)


def _show_groups(answer: Headroom, by: str) -> None:
    heads = (by, "hosts", "flavor", "in all", "any order")
    rows: list[tuple[object, ...]] = []
    for name, hosts, reached, most, exact in _groups(answer, by):
        for n, flavor in enumerate(answer.flavors):
            # the same words on many lines would hide what differs
            first = (name or NOTHING, hosts) if not n else ("", "")
            rows.append((*first, flavor, reached[n], _most(most[n], exact[n], False)))
    print_table(heads, rows, numbers=("hosts", "in all", "any order"))
    _below(answer)


def _below(answer: Headroom) -> None:
    if (answer.reached >= answer.cap).any():
        say(f"+: counting stopped at {answer.cap} on a host (--cap)")
    say(str(answer))


Row = tuple[str, int, list[int], list[int], list[bool]]


def _groups(answer: Headroom, by: str) -> list[Row]:
    if by == "host":
        figures = zip(
            answer.reached.tolist(), answer.most.tolist(), answer.exact.tolist(), strict=True
        )
        return [(name, 1, *figure) for name, figure in zip(answer.hosts, figures, strict=True)]
    return [
        (
            group.name,
            len(group.hosts),
            group.reached.tolist(),
            group.most.tolist(),
            group.exact.tolist(),
        )
        for group in answer.by(by)
    ]


def _described(answer: Headroom, by: str | None) -> dict[str, Any]:
    """``reached``, ``most`` and ``exact`` stand in the order of ``hosts``."""
    flavors = [
        {
            "flavor": name,
            "in_all": int(answer.in_all[n]),
            "at_most": int(answer.at_most[n]),
            "exact": bool(answer.all_exact[n]),
            "ended_by": answer.ended_by(name),
            "reached": answer.reached[:, n].tolist(),
            "most": answer.most[:, n].tolist(),
            "exact_on": answer.exact[:, n].tolist(),
        }
        for n, name in enumerate(answer.flavors)
    ]
    found: dict[str, Any] = {
        "sentence": str(answer),
        "cap": answer.cap,
        "hosts": list(answer.hosts),
        "flavors": flavors,
    }
    if by is not None:
        names: Sequence[str] = answer.flavors
        found["by"] = by
        found["groups"] = [
            {
                "name": name,
                "hosts": hosts,
                "in_all": dict(zip(names, reached, strict=True)),
                "at_most": dict(zip(names, most, strict=True)),
                "exact": dict(zip(names, exact, strict=True)),
            }
            for name, hosts, reached, most, exact in _groups(answer, by)
        ]
    return found


def _print_csv(answer: Headroom) -> None:
    """One line a host and flavor."""
    table = answer.table()
    table["exact"] = table["exact"].astype(int)
    print_csv(table, rows_of(table))
