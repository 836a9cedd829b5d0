"""The names that ``numafit`` offers, each with the module that it comes from."""

from numafit.errors import ENGINE, NOT_BUILT
from numafit.errors import InputError as InputError
from numafit.errors import InvalidRequest as InvalidRequest
from numafit.errors import InvalidValue as InvalidValue
from numafit.errors import MisuseError as MisuseError
from numafit.errors import NumafitError as NumafitError
from numafit.errors import StalePlacement as StalePlacement
from numafit.errors import SweepError as SweepError

try:
    from numafit.fleet import Fleet as Fleet
    from numafit.host import Host as Host
except ModuleNotFoundError as error:
    if error.name not in ENGINE:
        raise
    raise ImportError(NOT_BUILT) from error

from numafit.adopting import Adopted as Adopted
from numafit.changes import Changed as Changed
from numafit.claims import Claim as Claim
from numafit.journal import Journal as Journal
from numafit.linking import get_include as get_include
from numafit.linking import get_library_dir as get_library_dir
from numafit.model.flavor import Flavor as Flavor
from numafit.model.flavor import Image as Image
from numafit.model.guest import GuestCell as GuestCell
from numafit.model.guest import GuestTopology as GuestTopology
from numafit.model.guest import Limits as Limits
from numafit.model.guest import Networks as Networks
from numafit.model.guest import PciRequest as PciRequest
from numafit.model.hostinfo import HostCell as HostCell
from numafit.model.hostinfo import HostInfo as HostInfo
from numafit.model.hostinfo import PagePool as PagePool
from numafit.model.hostinfo import PciPool as PciPool
from numafit.model.options import FitOptions as FitOptions
from numafit.model.pci_address import PciAddress as PciAddress
from numafit.model.pci_device import PciDevice as PciDevice
from numafit.model.placement import PciAllocation as PciAllocation
from numafit.model.placement import PciSupport as PciSupport
from numafit.model.placement import Placement as Placement
from numafit.model.placement import PlacementCell as PlacementCell
from numafit.model.refusal import CellRefusal as CellRefusal
from numafit.model.refusal import Refusal as Refusal
from numafit.model.request import Request as Request
from numafit.rules.device_spec import DeviceSpec as DeviceSpec
from numafit.rules.device_spec import parse_device_specs as parse_device_specs
from numafit.rules.guest_topology import guest_topology as guest_topology
from numafit.rules.inventories import with_inventories as with_inventories
from numafit.rules.multiqueue import Multiqueue as Multiqueue
from numafit.rules.multiqueue import multiqueue as multiqueue
from numafit.rules.network import Port as Port
from numafit.rules.pci_alias import Alias as Alias
from numafit.rules.pci_alias import Aliases as Aliases
from numafit.rules.pci_alias import parse_aliases as parse_aliases
from numafit.rules.pci_alias import pci_requests as pci_requests
from numafit.rules.pci_policy import pci_numa_policy as pci_numa_policy
from numafit.rules.pci_pools import pools_from_devices as pools_from_devices
from numafit.rules.topology import CpuTopology as CpuTopology
from numafit.rules.topology import cpu_topology as cpu_topology
from numafit.sweeping.points import grid as grid
from numafit.sweeping.sweep import sweep as sweep
