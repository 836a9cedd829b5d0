"""Published traces: hand-made files in the three forms, with what is in them counted by hand."""

from __future__ import annotations

import gzip
import math
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from numafit import InputError
from numafit.readers import bounds
from numafit.readers.vm_traces import (
    FORMS,
    Size,
    form_of,
    read_alibaba,
    read_azure,
    read_huawei,
    read_own,
)

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
OWN = """\
flavor,start,end
m1.small,0,60
"m1,large",30.5,
m1.small,90,NULL
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
    guests = zip(trace.kinds, trace.starts, trace.ends, strict=True)
    assert sorted(((trace.sizes[kind], start, end) for kind, start, end in guests),
                  key=lambda guest: guest[1]) == [
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
    fails(HUAWEI + "3,2,4,80,0,1\n", "line 8: got '3,2,4,80,0,1', expected 5 values")
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
    fails(OWN + "a,soon,\n", r"line 5\.start: got 'soon', expected seconds", read_own)
    fails(OWN + "a,2026-13-01,\n", r"line 5\.start: got '2026-13-01', expected seconds", read_own)
    fails(OWN + ",9,\n", r"line 5\.flavor: got '', expected the name of a flavor", read_own)
    fails(OWN + "a,1e13,\n", r"line 5\.start: got '1e13', expected seconds", read_own)


def test_a_database_that_computes_its_rows_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(azure(tmp_path / "t.sqlite"))) as database:
        database.executescript("DROP TABLE vm; CREATE VIEW vm AS SELECT 1 AS vmId")
        database.commit()
    with pytest.raises(InputError, match="vm: got None, expected tables alone, as Azure makes"):
        read_azure(tmp_path / "t.sqlite", 64, 1024)


def test_a_database_whose_names_are_no_text_is_refused(tmp_path: Path) -> None:
    data = azure(tmp_path / "t.sqlite").read_bytes()
    (tmp_path / "bad").write_bytes(data.replace(b"vmType", b"vmT\xecpe"))
    with pytest.raises(InputError, match="expected Azure's tables vm and vmType"):
        read_azure(tmp_path / "bad", 64, 1024)


def test_own_traces_name_flavors(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(OWN)
    trace = read_own(tmp_path / "t.csv")
    assert [str(size) for size in trace.sizes] == ["m1.small", "m1,large"]
    guests = list(zip(trace.kinds, trace.starts, trace.ends, strict=True))
    assert guests == [(0, 0.0, 60.0), (1, 30.5, math.inf), (0, 90.0, math.inf)]
    (tmp_path / "d.csv").write_text(
        "id,flavor,start,end\n1,a,2026-01-01 00:00:00,2026-01-01T01:00:00+01:00\n2,a,2026-01-02,\n"
    )
    dated = read_own(tmp_path / "d.csv")
    # midnight of the first of January 2026 in UTC, which one o'clock at +01:00 is too
    assert dated.starts == [1767225600.0, 1767225600.0 + 86400]
    assert dated.ends == [1767225600.0, math.inf]
    (tmp_path / "d.csv").write_text("flavor,start,end\na,2026-01-01,9\n")
    with pytest.raises(InputError, match=r"line 2\.end: got '9', expected a date, as in the rows"):
        read_own(tmp_path / "d.csv")


def test_a_trace_tells_its_form(tmp_path: Path) -> None:
    for form, text in (("huawei", HUAWEI), ("alibaba", ALIBABA), ("own", OWN)):
        (tmp_path / form).write_text(text)
        assert form_of(tmp_path / form) == form
        assert FORMS[form](tmp_path / form).kinds
    assert form_of(azure(tmp_path / "azure")) == "azure"
    (tmp_path / "no").write_text("vm,cores\n1,2\n")
    with pytest.raises(InputError, match="line 1: got 'vm,cores', expected a header with vmid,cpu"):
        form_of(tmp_path / "no")
    with pytest.raises(InputError, match="got 'a pipe', expected a file"):
        form_of("-")


def test_traces_may_be_packed(tmp_path: Path) -> None:
    file = azure(tmp_path / "t.sqlite")
    plain = read_azure(file, 64, 262144)
    with zipfile.ZipFile(tmp_path / "t.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("there/", "")
        archive.write(file, "there/packing_trace_zone_a_v1.sqlite")
    assert form_of(tmp_path / "t.zip") == "azure"
    assert read_azure(tmp_path / "t.zip", 64, 262144) == plain
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(HUAWEI.encode()))
    (tmp_path / "t.csv").write_text(HUAWEI)
    assert form_of(tmp_path / "t.csv.gz") == "huawei"
    assert read_huawei(tmp_path / "t.csv.gz") == read_huawei(tmp_path / "t.csv")
    bad = tmp_path / "bad"

    def fails(data: bytes, message: str) -> None:
        bad.write_bytes(data)
        with pytest.raises(InputError, match=message) as failed:
            read_huawei(bad)
        assert failed.value.file == str(bad)

    fails(gzip.compress(HUAWEI.encode())[:-9], "expected a file that can be unpacked")
    fails(b"PK\3\4 and no archive", "expected a file that can be unpacked")
    fails(gzip.compress(b"\xff\xfe"), "expected UTF-8 text")
    fails(
        gzip.compress(HUAWEI.encode().replace(b"0,2,4,0,0", b"0,2,4,x,0")), r"line 2\.time: got 'x'"
    )
    with zipfile.ZipFile(bad, "w") as archive:
        archive.writestr("a", "1")
        archive.writestr("b", "2")
    fails(bad.read_bytes(), "got '2 files', expected a zip archive of one file")


def test_what_unpacks_to_more_than_its_size_explains_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "trace_bytes", lambda size: 10_000)
    (tmp_path / "t.gz").write_bytes(gzip.compress(b"a" * 10_001))
    with pytest.raises(InputError, match="got 'more than 10000 bytes when unpacked'"):
        read_huawei(tmp_path / "t.gz")
