"""The words that nova gives a meaning to, as tests/vectors/data/words.json has them. Runs beside
nova 34 and placement 16:

    $NUMAFIT_NOVA_PYTHON -W ignore tests/nova/words_oracle.py > tests/vectors/data/words.json

What an image's properties may say is tried on nova itself: every text in the source of the field's
class, and some that are no words.
"""

import ast
import inspect
import json
import sys
import textwrap

import os_resource_classes
from nova import objects
from nova.api.validation.extra_specs import validators
from nova.objects.image_meta import ImageMetaProps
from nova.scheduler import host_manager, request_filter, utils
from oracle_tools import error

objects.register_all()

PROBES = ("", "true", "No", "7", "-1", "1.5", "x", ">=6.0,<7.2", ">=6.0,", "6.0")
# they hold lists, and are read from properties of other names
LISTS = ("hw_numa_cpus", "hw_numa_mem", "traits_required")
FILTERS = (
    request_filter.compute_status_filter,
    request_filter.accelerators_filter,
    request_filter.packed_virtqueue_filter,
    request_filter.ephemeral_encryption_filter,
    request_filter.virtio_sound_filter,
    request_filter.tpm_secret_security_filter,
)
# what each of these asks of a host goes by a trait's name; the second is set beside the first
ASKED = (
    ("hw:mem_encryption_model", {"hw:mem_encryption": "true"}),
    ("hw:tpm_version", {}),
    ("hw:tpm_model", {"hw:tpm_version": "2.0"}),
    ("hw:tpm_secret_security", {"hw:tpm_version": "2.0"}),
    ("hw:sound_model", {}),
    ("hw:ephemeral_encryption_format", {"hw:ephemeral_encryption": "true"}),
    ("hw:virtio_packed_ring", {}),
    ("hw:maxphysaddr_mode", {}),
    ("os:secure_boot", {}),
    ("hw:pci_numa_affinity_policy", {}),
    ("hw:cpu_thread_policy", {"hw:cpu_policy": "dedicated"}),
    ("accel:device_profile", {}),
)
# memory is encrypted for guests of this firmware, machine and video model alone
IMAGE = {
    "hw_firmware_type": "uefi",
    "hw_firmware_stateless": "true",
    "hw_machine_type": "q35",
    "hw_video_model": "none",
}
MORE_WORDS = {
    "hw:maxphysaddr_mode": ["passthrough", "emulate"],  # no validator knows it
    "hw:virtio_packed_ring": ["true", "false"],
}


def texts_of(field):
    """Every word in the source of the field's class, with those that its base may add."""
    kind = type(field.AUTO_TYPE) if hasattr(field, "AUTO_TYPE") else None
    found = set(getattr(field, "valid_values", None) or ())
    if kind is not None and kind.__module__.startswith("nova."):
        tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
        found |= {
            one.value
            for one in ast.walk(tree)
            if isinstance(one, ast.Constant) and isinstance(one.value, str)
        }
        # a table of older words is an attribute of the class
        for table in vars(kind).values():
            if isinstance(table, dict):
                found |= {text for pair in table.items() for text in pair}
    return {text for text in found if not any(letter.isspace() for letter in text)}


def read(name, text):
    try:
        return getattr(ImageMetaProps.from_dict({name: text}), name)
    except Exception as failure:
        return {"error": type(failure).__name__}


def image_words():
    found = {}
    for name, field in ImageMetaProps.fields.items():
        if name not in LISTS and not isinstance(read(name, []), list):
            words = texts_of(field)
            asked = sorted({*PROBES, *words, *map(str.upper, words)})
            found[name] = {text: read(name, text) for text in asked}
    return found


def named_first():
    """Of two wrong properties, the one whose value the error has."""
    found = {}
    for name in image_words():
        lists = {"hw_numa_mem.0": "lots"}
        try:
            ImageMetaProps.from_dict({name: {}, **lists})
        except Exception as failure:
            found[name] = "hw_numa_mem.0" if "lots" in str(failure) else name
    return found


def host_state():
    """Attributes that a key without a scope may name; services and nodes add some later."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(host_manager.HostState)))
    later = {
        one.attr
        for one in ast.walk(tree)
        if isinstance(one, ast.Attribute)
        and isinstance(one.ctx, ast.Store)
        and getattr(one.value, "id", "") == "self"
    }
    known = {*vars(host_manager.HostState("h", "n", "c")), *later}
    return sorted(name for name in known if not name.startswith("_"))


def traits():
    """Extra specs, and the traits that they ask for, or an error."""
    yield {}, traits_of({})
    for key, beside in ASKED:
        words = validators.VALIDATORS[key].value.get("enum") if key in validators.VALIDATORS else ()
        for word in sorted({*(words or ()), *MORE_WORDS.get(key, ()), "nothing-like-it"}):
            specs = {**beside, key: word}
            yield specs, traits_of(specs)


def traits_of(specs):
    spec = objects.RequestSpec(
        flavor=objects.Flavor(
            name="f", vcpus=1, memory_mb=512, root_gb=1, ephemeral_gb=0, swap=0, extra_specs=specs
        ),
        image=objects.ImageMeta.from_dict({"name": "i", "properties": IMAGE}),
        is_bfv=False,
        requested_resources=[],
        request_level_params=objects.RequestLevelParams(),
    )
    try:
        for one in FILTERS:
            one(None, spec)
        asked = utils.ResourceRequest.from_request_spec(spec)
    except Exception as failure:
        return error(failure, "constraints")
    groups = asked._rg_by_id.values()
    required = spec.root_required.union(*(group.required_traits for group in groups))
    forbidden = spec.root_forbidden.union(*(group.forbidden_traits for group in groups))
    return {"required": sorted(required), "forbidden": sorted(forbidden)}


def words():
    return {
        "image_fields": [name for name in ImageMetaProps.fields if name not in LISTS],
        "older_names": list(ImageMetaProps._legacy_property_map.items()),
        "image_words": image_words(),
        "named_first": named_first(),
        "host_state": host_state(),
        "resource_classes": sorted(os_resource_classes.STANDARDS),
        "image": IMAGE,
        "traits": list(traits()),
    }


if __name__ == "__main__":
    json.dump(words(), sys.stdout, indent=1)
    print()
