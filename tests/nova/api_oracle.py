"""nova's API database with aggregates and flavors. Runs under the Python of a nova environment.

``api_oracle.py URL``: makes its tables by nova's migrations, writes the ``aggregates`` and
``flavors`` that stand as JSON on standard input through nova's objects, and prints what nova's
scheduler makes of the former (``metadata``: host -> key -> values), and the latter as nova reads
them.
"""

import json
import sys
from unittest import mock

from nova import conf, config, context, objects, rpc
from nova.db import migration
from nova.db.api import api as db_api
from nova.scheduler import host_manager
from nova.scheduler.filters import utils

config.set_lib_defaults()
conf.CONF([], project="nova", default_config_files=[], default_config_dirs=[])
conf.CONF.set_override("connection", sys.argv[1], "api_database")
objects.register_all()
# nobody listens
rpc.NOTIFIER = rpc.LEGACY_NOTIFIER = mock.MagicMock()
db_api.configure(conf.CONF)
migration.db_sync(database="api")
ADMIN = context.get_admin_context()

wanted = json.load(sys.stdin)
for given in wanted["aggregates"]:
    made = objects.Aggregate(ADMIN, name=given["name"], metadata={})
    made.create()
    made.update_metadata(given["metadata"])
    for host in given["hosts"]:
        made.add_host(host)
for given in wanted["flavors"]:
    objects.Flavor(ADMIN, flavorid=given["name"], **given).create()

found = {}
aggregates = objects.AggregateList.get_all(ADMIN)
for host in sorted({host for one in aggregates for host in one.hosts}):
    state = host_manager.HostState(host, host, "7a2b5f9c-8f0e-4c8b-9f6e-0d7f4a1c2b3d")
    state.aggregates = [one for one in aggregates if host in one.hosts]
    metadata = utils.aggregate_metadata_get_by_host(state)
    found[host] = {key: sorted(values) for key, values in sorted(metadata.items())}
names = (
    "name",
    "vcpus",
    "memory_mb",
    "root_gb",
    "ephemeral_gb",
    "swap",
    "is_public",
    "extra_specs",
)
flavors = [
    {name: getattr(one, name) for name in names}
    for one in objects.FlavorList.get_all(ADMIN, sort_key="id")
]
print(json.dumps({"metadata": found, "flavors": flavors}))
