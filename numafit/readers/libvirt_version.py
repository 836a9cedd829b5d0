"""The version of libvirt: a number, what ``virsh version`` prints in a file, or this host's own."""

from __future__ import annotations

import os
import re
import subprocess

from numafit.errors import InputError
from numafit.readers.textfile import is_open_pipe, read_text

Version = tuple[int, int, int]

_NUMBER = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})\.([0-9]{1,4})")
# the daemon is what nova talks to; the library is that of the client
_LINES = (
    re.compile(r"running against daemon: ([0-9.]+)", re.IGNORECASE),
    re.compile(r"using library: libvirt ([0-9.]+)", re.IGNORECASE),
    re.compile(r"libvirtd? \(libvirt\) ([0-9.]+)"),
)
_COMMAND = ("virsh", "version", "--daemon")
_SECONDS = 10
_HOW = "a version such as 9.0.0, or a file with what 'virsh version --daemon' prints"


def read_libvirt_version(source: str) -> Version:
    """``source``: a version or a file. Raises ``InputError``."""
    if _NUMBER.fullmatch(source):
        return _parsed(source, None)
    if source != "-" and not is_open_pipe(source) and not os.path.exists(source):
        raise InputError(None, "--libvirt-version", source, _HOW)
    return _of_text(read_text(source), source)


def live_libvirt_version() -> Version | None:
    """Of this host, asked of ``virsh``; ``None`` where that does not answer."""
    try:
        done = subprocess.run(_COMMAND, capture_output=True, timeout=_SECONDS, check=True)
        return _of_text(done.stdout.decode("utf-8", "replace"), " ".join(_COMMAND))
    except (OSError, subprocess.SubprocessError, InputError):
        return None


def _of_text(text: str, file: str) -> Version:
    for line in _LINES:
        found = line.search(text)
        if found:
            return _parsed(found[1], file)
    return _parsed(text.strip(), file)


def _parsed(text: str, file: str | None) -> Version:
    found = _NUMBER.fullmatch(text)
    if found is None:
        raise InputError(file, None, text, _HOW)
    return int(found[1]), int(found[2]), int(found[3])
