"""The group of commands, and how click's own complaints end."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click
from click.shell_completion import CompletionItem

from numafit import __version__
from numafit.cli import COMMANDS, complain
from numafit.errors import shorten


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


class _File(click.types.StringParamType):
    """Text that a shell completes as the name of a file."""

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        return [CompletionItem(incomplete, type="file")]


FILE = _File()


def _names_a_file(parameter: click.Parameter) -> bool:
    if parameter.type is not click.STRING:
        return False
    words = re.split(r"\W", parameter.make_metavar(click.Context(click.Command(None))))
    return not _FILES.isdisjoint(words)


_FILES = {"FILE", "DIR", "FLAVORS", "FLAVOR", "IMAGE", "HOST", "SERVER"}
"""Words of metavars that stand for files."""


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

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            from numafit.readers.checks import nearest

            raise click.UsageError(
                f"No such command: {shorten(name)}. {nearest(name, COMMANDS)}".rstrip(), ctx
            )
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"numafit.cli.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        for parameter in command.params:
            if _names_a_file(parameter):
                parameter.type = FILE
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
      numafit capacity examples/flavors.json examples/hosts/* --flavor nfv.large
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
