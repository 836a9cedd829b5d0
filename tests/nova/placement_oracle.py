"""Which hosts placement itself takes for candidates. Runs under the Python of a nova environment.

Reads worlds as JSON lines on standard input: hosts with inventories, units in use, traits and
aggregates, and questions (a flavor, an image, aggregates). For each world the hosts become resource
providers of a placement on SQLite in memory, and each question the query that nova's scheduler
would send, or the two of them. Writes one JSON line for each world: the names of the
candidates, question by question; ``null`` where placement refuses the query.

With a URL as its argument placement's tables are made in that database, and stay there.
"""

import json
import sys
import uuid

from nova import objects
from nova.scheduler import utils
from oracle_tools import read_image
from oslo_config import cfg
from oslo_config import fixture as config_fixture
from placement import conf as placement_conf
from placement import direct

objects.register_all()
VERSION = {"OpenStack-API-Version": "placement 1.39", "x-auth-token": "admin"}


def check(response):
    if response.status_code >= 400:
        raise SystemExit(f"placement: {response.status_code} {response.text}")
    return response


def put(client, path, body):
    return check(client.put(path, json=body, headers=VERSION))


def uuid_of(number, name):
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{number}-{name}"))


def build(client, world, number):
    names = {}
    for name in world["classes"]:
        put(client, f"/resource_classes/{name}", None)
    for name in world["traits"]:
        put(client, f"/traits/{name}", None)
    for host in world["hosts"]:
        own = uuid_of(number, host["name"])
        names[own] = host["name"]
        path = f"/resource_providers/{own}"
        made = {"name": own, "uuid": own}
        if host.get("parent"):
            made["parent_provider_uuid"] = uuid_of(number, host["parent"])
        check(client.post("/resource_providers", json=made, headers=VERSION))
        # room for what is in use, which may be more than there is in the end
        wide = {name: {"total": 2**31 - 1, "max_unit": 2**31 - 1} for name in host["inventories"]}
        generation = put(
            client,
            f"{path}/inventories",
            {"inventories": wide, "resource_provider_generation": 0},
        ).json()["resource_provider_generation"]
        used = {name: i["used"] for name, i in host["inventories"].items() if i["used"]}
        if used:
            consumer = str(uuid.uuid4())
            put(
                client,
                f"/allocations/{consumer}",
                {
                    "allocations": {own: {"resources": used}},
                    "consumer_generation": None,
                    "project_id": "p",
                    "user_id": "u",
                    "consumer_type": "INSTANCE",
                },
            )
            generation = check(client.get(path, headers=VERSION)).json()["generation"]
        now = {
            name: {key: value for key, value in i.items() if key != "used"}
            for name, i in host["inventories"].items()
        }
        generation = put(
            client,
            f"{path}/inventories",
            {"inventories": now, "resource_provider_generation": generation},
        ).json()["resource_provider_generation"]
        generation = put(
            client,
            f"{path}/traits",
            {"traits": host["traits"], "resource_provider_generation": generation},
        ).json()["resource_provider_generation"]
        put(
            client,
            f"{path}/aggregates",
            {"aggregates": host["aggregates"], "resource_provider_generation": generation},
        )
    return names


def ask(client, names, hosts, question):
    spec = objects.RequestSpec(
        flavor=objects.Flavor(**question["flavor"]),
        image=read_image(question["image"]),
        is_bfv=question["volume_backed"],
        requested_resources=[],
        request_level_params=objects.RequestLevelParams(),
    )
    asked = utils.ResourceRequest.from_request_spec(spec)
    found = candidates(client, names, question, asked)
    if found is not None and asked.cpu_pinning_requested:
        # nova's scheduler asks again, for VCPU; a filter sifts out the hosts that have PCPU
        again = utils.ResourceRequest.from_request_spec(spec, enable_pinning_translate=False)
        with_pcpu = {host["name"] for host in hosts if "PCPU" in host["inventories"]}
        found |= (candidates(client, names, question, again) or set()) - with_pcpu
    return None if found is None else sorted(found)


def candidates(client, names, question, asked):
    asked._limit = None
    if question["member_of"]:
        asked.get_request_group(None).aggregates = question["member_of"]
    if question["forbidden_aggregates"]:
        asked.get_request_group(None).forbidden_aggregates = set(question["forbidden_aggregates"])
    response = client.get(f"/allocation_candidates?{asked.to_querystring()}", headers=VERSION)
    if response.status_code == 400:
        return None
    return {
        names[own]
        for candidate in check(response).json()["allocation_requests"]
        for own in candidate["allocations"]
        if own in names
    }


conf = cfg.ConfigOpts()
fixture = config_fixture.Config(conf)
placement_conf.register_opts(conf)
fixture.setUp()
URL = sys.argv[1] if len(sys.argv) > 1 else "sqlite://"
fixture.config(group="placement_database", connection=URL, sync_on_startup=True)
fixture.config(group="api", auth_strategy="noauth2")
conf([], project="placement", default_config_files=[])
with direct.PlacementDirect(conf) as client:
    # one placement for all worlds: the hosts of those before are passed over
    for number, line in enumerate(sys.stdin):
        world = json.loads(line)
        names = build(client, world, number)
        print(
            json.dumps([ask(client, names, world["hosts"], one) for one in world["questions"]]),
            flush=True,
        )
