"""``openstack server show -f json`` -> Server: what it was started with, and where it is.

What it holds there (CPUs, devices) nova's API does not tell.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from numafit.errors import InputError
from numafit.model.flavor import Flavor, Image
from numafit.model.server import Server
from numafit.readers import checks
from numafit.readers.flavors import flavors_from
from numafit.readers.textfile import load

_NODE, _HOST = "OS-EXT-SRV-ATTR:hypervisor_hostname", "OS-EXT-SRV-ATTR:host"
_STATE = "OS-EXT-STS:vm_state"
_SHOW = "Run: openstack --os-compute-api-version 2.61 server show -f json SERVER, as an admin."


def read_server(path: str | os.PathLike[str], image: Image | None = None) -> Server:
    """The server of a file, as the command or nova's API (``{"server": {...}}``) print it.

    ``image``: the server shows its image's name alone. Raises ``InputError``.
    """
    file = os.fspath(path)
    try:
        data = checks.mapping(None, load(path), "a server")
        if isinstance(data.get("server"), Mapping):
            data = data["server"]
        return Server(
            checks.text("id", checks.required(data, "id", "the server's uuid")),
            checks.label("name", data.get("name") or ""),
            checks.label(_NODE, data.get(_NODE) or data.get(_HOST) or ""),
            _flavor(data.get("flavor")),
            image or Image(),
            moving=data.get(_STATE) == "resized",
        )
    except InputError as error:
        raise error.within(file) from None


def _flavor(found: object) -> Flavor:
    if not isinstance(found, Mapping):
        raise InputError(None, "flavor", found, "the flavor with its extra specs", _SHOW)
    # 'server show' calls the name original_name, and prints an id where the flavor is gone
    data = {
        "name": found.get("original_name") or found.get("name") or "",
        "vcpus": found.get("vcpus"),
        "ram": found.get("ram"),
        "disk": found.get("disk"),
        "OS-FLV-EXT-DATA:ephemeral": found.get("ephemeral"),
        "swap": found.get("swap"),
    }
    if found.get("extra_specs") is None:
        raise InputError(None, "flavor.extra_specs", None, "the extra specs of the flavor", _SHOW)
    data["extra_specs"] = found["extra_specs"]
    try:
        return flavors_from(data)[0]
    except InputError as error:
        raise error.within(key="flavor") from None
