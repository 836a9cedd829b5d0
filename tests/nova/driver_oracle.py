"""Nova's libvirt driver on a host and a nova.conf. Runs under the Python of a nova environment.

Reads questions as JSON lines on standard input, ``{"config": text of nova.conf, "capabilities":
libvirt's XML}``, and writes for each what the driver reports (``_get_host_numa_topology`` as
nova stores it), or the name of the error for which nova-compute would not start.
"""

import json
import sys
import tempfile
from types import SimpleNamespace

from nova import conf, objects
from nova.virt import hardware
from nova.virt.libvirt import config as vconfig
from nova.virt.libvirt import driver

objects.register_all()


def report(question):
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
        file.write(question["config"])
        file.flush()
        conf.CONF([], project="nova", default_config_files=[file.name], default_config_dirs=[])
        conf.neutron.register_dynamic_opts(conf.CONF)
    caps = vconfig.LibvirtConfigCaps()
    caps.parse_str(question["capabilities"])
    online = {cpu.id for cell in caps.host.topology.cells for cpu in cell.cpus}
    # the driver's own methods on a host that is described; its constructor connects to one
    compute = driver.LibvirtDriver.__new__(driver.LibvirtDriver)
    compute._host = SimpleNamespace(
        get_capabilities=lambda: caps,
        get_online_cpus=lambda: online,
        get_available_cpus=lambda: online,
        has_min_version=lambda **_: True,
    )
    compute._reserved_hugepages = hardware.numa_get_reserved_huge_pages()
    compute._check_cpu_set_configuration()
    topology = compute._get_host_numa_topology()
    return topology._to_json() if topology is not None else None


for line in sys.stdin:
    try:
        answer = {"topology": report(json.loads(line))}
    except Exception as found:
        answer = {"error": type(found).__name__, "words": str(found)}
    print(json.dumps(answer), flush=True)
