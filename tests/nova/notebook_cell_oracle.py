"""Run in nova's environment: what nova itself makes of the database of the capacity notebook.

Prints a JSON object: columns that nova's tables do not have, and for each host, by nova's own
objects, its pinned CPUs and those of its instances.
"""

import json
import sqlite3
import sys

from nova import objects
from nova.db.main import models
from nova.objects import pci_device_pool

objects.register_all()
database = sqlite3.connect(sys.argv[1])
tables = {table.name: set(table.columns.keys()) for table in models.BASE.metadata.sorted_tables}
unknown = []
for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'"):
    ours = {row[1] for row in database.execute(f"PRAGMA table_info({name})")}
    unknown += [f"{name}.{column}" for column in sorted(ours - tables.get(name, set()))]

pinned, held = {}, {}
for host, topology, pools in database.execute(
    "SELECT hypervisor_hostname, numa_topology, pci_stats FROM compute_nodes"
):
    pci_device_pool.from_pci_stats(pools)
    cells = objects.NUMATopology.obj_from_db_obj(topology).cells
    pinned[host] = sorted(cpu for cell in cells for cpu in cell.pinned_cpus)
    held[host] = []
query = (
    "SELECT node, numa_topology, flavor FROM instances JOIN instance_extra ON uuid = instance_uuid"
)
for host, topology, flavor in database.execute(query):
    objects.Flavor.obj_from_primitive(json.loads(flavor)["cur"])
    guest = objects.InstanceNUMATopology.obj_from_primitive(json.loads(topology))
    for cell in guest.cells:
        held[host] += [*(cell.cpu_pinning or {}).values(), *(cell.cpuset_reserved or ())]
print(
    json.dumps(
        {"unknown": unknown, "pinned": pinned, "held": {h: sorted(c) for h, c in held.items()}}
    )
)
