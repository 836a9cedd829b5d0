"""How many ways a pattern may go on four characters: counted by hand."""

from __future__ import annotations

import pytest

from numafit.model.effort import MAX_EFFORT, MAX_LENGTH, effort

MORE = MAX_EFFORT + 1


@pytest.mark.parametrize(
    ("pattern", "ways"),
    [
        ("", 1),
        ("0a1b", 1),
        ("a|b|c", 3),
        # up to four times: none, one, two, three, four
        (".*", 5),
        ("a+", 5),
        ("a?", 2),
        ("a?b?", 4),
        ("a*|b?", 7),
        ("[0-9]*", 5),
        ("[]a]*", 5),
        ("[^]*?]?", 2),
        (r"[\]]?", 2),
        (r"\.*", 5),
        (r"\(a", 1),
        # a number of times without a choice, and with one
        ("a{3}", 1),
        ("a{2,3}", 4),
        ("a{,1}", 2),
        ("a{9,99}", 5),
        ("a{0,}", 5),
        # groups: what is inside, and once more for none
        ("(a|b)", 2),
        ("(?:a|b)(c|d)", 4),
        ("(a|b)?", 3),
        ("(a|b){2}", 9),
        ("(a|b){12,}", MORE),
        ("(a|b){0,2}", 9),
        ("(a?){3}", 27),
        ("(a){0,}", 32),
        ("(a*)*", 6**5),
        ("(a*)+?", 6**5),
        ("(a?|b){16}", MORE),
        ("(a){17}", MORE),
        ("(a){13}", 2**13),
        ("(a){14}", MORE),
        ("((a*)*)*", MORE),
        # neither opened nor closed
        ("a)", 1),
        ("(a|b", 3),
        ("a#", MORE),
        ("a" * MAX_LENGTH, 1),
        ("a" * (MAX_LENGTH + 1), MORE),
    ],
)
def test_ways_are_those_counted_by_hand(pattern: str, ways: int) -> None:
    assert effort(pattern) == ways
