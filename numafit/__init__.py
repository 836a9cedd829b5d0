"""numafit: decides where a guest's NUMA cells go on a host, and says why when they fit nowhere."""

from numafit.errors import (
    InputError,
    InvalidRequest,
    InvalidValue,
    MisuseError,
    NumafitError,
    StalePlacement,
)

try:
    from numafit.fleet import Fleet
    from numafit.host import Host
except ModuleNotFoundError as error:
    if error.name not in ("numafit._engine", "numafit._header"):
        raise
    raise ImportError(
        "numafit's engine is not built. In a source tree run 'make build', or install a wheel "
        "and start Python from another folder."
    ) from error

from numafit.claims import Claim
from numafit.linking import get_include, get_library_dir
from numafit.model.flavor import Flavor, Image
from numafit.model.guest import GuestCell, GuestTopology, Limits, Networks, PciRequest
from numafit.model.hostinfo import HostCell, HostInfo, PagePool, PciPool
from numafit.model.options import FitOptions
from numafit.model.pci_address import PciAddress
from numafit.model.pci_device import PciDevice
from numafit.model.placement import PciAllocation, PciSupport, Placement, PlacementCell
from numafit.model.refusal import CellRefusal, Refusal
from numafit.model.request import Request
from numafit.rules.device_spec import DeviceSpec, parse_device_specs
from numafit.rules.guest_topology import guest_topology
from numafit.rules.inventories import with_inventories
from numafit.rules.multiqueue import Multiqueue, multiqueue
from numafit.rules.network import Port
from numafit.rules.pci_alias import Alias, Aliases, parse_aliases, pci_requests
from numafit.rules.pci_policy import pci_numa_policy
from numafit.rules.pci_pools import pools_from_devices
from numafit.rules.topology import CpuTopology, cpu_topology

__version__ = "0.1.0"

__all__ = [
    "Alias",
    "Aliases",
    "CellRefusal",
    "Claim",
    "CpuTopology",
    "DeviceSpec",
    "FitOptions",
    "Fleet",
    "Flavor",
    "GuestCell",
    "GuestTopology",
    "Host",
    "HostCell",
    "HostInfo",
    "Image",
    "InputError",
    "InvalidRequest",
    "InvalidValue",
    "Limits",
    "MisuseError",
    "Multiqueue",
    "Networks",
    "NumafitError",
    "PagePool",
    "PciAddress",
    "PciAllocation",
    "PciDevice",
    "PciPool",
    "PciRequest",
    "PciSupport",
    "Placement",
    "PlacementCell",
    "Port",
    "Refusal",
    "Request",
    "StalePlacement",
    "cpu_topology",
    "get_include",
    "get_library_dir",
    "guest_topology",
    "multiqueue",
    "parse_aliases",
    "parse_device_specs",
    "pci_numa_policy",
    "pci_requests",
    "pools_from_devices",
    "with_inventories",
]
