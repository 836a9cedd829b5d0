"""What keeps nova from migrating a server live, whatever the destination?"""

from __future__ import annotations

from numafit.model.guest import PciRequest
from numafit.model.server import Server
from numafit.model.values import flag
from numafit.rules.network import ACCELERATOR_TYPES, SRIOV_TYPES

DEVICES = "a live migration does not take its PCI devices along"
PORTS = "a live migration would detach its SR-IOV ports, which are not all macvtap"
PMEM = "nova does not migrate a guest with vPMEM live"
ENCRYPTED = "nova does not migrate a guest with encrypted memory live"
TPM = "nova does not migrate a guest with a vTPM live, unless hw:tpm_secret_security is host"
ACCELERATORS = "nova does not migrate a guest with accelerators live"
BETWEEN = "it is between two hosts, or waits for its resize to be confirmed"
RUNS = ("active", "paused")
"""States that nova's API takes (``compute/api.py``)."""
MACVTAP = "macvtap"


def stays_because(server: Server) -> str:
    """In words; ``""`` where nothing does. nova itself detaches SR-IOV ports other than macvtap
    and attaches others at the destination, between which the guest has none: here it stays."""
    specs, properties = server.flavor.extra_specs, server.image.properties
    types = set(server.vnic_types or ())
    if server.moving:
        return BETWEEN
    if server.state and server.state not in RUNS:
        return f"nova migrates a guest live that runs, it is {server.state}"
    if specs.get("hw:pmem"):
        return PMEM
    asked = (specs.get("hw:mem_encryption"), properties.get("hw_mem_encryption"))
    if any(map(flag, asked)):
        return ENCRYPTED
    tpm = specs.get("hw:tpm_version") or properties.get("hw_tpm_version")
    if tpm and specs.get("hw:tpm_secret_security") != "host":
        return TPM
    if specs.get("accel:device_profile") or types & set(ACCELERATOR_TYPES):
        return ACCELERATORS
    if types & (set(SRIOV_TYPES) - {MACVTAP}):
        return PORTS
    if server.devices and not server.pci:
        return DEVICES
    if not all(_goes_along(one, types) for one in server.pci or ()):
        return DEVICES
    return ""


def _goes_along(request: PciRequest, types: set[str]) -> bool:
    """Its device is found anew at the destination: those of macvtap ports, and by alias those that
    are asked to be ``live_migratable``."""
    if request.alias_name is None:
        return MACVTAP in types
    return bool(request.spec) and all(one.get("live_migratable") == "true" for one in request.spec)
