"""Names that nova does not know, on standard error; under ``--strict`` they end the command."""

from __future__ import annotations

from collections.abc import Iterable

import click

from numafit.cli.output import say
from numafit.diagnosis.finding import Finding
from numafit.errors import printable
from numafit.model.flavor import Flavor, Image
from numafit.plurals import counted
from numafit.rules.nova_config import NovaConfig

MOST_LINES = 20
"""Names that are said; of more the number is."""

strict_option = click.option(
    "--strict",
    is_flag=True,
    help="Extra specs, image properties, sections and options that nova does not know are errors: "
    "exit status 2.",
)


def unknown_names(
    flavors: Iterable[Flavor], image: Image | None, configs: Iterable[NovaConfig]
) -> list[Finding]:
    """Of flavors, then the image, then nova.conf; each once."""
    # the lists of names are not for the start of every command
    from numafit.diagnosis import lint

    found = [*lint.flavor_findings(flavors), *(lint.image_findings(image) if image else ())]
    found += (finding for config in configs for finding in lint.config_findings(config))
    return list(dict.fromkeys(found))


def say_unknown(
    flavors: Iterable[Flavor], image: Image | None, configs: Iterable[NovaConfig], strict: bool
) -> None:
    """One line each. Where there are any, ``strict`` ends the command with status 2."""
    found = unknown_names(flavors, image, configs)
    for finding in found[:MOST_LINES]:
        text = f"numafit: {finding.where}: {finding.what}. {finding.advice}".rstrip()
        say(printable(text), err=True)
    more = len(found) - MOST_LINES
    if more > 0:
        say(f"numafit: {more} more of this kind ('numafit check' lists all)", err=True)
    if found and strict:
        refuse(len(found))


def refuse(count: int) -> None:
    raise click.ClickException(
        f"{counted(count, 'name')} that nova does not know, and --strict was given"
    )
