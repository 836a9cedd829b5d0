"""Files of OpenStack services, read by oslo.config: values by group and option, and their place."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from numafit.errors import InputError
from numafit.extras import need
from numafit.readers import bounds
from numafit.readers.oslo_text import Assignment, read_assignments
from numafit.readers.textfile import is_open_pipe, read_text

# it logs names of options that nova calls old, which Python prints where nobody set up logging
logging.getLogger("oslo_config").addHandler(logging.NullHandler())

_EXPECTED = {
    "text": "text",
    "whole": "a whole number",
    "number": "a number",
    "flag": "true or false",
    "list": "names behind commas",
    "wholes": "whole numbers behind commas",
    "texts": "text",
}
_LISTS = ("list", "wholes", "texts")

PathLike = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class OptionType:
    """How an option is read; ``older``: the (group, option) pairs that it had before."""

    kind: str
    default: Any
    low: int | None
    older: tuple[tuple[str, str], ...]


Options = Mapping[tuple[str, str], OptionType]


def of_type(
    kind: str,
    *,
    default: Any = None,
    low: int | None = None,
    older: tuple[tuple[str, str], ...] = (),
) -> OptionType:
    """``kind``: ``text``, ``whole``, ``number``, ``flag``, ``list`` (of names), ``wholes`` (a
    list of whole numbers) or ``texts`` (an option that may stand several times)."""
    return OptionType(kind, [] if kind in _LISTS else default, low, older)


class OsloFiles:
    """The values of files and of ``*.conf`` in directories; later ones win.

    ``assigned``: file, section and option of every line, in their order."""

    def __init__(
        self,
        files: PathLike | Sequence[PathLike],
        config_dirs: Sequence[PathLike],
        options: Options,
    ) -> None:
        self._cfg: Any = need("oslo_config.cfg", "openstack")
        given = [files] if isinstance(files, str | os.PathLike) else list(files)
        names = [os.fspath(name) for name in given]
        inside = [name for folder in config_dirs for name in _conf_files(os.fspath(folder))]
        self.file = names[0] if names else (inside[0] if inside else None)
        self._options = dict(options)
        keys = {name for older in options.values() for _group, name in older.older}
        keys |= {"numa_nodes"} | {name for _group, name in options}
        assignments = read_assignments(names + inside, keys)
        self.assigned = tuple((one.file, _normal(one.section), one.key) for one in assignments)
        self._values: dict[tuple[str, str], Assignment] = {
            (_normal(one.section), one.key): one for one in assignments
        }
        self._conf = self._open(names + inside)
        for (group, name), kind in self._options.items():
            self._conf.register_opt(self._option(name, kind), group=_group(group))

    def get(self, group: str, name: str) -> Any:
        """The value in the type of the option; the raw text and its file stand in the error."""
        kind = self._options[group, name]
        try:
            holder = self._conf if group == "DEFAULT" else self._conf[group]
            return holder[name]
        except (ValueError, OverflowError, self._cfg.Error) as error:
            raise self._bad_value(group, name, kind, error) from None

    def nodes(self, group: str) -> tuple[int, ...]:
        """``numa_nodes`` of a group whose name the files themselves hold."""
        key = (group, "numa_nodes")
        if key not in self._options:
            self._options[key] = of_type("wholes")
            self._conf.register_opt(self._option("numa_nodes", self._options[key]), group=group)
        return tuple(self.get(*key))

    def sections(self) -> list[str]:
        """The sections that the files have, in text order."""
        return list(self._conf.list_all_sections())

    def given(self) -> frozenset[str]:
        """``[group] option`` of each that the files set, under any of its names."""
        return frozenset(
            f"[{group}] {name}"
            for group, name in self._options
            if self._last(group, name) is not None
        )

    def place(self, group: str, name: str) -> str | None:
        """The file that an option comes from; the first file where none sets it."""
        found = self._last(group, name)
        return self.file if found is None else found.file

    def _last(self, group: str, name: str) -> Assignment | None:
        """The assignment that counts: of the last file, and there of the newest name."""
        names = ((group, name), *self._options[group, name].older)
        found = [
            one
            for section, key in names
            if (one := self._values.get((_normal(section), key))) is not None
        ]
        return max(found, key=lambda one: one.number, default=None)

    def _open(self, names: list[str]) -> Any:
        conf = self._cfg.ConfigOpts()
        try:
            with ExitStack() as held:
                conf(
                    args=[],
                    project="numafit",
                    prog="numafit",
                    default_config_files=[_named(name, held) for name in names],
                    default_config_dirs=[],
                    use_env=False,
                )
        except (ValueError, OSError, self._cfg.Error) as error:
            raise InputError(self.file, None, str(error), "a configuration file") from None
        return conf

    def _option(self, name: str, kind: OptionType) -> Any:
        cfg = self._cfg
        older = [cfg.DeprecatedOpt(option, group=group) for group, option in kind.older]
        shared: dict[str, Any] = {"default": kind.default, "deprecated_opts": older}
        match kind.kind:
            case "whole":
                return cfg.IntOpt(name, min=kind.low, **shared)
            case "number":
                return cfg.FloatOpt(name, min=kind.low, **shared)
            case "flag":
                return cfg.BoolOpt(name, **shared)
            case "list":
                return cfg.ListOpt(name, **shared)
            case "wholes":
                return cfg.ListOpt(name, item_type=cfg.types.Integer(), **shared)
            case "texts":
                return cfg.MultiStrOpt(name, **shared)
            case _:
                return cfg.StrOpt(name, **shared)

    def _bad_value(self, group: str, name: str, kind: OptionType, error: Exception) -> InputError:
        expected = _EXPECTED[kind.kind]
        if kind.low is not None:
            expected += f" of {kind.low} or more"
        hint = ""
        cfg = self._cfg
        # the options asked for are registered: one that there is not is one that $ names
        unknown = cfg.NoSuchOptError | cfg.NoSuchGroupError
        if isinstance(error, cfg.TemplateSubstitutionError | unknown):
            expected += " without $"
            hint = "Write the value itself in place of the option that $ names ($$ is a dollar)."
        found = self._last(group, name)
        value = str(error) if found is None else found.value
        return InputError(self.place(group, name), f"[{group}] {name}", value, expected, hint)


def _group(group: str) -> str | None:
    return None if group == "DEFAULT" else group


def _normal(section: str) -> str:
    """As oslo.config compares sections."""
    return section if section == "DEFAULT" else section.lower()


def _named(name: str, held: ExitStack) -> str:
    """The name of a file that oslo.config can open: what came through a pipe gets one."""
    if not is_open_pipe(name):
        return name
    copy = Path(held.enter_context(TemporaryDirectory()), "piped.conf")
    copy.write_text(read_text(name, limit=bounds.CONF_BYTES, empty=True), "utf-8")
    return str(copy)


def _conf_files(folder: str) -> list[str]:
    try:
        found = sorted(str(path) for path in Path(folder).iterdir() if path.suffix == ".conf")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(folder, None, reason, "a directory of *.conf files") from None
    if len(found) > bounds.CONF_FILES:
        raise InputError(folder, None, len(found), f"at most {bounds.CONF_FILES} files")
    return [name for name in found if not os.path.basename(name).startswith(".")]
