"""Some of nova's own tests in one process, with numafit in place; results go to a JSON file.

Run by ``run_nova_tests.py`` with the Python of an environment that has nova and its test
requirements. ``--as``: ``stock`` (nova alone), ``install`` (``numafit.nova.install()``) or
``filter`` (nova's scheduler configured to use numafit's filter, nothing patched).
"""

from __future__ import annotations

import argparse
import functools
import importlib
import json
import sys
import unittest
from pathlib import Path

AVAILABLE_FILTERS = [
    "nova.scheduler.filters.all_filters",
    "numafit.nova.filters.NUMATopologyFilter",
]


def counted(where, name, counts):
    """Count the calls of an original that do not come from a test."""
    original = getattr(where, name)
    counts[name] = 0

    @functools.wraps(original)
    def wrapper(*args, **kwargs):
        caller = sys._getframe(1).f_globals.get("__name__", "")
        if not caller.startswith("nova.tests"):
            counts[name] += 1
        return original(*args, **kwargs)

    setattr(where, name, wrapper)


def count_originals():
    from nova.pci import stats
    from nova.virt import hardware

    counts = {}
    counted(hardware, "numa_fit_instance_to_host", counts)
    counted(hardware, "_numa_fit_instance_cell", counts)
    counted(stats.PciDeviceStats, "support_requests", counts)
    return counts


def use_filter():
    """What an operator writes under [filter_scheduler], as a default of the tests' options."""
    from nova.tests.fixtures import conf as fixture

    set_up = fixture.ConfFixture.setUp

    @functools.wraps(set_up)
    def with_filter(self):
        set_up(self)
        self.conf.set_default("available_filters", AVAILABLE_FILTERS, group="filter_scheduler")

    fixture.ConfFixture.setUp = with_filter


def watch_filter():
    """test_numa_servers watches nova's own class to see whether the filter was asked: let it watch
    the one that is in use. What the filter answers stays as it is."""
    from unittest import mock

    from nova.scheduler import utils
    from nova.tests.functional.libvirt import test_numa_servers

    from numafit.nova import filters

    base, used = test_numa_servers.NUMAServersTestBase, filters.NUMATopologyFilter
    set_up, filter_all = base.setUp, used.filter_all

    @functools.wraps(set_up)
    def watching(self):
        set_up(self)
        self.mock_filter = mock.Mock()

        def watched(this, hosts, spec):
            hosts = list(hosts)
            if not utils.request_is_rebuild(spec):
                for host in hosts:
                    self.mock_filter(host, spec)
            return filter_all(this, hosts, spec)

        patch = mock.patch.object(used, "filter_all", watched)
        patch.start()
        self.addCleanup(patch.stop)

    base.setUp = watching


def count_filters():
    """How often each filter looked at hosts."""
    from nova.scheduler.filters import numa_topology_filter

    from numafit.nova import filters

    counts = {"numafit": 0, "nova": 0}
    for name, where, method in (
        ("numafit", filters.NUMATopologyFilter, "filter_all"),
        ("nova", numa_topology_filter.NUMATopologyFilter, "host_passes"),
    ):
        original = getattr(where, method)

        def wrapper(*args, _name=name, _original=original, **kwargs):
            counts[_name] += 1
            return _original(*args, **kwargs)

        setattr(where, method, wrapper)
    return counts


def recorder(stream):
    import testtools

    class Recorder(testtools.TextTestResult):
        def __init__(self):
            super().__init__(stream)
            self.outcomes = {}

    def recording(method, outcome):
        def add(self, test, *args, **kwargs):
            self.outcomes[test.id()] = outcome
            getattr(testtools.TextTestResult, method)(self, test, *args, **kwargs)

        return add

    for method, outcome in (
        ("addSuccess", "passed"),
        ("addFailure", "failed"),
        ("addError", "failed"),
        ("addSkip", "skipped"),
        ("addExpectedFailure", "passed"),
        ("addUnexpectedSuccess", "failed"),
    ):
        setattr(Recorder, method, recording(method, outcome))
    return Recorder()


def flat(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from flat(test)
        else:
            yield test


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--as", dest="mode", choices=("stock", "install", "filter"), required=True)
    parser.add_argument("--kind", choices=("unit", "functional"), required=True)
    parser.add_argument("--report", required=True)
    parser.add_argument("--list", action="store_true", help="only name the tests")
    parser.add_argument("tests", nargs="+")
    options = parser.parse_args()

    # nova patches threading when its tests are imported: before anything is put in its place
    importlib.import_module(f"nova.tests.{options.kind}")
    suite = unittest.defaultTestLoader.loadTestsFromNames(options.tests)
    if options.list:
        report = {"tests": [test.id() for test in flat(suite)]}
        Path(options.report).write_text(json.dumps(report), encoding="utf-8")
        return
    counts, filters = count_originals(), None
    if options.mode == "install":
        import numafit.nova

        numafit.nova.install()
    elif options.mode == "filter":
        use_filter()
        filters = count_filters()
        if options.kind == "functional":
            watch_filter()
    result = recorder(sys.stdout)
    result.startTestRun()
    suite.run(result)
    result.stopTestRun()
    report = {"outcomes": result.outcomes, "originals": counts, "filters": filters}
    Path(options.report).write_text(json.dumps(report), encoding="utf-8")


if __name__ == "__main__":
    main()
