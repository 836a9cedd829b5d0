"""``numafit multiqueue``: how many queues do a guest's interfaces get, and do they pay?"""

from __future__ import annotations

from typing import Any

import click

from numafit.cli.output import format_option, print_json, say
from numafit.diagnosis.multiqueue_advice import Advice, advise
from numafit.errors import InputError, shorten
from numafit.model.flavor import Flavor
from numafit.readers.checks import nearest
from numafit.readers.flavors import read_flavors, read_image
from numafit.rules.multiqueue import multiqueue

RULE_FILE = "/etc/udev/rules.d/70-virtio-net-queues.rules"


@click.command()
@click.argument("flavors_file", metavar="FLAVOR")
@click.argument("image_file", metavar="[IMAGE]", required=False)
@click.option(
    "--flavor",
    "flavor_names",
    metavar="NAME",
    multiple=True,
    help="Only this flavor of the file; may be given several times.",
)
@click.option(
    "--vnics",
    type=click.IntRange(1, 1024),
    default=1,
    show_default=True,
    help="The guest's virtio interfaces; SR-IOV ports do not count.",
)
@click.option(
    "--max-queues",
    type=click.IntRange(1, 65536),
    help="[libvirt] max_queues of the host; beats --config.",
)
@click.option(
    "--config",
    "config_files",
    metavar="FILE",
    multiple=True,
    help="The host's nova.conf; may be given several times, later files win.",
)
@click.option(
    "--kernel",
    metavar="RELEASE",
    help="The host's kernel, as 'uname -r' prints it; it bounds the queues where max_queues "
    "is not set.",
)
@format_option("json")
def command(
    flavors_file: str,
    image_file: str | None,
    flavor_names: tuple[str, ...],
    vnics: int,
    max_queues: int | None,
    config_files: tuple[str, ...],
    kernel: str | None,
    output: str,
) -> int:
    """Whether a guest's virtio interfaces have several queues, how many, and whether that pays.

    FLAVOR and IMAGE are files, as 'openstack flavor show -f json' (or 'flavor list --long') and
    'openstack image show -f json' print them.

    \b
    Examples:
      numafit multiqueue examples/flavor-router.json
      numafit multiqueue examples/flavor-router.json --vnics 4 --kernel 5.14.0-362.el9

    Exit status: 0 answered, 2 bad input.
    """
    if max_queues is None and config_files:
        from numafit.readers.nova_conf import read_nova_conf

        max_queues = read_nova_conf(config_files).max_queues
    image = read_image(image_file) if image_file else None
    answers = []
    for flavor in _flavors(flavors_file, flavor_names):
        found = multiqueue(flavor, image, max_queues, kernel)
        answers.append((flavor, advise(flavor, image, found, vnics, max_queues, kernel)))
    if output == "json":
        print_json([_described(flavor, advice) for flavor, advice in answers])
    else:
        say("\n".join(_text(flavor, advice) for flavor, advice in answers).rstrip("\n"))
    return 0


def _flavors(file: str, names: tuple[str, ...]) -> list[Flavor]:
    by_name = {flavor.name: flavor for flavor in read_flavors(file)}
    if not by_name:
        raise InputError(file, None, [], "at least one flavor")
    for name in names:
        if name not in by_name:
            raise click.UsageError(
                f"{file} has no flavor {shorten(name)}. {nearest(name, by_name)}"
            )
    return [by_name[name] for name in names] if names else list(by_name.values())


def _text(flavor: Flavor, advice: Advice) -> str:
    state = "on" if advice.multiqueue.enabled else "off"
    lines = [f"{flavor.name}: multiqueue is {state}: {advice.why}"]
    pairs = f"  queue pairs: {advice.queue_pairs} an interface, {advice.all_pairs} in all"
    lines.append(pairs + (f"; bounded by {advice.cap}" if advice.cap else ""))
    would = "does it pay" if advice.multiqueue.enabled else "would it pay"
    lines.append(f"  {would}: {advice.pays}")
    lines += [f"    {reason}" for reason in advice.reasons]
    if advice.open_conditions:
        lines.append("    and only where " + ", and ".join(advice.open_conditions))
    if advice.udev:
        lines.append("  in the guest, for each interface (the queues are off until then):")
        lines += [f"    {command}" for command in advice.ethtool]
        lines.append(f"  or at each start, in {RULE_FILE} of the guest:")
        lines.append(f"    {advice.udev}")
    return "\n".join(lines) + "\n"


def _described(flavor: Flavor, advice: Advice) -> dict[str, Any]:
    return {
        "flavor": flavor.name,
        "enabled": advice.multiqueue.enabled,
        "why": advice.why,
        "queue_pairs": advice.queue_pairs,
        "queue_pairs_in_all": advice.all_pairs,
        "vnics": advice.vnics,
        "limited_by": advice.multiqueue.limited_by,
        "bounded_by": advice.cap,
        "pays": advice.pays,
        "reasons": list(advice.reasons),
        "only_where": list(advice.open_conditions),
        "ethtool": list(advice.ethtool),
        "udev": advice.udev,
    }
