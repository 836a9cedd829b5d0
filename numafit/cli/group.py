"""The group of commands, and how click's own complaints end."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from numafit import __version__
from numafit.cli import COMMANDS, complain


class _Kept(Exception):
    """Carries what click would answer itself: with status 1, which means "does not fit", where
    nobody reads what is printed; with an empty line where somebody pressed Ctrl-C."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


@contextmanager
def _kept() -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, KeyboardInterrupt) as error:
        raise _Kept(error) from error


class Commands(click.Group):
    """Commands that are imported when they are asked for."""

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        with _kept():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with _kept():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"numafit.cli.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # click's own way imports every command for its first line
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="numafit")
def numafit() -> None:
    """Decides where a guest's NUMA cells go on a host, and says why when they fit nowhere.

    \b
    Examples:
      numafit fit examples/flavors.json examples/hosts/*.yaml --flavor nfv.large
      numafit capacity examples/flavors.json examples/hosts/*
      numafit fit --help

    Exit status: 0 it fits, 1 it does not, 2 bad input or an answer that cannot be printed, 3 a
    defect of numafit, 130 interrupted.
    """


def run(arguments: Sequence[str] | None) -> int:
    """The exit status; NumafitError, OSError and KeyboardInterrupt are left to the caller."""
    try:
        status = numafit.main(
            args=None if arguments is None else list(arguments),
            prog_name="numafit",
            standalone_mode=False,
        )
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return 2
    except click.ClickException as error:
        command = (
            error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else ""
        )
        hint = f" See '{command} --help'." if command else ""
        return complain(error.format_message(), hint)
    except click.Abort:
        raise KeyboardInterrupt from None
    except _Kept as kept:
        raise kept.error from None
    return int(status or 0)
