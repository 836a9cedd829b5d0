"""What a refusal says: every status of the engine has a sentence; sizes in the largest unit."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import numafit
from numafit.model.refusal import page_words, sentence, size_words

HEADER = Path(numafit.get_include()) / "numafit/numafit.h"


def statuses() -> list[str]:
    body = HEADER.read_text().split("typedef enum nf_status {")[1].split("NF_STATUS_END")[0]
    return [name.lower() for name in re.findall(r"^ {4}NF_(\w+)[ ,]", body, re.M) if name != "OK"]


def test_every_status_has_a_sentence_without_gaps() -> None:
    names = statuses()
    assert len(names) > 30
    assert {"host_class", "page_size", "stale"} < set(names)
    for name in names:
        said = sentence(name, 7, 5, 2048, "foo")
        assert said
        assert not re.search(r"[{}]", said)


@pytest.mark.parametrize(
    ("kib", "words"),
    [
        (0, "0 KiB"),
        (4, "4 KiB"),
        (1023, "1023 KiB"),
        (1024, "1 MiB"),
        (1536, "1536 KiB"),
        (3072, "3 MiB"),
        (1 << 20, "1 GiB"),
        ((1 << 20) + 1024, "1025 MiB"),
        (3 << 20, "3 GiB"),
    ],
)
def test_sizes_are_told_in_the_largest_unit_that_divides_them(kib: int, words: str) -> None:
    assert size_words(kib) == words


@pytest.mark.parametrize(
    ("detail", "words"),
    [(-1, "small"), (-2, "large"), (-3, "any size of"), (2048, "2 MiB"), (0, "the smallest")],
)
def test_pages_are_told_by_size_or_by_what_was_asked(detail: int, words: str) -> None:
    assert page_words(detail) == words
