"""Contradictions between a host as nova stored it and its nova.conf."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from numafit.diagnosis import remote_managed
from numafit.diagnosis.check_pci import alias_findings
from numafit.diagnosis.finding import NOTE, WARNING, Finding, refused
from numafit.errors import InputError
from numafit.model.hostinfo import HostInfo
from numafit.rules.config_over import MAKE_POOLS, apply_over
from numafit.rules.huge_pages import overfull_remarks
from numafit.rules.nova_config import NovaConfig


def stored_findings(
    host: HostInfo, config: NovaConfig | None, service_versions: Sequence[int] = ()
) -> Iterator[Finding]:
    """``config``: of the host, ``None`` where it is not known."""
    for remark in (*host.remarks, *overfull_remarks(host)):
        yield Finding(NOTE, "source", host.name or "host", remark)
    pools = host.pci_pools or ()
    yield from remote_managed.findings(pools, None, service_versions)
    if config is None:
        return
    yield from _over(host, replace(config, given=config.given.difference(MAKE_POOLS)))
    if host.pci_pools is not None:
        listed = "in the pools that nova stored"
        yield from alias_findings(config, [pool.as_dict() for pool in pools], listed)


def _over(host: HostInfo, config: NovaConfig) -> Iterator[Finding]:
    try:
        over = apply_over(replace(host, name=""), config)
    except InputError as error:
        yield refused(error)
        return
    for option in over.changed:
        yield Finding(
            WARNING,
            "not-as-stored",
            option,
            "nova stored the host otherwise",
            "Start nova-compute anew if the file was changed, or name the file of this host.",
        )
    for option in over.idle:
        yield Finding(NOTE, "no-bearing", option, "the host has no such NUMA cells or pages", "")
