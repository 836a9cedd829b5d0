"""What ``ip -j addr`` prints -> the IP addresses of each interface."""

from __future__ import annotations

import ipaddress
import os
import subprocess

from numafit.errors import InputError
from numafit.readers import checks
from numafit.readers.textfile import parse_json, read_text

_COMMAND = ("ip", "-j", "addr")
_SECONDS = 20


def read_addresses(path: str | os.PathLike[str]) -> dict[str, list[str]]:
    """Interface -> addresses, of a file with the output of ``ip -j addr``.

    Raises ``InputError`` with the file and the place in it.
    """
    file = os.fspath(path)
    return _addresses(parse_json(read_text(path), file), file)


def live_addresses() -> dict[str, list[str]]:
    """The addresses of this host, asked of ``ip``; none where it is not installed."""
    try:
        done = subprocess.run(_COMMAND, capture_output=True, timeout=_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return {}
    name = " ".join(_COMMAND)
    return _addresses(parse_json(done.stdout.decode("utf-8", "replace"), name), name)


def _addresses(data: object, file: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    try:
        links = checks.sequence(None, data, "a list of interfaces, as 'ip -j addr' prints it")
        for name, addresses in checks.each("", links, _link):
            found.setdefault(name, []).extend(addresses)
    except InputError as error:
        raise error.within(file) from None
    return found


def _link(value: object) -> tuple[str, list[str]]:
    link = checks.mapping(None, value, "an interface")
    # 'ip' prints {} for what a filter left out
    if not link:
        return "", []
    name = checks.text("ifname", checks.required(link, "ifname", "the interface's name"))
    listed = checks.sequence("addr_info", link.get("addr_info", ()), "a list of addresses")
    return name, [text for text in checks.each("addr_info", listed, _one) if text]


def _one(value: object) -> str | None:
    entry = checks.mapping(None, value, "an address")
    text = entry.get("local")
    if text is None:
        return None
    try:
        return str(ipaddress.ip_address(checks.text("local", text)))
    except ValueError:
        raise InputError(None, "local", text, "an IPv4 or IPv6 address") from None
