"""Published traces of virtual machines -> who came, how large, and how long it stayed.

Three forms: Azure's traces for packing of 2020 (a SQLite database), Huawei-East-1 (CSV), and the
pods of Alibaba's ``cluster-trace-gpu-v2023`` (CSV); and one for traces of one's own (CSV), whose
guests name their flavors. Each may be packed by gzip or zip. What a trace does not tell is not made
up: a guest without an end stays, and rows that cannot be guests are counted and said.
"""

from __future__ import annotations

import csv
import io
import math
import os
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from numafit.errors import InputError
from numafit.plurals import counted
from numafit.readers import bounds
from numafit.readers.sqlite_file import NO_MEMORY, open_sqlite
from numafit.readers.textfile import is_open_pipe, read_text
from numafit.readers.unpacked import unpacked

DAY = 86400.0
STAYS = math.inf


@dataclass(frozen=True, slots=True)
class Size:
    """What a guest of a trace asks for: memory in MiB. ``flavor``: where the trace names one, and
    does not tell its size (0)."""

    vcpus: int
    memory_mb: int
    gpus: int = 0
    flavor: str = ""

    def __str__(self) -> str:
        """``4 vCPUs, 16384 MiB``, or the flavor's name."""
        if self.flavor:
            return self.flavor
        gpus = f", {self.gpus} GPU{'s' * (self.gpus > 1)}" if self.gpus else ""
        return f"{self.vcpus} vCPU{'s' * (self.vcpus > 1)}, {self.memory_mb} MiB{gpus}"


@dataclass(slots=True)
class VmTrace:
    """Guests, one entry each: ``sizes[kinds[i]]`` came at ``starts[i]`` and left at ``ends[i]``
    (seconds; infinite: not seen to leave). ``passed_over``: why rows are no guests -> how many."""

    sizes: list[Size] = field(default_factory=list)
    kinds: list[int] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    passed_over: dict[str, int] = field(default_factory=dict)
    _known: dict[Size, int] = field(default_factory=dict, repr=False)

    def add(self, size: Size, start: float, end: float) -> None:
        if end < start:
            self.pass_over("it ends before it begins")
            return
        if not size.flavor and (size.vcpus < 1 or size.memory_mb < 1):
            self.pass_over("it asks for no CPU or no memory")
            return
        kind = self._known.setdefault(size, len(self.sizes))
        if kind == len(self.sizes):
            self.sizes.append(size)
        self.kinds.append(kind)
        self.starts.append(start)
        self.ends.append(end)

    def pass_over(self, why: str) -> None:
        self.passed_over[why] = self.passed_over.get(why, 0) + 1


def read_azure(
    path: str | os.PathLike[str], vcpus: int, memory_mb: int, machine: int | None = None
) -> VmTrace:
    """Azure's ``packing_trace_zone_a_v1.sqlite``.

    Its VM types are fractions of a machine; ``vcpus`` and ``memory_mb`` are those of the machine
    that stands for it here, ``machine`` its ``machineId`` (default: the smallest). Fractions are
    rounded up to whole CPUs and MiB. Types that this machine does not take are passed over. Raises
    ``InputError`` with the file and what it lacks.
    """
    file = os.fspath(path)
    with unpacked(path) as plain:
        if not _is_sqlite(plain):
            raise InputError(
                file, None, "something else", "a SQLite database", "Azure's trace is one."
            )
        return _azure_guests(file, plain, vcpus, memory_mb, machine)


def _is_sqlite(plain: str) -> bool:
    with open(plain, "rb") as stream:
        return stream.read(16) == b"SQLite format 3\0"


def _azure_guests(
    file: str, plain: str, vcpus: int, memory_mb: int, machine: int | None
) -> VmTrace:
    trace = VmTrace()
    try:
        with closing(open_sqlite(plain, file, "Azure")) as database:
            sizes = _azure_types(database, file, vcpus, memory_mb, machine)
            query = "SELECT vmId, vmTypeId, starttime, endtime FROM vm"
            for n, (vm, kind, start, end) in enumerate(database.execute(query)):
                if n >= bounds.TRACE_GUESTS:
                    raise _too_many(file)
                where = f"vm {vm}"
                begin = _number(file, f"{where}.starttime", start) * DAY
                leave = STAYS if end is None else _number(file, f"{where}.endtime", end) * DAY
                if kind in sizes:
                    trace.add(sizes[kind], begin, leave)
                else:
                    trace.pass_over("its type does not run on this machine")
    except (sqlite3.Error, UnicodeError, MemoryError) as error:
        reason = str(error) or NO_MEMORY
        raise InputError(
            file, None, reason, "Azure's tables vm and vmType", "See read_azure."
        ) from None
    return trace


