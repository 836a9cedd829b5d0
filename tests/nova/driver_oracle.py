"""Nova's libvirt driver on a host and a nova.conf. Runs under the Python of a nova environment.

Reads questions as JSON lines on standard input, ``{"config": text of nova.conf, "capabilities":
libvirt's XML}``, and writes for each what the driver reports (``_get_host_numa_topology`` as
nova stores it), or the name of the error for which nova-compute would not start. ``online``: the
CPUs that are on, where not all are. ``{"devices": [libvirt's XML of each]}`` asks for
``_get_pcidev_info`` of those that are PCI devices instead.
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


def report(question):
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
    topology = compute._get_host_numa_topology()
    return topology._to_json() if topology is not None else None


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
        if "devices" in question:
            answer = {"devices": devices(question)}
        else:
            answer = {"topology": report(question)}
    except Exception as found:
        answer = {"error": type(found).__name__, "words": str(found)}
    print(json.dumps(answer), flush=True)
