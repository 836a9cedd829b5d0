"""Files of JSON and YAML: hostile and broken ones are refused in bounded time, with the place."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
from pathlib import Path

import pytest

from numafit import InputError
from numafit.readers.bounds import YAML_DEPTH
from numafit.readers.textfile import load, parse_json, read_text
from numafit.readers.yamltext import parse_yaml

LAUGHS = "a0: &a0 [x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ('{"a": 1', "line 1, column 8", "was the file cut?"),
        ('{"a": "b', "line 1, column 7", "was the file cut?"),
        ('{"a": 1}\n{', "line 2, column 1", "JSON"),
        ('{"a" 1}', "line 1, column 6", "JSON"),
        ("{'a': 1}", "line 1, column 2", "JSON"),
        ('{"a": tru}', "line 1, column 7", "JSON"),
        ('{"a": 1, "a": 2}', "a", "each key of an object once"),
        ('{"a": NaN}', "", "no NaN"),
        ('{"a": -Infinity}', "", "no NaN"),
        ('{"a": 1e999}', "", "a number that a double can hold"),
        ('{"a": ' + "9" * 5000 + "}", "", "fewer digits"),
        ("[" * 100_000, "", "nested less deeply"),
    ],
)
def test_json_that_is_refused(text: str, key: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        load(path)
    assert caught.value.file == str(path)
    assert (caught.value.key or "") == key
    assert words in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("a: &a\n  b: *a\n", "a.b", ""),
        ("a: &a [*a]\n", "a[0]", ""),
        ("&a a: &b {c: *b}\n", "a.c", ""),
        ("<<: &a {b: 1, <<: *a}\n", "", ""),
        (LAUGHS, "a", ""),
        ("a: *nowhere\n", "", "nowhere"),
        ("a: 1\na: 2\n", "a", "each key of a mapping once"),
        ("1: a\n", "", "a key in text"),
        ("[a, b]: c\n", "", "a key in text"),
        ("a: 2024-01-02\n", "a", "takes this for a date"),
        ("a: 010\n", "a", "plain decimal digits"),
        ("a: 0x10\n", "a", "plain decimal digits"),
        ("a: 1:30\n", "a", "plain decimal digits"),
        ("a: .inf\n", "a", "finite number"),
        ("a: .nan\n", "a", "finite number"),
        ("a: !!python/object/apply:os.system [id]\n", "a", "without a tag"),
        ("a: !thing 3\n", "a", "without a tag"),
        ("a: [1, 2\n", "line 2, column 1", "YAML"),
        ("a: b: c\n", "line 1, column 5", "YAML"),
        ("a: 1\n---\nb: 2\n", "", "one document"),
        ("a:\n\t- b\n", "line 2, column 1", "YAML"),
        ("[" * (YAML_DEPTH + 2) + "]" * (YAML_DEPTH + 2), "", ""),
        ("# nothing\n", "", "a YAML document"),
    ],
)
def test_yaml_that_is_refused(text: str, key: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        load(path)
    assert caught.value.file == str(path)
    assert (caught.value.key or "").startswith(key)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 500


def test_yaml_that_json_says_too() -> None:
    text = '{"a": [1, -2.5, "x", true, null], "b": {"c": "0-3"}}'
    assert parse_yaml(text) == parse_json(text)


def test_yaml_keeps_what_was_written() -> None:
    assert parse_yaml("a: 0-3\nb: '010'\nc: yes\nd: ~\ne: 8086\n") == {
        "a": "0-3",
        "b": "010",
        "c": True,
        "d": None,
        "e": 8086,
    }


def test_files_that_are_none(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    (tmp_path / "empty").write_text(" \n")
    (tmp_path / "latin").write_bytes(b"a: \xe4\n")
    for name, module in (("gunzip", gzip), ("bunzip2", bz2), ("unxz", lzma)):
        (tmp_path / name).write_bytes(module.compress(b"a: 1"))
    for path, words in [
        *((tmp_path / name, f"Unpack it first: {name}") for name in ("gunzip", "bunzip2", "unxz")),
        (tmp_path / "missing.yaml", "Check the path"),
        (tmp_path, "a directory"),
        (fifo, "a FIFO"),
        (Path("/dev/zero"), "a device"),
        (tmp_path / "empty", "the file is empty"),
        (tmp_path / "latin", "Convert the file to UTF-8"),
        (tmp_path / "missing.yaml" / "x", "Check the path"),
        (Path("a\0b"), "the path of a file"),
    ]:
        with pytest.raises(InputError, match=words) as caught:
            load(path)
        assert caught.value.file == str(path)
        assert str(caught.value).count("expected") == 1


def test_a_file_beyond_the_bound_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_text("x" * 100)
    assert read_text(path, limit=100) == "x" * 100
    with pytest.raises(InputError, match="at most 99 bytes"):
        read_text(path, limit=99)


def test_the_text_decides_where_the_name_does_not(tmp_path: Path) -> None:
    path = tmp_path / "host"
    path.write_bytes(b'\xef\xbb\xbf {"a": 1}')
    assert load(path) == {"a": 1}
    path.write_text("a: 1\n")
    assert load(path) == {"a": 1}
