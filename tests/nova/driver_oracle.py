"""Nova's libvirt driver on a host and a nova.conf. Runs under the Python of a nova environment.

Reads questions as JSON lines on standard input, ``{"config": text of nova.conf, "capabilities":
libvirt's XML}``, and writes for each what the driver reports (``_get_host_numa_topology`` as
nova stores it), or the name of the error for which nova-compute would not start. ``online``: the
CPUs that are on, where not all are. ``{"devices": [libvirt's XML of each]}`` asks for
``_get_pcidev_info`` of those that are PCI devices instead, ``{"config", "capabilities", "guest"}``
for the host CPUs of its vCPUs and emulator threads (``_get_guest_numa_config``). The ``guest``:
``vcpus``, ``memory_mb`` and ``extra_specs`` of its flavor, and its ``cells`` where they landed.
"""

import json
import sys
import tempfile
from types import SimpleNamespace
from xml.etree import ElementTree

from nova import conf, objects
from nova.virt import hardware
from nova.virt.libvirt import config as vconfig
from nova.virt.libvirt import driver, host

objects.register_all()


def driver_of(question):
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
        file.write(question["config"])
        file.flush()
        conf.CONF([], project="nova", default_config_files=[file.name], default_config_dirs=[])
        conf.neutron.register_dynamic_opts(conf.CONF)
    caps = vconfig.LibvirtConfigCaps()
    caps.parse_str(question["capabilities"])
    there = {cpu.id for cell in caps.host.topology.cells for cpu in cell.cpus}
    online = set(question.get("online", there))
    # the driver's own methods on a host that is described; its constructor connects to one
    compute = driver.LibvirtDriver.__new__(driver.LibvirtDriver)
    compute._host = SimpleNamespace(
        get_capabilities=lambda: caps,
        get_online_cpus=lambda: online,
        get_available_cpus=lambda: there,
        has_min_version=lambda **_: True,
    )
    compute._reserved_hugepages = hardware.numa_get_reserved_huge_pages()
    compute._check_cpu_set_configuration()
    return compute


def report(question):
    topology = driver_of(question)._get_host_numa_topology()
    return topology._to_json() if topology is not None else None


def guest(question):
    asked = question["guest"]
    flavor = objects.Flavor(
        vcpus=asked["vcpus"], memory_mb=asked["memory_mb"], extra_specs=asked["extra_specs"]
    )
    image = objects.ImageMeta.from_dict({"properties": {}})
    wanted = hardware.numa_get_constraints(flavor, image)
    cells = [
        objects.InstanceNUMACell(
            id=cell["host_cell"],
            cpuset=set(cell["cpuset"]),
            pcpuset=set(cell["pcpuset"]),
            memory=cell["memory_mb"],
            cpu_pinning={int(vcpu): cpu for vcpu, cpu in cell["pinning"].items()},
            cpuset_reserved=set(cell["reserved"]),
        )
        for cell in asked["cells"]
    ]
    topology = objects.InstanceNUMATopology(
        cells=cells, emulator_threads_policy=wanted.emulator_threads_policy
    )
    compute = driver_of(question)
    compute._has_numa_support = lambda: True
    tune = compute._get_guest_numa_config(topology, flavor, image).cputune
    return {
        "emulator": sorted(tune.emulatorpin.cpuset),
        "vcpus": {pin.id: sorted(pin.cpuset) for pin in tune.vcpupin},
    }


class Device:
    """A ``virNodeDevice``, as far as it is asked."""

    def __init__(self, xml):
        self.xml = xml
        self.tree = ElementTree.fromstring(xml)

    def name(self):
        return self.tree.findtext("name")

    def parent(self):
        return self.tree.findtext("parent")

    def XMLDesc(self, _flags):  # noqa: N802
        return self.xml

    def listCaps(self):  # noqa: N802
        return [one.get("type") for one in self.tree.findall("capability")]


def devices(question):
    found = [Device(xml) for xml in question["devices"]]
    net, vdpa, pci = (
        [one for one in found if kind in one.listCaps()] for kind in ("net", "vdpa", "pci")
    )
    libvirt = host.Host.__new__(host.Host)
    return [libvirt._get_pcidev_info(one.name(), one, net, vdpa, pci) for one in pci]


for line in sys.stdin:
    try:
        question = json.loads(line)
        if "guest" in question:
            answer = guest(question)
        elif "devices" in question:
            answer = {"devices": devices(question)}
        else:
            answer = {"topology": report(question)}
    except Exception as found:
        answer = {"error": type(found).__name__, "words": str(found)}
    print(json.dumps(answer), flush=True)
