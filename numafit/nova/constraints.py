"""In the place of nova's functions that read flavors and images."""

from __future__ import annotations

from typing import Any

from nova import exception, objects

from numafit.errors import InvalidRequest, MisuseError
from numafit.nova import answers, convert
from numafit.rules import guest_topology, multiqueue, topology


def numa_get_constraints(flavor: Any, image_meta: Any) -> Any:
    """The guest's ``InstanceNUMATopology``, or ``None`` where nothing asks for one."""
    try:
        guest = guest_topology.guest_topology(convert.flavor(flavor), convert.image(image_meta))
    except InvalidRequest as error:
        raise answers.error(error) from error
    except MisuseError as error:
        raise exception.Invalid(str(error)) from error
    return answers.asked(guest)


def get_best_cpu_topology(flavor: Any, image_meta: Any, allow_threads: bool = True) -> Any:
    """The guest's ``VirtCPUTopology``."""
    try:
        found = topology.cpu_topology(
            convert.flavor(flavor), convert.image(image_meta), allow_threads
        )
    except InvalidRequest as error:
        raise answers.error(error) from error
    except MisuseError as error:
        raise exception.Invalid(str(error)) from error
    return objects.VirtCPUTopology(sockets=found.sockets, cores=found.cores, threads=found.threads)


def get_vif_multiqueue_constraint(flavor: Any, image_meta: Any) -> bool:
    """Whether the guest's network interfaces have several queues."""
    try:
        return multiqueue.multiqueue(convert.flavor(flavor), convert.image(image_meta)).enabled
    except InvalidRequest as error:
        raise answers.error(error) from error
    except MisuseError as error:
        raise exception.Invalid(str(error)) from error
