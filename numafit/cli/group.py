"""The group of commands, and how click's own complaints end."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

import click

from numafit import __version__
from numafit.cli import COMMANDS, complain


class Commands(click.Group):
    """Commands that are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = importlib.import_module(module).command
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="numafit")
def numafit() -> None:
    """Decides where a guest's NUMA cells go on a host, and says why when they fit nowhere.

    \b
    Examples:
      numafit fit examples/flavors.json examples/hosts/*.yaml --flavor nfv.large
      numafit capacity examples/flavors.json examples/hosts/*
      numafit fit --help

    Exit status: 0 it fits, 1 it does not, 2 bad input.
    """


def run(arguments: Sequence[str] | None) -> int:
    """The exit status; NumafitError and KeyboardInterrupt are left to the caller."""
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
    return int(status or 0)
