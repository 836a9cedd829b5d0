"""nova.conf -> NovaConfig, read by oslo.config as nova reads it (extra ``openstack``).

Later files win over earlier ones, and the ``*.conf`` files of ``--config-dir`` directories over
both. The environment (``OS_COMPUTE__...``) is not looked at: a file means the same everywhere.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from numafit.errors import InputError
from numafit.model.hostinfo import MAX_ID, MAX_PAGE_KIB, MAX_PAGES
from numafit.readers import bounds, checks
from numafit.readers.oslo_files import Options, OsloFiles, of_type
from numafit.rules.filters import DEFAULT_FILTERS, Filters
from numafit.rules.image_fields import ARCHITECTURE
from numafit.rules.nova_config import NovaConfig, ReservedPages
from numafit.rules.pages import size_in_kib

_SECTION = "neutron_physnet_"
_PAGES = "node, size and count, such as node:0,size:2048,count:64"

# group, option -> type, and the older names (group, option) under which nova still reads it
_OPTIONS: Options = {
    ("DEFAULT", "vcpu_pin_set"): of_type("text"),
    ("DEFAULT", "reserved_host_cpus"): of_type("whole", default=0, low=0),
    ("DEFAULT", "reserved_host_memory_mb"): of_type("whole", low=0),
    ("DEFAULT", "reserved_host_disk_mb"): of_type("whole", default=0, low=0),
    ("DEFAULT", "reserved_huge_pages"): of_type("texts"),
    ("DEFAULT", "cpu_allocation_ratio"): of_type("number", low=0),
    ("DEFAULT", "ram_allocation_ratio"): of_type("number", low=0),
    ("DEFAULT", "disk_allocation_ratio"): of_type("number", low=0),
    ("DEFAULT", "initial_cpu_allocation_ratio"): of_type("number", default=4.0, low=0),
    ("DEFAULT", "initial_ram_allocation_ratio"): of_type("number", default=1.0, low=0),
    ("DEFAULT", "initial_disk_allocation_ratio"): of_type("number", default=1.0, low=0),
    ("DEFAULT", "allow_resize_to_same_host"): of_type("flag", default=False),
    ("compute", "cpu_dedicated_set"): of_type("text"),
    ("compute", "cpu_shared_set"): of_type("text"),
    ("compute", "packing_host_numa_cells_allocation_strategy"): of_type("flag", default=False),
    ("neutron", "physnets"): of_type("list"),
    ("neutron_tunnel", "numa_nodes"): of_type("wholes"),
    ("pci", "device_spec"): of_type(
        "texts",
        older=(("pci", "passthrough_whitelist"), ("DEFAULT", "pci_passthrough_whitelist")),
    ),
    ("pci", "alias"): of_type("texts", older=(("DEFAULT", "pci_alias"),)),
    ("pci", "report_in_placement"): of_type("flag", default=False),
    ("filter_scheduler", "enabled_filters"): of_type("list"),
    ("filter_scheduler", "image_properties_default_architecture"): of_type("text"),
    ("filter_scheduler", "pci_in_placement"): of_type("flag", default=False),
    ("workarounds", "disable_fallback_pcpu_query"): of_type("flag", default=False),
    ("libvirt", "max_queues"): of_type("whole", low=1),
    ("libvirt", "cpu_power_management"): of_type("flag", default=False),
}


def read_nova_conf(
    files: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    config_dirs: Sequence[str | os.PathLike[str]] = (),
) -> NovaConfig:
    """The options of one or more nova.conf files that decide where guests go.

    Raises ``InputError`` with the file, ``[section] option``, the value and what was expected;
    for text that is not a configuration file, with its line. What only a host can tell (CPUs and
    nodes that are not there) is asked by ``apply_config``. ``MissingExtra`` without oslo.config.
    """
    found = OsloFiles(files, config_dirs, _OPTIONS)
    get = found.get
    names = get("neutron", "physnets")
    if len(names) > bounds.PHYSNETS:
        file = found.place("neutron", "physnets")
        raise InputError(
            file, "[neutron] physnets", f"{len(names)} of them", f"at most {bounds.PHYSNETS}"
        )
    physnets = {name: found.nodes(f"{_SECTION}{name}") for name in names}
    return NovaConfig(
        file=found.file,
        given=found.given(),
        assigned=found.assigned,
        cpu_dedicated_set=_cpus(found, "compute", "cpu_dedicated_set"),
        cpu_shared_set=_cpus(found, "compute", "cpu_shared_set"),
        vcpu_pin_set=_cpus(found, "DEFAULT", "vcpu_pin_set"),
        reserved_host_cpus=get("DEFAULT", "reserved_host_cpus"),
        reserved_host_memory_mb=get("DEFAULT", "reserved_host_memory_mb"),
        reserved_host_disk_mb=get("DEFAULT", "reserved_host_disk_mb"),
        reserved_pages=_reserved(found),
        cpu_allocation_ratio=_ratio(found, "cpu_allocation_ratio"),
        ram_allocation_ratio=_ratio(found, "ram_allocation_ratio"),
        disk_allocation_ratio=_ratio(found, "disk_allocation_ratio"),
        # nova passes over an initial ratio of 0 too, and then has its default
        initial_cpu_allocation_ratio=_ratio(found, "initial_cpu_allocation_ratio") or 4.0,
        initial_ram_allocation_ratio=_ratio(found, "initial_ram_allocation_ratio") or 1.0,
        initial_disk_allocation_ratio=_ratio(found, "initial_disk_allocation_ratio") or 1.0,
        pack_host_cells=get("compute", "packing_host_numa_cells_allocation_strategy"),
        physnet_nodes=physnets,
        sections=tuple(
            name.removeprefix(_SECTION) for name in found.sections() if name.startswith(_SECTION)
        ),
        tunnel_nodes=tuple(get("neutron_tunnel", "numa_nodes")),
        misnamed_tunnel="neutron_tunneled" in found.sections(),
        stray_sections=tuple(
            name
            for name in found.sections()
            if name.startswith("neutron")
            and not name.startswith(_SECTION)
            and name not in ("neutron", "neutron_tunnel", "neutron_tunneled")
        ),
        device_specs=tuple(get("pci", "device_spec")),
        aliases=tuple(get("pci", "alias")),
        report_in_placement=get("pci", "report_in_placement"),
        pci_in_placement=get("filter_scheduler", "pci_in_placement"),
        max_queues=get("libvirt", "max_queues"),
        cpu_power_management=get("libvirt", "cpu_power_management"),
        allow_resize_to_same_host=get("DEFAULT", "allow_resize_to_same_host"),
        filters=_filters(found),
    )


def _filters(found: OsloFiles) -> Filters:
    group, option = "filter_scheduler", "image_properties_default_architecture"
    architecture = found.get(group, option)
    if architecture:
        try:
            ARCHITECTURE.read(architecture)
        except ValueError:
            file, expected = found.place(group, option), ARCHITECTURE.expected
            raise InputError(file, f"[{group}] {option}", architecture, expected) from None
    names = tuple(found.get(group, "enabled_filters") or ())
    second = not found.get("workarounds", "disable_fallback_pcpu_query")
    return Filters(names or DEFAULT_FILTERS, architecture or None, second)


def _cpus(found: OsloFiles, group: str, name: str) -> frozenset[int] | None:
    text = found.get(group, name)
    if not text:
        return None
    try:
        return checks.cpu_list(f"[{group}] {name}", text)
    except InputError as error:
        raise error.within(found.place(group, name)) from None


def _ratio(found: OsloFiles, name: str) -> float | None:
    ratio = found.get("DEFAULT", name)
    if ratio is None:
        return None
    try:
        # before Stein 0.0 was the default and meant: not set
        return checks.number(f"[DEFAULT] {name}", ratio) or None
    except InputError as error:
        raise error.within(found.place("DEFAULT", name)) from None


def _reserved(found: OsloFiles) -> tuple[ReservedPages, ...]:
    # nova keeps the last of two values for one node and size
    last: dict[tuple[int, int], ReservedPages] = {}
    for text in found.get("DEFAULT", "reserved_huge_pages"):
        pages = _pages(found, text)
        last[pages.node, pages.size_kib] = pages
    return tuple(last.values())


def _pages(found: OsloFiles, text: str) -> ReservedPages:
    file, key = found.place("DEFAULT", "reserved_huge_pages"), "[DEFAULT] reserved_huge_pages"
    parts: dict[str, str] = {}
    for part in text.split(","):
        name, _, value = part.partition(":")
        parts[name.strip()] = value.strip()
    if not parts.keys() >= {"node", "size", "count"}:
        raise InputError(file, key, text, _PAGES)
    size: float | None = None
    try:
        size = int(parts["size"])
    except ValueError:
        size = _with_unit(parts["size"])
    try:
        node, count = int(parts["node"]), int(parts["count"])
    except ValueError:
        raise InputError(file, key, text, _PAGES) from None
    good = size is not None and size == int(size) and 1 <= size <= MAX_PAGE_KIB
    if not good or not 0 <= node <= MAX_ID or not 0 <= count <= MAX_PAGES:
        raise InputError(file, key, text, f"{_PAGES}; sizes are KiB, or have a unit as in 1GB")
    return ReservedPages(node, int(size or 0), count)


def _with_unit(text: str) -> float | None:
    try:
        return size_in_kib(text)
    except OverflowError:
        return None
