"""The names that nova knows, as numafit/diagnosis/known_names.json has them. Runs beside nova 34:

    $NUMAFIT_NOVA_PYTHON tests/nova/names_oracle.py > numafit/diagnosis/known_names.json

With the argument ``images`` it prints the names of image properties, which numafit has in
numafit/rules/image_fields.py; with ``judge`` it reads a JSON list of extra specs' names, and prints
for each whether nova's validators take a name like that.
"""

import json
import re
import sys
from importlib import metadata

from keystoneauth1 import loading
from nova.api.validation.extra_specs import validators
from nova.objects.image_meta import ImageMetaProps
from oslo_config import generator

# as etc/nova/nova-config-generator.conf lists them
LIBRARIES = (
    "oslo.log",
    "oslo.messaging",
    "oslo.policy",
    "oslo.privsep",
    "oslo.service.periodic_task",
    "oslo.service.service",
    "oslo.db",
    "oslo.middleware",
    "oslo.concurrency",
    "oslo.reports",
    "oslo.cache",
    "oslo.limit",
    "keystonemiddleware.auth_token",
)
# where a wrong name moves guests; the other sections are named, without their options
TOLD = (
    "DEFAULT",
    "compute",
    "devices",
    "filter_scheduler",
    "libvirt",
    "metrics",
    "neutron",
    "pci",
    "quota",
    "scheduler",
    "upgrade_levels",
    "workarounds",
)
# nova's libvirt driver reads these two, and no validator knows them
READ = ("hw:maxphysaddr_bits", "hw:maxphysaddr_mode")


def extra_specs():
    """Names, with {parameters} in braces; standard traits apart, since each is one name."""
    names = [one.name for one in validators.VALIDATORS.values()]
    group = "trait{group}:"
    traits = [name.removeprefix(group) for name in names if name.startswith(group)]
    return {
        "extra_specs": sorted([name for name in names if not name.startswith(group)] + list(READ)),
        "traits": sorted(name for name in traits if "{" not in name),
        "parameters": parameters(),
    }


def parameters():
    found = {}
    for one in validators.VALIDATORS.values():
        for each in one.parameters:
            if found.setdefault(each["name"], each["pattern"]) != each["pattern"]:
                raise SystemExit(f"two patterns for {{{each['name']}}}")
    return dict(sorted(found.items()))


def group_name(group):
    return "DEFAULT" if group is None else getattr(group, "name", group)


def options():
    """Section -> names of its options, with those that they had before."""
    found = {}
    for namespace in ("nova.conf", *LIBRARIES):
        for _name, listed in generator._list_opts([namespace]):
            for group, opts in listed:
                section = group_name(group)
                names = found.setdefault(section, set())
                for opt in opts:
                    names.add(opt.dest)
                    for old in opt.deprecated_opts:
                        name = (old.name or opt.dest).replace("-", "_")
                        found.setdefault(old.group or section, set()).add(name)
    # how nova signs in to neutron is up to auth_type, and each way has options of its own
    for plugin in loading.get_available_plugin_loaders().values():
        for opt in plugin.get_options():
            found["neutron"] |= {one.dest for one in (opt, *opt.deprecated)}
    return found


def image_properties():
    """Of the fields, and the older names; nova reads the lists of NUMA cells one by one."""
    lists = {"hw_numa_cpus", "hw_numa_mem"}
    fields = set(ImageMetaProps.fields) - lists - {"traits_required"}
    fields |= {f"{name}.{{num}}" for name in lists}
    return sorted(fields | set(ImageMetaProps._legacy_property_map) | {"vmware_adaptertype"})


def known_names():
    found = options()
    return {
        "made_from": {
            name: metadata.version(name) for name in ("nova", "os-traits", "os-resource-classes")
        },
        **extra_specs(),
        "sections": sorted(found),
        "options": {section: sorted(found[section]) for section in TOLD},
    }


def judged(names):
    """As validators.validate() goes about it, without the values."""
    # more patterns than the cache of re has room for
    known = [re.compile(one.name_regex) for one in validators.VALIDATORS.values()]
    spaces = [re.compile(one) for one in validators.NAMESPACES]
    for name in names:
        space, colon, _rest = name.partition(":")
        yield (
            any(one.fullmatch(name) for one in known)
            or not colon
            or not any(one.fullmatch(space) for one in spaces)
        )


if __name__ == "__main__":
    if sys.argv[1:] == ["judge"]:
        print(json.dumps(list(judged(json.load(sys.stdin)))))
    elif sys.argv[1:] == ["images"]:
        print(json.dumps(image_properties()))
    else:
        print(json.dumps(known_names(), indent=1))
