"""Put numafit in the place of nova's fitting code in this process, and take it out again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nova.pci import stats
from nova.virt import hardware

from numafit.errors import MisuseError
from numafit.nova import constraints, fit, modes, pci, usage
from numafit.nova.shadow import shadows

_FUNCTIONS: tuple[Callable[..., Any], ...] = (
    fit.numa_fit_instance_to_host,
    constraints.numa_get_constraints,
    constraints.get_best_cpu_topology,
    constraints.get_vif_multiqueue_constraint,
    usage.numa_usage_from_instance_numa,
)
_METHODS: tuple[Callable[..., Any], ...] = (
    pci.support_requests,
    pci.apply_requests,
    pci.consume_requests,
)
_originals: dict[tuple[Any, str], Any] = {}


def install(
    *,
    strategy: str | None = None,
    physnet_affinity: str = "any",
    pci_matching: str = "nova",
    shadow: bool = False,
) -> None:
    """From now on numafit answers where nova's callers ask ``nova.virt.hardware`` and
    ``PciDeviceStats``. Installing again changes the modes.

    ``shadow``: numafit is only asked beside nova, whose answer is taken; each difference is
    logged with the case as JSON, for ``numafit replay``. Shadow mode keeps to nova's rules.

    ``strategy="closest"``, ``physnet_affinity="all"`` and ``pci_matching="exact"`` find or refuse
    what nova's own code would not: scheduler and computes must all run with the same.
    Raises MisuseError for other words, and for such a mode together with ``shadow``.
    """
    wanted = modes.Modes(strategy, physnet_affinity, pci_matching)
    if shadow and wanted != modes.NOVA:
        raise MisuseError("shadow=True compares with nova: expected no mode beside it")
    uninstall()
    modes.use(wanted)
    for target, name, _new in substitutes():
        _originals[target, name] = getattr(target, name)
    beside = shadows({name: original for (_, name), original in _originals.items()})
    for target, name, new in substitutes():
        if not shadow:
            setattr(target, name, new)
        elif name in beside:
            setattr(target, name, beside[name])


def uninstall() -> None:
    """Nova's own code again."""
    for (target, name), original in _originals.items():
        setattr(target, name, original)
    _originals.clear()
    modes.use(modes.NOVA)


def installed() -> bool:
    """Whether ``install()`` is in force."""
    return bool(_originals)


def substitutes() -> list[tuple[Any, str, Callable[..., Any]]]:
    """(where, name, what stands there instead)."""
    found: list[tuple[Any, str, Callable[..., Any]]] = []
    found += [(hardware, one.__name__, one) for one in _FUNCTIONS]
    found += [(stats.PciDeviceStats, one.__name__, one) for one in _METHODS]
    return found
