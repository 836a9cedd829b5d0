"""Nova's own answers about PCI. Runs under the Python of a nova environment, not the tests' own.

Reads questions as JSON lines on standard input, each with its ``kind``, and writes one JSON line
for each: nova's answer, or ``{"error": name of nova's error}``.
"""

import json
import sys
from unittest import mock

from nova import conf, context, exception, objects
from nova.compute import pci_placement_translator
from nova.network import neutron
from nova.objects import pci_device_pool
from nova.pci import manager, request, stats, utils, whitelist
from nova.virt import hardware

objects.register_all()
CONF = conf.CONF
REQUEST_IDS = [f"00000000-0000-0000-0000-{n:012d}" for n in range(100)]


class Sysfs:
    """Stands for the files that nova looks up; see ``sysfs`` in the vectors' README."""

    def __init__(self, found):
        self.functions = found.get("functions", {})
        self.netdevs = found.get("netdevs", {})

    def function_by_ifname(self, name):
        return tuple(self.netdevs.get(str(name), (None, False)))

    def is_physical_function(self, domain, bus, slot, function):
        return f"{domain}:{bus}:{slot}.{function}" in self.functions

    def ids(self, address):
        if address not in self.functions:
            raise exception.PciDeviceNotFoundById(id=address)
        return self.functions[address]["vendor_id"], self.functions[address]["product_id"]

    def vf_product(self, address):
        if address not in self.functions:
            raise exception.PciDeviceNotFoundById(id=address)
        return self.functions[address]["vf_product_id"]

    def patched(self):
        return mock.patch.multiple(
            utils,
            get_function_by_ifname=self.function_by_ifname,
            is_physical_function=self.is_physical_function,
            get_pci_ids_by_pci_addr=self.ids,
            get_vf_product_id_by_pf_addr=self.vf_product,
        )


def parse_address(question):
    return list(utils.parse_address(question["address"]))


def device_spec(question):
    specs = whitelist.Whitelist(question["specs"])
    if question.get("check_placement"):
        pci_placement_translator.ensure_no_dev_spec_with_devname(specs.specs)
    return [first_match(specs, device) for device in question["devices"]]


def first_match(specs, device):
    try:
        found = specs.device_assignable(dict(device))
    except Exception as failure:
        return error(failure)
    return None if found is None else {"tags": found.get_tags()}


def alias(question):
    CONF.set_override("pci_in_placement", question["pci_in_placement"], group="filter_scheduler")
    CONF.set_override("alias", question["aliases"], group="pci")
    request.get_alias_from_config.cache_clear()
    flavor = objects.Flavor(**question["flavor"])
    image = objects.ImageMeta.from_dict(question["image"])
    policy = hardware.get_pci_numa_policy_constraint(flavor, image)
    return described(request.get_pci_requests_from_flavor(flavor, policy).requests)


def described(requests):
    return [
        {
            "count": one.count,
            "spec": one.spec,
            "alias_name": one.alias_name if "alias_name" in one else None,
            "numa_policy": one.numa_policy if "numa_policy" in one else None,
        }
        for one in requests
    ]


def tracker(question):
    topology = host_of(question["cells"]) if "cells" in question else None
    node = mock.Mock(id=1, numa_topology=None)
    with mock.patch.object(
        objects.PciDeviceList,
        "get_by_compute_node",
        return_value=objects.PciDeviceList(objects=[]),
    ):
        CONF.set_override("device_spec", question["specs"], group="pci")
        found = manager.PciDevTracker(context.get_admin_context(), node)
    found.stats.numa_topology = topology
    found.update_devices_from_hypervisor_resources(json.dumps(question["devices"]))
    return found


def pools(question):
    return stored(tracker(question).stats)


def stored(found):
    return [pool.to_dict() for pool in found.to_device_pools_obj()]


