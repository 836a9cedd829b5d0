"""What ``ip addr`` and ``ip -d link`` print -> addresses of interfaces, and what they stand on.

Read are their JSON (``ip -j``) and their text, with a line for each address (``-o``) or without.
"""

from __future__ import annotations

import ipaddress
import os
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from numafit.errors import InputError
from numafit.model.interface import NetInterface
from numafit.readers import bounds, checks
from numafit.readers.textfile import lines_of, parse_json, read_text

_COMMAND = ("ip", "-j", "addr")
_SECONDS = 20
_HOW = "Save what 'ip addr' or 'ip -d link' prints."
_HEAD = re.compile(r"[0-9]+: ([^\s:@]+)(?:@([^\s:]+))?: <[^>]*>(.*)")
_SHORT = re.compile(r"[0-9]+: ([^\s:@]+)(?:@[^\s:]+)?\s+(inet6? .*)")
_INET = re.compile(r"\s*inet6? ([0-9a-fA-F.:]+)")
_MASTER = re.compile(r" master (\S+)")
_PARENT = re.compile(r" parentbus pci parentdev (\S+)")
_ELSEWHERE = re.compile(r"if[0-9]+")


@dataclass(slots=True)
class IpLink:
    """``link``: what a VLAN stands on; ``master``: the bond or bridge that this is a member of;
    ``pci_address``: of its device, which newer versions of ``ip -d`` show."""

    name: str
    addresses: list[str] = field(default_factory=list)
    link: str | None = None
    master: str | None = None
    pci_address: str | None = None


def read_links(path: str | os.PathLike[str]) -> list[IpLink]:
    """The interfaces of a file. Raises ``InputError`` with the file and the place in it."""
    file = os.fspath(path)
    text = read_text(path)
    try:
        if text.lstrip().startswith(("[", "{")):
            return _of_json(parse_json(text))
        return _of_text(text)
    except InputError as error:
        raise error.within(file) from None


def live_links() -> list[IpLink]:
    """The interfaces of this host, asked of ``ip``; none where it is not installed."""
    try:
        done = subprocess.run(_COMMAND, capture_output=True, timeout=_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    try:
        return _of_json(parse_json(done.stdout.decode("utf-8", "replace")))
    except InputError as error:
        raise error.within(" ".join(_COMMAND)) from None


def addresses_of(links: Iterable[IpLink]) -> dict[str, list[str]]:
    """Interface -> its IP addresses."""
    found: dict[str, list[str]] = {}
    for one in links:
        found.setdefault(one.name, []).extend(one.addresses)
    return found


def with_links(
    interfaces: Sequence[NetInterface],
    links: Sequence[IpLink],
    nodes: Mapping[str, int | None],
) -> list[NetInterface]:
    """``interfaces`` with what ``links`` tell of those that a copy of sysfs lacks, or shows without
    what is beneath them. ``nodes``: PCI address -> NUMA node."""
    lower: dict[str, dict[str, None]] = {}
    for one in links:
        if one.link is not None:
            lower.setdefault(one.name, {})[one.link] = None
        if one.master is not None:
            lower.setdefault(one.master, {})[one.name] = None
    found = {one.name: one for one in interfaces}
    for one in links:
        known = found.get(one.name, NetInterface(one.name))
        if not known.lower and one.name in lower:
            known = replace(known, lower=tuple(lower[one.name]))
        if known.pci_address is None and one.pci_address is not None:
            known = replace(
                known, pci_address=one.pci_address, numa_node=nodes.get(one.pci_address)
            )
        found[one.name] = known
    return list(found.values())


def _of_text(text: str) -> list[IpLink]:
    links: dict[str, IpLink] = {}
    current: IpLink | None = None
    # -o puts what belongs to an interface behind backslashes
    left = bounds.INTERFACES
    for n, line in enumerate(lines_of(text.replace("\\", "\n")), 1):
        head, short = _HEAD.match(line), _SHORT.match(line)
        if len(links) > bounds.INTERFACES:
            expected = f"at most {bounds.INTERFACES} interfaces"
            raise InputError(None, f"line {n}", "one more", expected)
        if head:
            current = links.setdefault(head[1], IpLink(head[1]))
            # the other end may be in another network namespace
            if head[2] and not _ELSEWHERE.fullmatch(head[2]):
                current.link = head[2]
            master = _MASTER.search(head[3])
            current.master = master[1] if master else current.master
        elif short:
            current = links.setdefault(short[1], IpLink(short[1]))
            line = short[2]
        elif current is None:
            if line.strip():
                raise InputError(None, f"line {n}", line, "an interface, as ip prints it", _HOW)
            continue
        inet, parent = _INET.match(line), _PARENT.search(line)
        if inet:
            left -= 1
            if left < 0:
                expected = f"at most {bounds.INTERFACES} addresses"
                raise InputError(None, f"line {n}", "one more", expected)
            current.addresses.append(_address(f"line {n}", inet[1]))
        if parent:
            current.pci_address = parent[1]
    return list(links.values())


def _of_json(data: object) -> list[IpLink]:
    listed = checks.sequence(None, data, "a list of interfaces, as 'ip -j addr' prints it")
    if len(listed) > bounds.INTERFACES:
        raise InputError(None, None, len(listed), f"at most {bounds.INTERFACES} interfaces")
    return [one for one in checks.each("", listed, _link) if one.name]


def _link(value: object) -> IpLink:
    link = checks.mapping(None, value, "an interface")
    # 'ip' prints {} for what a filter left out
    if not link:
        return IpLink("")
    name = checks.text("ifname", checks.required(link, "ifname", "the interface's name"))
    listed = checks.sequence("addr_info", link.get("addr_info", ()), "a list of addresses")
    if len(listed) > bounds.INTERFACES:
        expected = f"at most {bounds.INTERFACES} addresses"
        raise InputError(None, "addr_info", len(listed), expected)
    texts = {
        key: checks.text(key, link[key])
        for key in ("link", "master", "parentbus", "parentdev")
        if link.get(key) is not None
    }
    return IpLink(
        name,
        [text for text in checks.each("addr_info", listed, _one) if text],
        texts.get("link"),
        texts.get("master"),
        texts.get("parentdev") if texts.get("parentbus") == "pci" else None,
    )


def _one(value: object) -> str | None:
    entry = checks.mapping(None, value, "an address")
    text = entry.get("local")
    return None if text is None else _address("local", checks.text("local", text))


def _address(key: str, text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise InputError(None, key, text, "an IPv4 or IPv6 address") from None
