"""What the oracles share: images as nova reads them, and errors by their names."""

import json

from nova import objects
from nova.image import glance


def error(found, stage):
    # what json raises is a ValueError too, and has no name of its own in nova
    name = "ValueError" if isinstance(found, json.JSONDecodeError) else type(found).__name__
    return {"error": name, "stage": stage}


def read_image(image):
    # the image service's text becomes lists in nova's client, before the properties are typed
    return objects.ImageMeta.from_dict(glance._convert_from_string(image))
