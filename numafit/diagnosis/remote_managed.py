"""What remote-managed devices (VFs of a SmartNIC that another host programs) ask of a cloud."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from numafit.diagnosis.finding import ERROR, WARNING, Finding
from numafit.model.hostinfo import PciPool
from numafit.model.values import flag, refuse
from numafit.rules.network import Port

YOGA = 61
"""Nova's service version from which all computes know remote-managed ports."""

VPD_SINCE = (7, 9, 0)
VLAN_CLEARED_SINCE = (8, 1, 0)


def check_computes(ports: Iterable[Port], service_versions: Iterable[int]) -> None:
    """Whether all computes (``services.version`` of nova's database) know such ports.

    Raises ``InvalidRequest`` (``ForbiddenWithRemoteManagedPorts``), as nova's API does while one
    compute is older than Yoga.
    """
    oldest = min(service_versions, default=YOGA)
    if oldest < YOGA and any(port.vnic_type == "remote-managed" for port in ports):
        raise refuse(
            "ForbiddenWithRemoteManagedPorts",
            "vnic_type",
            "remote-managed",
            f"every nova-compute at service version {YOGA} (Yoga) or later; the oldest is {oldest}",
            "Finish the upgrade first.",
        )


def findings(
    pools: Iterable[PciPool],
    libvirt_version: Sequence[int] | None = None,
    service_versions: Iterable[int] = (),
) -> Iterator[Finding]:
    """What stands in the way of a host's remote-managed pools.

    ``libvirt_version``: of the host, as ``(7, 6, 0)``; ``None`` where it is not known.
    ``service_versions``: those of all computes; none where they are not known.
    """
    managed = [pool for pool in pools if flag(pool.tags.get("remote_managed"))]
    for pool in managed:
        if pool.tags.get("dev_type") == "type-PF":
            yield Finding(
                WARNING,
                "remote-managed",
                f"pool {pool.vendor_id}:{pool.product_id} at {pool.tags.get('address')}",
                "remote_managed on a PF, expected on VFs only",
                "A guest cannot reach the other side of a PF: narrow the device_spec by the "
                "product_id of the VFs.",
            )
    oldest = min(service_versions, default=YOGA)
    if managed and oldest < YOGA:
        yield Finding(
            ERROR,
            "remote-managed",
            "services of the database",
            f"the oldest nova-compute has service version {oldest}, expected {YOGA} (Yoga) or "
            "later",
            "Until all of them are upgraded nova's API refuses servers with such ports.",
        )
    if not managed or libvirt_version is None:
        return
    version = tuple(libvirt_version)
    if version < VPD_SINCE:
        yield Finding(
            ERROR,
            "remote-managed",
            f"libvirt {_dotted(version)}",
            "shows no Vital Product Data, expected 7.9.0 or later",
            "Without the card's serial number no device can be remote-managed.",
        )
    if version < VLAN_CLEARED_SINCE:
        yield Finding(
            WARNING,
            "remote-managed",
            f"libvirt {_dotted(version)}",
            "clears the VLAN of a VF by setting VLAN 0, which cards that are managed remotely "
            "refuse, expected 8.1.0 or later",
            "Update libvirt, or use a card that takes VLAN 0.",
        )


def _dotted(version: Sequence[int]) -> str:
    return ".".join(map(str, version))
