"""What a flavor and an image ask for, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from numafit.model.image_properties import ImageProperties


class Asked(NamedTuple):
    """One request as its rules see it.

    ``vcpus``: number of vCPUs. ``memory_mb``: MiB. ``specs``: the flavor's extra specs.
    ``image``: the image's properties, read and typed.
    """

    vcpus: int
    memory_mb: int
    specs: Mapping[str, str]
    image: ImageProperties
