"""Published traces: hand-made files in the three forms, with what is in them counted by hand."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from numafit import InputError, InvalidValue
from numafit.readers import vm_traces
from numafit.readers.vm_traces import Size, read_alibaba, read_azure, read_huawei

HUAWEI = """\
vmid,cpu,memory,time,type
0,2,4,0,0
1,8,16,5,0
0,2,4,60,1
2,2,4,70,0
9,1,1,80,1
1,8,16,75,0
"""
ALIBABA = """\
name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time
openb-pod-0017,88000,327680,8,1000,,Burstable,Succeeded,9437497,10769854,9437497
openb-pod-0022,4500,15258,1,220,,BE,Running,9679175,9973826,9679175
openb-pod-0023,4000,1024,0,0,,LS,Running,9679180,,9679180
openb-pod-0024,0,1024,0,0,,LS,Running,9679180,9679190,9679180
"""


def azure(path: Path) -> Path:
    with closing(sqlite3.connect(path)) as database:
        database.executescript(
            """
            CREATE TABLE vmType (id INTEGER, vmTypeId INTEGER, machineId INTEGER,
                                 core REAL, memory REAL, hdd REAL, ssd REAL, nic REAL);
            CREATE TABLE vm (vmId INTEGER, tenantId INTEGER, vmTypeId INTEGER,
                             priority INTEGER, starttime REAL, endtime REAL);
            INSERT INTO vmType VALUES
                (1, 10, 0, 0.125, 0.0625, 0, 0, 0), (2, 10, 1, 0.25, 0.125, 0, 0, 0),
                (3, 11, 0, 0.01, 0.5, 0, 0, 0), (4, 12, 1, 1, 1, 0, 0, 0);
            INSERT INTO vm VALUES
                (1, 7, 10, 1, 0.5, 1.5), (2, 7, 11, 0, -1.0, NULL), (3, 8, 12, 0, 0.75, 0.8);
            """
        )
        database.commit()
    return path


def test_huawei_pairs_creations_with_deletions(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(HUAWEI)
    trace = read_huawei(tmp_path / "t.csv")
    assert trace.sizes == [Size(2, 4096), Size(8, 16384)]
    guests = sorted(zip(trace.starts, trace.ends, trace.kinds, strict=True))
    assert guests == [(0.0, 60.0, 0), (5.0, math.inf, 1), (70.0, math.inf, 0)]
    assert trace.passed_over == {
        "it is deleted and was never created": 1,
        "it is created twice": 1,
    }


def test_alibaba_rounds_thousandths_of_a_cpu_up(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(ALIBABA)
    trace = read_alibaba(tmp_path / "t.csv")
    assert trace.sizes == [Size(88, 327680, 8), Size(5, 15258, 1), Size(4, 1024)]
    assert trace.starts == [9437497.0, 9679175.0, 9679180.0]
    assert trace.ends == [10769854.0, 9973826.0, math.inf]
    assert trace.passed_over == {"it asks for no CPU or no memory": 1}


def test_azure_sizes_are_fractions_of_a_machine(tmp_path: Path) -> None:
    file = azure(tmp_path / "t.sqlite")
    trace = read_azure(file, vcpus=64, memory_mb=262144)
    # an eighth of 64 CPUs; a hundredth of them is 0.64, a whole one
    assert [(trace.sizes[kind], start, end) for kind, start, end in
            zip(trace.kinds, trace.starts, trace.ends, strict=True)] == [
        (Size(1, 131072), -86400.0, math.inf),
        (Size(8, 16384), 43200.0, 129600.0),
    ]  # fmt: skip
    assert trace.passed_over == {"its type does not run on this machine": 1}
    other = read_azure(file, vcpus=64, memory_mb=262144, machine=1)
    assert other.sizes == [Size(16, 32768), Size(64, 262144)]


def test_bad_traces_are_named(tmp_path: Path) -> None:
    file = tmp_path / "t"

    def fails(text: str, message: str, reader: object = read_huawei) -> None:
        file.write_text(text)
        with pytest.raises(InputError, match=message):
            reader(file)  # type: ignore[operator]

    fails("vmid,cpu\n1,2\n", "line 1: got 'vmid,cpu', expected a header with vmid, cpu, memory")
    fails(HUAWEI + "3,2,4,80,2\n", r"line 8\.type: got '2', expected 0 \(created\) or 1")
    fails(HUAWEI + "3,two,4,80,0\n", r"line 8\.cpu: got 'two', expected a number")
    fails(HUAWEI + "3,2.5,4,80,0\n", r"line 8\.cpu: got '2\.5', expected a whole number")
    fails(HUAWEI + "3,2,nan,80,0\n", r"line 8\.memory: got 'nan', expected a number")
    fails(HUAWEI + "3,2,4\n", "line 8: got '3,2,4', expected 5 values")
    fails(ALIBABA.replace("9679175,9973826", "soon,9973826"), "creation_time", read_alibaba)
    fails(HUAWEI, "expected a SQLite database", lambda path: read_azure(path, 64, 1024))
    azure(tmp_path / "a.sqlite")
    with pytest.raises(InputError, match=r"vmType\.machineId: got 5, expected one of 0, 1"):
        read_azure(tmp_path / "a.sqlite", 64, 1024, machine=5)
    with closing(sqlite3.connect(tmp_path / "b.sqlite")) as database:
        database.execute("CREATE TABLE other (a INTEGER)")
        database.commit()
    with pytest.raises(InputError, match="no such table: vmType"):
        read_azure(tmp_path / "b.sqlite", 64, 1024)
    with pytest.raises(InvalidValue, match="form: got 'google'"):
        vm_traces.form_of("google")
