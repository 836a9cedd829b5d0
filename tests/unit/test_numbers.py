"""A number of the command line is one that can be compared."""

from __future__ import annotations

from importlib import import_module

import click
import pytest

from numafit.cli import COMMANDS
from numafit.cli.numbers import Number

FLOATS = [
    (name, option)
    for name in COMMANDS
    for option in import_module(f"numafit.cli.{name.replace('-', '_')}").command.params
    if isinstance(option.type, click.types.FloatParamType)
]


def test_there_are_such_options() -> None:
    assert {"stranded", "drain", "plan-moves", "bench", "export"} <= {name for name, _ in FLOATS}


@pytest.mark.parametrize(("name", "option"), FLOATS, ids=lambda one: getattr(one, "name", one))
def test_what_is_no_number_is_refused(name: str, option: click.Option) -> None:
    for text in ("nan", "-nan", "inf", "1e999"):
        with pytest.raises(click.BadParameter):
            option.type.convert(text, option, None)


def test_numbers_within_the_bounds_are_taken() -> None:
    number = Number(0, 100)
    assert number.convert("2.5", None, None) == 2.5
    with pytest.raises(click.BadParameter, match="nan is not a finite number"):
        number.convert("nan", None, None)
