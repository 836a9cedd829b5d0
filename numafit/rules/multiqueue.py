"""How many queue pairs a guest's virtio network interfaces get."""

from __future__ import annotations

from dataclasses import dataclass

from numafit.errors import MisuseError, shorten
from numafit.model.flavor import Flavor, Image
from numafit.model.values import conflict, flag
from numafit.rules.extra_specs import Asked, asked_for

MAX_TAP_QUEUES = 256
"""A tap device of Linux 4.0 and later refuses more (``MAX_TAP_QUEUES`` of the driver), whatever the
number that nova asks for."""
_TAP_QUEUES = {0: 1, 1: 1, 2: 1, 3: 8, 4: MAX_TAP_QUEUES}
"""Queues of a tap device by the kernel's major version (nova bug 1570631); none from 5 on."""


@dataclass(frozen=True, slots=True)
class Multiqueue:
    """``enabled``: whether multiqueue is on. ``queue_pairs``: of each virtio interface.

    ``limited_by``: what keeps the queue pairs below the number of vCPUs: ``"max_queues"``,
    ``"kernel"``, ``"vif_model"`` where the guest's interfaces are not virtio, or ``None`` where
    nothing does.
    """

    enabled: bool
    queue_pairs: int
    limited_by: str | None = None


def multiqueue(
    flavor: Flavor,
    image: Image | None = None,
    max_queues: int | None = None,
    kernel: str | None = None,
) -> Multiqueue:
    """Whether the guest's interfaces have several queues, and how many pairs of them.

    One pair a vCPU, as nova's libvirt driver sets it, capped by ``max_queues``
    (``[libvirt] max_queues``) where that is set, else by what ``kernel`` (the host's, such as
    ``"5.14.0-362.el9"``) allows for a tap device. An unknown kernel sets no cap. A guest with
    one vCPU never has multiqueue, whatever it asks for; nor has one whose image names another
    ``hw_vif_model`` than virtio.

    Raises ``InvalidRequest`` where flavor and image contradict each other, and ``MisuseError``
    for a ``max_queues`` below 1 and for a ``kernel`` that does not begin with a number.
    """
    if max_queues is not None and (type(max_queues) is not int or max_queues < 1):
        raise MisuseError(
            f"max_queues={shorten(max_queues)}: expected a whole number of 1 or more, or None"
        )
    kernel_queues = _kernel_queues(kernel)
    asked = asked_for(flavor, image)
    if not _enabled(asked):
        return Multiqueue(False, 1)
    if asked.image.text("hw_vif_model") not in (None, "virtio"):
        return Multiqueue(False, 1, "vif_model")
    # distributions port kernel features back, so that an operator's word counts more
    cap = kernel_queues if max_queues is None else max_queues
    if cap is None or cap >= asked.vcpus:
        return Multiqueue(True, asked.vcpus)
    return Multiqueue(True, cap, "kernel" if max_queues is None else "max_queues")


def _enabled(asked: Asked) -> bool:
    key, image_key = "hw:vif_multiqueue_enabled", "hw_vif_multiqueue_enabled"
    if asked.vcpus < 2:
        return False
    text = asked.specs.get(key)
    flavor = None if text is None else flag(text)
    image = asked.image.flag(image_key)
    if flavor is not None and image is not None and flavor != image:
        raise conflict("FlavorImageConflict", key, text, image_key, image, "Set it in one of them.")
    return bool(flavor or image)


def _kernel_queues(kernel: str | None) -> int | None:
    if kernel is None:
        return None
    major = kernel.split(".")[0] if isinstance(kernel, str) else ""
    if not (major.isascii() and major.isdigit() and len(major) <= 9):
        raise MisuseError(
            f"kernel={shorten(kernel)}: expected a release such as '5.14.0-362.el9', or None"
        )
    return _TAP_QUEUES.get(int(major))
