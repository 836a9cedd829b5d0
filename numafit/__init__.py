"""numafit: decides where a guest's NUMA cells go on a host, and says why when they fit nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"

__all__ = [
    "Adopted",
    "Alias",
    "Aliases",
    "CellRefusal",
    "Changed",
    "Claim",
    "CpuTopology",
    "DeviceSpec",
    "FitOptions",
    "Flavor",
    "Fleet",
    "GuestCell",
    "GuestTopology",
    "Host",
    "HostCell",
    "HostInfo",
    "Image",
    "InputError",
    "InvalidRequest",
    "InvalidValue",
    "Journal",
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
    "SweepError",
    "cpu_topology",
    "get_include",
    "get_library_dir",
    "grid",
    "guest_topology",
    "multiqueue",
    "parse_aliases",
    "parse_device_specs",
    "pci_numa_policy",
    "pci_requests",
    "pools_from_devices",
    "sweep",
    "with_inventories",
]

if TYPE_CHECKING:
    from numafit._public import *
else:

    def __getattr__(name):
        """Any of them, all of which are imported with the first: ``numafit --help`` needs none."""
        import importlib
        import sys

        # PyCapsule_Import asks for the engine: the functions of numafit.h
        if name in __all__ or name == "_engine" or not name.startswith("_"):
            public = importlib.import_module("numafit._public")
            mine = sys.modules[__name__].__dict__
            mine.update((one, getattr(public, one)) for one in __all__)
            # a module of the package has come along
            if name in mine:
                return mine[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__():
        return [*globals(), *__all__]
