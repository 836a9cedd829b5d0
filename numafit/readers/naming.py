"""The name of a host that a file describes without naming it: the file's own."""

from __future__ import annotations

import os
import re

_ENDING = re.compile(
    r"(?<=.)\.(?:xml|json|ya?ml|txt|tar(?:\.(?:gz|bz2|xz))?|tgz|tbz2?|txz)\Z", re.IGNORECASE
)
_OPEN_ALREADY = re.compile(r"-|/dev/(?:fd/[0-9]+|stdin)")


def host_name(path: str | os.PathLike[str]) -> str:
    """The last part of ``path`` without an ending that names a format; the dots of a host's own
    name stay. ``-`` for standard input, and for what the shell has opened."""
    file = os.fspath(path)
    if _OPEN_ALREADY.fullmatch(file):
        return "-"
    return _ENDING.sub("", os.path.basename(os.path.abspath(file)))
