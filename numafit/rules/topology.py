"""Sockets, cores and threads of a guest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from numafit.errors import shorten
from numafit.model import fields
from numafit.model.flavor import Flavor, Image
from numafit.model.values import conflict, refuse
from numafit.plurals import counted
from numafit.rules.extra_specs import Asked, asked_for

_UNLIMITED = 65536
_PARTS = ("sockets", "cores", "threads")


class CpuTopology(NamedTuple):
    """``sockets`` x ``cores`` a socket x ``threads`` a core are the guest's vCPUs."""

    sockets: int
    cores: int
    threads: int


def cpu_topology(
    flavor: Flavor, image: Image | None = None, allow_threads: bool = True
) -> CpuTopology:
    """The CPU topology that a guest sees, by nova's ``get_best_cpu_topology``.

    Of all topologies within the limits (``hw:cpu_max_sockets`` and so on) the one that keeps
    most of the preferred numbers (``hw:cpu_sockets`` and so on); among those the one with the
    fewest threads, then the most sockets. An image may lower its flavor's limits, and its
    preferences replace those of the flavor. ``allow_threads``: whether the hypervisor offers
    threads; without them each core has one.

    Raises ``InvalidRequest``.
    """
    asked = asked_for(flavor, image)
    allow_threads = fields.yes_or_no("allow_threads", allow_threads)
    limits = _limits(asked)
    wanted = _wanted(asked, limits)
    if not allow_threads:
        limits = limits._replace(threads=1)
    found = list(_within(asked.vcpus, limits))
    if not found:
        raise refuse(
            "ImageVCPULimitsRangeImpossible",
            "hw:cpu_max_sockets",
            limits.sockets,
            f"limits under which sockets x cores x threads can make {counted(asked.vcpus, 'vCPU')}",
            f"They are sockets {shorten(limits.sockets)}, cores {shorten(limits.cores)} and "
            f"threads {shorten(limits.threads)}: raise one of them.",
        )
    return max(found, key=lambda one: (_kept(one, wanted), one.sockets * one.cores, one.sockets))


def _limits(asked: Asked) -> CpuTopology:
    flavor = _of_flavor(asked, "cpu_max_")
    image = _of_image(asked, "cpu_max_")
    for part, ours, theirs in zip(_PARTS, flavor, image, strict=True):
        if ours and theirs > ours:
            raise conflict(
                "ImageVCPULimitsRangeExceeded",
                f"hw:cpu_max_{part}",
                ours,
                f"hw_cpu_max_{part}",
                theirs,
                "An image may lower the flavor's limit, not raise it.",
            )
    return CpuTopology(
        *(theirs or ours or _UNLIMITED for ours, theirs in zip(flavor, image, strict=True))
    )


def _wanted(asked: Asked, limits: CpuTopology) -> CpuTopology:
    """The preferred numbers; 0 where there is no preference."""
    flavor = _of_flavor(asked, "cpu_")
    image = _of_image(asked, "cpu_")
    for part, theirs, limit in zip(_PARTS, image, limits, strict=True):
        if theirs > limit:
            raise refuse(
                "ImageVCPUTopologyRangeExceeded",
                f"hw_cpu_{part}",
                theirs,
                f"at most {shorten(limit)}, the limit of flavor and image",
            )
    if any(image):
        return image
    if any(ours > limit for ours, limit in zip(flavor, limits, strict=True)):
        # the image has lowered the limits below what the flavor would like
        return CpuTopology(0, 0, 0)
    return flavor


def _of_flavor(asked: Asked, prefix: str) -> CpuTopology:
    numbers = []
    for part in _PARTS:
        key = f"hw:{prefix}{part}"
        text = asked.specs.get(key, "0")
        try:
            numbers.append(int(text))
        except ValueError:
            raise refuse("InvalidRequest", key, text, "a whole number") from None
    return CpuTopology(*numbers)


def _of_image(asked: Asked, prefix: str) -> CpuTopology:
    return CpuTopology(*(asked.image.number(f"hw_{prefix}{part}") or 0 for part in _PARTS))


def _within(vcpus: int, limits: CpuTopology) -> Iterator[CpuTopology]:
    for sockets in _divisors(vcpus):
        if sockets > limits.sockets:
            return
        for cores in _divisors(vcpus // sockets):
            if cores > limits.cores:
                break
            threads = vcpus // sockets // cores
            if threads <= limits.threads:
                yield CpuTopology(sockets, cores, threads)


def _divisors(number: int) -> list[int]:
    """All divisors, ascending."""
    small = [n for n in range(1, int(number**0.5) + 1) if number % n == 0]
    return small + [number // n for n in reversed(small) if n * n != number]


def _kept(one: CpuTopology, wanted: CpuTopology) -> int:
    return sum(has == wish for has, wish in zip(one, wanted, strict=True) if wish)
