"""Are the names of tests/unit/test_novas_names.py still nova's? Run by ``make test-nova``."""

from __future__ import annotations

import json
from pathlib import Path

import os_resource_classes
from nova import objects
from nova.objects.image_meta import ImageMetaProps
from nova.scheduler import filters
from nova.scheduler.host_manager import HostState

objects.register_all()
DATA = Path(__file__).parents[1] / "unit/data/nova_names.json"


def test_the_names_are_those_of_nova():
    host = HostState("h", "n", "00000000-0000-0000-0000-000000000000")
    assert json.loads(DATA.read_text("utf-8")) == {
        "resource_classes": sorted(os_resource_classes.STANDARDS),
        "filters": sorted({one.__name__ for one in filters.HostFilterHandler().get_all_classes()}),
        "host_state": sorted(name for name in vars(host) if not name.startswith("_")),
        "image_properties": sorted(ImageMetaProps.fields),
    }
