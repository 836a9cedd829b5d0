"""Nova's own tests, from its package, with numafit in place: ``make test-nova``.

    PYTHON tests/nova/run_nova_tests.py [--as install|filter|stock] [--unit] [TEST...]

PYTHON is that of an environment with nova, its test requirements and numafit. Prints how many
tests ran, passed and failed and how often nova's own fitting code was called; the exit status is
1 where a test fails that ``exceptions.txt`` does not name, where one named there passes, or where
nova's fitting code was called with numafit in its place.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
UNIT = [
    f"nova.tests.unit.{name}"
    for name in (
        "virt.test_hardware",
        "pci.test_devspec",
        "pci.test_manager",
        "pci.test_request",
        "pci.test_stats",
        "pci.test_utils",
        "pci.test_whitelist",
        "scheduler.filters.test_numa_topology_filters",
        "scheduler.filters.test_pci_passthrough_filters",
        "scheduler.test_host_manager",
        "objects.test_numa",
        "objects.test_instance_numa",
        "objects.test_instance_pci_requests",
        "objects.test_pci_device",
        "objects.test_pci_device_pool",
        "compute.test_claims",
        "virt.libvirt.test_vif",
    )
]
FUNCTIONAL = [
    f"nova.tests.functional.libvirt.{name}"
    for name in (
        "test_numa_servers",
        "test_pci_in_placement",
        "test_rt_servers",
        "test_power_manage",
    )
]
# long: a process for each class
BY_CLASS = ["nova.tests.functional.libvirt.test_pci_sriov_servers"]
# hangs at times after several tests in one process, under stock nova too
ALONE = ["nova.tests.functional.libvirt.test_numa_live_migration"]


class Runs:
    """Processes of ``worker.py``, and what they report."""

    def __init__(self, mode: str, folder: Path, seconds: int) -> None:
        self.mode = mode
        self.folder = folder
        self.seconds = seconds
        self.environment = dict(
            os.environ,
            OS_DEFAULT__STATE_PATH=str(folder / "state"),
            OS_STDOUT_CAPTURE="1",
            OS_STDERR_CAPTURE="1",
            OS_TEST_TIMEOUT=os.environ.get("OS_TEST_TIMEOUT", "160"),
            NOVA_RAISE_ON_GREENLET_LEAK="True",
        )
        paste = next(Path(sys.prefix).glob("etc/nova/api-paste.ini"), None)
        if paste is None:
            sys.exit(f"{sys.prefix} has no etc/nova/api-paste.ini: is nova installed there?")
        (folder / "state/etc/nova").mkdir(parents=True)
        shutil.copy(paste, folder / "state/etc/nova")

    def run(self, kind: str, tests: list[str], *more: str) -> dict:
        name = tests[0].rpartition("libvirt.")[2] + ("-list" if more else "")
        report = self.folder / f"{name}.json"
        log = self.folder / f"{name}.log"
        command = [sys.executable, str(HERE / "worker.py"), "--as", self.mode, "--kind", kind]
        command += ["--report", str(report), *more, *tests]
        with log.open("wb") as out:
            try:
                subprocess.run(
                    command,
                    env=self.environment,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    timeout=self.seconds,
                    cwd=self.folder,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                return {"broken": f"{name}: no end after {self.seconds} s, see {log}"}
        if not report.exists():
            return {"broken": f"{name}: died, see {log}"}
        return dict(json.loads(report.read_text(encoding="utf-8")), log=str(log))

    def listed(self, module: str) -> list[str]:
        """The names of a functional module's tests."""
        report = self.run("functional", [module], "--list")
        if "broken" in report:
            sys.exit(report["broken"])
        return report["tests"]


def jobs_of(runs: Runs, options: argparse.Namespace) -> list[tuple[str, list[str]]]:
    """(kind, tests) for each process."""
    if options.tests:
        kind = "functional" if ".functional." in options.tests[0] else "unit"
        return [(kind, options.tests)]
    jobs: list[tuple[str, list[str]]] = []
    if options.functional or not options.unit:
        jobs += [("functional", [module]) for module in FUNCTIONAL]
        for module in BY_CLASS:
            classes = dict.fromkeys(test.rpartition(".")[0] for test in runs.listed(module))
            jobs += [("functional", [one]) for one in classes]
        for module in ALONE:
            jobs += [("functional", [test]) for test in runs.listed(module)]
    if options.unit or not options.functional:
        jobs.append(("unit", UNIT))
    return jobs


def exceptions() -> dict[str, str]:
    lines = (HERE / "exceptions.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split(": ", 1) for line in lines if line and not line.startswith("#"))


def summary(reports: list[dict], mode: str) -> bool:
    """Print the numbers; whether all is well."""
    outcomes = {test: out for report in reports for test, out in report.get("outcomes", {}).items()}
    originals: Counter = Counter()
    filters: Counter = Counter()
    for report in reports:
        originals.update(report.get("originals") or {})
        filters.update(report.get("filters") or {})
    count = Counter(outcomes.values())
    failed = {test for test, outcome in outcomes.items() if outcome == "failed"}
    named = exceptions() if mode == "install" else {}
    surprises = sorted(failed - named.keys())
    stale = sorted(test for test in named if outcomes.get(test) == "passed")
    for test in surprises:
        print(f"FAILED {test}")
    for test in sorted(failed & named.keys()):
        print(f"named exception: {test}: {named[test]}")
    for test in stale:
        print(f"named in exceptions.txt, but passes: {test}")
    broken = [report["broken"] for report in reports if "broken" in report]
    for what in broken:
        print(f"BROKEN {what}")
    print(
        f"run {len(outcomes)}, passed {count['passed']}, skipped {count['skipped']}, "
        f"failed {len(surprises)}, named exceptions {len(failed & named.keys())}"
    )
    called = sum(originals.values())
    if mode == "install":
        print("calls of nova's own code:", ", ".join(f"{k} {v}" for k, v in originals.items()))
    if filters:
        print(
            f"hosts filtered by numafit's filter {filters['numafit']} times, nova's "
            f"{filters['nova']} times"
        )
    well = not surprises and not stale and not broken and bool(outcomes)
    if mode == "install":
        return well and called == 0
    return well and not (mode == "filter" and (filters["nova"] or not filters["numafit"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--as", dest="mode", default="install", choices=("stock", "install", "filter")
    )
    parser.add_argument("--unit", action="store_true", help="the minute-long part alone")
    parser.add_argument("--functional", action="store_true", help="the functional tests alone")
    parser.add_argument("--jobs", type=int, default=2, help="processes at once")
    parser.add_argument("--logs", help="folder to keep logs in (default: a temporary one)")
    parser.add_argument("--seconds", type=int, default=3600, help="longest time of one process")
    parser.add_argument("tests", nargs="*", help="modules or tests to run instead of all")
    options = parser.parse_args()
    folder = Path(options.logs or tempfile.mkdtemp(prefix="numafit-nova-")).absolute()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    runs = Runs(options.mode, folder, options.seconds)
    with ThreadPoolExecutor(options.jobs) as pool:
        reports = list(pool.map(lambda job: runs.run(*job), jobs_of(runs, options)))
    well = summary(reports, options.mode)
    print(f"logs: {folder}")
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()
