"""Contradictions between ``[pci]`` of nova.conf and the devices of a host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from numafit.diagnosis import remote_managed
from numafit.diagnosis.finding import ERROR, NOTE, WARNING, Finding
from numafit.errors import InvalidRequest
from numafit.model.guest import PciRequest
from numafit.model.hostinfo import PciPool
from numafit.model.pci_device import PciDevice, drop_unaddressable, with_parent_serials
from numafit.model.values import flag
from numafit.rules.device_spec import DeviceSpec, Netdevs
from numafit.rules.nova_config import NovaConfig
from numafit.rules.pci_alias import Aliases, parse_aliases
from numafit.rules.pci_filter import matches, usable
from numafit.rules.pci_pools import functions_of, pools_from_devices

_SPEC = "[pci] device_spec"
_SHOWN = 4


def pci_findings(
    config: NovaConfig,
    devices: Sequence[PciDevice],
    netdevs: Mapping[str, tuple[str, bool]],
    cells: int,
    libvirt_version: Sequence[int] | None = None,
    service_versions: Sequence[int] = (),
) -> Iterator[Finding]:
    """``cells``: the host's NUMA nodes; on a host with one, it does not matter who is where.
    The versions are those of ``remote_managed.findings``."""
    kept, dropped = drop_unaddressable(with_parent_serials(devices))
    if dropped:
        yield Finding(
            NOTE,
            "unaddressable",
            _some([device.address for device in dropped]),
            "cannot be given to guests: nova knows no addresses beyond domain ffff",
            "",
        )
    specs: list[DeviceSpec] = []
    for n, text in enumerate(config.device_specs):
        key = f"{_SPEC}[{n}]"
        try:
            spec = _parsed(text, kept, netdevs, config, key)
        except InvalidRequest as error:
            yield Finding(ERROR, "device-spec", key, str(error), "")
            continue
        specs.append(spec)
        yield from _of_spec(key, spec, kept)
    listed = [device for device in kept if _tags(specs, device) is not None]
    yield from _both(listed)
    pools = _pools(listed, specs)
    yield from remote_managed.findings(pools, libvirt_version, service_versions)
    if cells > 1:
        yield from _without_node(listed)
    yield from _aliases(config, specs, kept)
    yield from _migration(specs, listed)


def _parsed(
    text: str,
    devices: Sequence[PciDevice],
    netdevs: Mapping[str, tuple[str, bool]],
    config: NovaConfig,
    key: str,
) -> DeviceSpec:
    names: Netdevs = dict(netdevs)
    spec = DeviceSpec.parse(
        text,
        functions_of(devices),
        names,
        report_in_placement=config.report_in_placement,
        key=key,
    )
    if config.report_in_placement:
        spec.check_placement()
    return spec


def _pools(devices: Sequence[PciDevice], specs: Sequence[DeviceSpec]) -> list[PciPool]:
    try:
        return pools_from_devices(devices, specs)
    except InvalidRequest:  # said of the aliases already
        return []


def _of_spec(key: str, spec: DeviceSpec, devices: Sequence[PciDevice]) -> Iterator[Finding]:
    # what a serial number would let in is what lacks one
    lacking = [
        device.address
        for device in devices
        if not device.serial
        and spec.match(device) is None
        and spec.match(replace(device, serial="x")) is not None
    ]
    if lacking:
        yield Finding(
            ERROR,
            "remote-managed",
            key,
            f"remote_managed, but {_some(lacking)} shows no serial number in its Vital Product "
            "Data, so nova leaves it out",
            "'lspci -vv -s ADDRESS' shows [SN] of the VPD where there is one.",
        )
    elif not any(spec.match(device) is not None for device in devices):
        yield Finding(
            WARNING,
            "device-spec-unused",
            key,
            "matches no device of this host",
            "'numafit discover' lists the host's network cards, 'lspci -Dnn' all devices.",
        )


def _both(listed: Sequence[PciDevice]) -> Iterator[Finding]:
    there = {device.address for device in listed if device.dev_type == "type-PF"}
    both = sorted({device.parent_addr or "" for device in listed} & there)
    if both:
        yield Finding(
            WARNING,
            "pf-and-vfs",
            _SPEC,
            f"lists PFs and VFs of theirs as well: {_some(both)}",
            "A guest that takes one of them makes the other unusable: list the PF, or its VFs.",
        )


def _without_node(listed: Sequence[PciDevice]) -> Iterator[Finding]:
    lost = [device for device in listed if device.numa_node is None or device.numa_node < 0]
    vfs = [device.address for device in lost if device.dev_type == "type-VF"]
    others = [device.address for device in lost if device.dev_type != "type-VF"]
    for kind, addresses in (("VF", vfs), ("device", others)):
        if addresses:
            yield Finding(
                WARNING,
                "no-numa-node",
                _SPEC,
                f"{len(addresses)} {kind}{'s' if len(addresses) > 1 else ''} without a NUMA "
                f"node: {_some(addresses)}",
                "Guests with PCI NUMA policy 'required' or 'socket' never get it, those with "
                "'legacy' wherever they are. The firmware says where a device is: look for a "
                "setting or an update.",
            )


def _aliases(
    config: NovaConfig, specs: Sequence[DeviceSpec], devices: Sequence[PciDevice]
) -> Iterator[Finding]:
    try:
        pools = pools_from_devices(devices, specs)
    except InvalidRequest as error:
        yield _bad_alias(error)
        return
    yield from alias_findings(
        config, [pool.as_dict() for pool in pools], "that [pci] device_spec lists"
    )


def alias_findings(
    config: NovaConfig, pools: Sequence[Mapping[str, Any]], listed: str
) -> Iterator[Finding]:
    """Aliases that no pool serves, or that are none. ``listed``: which devices there are."""
    try:
        aliases: Aliases = parse_aliases(
            config.aliases, pci_in_placement=config.pci_in_placement
        ).check()
    except InvalidRequest as error:
        yield _bad_alias(error)
        return
    for name, alias in aliases.items():
        request = PciRequest(1, alias.specs, alias_name=name)
        found = [pool for pool in pools if matches(request, pool)]
        if not any(usable(request, pool) for pool in found):
            why = (
                "the devices that match may not be taken by it (PFs, vDPA and remote-managed "
                "devices go to those who ask for them by type)"
                if found
                else f"no device {listed} matches it"
            )
            yield Finding(
                WARNING,
                "alias-unserved",
                f"[pci] alias {name!r}",
                f"no device here can serve it: {why}",
                "Correct vendor_id, product_id or device_type, list its devices in device_spec, "
                "or leave it: an alias may be for other hosts.",
            )


def _bad_alias(error: InvalidRequest) -> Finding:
    return Finding(ERROR, "alias", error.key or "[pci] alias", str(error), "")


def _migration(specs: Sequence[DeviceSpec], listed: Sequence[PciDevice]) -> Iterator[Finding]:
    networked, remote, others = [], [], []
    for device in listed:
        tags = _tags(specs, device) or {}
        if flag(tags.get("remote_managed")):
            remote.append(device.address)
        elif "physical_network" in tags:
            networked.append(device.address)
        elif tags.get("live_migratable") != "true":
            others.append(device.address)
    for where, addresses, what in (
        (
            "SR-IOV ports",
            networked,
            "a live migration takes the device of a 'direct' port away and gives the guest "
            "another one on the new host: its network is down meanwhile, unless it has a second "
            "interface to fail over to. 'macvtap' ports keep their interface",
        ),
        (
            "remote-managed ports",
            remote,
            "they migrate only to a host with remote-managed devices on the same physical "
            "network, and lose their device for the time of a live migration",
        ),
        (
            "PCI aliases",
            others,
            "a guest that has such a device does not migrate live, unless device_spec and alias "
            "say live_migratable",
        ),
    ):
        if addresses:
            yield Finding(NOTE, "migration", where, f"{what} ({_some(addresses)})", "")


def _tags(specs: Sequence[DeviceSpec], device: PciDevice) -> dict[str, Any] | None:
    for spec in specs:
        tags = spec.match(device)
        if tags is not None:
            return tags
    return None


def _some(addresses: Sequence[str]) -> str:
    more = len(addresses) - _SHOWN
    return ", ".join(addresses[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
