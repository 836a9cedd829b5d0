"""Start a service of nova with numafit installed: ``python -m numafit.nova nova-compute ...``."""

from __future__ import annotations

import argparse
import sys
from importlib.metadata import entry_points

from numafit.errors import NumafitError


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m numafit.nova",
        description="Start a service of nova with numafit.nova.install() in force.",
        epilog="Example: python -m numafit.nova --shadow nova-scheduler --config-file nova.conf",
    )
    parser.add_argument("--shadow", action="store_true", help="ask beside nova, log differences")
    parser.add_argument("--strategy", choices=["closest"], help="choose cells near one another")
    parser.add_argument("--physnet-affinity", choices=["any", "all"], default="any")
    parser.add_argument("--pci-matching", choices=["nova", "exact"], default="nova")
    parser.add_argument("service", help="nova-scheduler, nova-compute, nova-conductor...")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="handed to the service")
    options = parser.parse_args()
    found = entry_points(group="console_scripts", name=options.service)
    services = [one for one in found if one.value.startswith("nova.")]
    if not services:
        parser.error(f"{options.service}: no command of a nova in this environment")
    run = services[0].load()  # patches threading as the service wants it, before all else

    from numafit.nova import install

    try:
        install(
            strategy=options.strategy,
            physnet_affinity=options.physnet_affinity,
            pci_matching=options.pci_matching,
            shadow=options.shadow,
        )
    except NumafitError as error:
        parser.error(str(error))
    sys.argv = [options.service, *options.arguments]
    return int(run() or 0)


if __name__ == "__main__":
    sys.exit(main())
