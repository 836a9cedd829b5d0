"""Shadow mode: numafit is asked beside nova, nova's answer is taken, each difference is logged.

A difference is one line of the log with the case as JSON; ``numafit replay LOG`` asks it again.
What numafit does here never reaches nova: an error of its own is logged and forgotten.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from nova import conf
from oslo_log import log

from numafit.nova import constraints, fit, pci, record, usage

LOG = log.getLogger(__name__)
CONF = conf.CONF
Original = Callable[..., Any]
Case = dict[str, Any]


def shadows(originals: dict[str, Original]) -> dict[str, Original]:
    """name -> nova's function with numafit asked beside it. What changes pools
    (``apply_requests``, ``consume_requests``) stays nova's alone: what they take is asked about
    in ``support_requests`` before."""
    return {
        "numa_fit_instance_to_host": _fit(originals["numa_fit_instance_to_host"]),
        "numa_usage_from_instance_numa": _usage(originals["numa_usage_from_instance_numa"]),
        "support_requests": _support(originals["support_requests"]),
        "numa_get_constraints": _of_flavor(
            originals["numa_get_constraints"],
            constraints.numa_get_constraints,
            "constraints",
            lambda found: {"topology": record.instance_numa(found)},
        ),
        "get_best_cpu_topology": _of_flavor(
            originals["get_best_cpu_topology"],
            constraints.get_best_cpu_topology,
            "cpu_topology",
            lambda found: {n: getattr(found, n) for n in ("sockets", "cores", "threads")},
        ),
        "get_vif_multiqueue_constraint": _of_flavor(
            originals["get_vif_multiqueue_constraint"],
            constraints.get_vif_multiqueue_constraint,
            "multiqueue",
            lambda found: {"value": bool(found)},
        ),
    }


def _quietly(ask: Callable[[], Any]) -> Any:
    """numafit's answer, or the error in its place; never one that nova sees."""
    try:
        return ask()
    except Exception as error:
        return error


def _report(case: Any, ours: Any, nova: Any) -> None:
    if isinstance(case, Exception):
        LOG.warning("numafit could not record a question: %r", case)
        return
    case["expect"] = nova
    case["numafit"] = repr(ours) if isinstance(ours, Exception) else ours
    LOG.warning("numafit and nova differ; %s", record.line(case))


def _fit(original: Original) -> Original:
    @functools.wraps(original)
    def beside(
        host_topology: Any,
        instance_topology: Any,
        provider_mapping: Any,
        limits: Any = None,
        pci_requests: Any = None,
        pci_stats: Any = None,
    ) -> Any:
        asked = (host_topology, instance_topology, provider_mapping)
        more = (limits, pci_requests, pci_stats)
        if not (host_topology and instance_topology):
            return original(*asked, *more)
        pack = CONF.compute.packing_host_numa_cells_allocation_strategy
        case = _quietly(lambda: record.fit(*asked, *more, pack))
        ours = _quietly(lambda: fit.numa_fit_instance_to_host(*asked, *more))
        found = original(*asked, *more)
        nova = record.fit_answer(found)
        mine = ours if isinstance(ours, Exception) else record.fit_answer(ours)
        if isinstance(mine, Exception) or _with_cores(mine, host_topology) != _with_cores(
            nova, host_topology
        ):
            _report(case, mine, nova)
        elif mine != nova:
            LOG.debug(
                "numafit takes other threads of the cores that nova takes: %s, %s", mine, nova
            )
        return found

    return beside


def _with_cores(answer: Any, host: Any) -> Any:
    """Which thread of a core is taken is left open: the core stands for it."""
    if answer is None:
        return None
    core = {
        cpu: min(siblings) for cell in host.cells for siblings in cell.siblings for cpu in siblings
    }
    return [
        {
            **cell,
            "pinning": {vcpu: core.get(cpu, cpu) for vcpu, cpu in cell["pinning"].items()},
            "cpuset_reserved": [core.get(cpu, cpu) for cpu in cell["cpuset_reserved"] or ()],
        }
        for cell in answer["cells"]
    ]


def _support(original: Original) -> Original:
    @functools.wraps(original)
    def beside(self: Any, requests: Any, provider_mapping: Any, numa_cells: Any = None) -> Any:
        asked = (self, requests, provider_mapping, numa_cells)
        case = _quietly(lambda: record.support(*asked))
        ours = _quietly(lambda: pci.support_requests(*asked))
        found = original(*asked)
        if ours is not found:
            _report(case, ours, {"supported": bool(found)})
        return found

    return beside


def _usage(original: Original) -> Original:
    @functools.wraps(original)
    def beside(host_topology: Any, instance_topology: Any, free: bool = False) -> Any:
        asked = (host_topology, instance_topology, free)
        ours = _quietly(lambda: usage.numa_usage_from_instance_numa(*asked))
        found: Any = None
        try:
            found = original(*asked)
            return found
        except Exception as error:
            found = error
            raise
        finally:
            _compare_usage(host_topology, instance_topology, free, ours, found)

    return beside


def _compare_usage(host: Any, guest: Any, free: bool, ours: Any, nova: Any) -> None:
    if isinstance(ours, Exception) or isinstance(nova, Exception):
        same = type(ours) is type(nova)
    else:
        same = ours is nova or ours.obj_to_primitive() == nova.obj_to_primitive()
    if not same:
        # no question of the vectors' format: usage follows from a placement
        LOG.warning(
            "numafit and nova differ in the usage of %s with %s (free: %s): %s, nova %s",
            host,
            guest,
            free,
            ours,
            nova,
        )


def _of_flavor(
    original: Original, mine: Original, question: str, described: Callable[[Any], Case]
) -> Original:
    def answer(ask: Callable[[], Any]) -> tuple[Case, Any]:
        try:
            found = ask()
        except Exception as error:
            return {"error": type(error).__name__, "stage": "constraints"}, error
        return described(found), found

    @functools.wraps(original)
    def beside(flavor: Any, image_meta: Any, *more: Any, **options: Any) -> Any:
        ours, _ = answer(lambda: mine(flavor, image_meta, *more, **options))
        nova, found = answer(lambda: original(flavor, image_meta, *more, **options))
        if ours != nova:
            allowed = options.get("allow_threads", more[0] if more else True)
            kept = {"allow_threads": allowed} if question == "cpu_topology" else {}
            case = _quietly(lambda: record.flavor_question(question, flavor, image_meta, **kept))
            _report(case, ours, nova)
        if isinstance(found, Exception):
            raise found
        return found

    return beside
