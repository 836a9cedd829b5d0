"""Answers of nova itself. Runs under the Python of a nova environment, not under the tests' own.

Reads questions as JSON lines on standard input and writes one JSON line for each: nova's answers
to ``guest_topology``, ``cpu_topology``, ``multiqueue`` and ``pci_numa_policy``, or for each of
them the name of nova's error and the stage at which it came.
"""

import json
import os
import sys
from types import SimpleNamespace
from unittest import mock

from nova import conf, exception, objects
from nova.virt import hardware
from nova.virt.libvirt import vif
from oracle_tools import error, read_image

objects.register_all()


def topology(flavor, image, question):
    found = hardware.numa_get_constraints(flavor, image)
    if found is None:
        return None
    cells = [
        [
            sorted(cell.cpuset),
            sorted(cell.pcpuset),
            cell.memory,
            cell.pagesize,
            cell.cpu_policy,
            cell.cpu_thread_policy,
        ]
        for cell in found.cells
    ]
    return [cells, found.emulator_threads_policy]


def cpus(flavor, image, question):
    best = hardware.get_best_cpu_topology(flavor, image, question["allow_threads"])
    return [best.sockets, best.cores, best.threads]


def queues(flavor, image, question):
    conf.CONF.set_override("max_queues", question["max_queues"], group="libvirt")
    uname = SimpleNamespace(release=question["kernel"])
    with mock.patch.object(os, "uname", return_value=uname):
        # the API asks this of every flavor and image
        hardware.get_vif_multiqueue_constraint(flavor, image)
        driver = vif.LibvirtGenericVIFDriver()
        try:
            made = driver.get_base_config(None, "", image, flavor, "kvm", "normal")
        except exception.UnsupportedHardware:  # models of other hypervisors, which have no queues
            return [False, 1]
    return [made.vhost_queues is not None, made.vhost_queues or 1]


def pci_policy(flavor, image, question):
    return hardware.get_pci_numa_policy_constraint(flavor, image)


def answer(question):
    flavor = objects.Flavor(**question["flavor"])
    found = {}
    for ask in (topology, cpus, queues, pci_policy):
        try:
            image = read_image(question["image"])
        except Exception as failure:
            found[ask.__name__] = error(failure, "image")
            continue
        try:
            found[ask.__name__] = ask(flavor, image, question)
        except Exception as failure:
            found[ask.__name__] = error(failure, "constraints")
    return found


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))))
