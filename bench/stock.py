"""Nova 34 beside numafit, in the same process: where it is, and its questions on the same cases.

Nova is installed in an environment of its own; NUMAFIT_NOVA_PYTHON names that environment's
Python (else ``.venv-nova/bin/python`` is looked for). Its packages are added behind numafit's own,
so nothing is installed anywhere and the same call stack, clock and memory serve both.
"""

from __future__ import annotations

import json
import logging
import os
import site
import subprocess
import sys
import warnings
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ASK = "import sys, sysconfig; print(*sys.version_info[:2], sysconfig.get_path('purelib'))"
Case = Mapping[str, Any]


@cache
def missing() -> str | None:
    """Why nova cannot be measured here, in words; ``None``: it can."""
    python = os.environ.get("NUMAFIT_NOVA_PYTHON") or ROOT / ".venv-nova" / "bin" / "python"
    if not Path(python).exists():
        return f"nova is not installed ({python} does not exist; see bench/README.md)"
    answer = subprocess.run([python, "-c", ASK], capture_output=True, text=True, check=False)
    if answer.returncode:
        return f"{python} does not run: {answer.stderr.strip().splitlines()[-1:]}"
    major, minor, packages = answer.stdout.split(maxsplit=2)
    if (int(major), int(minor)) != sys.version_info[:2]:
        own = ".".join(map(str, sys.version_info[:2]))
        return f"nova's Python is {major}.{minor}, numafit was built for {own}: use the same"
    site.addsitedir(packages.strip())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import nova.conf
            from nova import objects
            from nova.pci import stats  # noqa: F401
            from nova.virt import hardware  # noqa: F401
    except ImportError as error:
        return f"nova cannot be imported from {packages.strip()}: {error}"
    warnings.filterwarnings("ignore")
    logging.disable(logging.CRITICAL)
    objects.register_all()
    nova.conf.CONF([], project="nova", default_config_files=[])
    return None


class Stock:
    """Nova's objects of one case, and its answers. Only where ``missing()`` is ``None``."""

    def __init__(self, topology: str, pools: str | None = None) -> None:
        from nova import objects
        from nova.pci import stats
        from nova.virt import hardware

        self.objects, self.hardware = objects, hardware
        self.text = topology
        self.host = self.read()
        self.stats = None
        if pools is not None:
            found = objects.PciDevicePoolList.obj_from_primitive(json.loads(pools))
            self.stats = stats.PciDeviceStats(self.host, found)

    def read(self) -> Any:
        """The host's topology from its JSON text, as nova's scheduler reads a row."""
        return self.objects.NUMATopology.obj_from_db_obj(self.text)

    def instance(self, flavor: Case) -> Any:
        """The guest topology of a flavor."""
        made = self.objects.Flavor(
            vcpus=flavor["vcpus"],
            memory_mb=flavor["memory_mb"],
            name=flavor["name"],
            extra_specs=dict(flavor["extra_specs"]),
        )
        image = self.objects.ImageMeta.from_dict({"name": "", "properties": {}})
        return self.hardware.numa_get_constraints(made, image)

    def limits(self, cpu_ratio: float, ram_ratio: float, networks: Case | None = None) -> Any:
        made = self.objects.NUMATopologyLimits(
            cpu_allocation_ratio=cpu_ratio, ram_allocation_ratio=ram_ratio
        )
        if networks is not None:
            made.network_metadata = self.objects.NetworkMetadata(
                physnets=set(networks["physnets"]), tunneled=networks["tunneled"]
            )
        return made

    def requests(self, requests: list[Case]) -> Any:
        return [
            self.objects.InstancePCIRequest(
                count=r["count"],
                spec=r["spec"],
                numa_policy=r["numa_policy"],
                request_id=f"00000000-0000-0000-0000-{n:012}",
            )
            for n, r in enumerate(requests)
        ]

    def fit(self, instance: Any, limits: Any = None, pci: Any = None) -> Any:
        """The guest's placement or ``None``; ``instance`` is written to."""
        return self.hardware.numa_fit_instance_to_host(
            self.host,
            instance,
            provider_mapping=None,
            limits=limits,
            pci_requests=pci,
            pci_stats=self.stats if pci is not None else None,
        )

    def usage(self, host: Any, instance: Any, free: bool = False) -> Any:
        """The host with the placement taken, or given back."""
        return self.hardware.numa_usage_from_instance_numa(host, instance, free=free)