def _azure_types(
    database: sqlite3.Connection, file: str, vcpus: int, memory_mb: int, machine: int | None
) -> dict[object, Size]:
    rows = database.execute("SELECT vmTypeId, machineId, core, memory FROM vmType").fetchall()
    machines = sorted({row[1] for row in rows if isinstance(row[1], int)})
    if machine is None and machines:
        machine = machines[0]
    if machine not in machines:
        raise InputError(
            file, "vmType.machineId", machine, f"one of {', '.join(map(str, machines)) or 'some'}"
        )
    sizes: dict[object, Size] = {}
    for kind, on, core, memory in rows:
        if on == machine:
            where = f"vmType {kind}"
            sizes[kind] = Size(
                math.ceil(_number(file, f"{where}.core", core) * vcpus - 1e-9),
                math.ceil(_number(file, f"{where}.memory", memory) * memory_mb - 1e-9),
            )
    return sizes


def read_huawei(path: str | os.PathLike[str]) -> VmTrace:
    """Huawei-East-1: ``vmid,cpu,memory,time,type`` with memory in GB, time in seconds, type 0 for
    a creation and 1 for a deletion, in the order of time. Raises ``InputError`` with the file and
    the line."""
    file = os.fspath(path)
    trace = VmTrace()
    here: dict[str, tuple[Size, float]] = {}
    for where, row in _rows(file, _HUAWEI):
        vm, time = row["vmid"], _number(file, f"{where}.time", row["time"])
        if row["type"] == "0":
            size = Size(
                _whole(file, f"{where}.cpu", row["cpu"]),
                math.ceil(_number(file, f"{where}.memory", row["memory"]) * 1024),
            )
            if vm in here:
                trace.pass_over("it is created twice")
            else:
                here[vm] = size, time
        elif row["type"] == "1":
            if vm in here:
                size, start = here.pop(vm)
                trace.add(size, start, time)
            else:
                trace.pass_over("it is deleted and was never created")
        else:
            raise InputError(file, f"{where}.type", row["type"], "0 (created) or 1 (deleted)")
    for size, start in here.values():
        trace.add(size, start, STAYS)
    return trace


def read_alibaba(path: str | os.PathLike[str]) -> VmTrace:
    """Pods of Alibaba's ``cluster-trace-gpu-v2023`` (``openb_pod_list_*.csv``).

    CPUs are thousandths, rounded up; pods that share a GPU ask for one. Types of GPU are not looked
    at, and pods that never ran (``Pending``) come like the others. Raises ``InputError`` with the
    file and the line.
    """
    file = os.fspath(path)
    trace = VmTrace()
    for where, row in _rows(file, _ALIBABA):
        end = row["deletion_time"]
        trace.add(
            Size(
                math.ceil(_number(file, f"{where}.cpu_milli", row["cpu_milli"]) / 1000),
                math.ceil(_number(file, f"{where}.memory_mib", row["memory_mib"])),
                _whole(file, f"{where}.num_gpu", row["num_gpu"]),
            ),
            _number(file, f"{where}.creation_time", row["creation_time"]),
            STAYS if end in _NO_END else _number(file, f"{where}.deletion_time", end),
        )
    return trace


def read_own(path: str | os.PathLike[str]) -> VmTrace:
    """``flavor,start,end``: guests by the names of their flavors, as a query of one's own database
    gives them. Times are seconds, or dates such as ``2026-11-28 14:00:00`` (UTC where they name no
    zone), the same in all rows; no end, ``NULL`` or ``nan``: it stays. Raises
    ``InputError`` with the file and the line."""
    file = os.fspath(path)
    trace = VmTrace()
    dated: bool | None = None

    def time(key: str) -> float:
        nonlocal dated
        dates = bool(_DATE.match(row[key]))
        if dated is not None and dates != dated:
            expected = "a date" if dated else "seconds"
            raise InputError(file, f"{where}.{key}", row[key], f"{expected}, as in the rows before")
        dated = dates
        return _time(file, f"{where}.{key}", row[key])

    for where, row in _rows(file, _OWN):
        if not row["flavor"]:
            raise InputError(file, f"{where}.flavor", row["flavor"], "the name of a flavor")
        size = Size(0, 0, flavor=row["flavor"])
        trace.add(size, time("start"), STAYS if row["end"] in _NO_END else time("end"))
    return trace


