"""When several queues pay: the conditions of OpenStack's guides, applied to one flavor."""

from __future__ import annotations

from dataclasses import dataclass

from numafit.errors import MisuseError, shorten
from numafit.model.flavor import Flavor, Image
from numafit.plurals import counted
from numafit.rules.multiqueue import MAX_TAP_QUEUES, Multiqueue

_ON = "hw:vif_multiqueue_enabled=true"


@dataclass(frozen=True, slots=True)
class Advice:
    """``why``: why multiqueue is on or off. ``cap``: what bounds the queue pairs, or ``None``.

    ``pays``: ``"yes"``, ``"little"`` or ``"no"``, as far as a flavor can tell. ``reasons`` hold
    what was weighed; ``open_conditions`` what only the load can tell. ``queue_pairs``: of each
    interface; ``all_pairs``: of all of them. ``ethtool``: one command an interface, for the
    guest; ``udev``: a rule for the guest that does the same at each start.
    """

    multiqueue: Multiqueue
    vnics: int
    why: str
    cap: str | None
    pays: str
    reasons: tuple[str, ...]
    open_conditions: tuple[str, ...]
    ethtool: tuple[str, ...]
    udev: str | None

    @property
    def queue_pairs(self) -> int:
        return self.multiqueue.queue_pairs

    @property
    def all_pairs(self) -> int:
        return self.multiqueue.queue_pairs * self.vnics


OPEN_CONDITIONS = (
    "packets are rather large",
    "many connections are busy at the same time (guest to guest, to the host, to the outside)",
)


def advise(
    flavor: Flavor,
    image: Image | None,
    found: Multiqueue,
    vnics: int = 1,
    max_queues: int | None = None,
    kernel: str | None = None,
) -> Advice:
    """``found``: what ``multiqueue`` says with the same ``max_queues`` and ``kernel``.
    ``vnics``: the guest's virtio interfaces; SR-IOV ports have queues of their own card.

    Raises ``MisuseError`` for ``vnics`` below 1.
    """
    if type(vnics) is not int or not 1 <= vnics <= 1024:
        raise MisuseError(f"vnics={shorten(vnics)}: expected a whole number from 1 to 1024")
    pays, reasons = _weigh(flavor.vcpus, found, vnics)
    pairs = found.queue_pairs
    return Advice(
        found,
        vnics,
        _why(flavor, image, found),
        _cap(found, max_queues, kernel),
        pays,
        tuple(reasons),
        OPEN_CONDITIONS if pays != "no" else (),
        tuple(f"ethtool -L eth{n} combined {pairs}" for n in range(vnics)) if pairs > 1 else (),
        _udev(pairs) if pairs > 1 else None,
    )


def _why(flavor: Flavor, image: Image | None, found: Multiqueue) -> str:
    if flavor.vcpus < 2:
        return "a guest with one vCPU has one queue pair, whatever it asks for"
    properties = image.properties if image is not None else {}
    set_by = [
        f"{key}={value} of the {owner}"
        for key, value, owner in (
            (
                "hw:vif_multiqueue_enabled",
                flavor.extra_specs.get("hw:vif_multiqueue_enabled"),
                "flavor",
            ),
            (
                "hw_vif_multiqueue_enabled",
                properties.get("hw_vif_multiqueue_enabled"),
                "image",
            ),
        )
        if value is not None
    ]
    if found.limited_by == "vif_model":
        model = f"hw_vif_model={properties.get('hw_vif_model')} of the image"
        return f"{model}: only virtio interfaces have several queues ({' and '.join(set_by)})"
    if found.enabled or set_by:
        return " and ".join(set_by)
    return f"neither flavor nor image asks for it; {_ON} in the flavor would"


def _cap(found: Multiqueue, max_queues: int | None, kernel: str | None) -> str | None:
    if found.limited_by == "max_queues":
        return f"[libvirt] max_queues = {max_queues}"
    if found.limited_by == "kernel":
        return f"a tap device of kernel {kernel}"
    return "the number of vCPUs" if found.enabled else None


def _weigh(vcpus: int, found: Multiqueue, vnics: int) -> tuple[str, list[str]]:
    """Whether it pays, or would pay if it were on."""
    if vcpus < 2:
        return "no", ["one vCPU cannot serve two queues at a time"]
    if vnics >= vcpus:
        return "no", [
            f"{counted(vnics, 'interface')} for {counted(vcpus, 'vCPU')}: "
            "with one queue each there is one for every vCPU already"
        ]
    if found.limited_by == "vif_model":
        return "no", ["interfaces of another model than virtio have one queue"]
    reasons = []
    pairs = found.queue_pairs if found.enabled else vcpus
    if pairs < 2:
        return "no", ["the cap leaves one queue pair, as without it"]
    if found.enabled and pairs > MAX_TAP_QUEUES:
        return "no", [
            f"a tap device refuses more than {MAX_TAP_QUEUES} queues, so that the guest would not "
            f"start: set [libvirt] max_queues = {MAX_TAP_QUEUES} or less on the hosts"
        ]
    if pairs == vcpus:
        reasons.append(f"{pairs} queue pairs for {vcpus} vCPUs: each vCPU has one of its own")
    else:
        reasons.append(
            f"{pairs} queue pairs for {vcpus} vCPUs: vCPUs share queues, and interrupts move"
        )
    total = pairs * vnics
    reasons.append(
        f"{counted(total, 'queue pair')} in all: more throughput, for more of the host's CPU time"
    )
    if 2 * vnics >= vcpus:
        reasons.append(
            f"{counted(vnics, 'interface')} for {counted(vcpus, 'vCPU')}: "
            "the more of them, the less it matters"
        )
        return "little", reasons
    return "yes" if pairs == vcpus else "little", reasons


def _udev(pairs: int) -> str:
    return (
        'ACTION=="add", SUBSYSTEM=="net", DRIVERS=="virtio_net", '
        f'RUN+="/usr/sbin/ethtool -L $name combined {pairs}"'
    )