def claims(question):
    """The addresses that each claim gets, or None where scheduler or compute node refuse it."""
    found, answers = tracker(question), []
    for number, (requests, chosen) in enumerate(question["steps"]):
        asked = objects.InstancePCIRequests(
            instance_uuid=REQUEST_IDS[number], requests=requests_of(requests)
        )
        guest = mock.Mock(cells=guest_cells(chosen)) if chosen is not None else None
        # the scheduler's question first, on counts alone
        if not found.stats.support_requests(asked.requests, None, guest and guest.cells):
            answers.append(None)
            continue
        try:
            devices = found._claim_instance(context.get_admin_context(), asked, guest)
            answers.append([device.address for device in devices])
        except (exception.NovaException, IndexError):
            answers.append(None)
            break  # nova leaves the pools half consumed, and numafit does not
    return answers


def host_of(cells):
    """Cells as [id, socket]; nothing else of them is looked at."""
    return objects.NUMATopology(
        cells=[objects.NUMACell(id=number, socket=socket) for number, socket in cells]
    )


def guest_cells(chosen):
    return [objects.InstanceNUMACell(id=number) for number in chosen]


def requests_of(found):
    return [
        objects.InstancePCIRequest(request_id=REQUEST_IDS[n], **one) for n, one in enumerate(found)
    ]


def support(question):
    pool_list = pci_device_pool.from_pci_stats(question["pools"])
    found = stats.PciDeviceStats(host_of(question["cells"]), stats=pool_list)
    chosen = question["chosen"]
    cells = None if chosen is None else guest_cells(chosen)
    asked = requests_of(question["requests"])
    mapping = question.get("mapping")
    if not found.support_requests(asked, mapping, cells):
        return None
    found.apply_requests(asked, mapping, cells)
    # whether an empty pool stays in the list hangs on where it stood in it
    return [pool for pool in found.pools if pool["count"]]


def fit(question):
    host = objects.NUMATopology.obj_from_primitive(question["host"])
    flavor = objects.Flavor(**question["flavor"])
    image = objects.ImageMeta.from_dict({"properties": {}})
    guest = hardware.numa_get_constraints(flavor, image)
    pool_list = pci_device_pool.from_pci_stats(question["pools"])
    found = hardware.numa_fit_instance_to_host(
        host,
        guest,
        provider_mapping=question.get("mapping"),
        limits=None,
        pci_requests=requests_of(question["requests"]),
        pci_stats=stats.PciDeviceStats(host, stats=pool_list),
    )
    return None if found is None else [cell.id for cell in found.cells]


def ports(question):
    """What the ports of a new server become."""
    api = neutron.API()
    client = mock.Mock()
    client.show_network.side_effect = lambda name, fields: {"network": question["networks"][name]}
    asked = objects.InstancePCIRequests(requests=[])
    with (
        mock.patch.object(neutron, "get_client", return_value=client),
        mock.patch.object(api, "has_extended_resource_request_extension", return_value=False),
        mock.patch.object(api, "has_multi_provider_extension", return_value=True),
        mock.patch.object(
            api, "_show_port", side_effect=lambda _, name, **__: question["ports"][name]
        ),
    ):
        wanted = [objects.NetworkRequest(port_id=name) for name in question["ports"]]
        metadata, _groups, _params = api.create_resource_requests(
            None,
            objects.NetworkRequestList(objects=wanted),
            asked,
            affinity_policy=question["policy"],
        )
    return {
        "physnets": sorted(metadata.physnets),
        "tunneled": metadata.tunneled,
        "requests": described(asked.requests),
    }


def error(failure):
    # what json raises is a ValueError too, and has no name of its own in nova
    name = "ValueError" if isinstance(failure, json.JSONDecodeError) else type(failure).__name__
    return {"error": name}


KINDS = {
    asked.__name__: asked
    for asked in (parse_address, device_spec, alias, pools, claims, support, fit, ports)
}


def answer(question):
    CONF.set_override(
        "report_in_placement", question.get("report_in_placement", False), group="pci"
    )
    with Sysfs(question.get("sysfs", {})).patched():
        try:
            return KINDS[question["kind"]](question)
        except Exception as failure:
            return error(failure)


CONF.set_override("device_spec", [], group="pci")
for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))))
