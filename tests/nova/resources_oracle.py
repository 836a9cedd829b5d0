"""What nova itself asks of placement. Runs under the Python of a nova environment.

Reads questions as JSON lines on standard input: a flavor, an image, whether the server is volume
backed. Writes one JSON line for each: the groups of nova's ``ResourceRequest``, or the name of
its error and the stage at which it came.
"""

import json
import sys

from nova import objects
from nova.scheduler import utils
from oracle_tools import error, read_image

objects.register_all()


def groups(question):
    image = read_image(question["image"])
    flavor = objects.Flavor(**question["flavor"])
    spec = objects.RequestSpec(
        flavor=flavor,
        image=image,
        is_bfv=question["volume_backed"],
        requested_resources=[],
        request_level_params=objects.RequestLevelParams(),
    )
    asked = utils.ResourceRequest.from_request_spec(spec)
    found = [
        [
            suffix or "",
            dict(sorted(group.resources.items())),
            sorted(group.required_traits),
            sorted(group.forbidden_traits),
        ]
        for suffix, group in asked._rg_by_id.items()
    ]
    return {"groups": sorted(found), "policy": asked.group_policy}


for line in sys.stdin:
    question = json.loads(line)
    stage = "image"
    try:
        read_image(question["image"])
        stage = "constraints"
        answer = groups(question)
    except Exception as failure:
        answer = error(failure, stage)
    print(json.dumps(answer))
