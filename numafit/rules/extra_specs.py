"""What a flavor and an image ask for, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from numafit.model import fields
from numafit.model.flavor import Flavor, Image
from numafit.model.values import conflict
from numafit.rules.image_properties import ImageProperties


class Asked(NamedTuple):
    """One request as its rules see it.

    ``vcpus``: number of vCPUs. ``memory_mb``: MiB. ``specs``: the flavor's extra specs.
    ``image``: the image's properties, read and typed.
    """

    vcpus: int
    memory_mb: int
    specs: Mapping[str, str]
    image: ImageProperties


def asked_for(flavor: Flavor, image: Image | None) -> Asked:
    """Flavor and image side by side; raises ``InvalidRequest`` for the image's properties, and
    ``MisuseError`` for what is not a flavor or an image."""
    fields.instance("flavor", flavor, Flavor)
    fields.instance("image", image, Image, none=True)
    properties = ImageProperties(image.properties if image is not None else {})
    return Asked(flavor.vcpus, flavor.memory_mb, flavor.extra_specs, properties)


def one_of_both(asked: Asked, prefix: str, name: str) -> str | None:
    """A word that flavor and image may both name, but not differently."""
    key, image_key = f"{prefix}:{name}", f"{prefix}_{name}"
    flavor, image = asked.specs.get(key), asked.image.text(image_key)
    if flavor and image and flavor != image:
        raise conflict(
            "FlavorImageConflict", key, flavor, image_key, image, "Set it in one of them."
        )
    return flavor or image
