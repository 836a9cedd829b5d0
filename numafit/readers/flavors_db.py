"""nova's API database -> flavors (extra ``openstack``: SQLAlchemy)."""

from __future__ import annotations

from numafit.model.flavor import Flavor
from numafit.readers.api_db import KIND, ApiDb
from numafit.readers.database import url_of
from numafit.readers.flavors import BrokenFlavor, flavors_from

_COLUMNS = ("id", "name", "vcpus", "memory_mb", "root_gb", "ephemeral_gb", "swap", "is_public")


def is_database(source: str) -> bool:
    """Does the text name nova's API database, and no file of flavors?"""
    return "://" in source or source.startswith("env:") or source.endswith(".conf")


def read_flavors_db(source: str, broken: list[BrokenFlavor] | None = None) -> list[Flavor]:
    """All flavors, in the order in which they were made. ``source``: a URL, ``env:VARIABLE`` that
    holds one, or a nova.conf with ``[api_database] connection``; ``broken``: as ``read_flavors``
    takes it. Raises ``InputError``."""
    with ApiDb(url_of(source, KIND)) as database:
        return flavors_from(_rows(database), database.name, broken)


def _rows(database: ApiDb) -> list[dict[str, object]]:
    """As nova's API would tell of them."""
    specs: dict[int, dict[str, str]] = {}
    for flavor, key, value in database.each("flavor_extra_specs", "flavor_id", "key", "value"):
        specs.setdefault(flavor, {})[key] = value
    return [
        {
            "name": name,
            "vcpus": vcpus,
            "ram": memory,
            "disk": root,
            "OS-FLV-EXT-DATA:ephemeral": ephemeral,
            "swap": swap,
            "os-flavor-access:is_public": None if public is None else bool(public),
            "extra_specs": specs.get(number, {}),
        }
        for number, name, vcpus, memory, root, ephemeral, swap, public in database.each(
            "flavors", *_COLUMNS
        )
    ]
