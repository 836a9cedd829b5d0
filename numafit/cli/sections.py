"""The help of a command: its own options first, then those that many commands share."""

from __future__ import annotations

import click

from numafit.cli.requests import GUEST_OPTIONS
from numafit.cli.sources import HOST_OPTIONS

OWN = "Options"
GUESTS = "Which guests, and how they are placed"
HOSTS = "Which hosts, and what is known of them"


class Sectioned(click.Command):
    """Lists its options under three heads."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        found: dict[str, list[tuple[str, str]]] = {OWN: [], GUESTS: [], HOSTS: []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                found[_section(parameter.name)].append(record)
        for title, records in found.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


def _section(name: str | None) -> str:
    if name in GUEST_OPTIONS:
        return GUESTS
    return HOSTS if name in HOST_OPTIONS else OWN
