"""How much of an input is read: every bound of a reader stands here, and nowhere else.

What they promise together: an input below 4 MiB, whoever wrote it, ends in a value or in one
``InputError`` within 2 s and 512 MiB. Larger files take longer in proportion. What a host may hold
(cells, CPUs of a cell, pages) is the model's to say: ``numafit.model.hostinfo``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from numafit.errors import InputError

MIB = 1 << 20

# --- text files
FILE_BYTES = 64 * MIB
"""Some hundred times the largest host file; what is larger is not one."""
DUMP_BYTES = 1024 * MIB
"""A dump of database rows: 16,000 hosts at the 64 KiB that a TEXT column holds."""

LINES = 1_000_000
"""Of a text that is read line by line: tables, and what tools print for people."""
TABLE_CELLS = 1_000_000
"""Of a table whose cells need no text of their own."""
LABEL = 1000
"""Characters of a name that is shown to people; a database holds 255."""
FLAVORS = 5000
"""Each is a question, and its answer a line."""

TRACE_GUESTS = 20_000_000
"""Azure's trace for packing has 5 million."""


def trace_bytes(size: int) -> int:
    """Unpacked bytes of a trace that has ``size`` when it is packed: rows of numbers shrink to a
    sixth. The time that it takes goes by these bytes."""
    return 16 * MIB + 24 * size


# --- messages: how many keys are looked at for "did you mean", and how much of each
KEYS_COMPARED = 1000
KEY_COMPARED = 80

# --- YAML: a host file needs five levels, a stored nova row twelve
YAML_DEPTH = 100
YAML_VALUES = 400_000
"""Values of the document with every alias written out. PyYAML takes a second for them; what is
larger, such as a dump of many rows, had better be JSON."""
YAML_DIRECTIVES = 16
"""Lines that begin with ``%``: libyaml compares each ``%TAG`` with all before it."""

# --- XML: 2000 VFs of 'virsh nodedev-dumpxml' make 150,000 tags
XML_DEPTH = 64
XML_TAGS = 500_000

# --- nova.conf and agent configurations: nova's sample with every option explained has 0.3 MiB
CONF_BYTES = 4 * MIB
"""Of all files together."""
CONF_FILES = 1000
CONF_LINES = 200_000
CONF_VALUE = 64 << 10
"""Characters of one value: oslo.config takes quadratic time to split a list."""
CONF_VALUES = MIB
"""Characters of all values of the options that are read."""
CONF_REFERENCES = 64
"""Values with ``$option`` among the options that are read."""
PHYSNETS = 4096
"""Each has a section of its own."""

# --- trees: a server with a thousand VFs shows some 300,000 files in /sys
TREE_FILE_BYTES = MIB
"""Of one file; sysfs writes 4 KiB, its binary files (VPD) up to 32 KiB."""
TREE_TEXT_BYTES = 64 << 10
"""Of a file that is read as text: 8192 CPUs, one by one, take 40 KiB."""
TREE_BYTES = 192 * MIB
"""Of all files of an archive."""
TREE_DIRECTORIES = 400_000
TREE_STEPS = 500_000
"""Names listed, parts of paths walked, CPUs named, and 32 bytes of files each: a server with a
thousand VFs takes some 50,000."""
TREE_LINKS = 64
"""Links on the way to one file."""
TREE_DEPTH = 64
"""Directories inside directories; sysfs has some twenty."""
PATH_BYTES = 4096
"""Of a member's name or of what a link names: Linux's PATH_MAX."""
TAR_EXTENSION = 64 << 10
"""Bytes of a header of pax or GNU that holds a long name."""
TAR_RECORDS = 1_500_000
"""Records of all headers of pax: three times for each member."""

# --- tables of Open vSwitch
SWITCH_ROWS = 200_000
"""Of what 'ovs-vsctl show' prints."""
SWITCH_PORTS = 1_000_000
"""Ports of all bridges, each counted with every interface below it."""

# --- 'ip addr'
INTERFACES = 100_000
"""And so many addresses."""

# --- recorded cases, and logs with cases in them
CASE_BYTES = 16 * MIB
"""Of one line."""

# --- synthetic strings of hwloc: a level takes some ten characters
SYNTHETIC = 1000
SYNTHETIC_INDEXES = 2 * MIB
"""Characters in all: 65536 CPUs, one by one, take 380 KiB."""

# --- CPU sets
CPU_IDS = 65536
"""CPU ids that a bitmap, a mask or a synthetic machine may have: eight times Linux's largest."""
CPUS_NAMED = 1 << 19
"""CPUs that the lists and masks of one document may name beyond the length of their own text: the
largest machine that Linux runs on names 8192 CPUs some ten times."""
CPUS_A_CELL = 64
"""What each cell of Arrow data adds to that."""
ARROW_EMPTY_HOSTS = 100_000
"""Hosts of Arrow data that have neither a name nor cells: a row of them takes four bytes."""
ARROW_CPU_LIST = 1 << 17
"""Characters of a CPU list: 8192 CPUs, one by one, with ids of ten digits take fewer."""


def rows(size: int) -> int:
    """Rows of a dump of ``size`` characters: one with a topology has some 500."""
    return 50_000 + size // 64


def database_steps(size: int) -> int:
    """Instructions of SQLite's machine that a database of ``size`` bytes may cost: some thirty a
    row of fifty bytes."""
    return 1_000_000 + size


def archive_bytes(size: int) -> int:
    """Unpacked bytes of the first ``size`` bytes of an archive. Copies of sysfs shrink to a 260th
    or, where 'tar' filled each file up to a page, to a 700th; reports of a whole system to a 20th.
    """
    return 448 * MIB + 16 * size


def archive_members(size: int) -> int:
    """Members in the first ``size`` bytes of an archive, those included that are passed over."""
    return 250_000 + size // 64


def case_bytes(size: int) -> int:
    """Bytes of all cases in a packed file of ``size`` bytes; logs shrink to a 20th."""
    return 64 * MIB + 32 * size


def case_lines(size: int) -> int:
    """Lines of a file of cases, empty ones included."""
    return 1_000_000 + size // 8


class Named:
    """How many CPUs the lists of a document may still name."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = CPUS_NAMED


_document: ContextVar[Named | None] = ContextVar("document", default=None)


@contextmanager
def document(text: object = None, known: Named | None = None) -> Iterator[None]:
    """What is read inside is one document, or a part of the one around it.

    ``text``: of a part, such as a row; the longer it is, the more CPUs it may name. ``known``: of
    a document that is read in several steps.
    """
    if _document.get() is not None:
        if isinstance(text, str | bytes):
            grant_cpus(len(text) // 8)
        yield
        return
    token = _document.set(known or Named())
    try:
        yield
    finally:
        _document.reset(token)


def grant_cpus(count: int) -> None:
    """Let the lists of the document name ``count`` CPUs more."""
    document = _document.get()
    if document is not None:
        document.left += count


def name_cpus(key: str | None, count: int, text: str) -> None:
    """Count ``count`` CPUs that ``text`` named. Raises ``InputError`` where the lists of the
    document name too many: ``0-8191`` costs its reader more than its writer."""
    named = _document.get()
    more = count - len(text)
    if named is None or more <= 0:
        return
    named.left -= more
    if named.left < 0:
        raise InputError(
            None,
            key,
            text,
            f"lists that name at most {CPUS_NAMED} CPUs in all",
            "Linux knows 8192 CPUs: is a range repeated?",
        )
