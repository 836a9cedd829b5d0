"""What a guest asks for: options that turn flavors and an image into Requests."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import click

from numafit.cli import ports
from numafit.cli.configs import Configs
from numafit.cli.lint import say_unknown, strict_option
from numafit.cli.output import say
from numafit.diagnosis.flavors import asked, passed_over
from numafit.errors import InputError, InvalidRequest, printable, shorten
from numafit.model.flavor import Flavor, Image
from numafit.model.guest import Limits, Networks
from numafit.model.options import PCI_MATCHINGS, PHYSNET_AFFINITIES, STRATEGIES, FitOptions
from numafit.model.request import Request
from numafit.readers.checks import nearest
from numafit.readers.flavors import BrokenFlavor, read_flavors, read_image
from numafit.readers.flavors_db import is_database, read_flavors_db
from numafit.rules.filters import Filters
from numafit.rules.pci_alias import parse_aliases

_GUEST = (
    "flavors_file",
    "flavor_names",
    "image_file",
    "aliases",
    "ports",
    "implied",
    "physnets",
    "tunneled",
    "zone",
    "volume_backed",
    "strict",
)
_FIT = ("strategy", "limits", "physnet_affinity", "pci_matching")
GUEST_OPTIONS = frozenset((*_GUEST, *_FIT))
"""Names of what ``guest_options`` adds."""

_OPTIONS = (
    click.argument("flavors_file", metavar="FLAVORS"),
    click.option(
        "--flavor",
        "flavor_names",
        metavar="NAME",
        multiple=True,
        help="Only this flavor of the file; may be given several times.",
    ),
    click.option(
        "--image",
        "image_file",
        metavar="FILE",
        help="The image, as 'openstack image show -f json' prints it.",
    ),
    click.option(
        "--alias",
        "aliases",
        metavar="JSON",
        multiple=True,
        help="A PCI alias, as a value of nova's [pci] alias; may be given several times.",
    ),
    click.option("--port", "ports", metavar="KEY=VALUE,...", multiple=True, help=ports.HELP),
    click.option(
        "--pci-implies-topology",
        "implied",
        is_flag=True,
        help="A guest that asks for devices has a NUMA cell, as nova's guide says and its code "
        "does not.",
    ),
    click.option(
        "--physnet",
        "physnets",
        metavar="NAME",
        multiple=True,
        help="A physical network that the guest is on; may be given several times.",
    ),
    click.option("--zone", metavar="NAME", help="The availability zone that it is to start in."),
    click.option(
        "--volume-backed",
        is_flag=True,
        help="Its root disk is a volume and takes nothing of the host's.",
    ),
    strict_option,
    click.option("--tunneled", is_flag=True, help="The guest is on a tunnel network."),
    click.option(
        "--strategy",
        type=click.Choice(STRATEGIES),
        help="Which host cells are tried first; spread and pack are nova's. Default: what --config "
        "says, else spread.",
    ),
    click.option(
        "--limits",
        metavar="host|none|cpu=X,ram=Y",
        default="host",
        show_default=True,
        help="Allocation ratios of shared guests: the host's own, none, or these.",
    ),
    click.option(
        "--physnet-affinity",
        type=click.Choice(PHYSNET_AFFINITIES),
        default="any",
        show_default=True,
        help="Be near a physical network with one guest cell, or cover all cells near it.",
    ),
    click.option(
        "--pci-matching",
        type=click.Choice(PCI_MATCHINGS),
        default="nova",
        show_default=True,
        help="Serve PCI requests greedily as nova does, or find any allocation there is.",
    ),
)


class Guests:
    """The guests that the command line asks about, and how to fit them.

    ``options``: how to fit them. ``broken``: entries of the file that are no flavors, or ask for
    what nova refuses; each has a row of its own in the answer. ``configs``: what is known of
    nova.conf, whose names are looked at with theirs.
    """

    def __init__(self, given: dict[str, Any], options: FitOptions, configs: Configs) -> None:
        self.given = given
        self.options = options
        self.broken: list[BrokenFlavor] = []
        self._configs = configs
        self._servers = Servers({})

    def again(self) -> Guests:
        """The same, of which nothing was read yet."""
        return Guests(self.given, self.options, Configs(self._configs.given))

    @property
    def ratios(self) -> Limits | None:
        """Allocation ratios that --limits names."""
        limits = self.options.limits
        return limits if isinstance(limits, Limits) else None

    def only(self, names: Sequence[str], option: str = "--mix") -> None:
        """Ask about these flavors, which another option than --flavor has named."""
        if self.given["flavor_names"]:
            raise click.UsageError(f"--flavor does not go with {option}, which names flavors too.")
        self.given["flavor_names"] = tuple(names)

    @functools.cached_property
    def image(self) -> Image | None:
        file = self.given["image_file"]
        return read_image(file) if file else None

    def read(
        self, aliases: Sequence[str] = (), filters: Filters | None = None
    ) -> list[tuple[Flavor, Request]]:
        """The flavors that are sound; ``broken`` gets the others. ``aliases``: of a configuration,
        before those of the command line. ``filters``: the scheduler's, default: nova's own.

        Names that nova does not know are said, and end the command under --strict. Raises
        InputError for a file that is none of flavors, and the first error where no flavor of it
        is sound.
        """
        given = self.given
        known = parse_aliases([*aliases, *given["aliases"]]).check()
        networks = Networks(frozenset(given["physnets"]), given["tunneled"])
        flavors = self._flavors()
        sound = (flavor for flavor in flavors if isinstance(flavor, Flavor))
        say_unknown(sound, self.image, self._configs.each(), given["strict"])
        servers = self._servers = Servers(
            {
                "image": self.image,
                "ports": ports.parse_ports(given["ports"]),
                "aliases": known,
                "networks": networks if networks.physnets or networks.tunneled else None,
                "pci_implies_topology": given["implied"],
                "volume_backed": given["volume_backed"],
                "zone": given["zone"],
                "filters": filters,
            }
        )
        found = []
        for place, flavor in enumerate(flavors):
            if isinstance(flavor, BrokenFlavor):
                self.broken.append(replace(flavor, place=place))
                continue
            try:
                found.append((flavor, servers.request(flavor)))
            except InvalidRequest as error:
                self.broken.append(BrokenFlavor(place, flavor.name, error))
        if not found:
            raise self.broken[0].error
        return found

    def request(self, flavor: Flavor) -> Request:
        """What another flavor asks for, once the list is read. Raises InvalidRequest."""
        say_unknown((flavor,), self.image, (), self.given["strict"])
        return self._servers.request(flavor)

    def _flavors(self) -> list[Flavor | BrokenFlavor]:
        file = self.given["flavors_file"]
        broken: list[BrokenFlavor] = []
        read = read_flavors_db if is_database(file) else read_flavors
        flavors: list[Flavor | BrokenFlavor] = [*read(file, broken)]
        for one in broken:
            flavors.insert(one.place, one)
        names: Sequence[str] = self.given["flavor_names"]
        if not flavors:
            raise InputError(file, None, flavors, "at least one flavor")
        by_name = {flavor.name: flavor for flavor in flavors}
        if len(by_name) < len(flavors):
            (twice, _count), *_rest = Counter(flavor.name for flavor in flavors).most_common(1)
            raise InputError(file, None, twice, "each flavor once")
        if not names:
            return flavors
        for name in names:
            if name not in by_name:
                raise click.UsageError(_no_flavor(file, name, list(by_name)))
        return [by_name[name] for name in names]


def show_broken(guests: Guests) -> None:
    """A line for each entry of the list that is no flavor."""
    for one in guests.broken:
        say(printable(f"{one.name}: {one.error}"))


def broken_rows(guests: Guests) -> list[dict[str, Any]]:
    """The same for machines."""
    return [{"flavor": one.name, "error": str(one.error)} for one in guests.broken]


def _no_flavor(file: str, name: str, known: list[str]) -> str:
    hint = nearest(name, known) or (
        f"There are {', '.join(known[:12])}" + (", ..." if len(known) > 12 else ".")
    )
    return f"{file} has no flavor {shorten(name)}. {hint}"


@dataclass(frozen=True, slots=True)
class Servers:
    """What servers of any flavor have in common: arguments of ``Request.for_server``."""

    common: Mapping[str, Any]

    def request(self, flavor: Flavor) -> Request:
        """What it asks for; what nova would pass over is said."""
        try:
            found = asked(flavor, self.common)
        except InvalidRequest as error:
            raise error.within(f"flavor {flavor.name}") from None
        for key, why in passed_over(found):
            text = f"numafit: flavor {flavor.name}: nova passes over {key}: {why}"
            say(printable(text), err=True)
        return found


def _limits(text: str) -> Limits | str | None:
    """``host``, ``none``, or ``cpu=16,ram=1.5``; a ratio that is left out is 1."""
    if text == "host":
        return text
    if text == "none":
        return None
    ratios = {}
    for part in text.split(","):
        name, _, value = part.partition("=")
        try:
            ratios[{"cpu": "cpu_allocation_ratio", "ram": "ram_allocation_ratio"}[name.strip()]] = (
                float(value)
            )
        except (KeyError, ValueError):
            raise click.BadParameter(
                f"{shorten(text)} is none of host, none, or ratios such as cpu=16,ram=1.5.",
                param_hint="--limits",
            ) from None
    return Limits(**ratios)


def guest_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the argument FLAVORS and the options; the command gets one argument, ``guests``."""

    @functools.wraps(function)
    def command(*args: Any, **kwargs: Any) -> Any:
        given = {name: kwargs.pop(name) for name in _GUEST}
        fit_options = {name: kwargs.pop(name) for name in _FIT}
        fit_options["limits"] = _limits(fit_options["limits"])
        configs = Configs(kwargs)
        if fit_options["strategy"] is None:
            fit_options["strategy"] = configs.strategy() or "spread"
        guests = Guests(given, FitOptions(**fit_options), configs)
        return function(*args, guests=guests, **kwargs)

    wrapped: Callable[..., Any] = command
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped
