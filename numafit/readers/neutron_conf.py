"""Files of neutron's agents -> NeutronConfig, read by oslo.config (extra ``openstack``).

Read are the Linux bridge agent (``[linux_bridge] physical_interface_mappings`` and
``bridge_mappings``, ``[vxlan] local_ip``), the Open vSwitch agent (``[ovs] bridge_mappings`` and
``local_ip``) and the SR-IOV agent (``[sriov_nic] physical_device_mappings``); all of them may
stand in one file. OVN keeps its configuration in the switch's database instead: ``from_ovn``.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Iterable, Sequence

from numafit.errors import InputError
from numafit.model.neutron_config import INTEGRATION_BRIDGES, NeutronConfig, Switch
from numafit.readers.oslo_files import Options, OsloFiles, of_type

_OPTIONS: Options = {
    ("linux_bridge", "physical_interface_mappings"): of_type("list"),
    ("linux_bridge", "bridge_mappings"): of_type("list"),
    ("vxlan", "enable_vxlan"): of_type("flag", default=True),
    ("vxlan", "local_ip"): of_type("text"),
    ("ovs", "bridge_mappings"): of_type("list"),
    ("ovs", "local_ip"): of_type("text"),
    ("ovs", "integration_bridge"): of_type("text", default="br-int"),
    ("ovs", "tunnel_bridge"): of_type("text", default="br-tun"),
    ("sriov_nic", "physical_device_mappings"): of_type("list"),
}


def read_neutron_conf(
    files: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    config_dirs: Sequence[str | os.PathLike[str]] = (),
) -> NeutronConfig:
    """What the files of one host's agents say; later files win.

    Raises ``InputError`` with the file, ``[section] option``, the value and what was expected.
    """
    found = OsloFiles(files, config_dirs, _OPTIONS)
    interfaces: dict[str, tuple[str, ...]] = {}
    # one physnet may have several SR-IOV devices, and a Linux bridge besides
    for group, option, once in (
        ("linux_bridge", "physical_interface_mappings", True),
        ("sriov_nic", "physical_device_mappings", False),
    ):
        for physnet, interface in _pairs(found, group, option, once=once):
            interfaces[physnet] = (*interfaces.get(physnet, ()), interface)
    bridges: dict[str, str] = {}
    for group in ("linux_bridge", "ovs"):
        bridges.update(_pairs(found, group, "bridge_mappings", once=True))
    own = (found.get("ovs", "integration_bridge"), found.get("ovs", "tunnel_bridge"))
    vxlan = "vxlan" if found.get("vxlan", "enable_vxlan") else None
    return NeutronConfig(
        file=found.file,
        interfaces=interfaces,
        bridges=bridges,
        local_ips=_address(found, "ovs") or (_address(found, vxlan) if vxlan else ()),
        integration_bridges=INTEGRATION_BRIDGES.union(own),
    )


def from_ovn(switch: Switch) -> NeutronConfig | None:
    """What OVN keeps in ``external_ids`` of the table Open_vSwitch: ``ovn-bridge-mappings``,
    ``ovn-encap-ip`` (one or several), ``ovn-bridge``. ``None`` without OVN.
    """
    ids = switch.external_ids
    mappings, endpoint = ids.get("ovn-bridge-mappings"), ids.get("ovn-encap-ip")
    if mappings is None and endpoint is None:
        return None
    fail = _Failure(switch.file)
    key = "external_ids:ovn-bridge-mappings"
    pairs = _parse_pairs((mappings or "").split(","), fail.at(key), once=True)
    at = fail.at("external_ids:ovn-encap-ip")
    addresses = [one.strip() for one in (endpoint or "").split(",") if one.strip()]
    return NeutronConfig(
        file=switch.file,
        bridges=dict(pairs),
        local_ips=tuple(_check_address(one, at) for one in addresses),
        integration_bridges=INTEGRATION_BRIDGES | {ids.get("ovn-bridge", "br-int")},
    )


def mapped(pairs: Sequence[str], local_ip: str | None = None) -> NeutronConfig:
    """``physnet:interface`` pairs (or bridges) and a tunnel address, as a person names them."""
    fail = _Failure(None)
    interfaces: dict[str, tuple[str, ...]] = {}
    for physnet, name in _parse_pairs(pairs, fail.at("--map"), once=False):
        interfaces[physnet] = (*interfaces.get(physnet, ()), name)
    addresses = (_check_address(local_ip, fail.at("--tunnel-ip")),) if local_ip else ()
    return NeutronConfig(interfaces=interfaces, local_ips=addresses)


class _Failure:
    """Makes errors that know their file."""

    def __init__(self, file: str | None) -> None:
        self.file = file

    def at(self, key: str) -> Callable[[object, str], InputError]:
        return lambda value, expected: InputError(self.file, key, value, expected)


def _pairs(found: OsloFiles, group: str, option: str, *, once: bool) -> list[tuple[str, str]]:
    fail = _Failure(found.place(group, option)).at(f"[{group}] {option}")
    return _parse_pairs(found.get(group, option), fail, once=once)


def _parse_pairs(
    entries: Iterable[str], fail: Callable[[object, str], InputError], *, once: bool
) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    known: set[str] = set()
    for entry in entries:
        if not entry.strip():
            continue
        physnet, colon, target = (part.strip() for part in entry.partition(":"))
        if not physnet or not colon or not target or ":" in target or not entry.isprintable():
            raise fail(entry, "physnet:name, several of them behind commas")
        if once and physnet in known:
            raise fail(entry, f"physnet {physnet!r} once")
        known.add(physnet)
        pairs.append((physnet, target))
    return pairs


def _address(found: OsloFiles, group: str) -> tuple[str, ...]:
    text: str | None = found.get(group, "local_ip")
    if not text:
        return ()
    fail = _Failure(found.place(group, "local_ip")).at(f"[{group}] local_ip")
    return (_check_address(text, fail),)


def _check_address(text: str, fail: Callable[[object, str], InputError]) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise fail(text, "an IPv4 or IPv6 address") from None