_HUAWEI = ("vmid", "cpu", "memory", "time", "type")
_ALIBABA = ("cpu_milli", "memory_mib", "num_gpu", "creation_time", "deletion_time")
_OWN = ("flavor", "start", "end")
_NO_END = ("", "nan", "NULL")
_WHEN = "seconds, or a date such as 2026-11-28 14:00"
_DATE = re.compile(r"\d{4}-\d\d-\d\d")

FORMS: Mapping[str, Callable[..., VmTrace]] = {
    "azure": read_azure,
    "huawei": read_huawei,
    "alibaba": read_alibaba,
    "own": read_own,
}
_HEADERS = {"huawei": _HUAWEI, "alibaba": _ALIBABA, "own": _OWN}


def form_of(path: str | os.PathLike[str]) -> str:
    """Which of ``FORMS`` the file is in, by what it begins with. Raises ``InputError``."""
    file = os.fspath(path)
    with unpacked(path) as plain:
        if plain == "-" or is_open_pipe(plain):
            hint = f"It can be read once: name its form with --trace-format, {', '.join(_HEADERS)}."
            raise InputError(file, None, "a pipe", "a file", hint)
        if _is_sqlite(plain):
            return "azure"
        with open(plain, "rb") as stream:
            first = stream.readline(bounds.LABEL).decode("utf-8-sig", "replace").strip()
    names = _names(first.split(","))
    for form, wanted in _HEADERS.items():
        if all(name in names for name in wanted):
            return form
    forms = ", ".join(f"{','.join(wanted)} ({form})" for form, wanted in _HEADERS.items())
    raise InputError(file, "line 1", first, f"a header with {forms}; or a SQLite database (azure)")


def _names(header: list[str]) -> list[str]:
    return [name.strip().strip('"') for name in header]


def _rows(file: str, wanted: tuple[str, ...]) -> Iterator[tuple[str, dict[str, str]]]:
    with unpacked(file) as plain:
        try:
            text = read_text(plain, limit=bounds.DUMP_BYTES)
        except InputError as error:
            raise InputError(file, error.key, error.value, error.expected, error.hint) from None
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        yield from _sound_rows(file, reader, wanted)
    except csv.Error as error:
        raise InputError(file, f"line {reader.line_num}", str(error), "lines of CSV") from None


def _sound_rows(
    file: str, reader: Any, wanted: tuple[str, ...]
) -> Iterator[tuple[str, dict[str, str]]]:
    header = _names(next(reader, []))
    lacking = [name for name in wanted if name not in header]
    if lacking:
        raise InputError(
            file,
            "line 1",
            ",".join(header),
            f"a header with {', '.join(wanted)}",
            "Is it another trace?",
        )
    places = [header.index(name) for name in wanted]
    for row in reader:
        if not row:
            continue
        if reader.line_num > bounds.TRACE_GUESTS:
            raise _too_many(file)
        where = f"line {reader.line_num}"
        if len(row) != len(header):
            raise InputError(
                file, where, ",".join(row), f"{counted(len(header), 'value')}, as the header has"
            )
        yield where, {name: row[at].strip() for name, at in zip(wanted, places, strict=True)}


def _too_many(file: str) -> InputError:
    return InputError(
        file,
        None,
        f"more than {bounds.TRACE_GUESTS} guests",
        f"at most {bounds.TRACE_GUESTS}",
        "Cut the trace.",
    )


def _number(file: str, key: str, value: object, expected: str = "a number") -> float:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) or abs(number) > 1e12:
        raise InputError(file, key, value, expected)
    return number


def _whole(file: str, key: str, value: str) -> int:
    number = _number(file, key, value)
    if number != int(number) or number < 0:
        raise InputError(file, key, value, "a whole number")
    return int(number)


def _time(file: str, key: str, value: str) -> float:
    if not _DATE.match(value):
        return _number(file, key, value, _WHEN)
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        raise InputError(file, key, value, _WHEN) from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
