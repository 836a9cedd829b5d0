"""Files of OpenStack services, read by oslo.config: values by group and option, and their place."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numafit.errors import InputError
from numafit.extras import need
from numafit.readers.textfile import read_text

MAX_CONF_BYTES = 4 << 20
"""4 MiB: nova's sample with every option explained has 0.3 MiB."""

_MAX_FILES = 1000
_PARSE_ERROR = re.compile(r"at .*:(\d+), (.*)", re.DOTALL)
# values that live in other places, which a file must not make us visit
_ELSEWHERE = re.compile(r"^config_source\s*[=:]", re.MULTILINE)
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
    """The values of files and of ``*.conf`` in directories; later ones win."""

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
        for name in names + inside:
            _check(name)
        self.file = names[0] if names else (inside[0] if inside else None)
        self._names = {os.path.abspath(os.path.expanduser(name)): name for name in names + inside}
        self._options = dict(options)
        self._conf = self._open(names + inside)
        for (group, name), kind in self._options.items():
            self._conf.register_opt(self._option(name, kind), group=_group(group))

    def get(self, group: str, name: str) -> Any:
        """The value in the type of the option; the raw text and its file stand in the error."""
        kind = self._options[group, name]
        try:
            holder = self._conf if group == "DEFAULT" else self._conf[group]
            return holder[name]
        except (ValueError, self._cfg.Error) as error:
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

    def place(self, group: str, name: str) -> str | None:
        """The file that an option comes from; the first file where none sets it."""
        try:
            found = self._raw(group, name).get_location(name, _group(group))
        except (ValueError, self._cfg.Error):
            return self.file
        detail = found.detail if found is not None else None
        return self._names.get(detail or "", self.file)

    def _open(self, names: list[str]) -> Any:
        conf = self._cfg.ConfigOpts()
        try:
            conf(
                args=[],
                project="numafit",
                prog="numafit",
                default_config_files=names,
                default_config_dirs=[],
                use_env=False,
            )
        except self._cfg.ConfigFileParseError as error:
            raise self._bad_file(error) from None
        except (ValueError, OSError, self._cfg.Error) as error:
            raise InputError(self.file, None, str(error), "a configuration file") from None
        return conf

    def _option(self, name: str, kind: OptionType, *, raw: bool = False) -> Any:
        cfg = self._cfg
        older = [cfg.DeprecatedOpt(option, group=group) for group, option in kind.older]
        shared: dict[str, Any] = {"default": kind.default, "deprecated_opts": older}
        if raw:
            return cfg.StrOpt(name, deprecated_opts=older)
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

    def _bad_file(self, error: Any) -> InputError:
        name = self._names.get(error.config_file, error.config_file)
        found = _PARSE_ERROR.fullmatch(error.msg)
        line, reason = (f"line {found[1]}", found[2]) if found else (None, error.msg)
        return InputError(name, line, reason, "[section] lines, and lines of option = value")

    def _bad_value(self, group: str, name: str, kind: OptionType, error: Exception) -> InputError:
        expected = _EXPECTED[kind.kind]
        if kind.low is not None:
            expected += f" of {kind.low} or more"
        hint = ""
        if isinstance(error, self._cfg.TemplateSubstitutionError):
            expected += " without $"
            hint = "Write the value itself in place of the option that $ names ($$ is a dollar)."
        value: object = str(error)
        with suppress(ValueError, self._cfg.Error):
            raw = self._raw(group, name)
            value = (raw if group == "DEFAULT" else raw[group])[name]
        return InputError(self.place(group, name), f"[{group}] {name}", value, expected, hint)

    def _raw(self, group: str, name: str) -> Any:
        """The same files with this option as plain text: any value is one."""
        conf = self._open(list(self._names.values()))
        option = self._option(name, self._options[group, name], raw=True)
        conf.register_opt(option, group=_group(group))
        return conf


def _group(group: str) -> str | None:
    return None if group == "DEFAULT" else group


def _conf_files(folder: str) -> list[str]:
    try:
        found = sorted(str(path) for path in Path(folder).iterdir() if path.suffix == ".conf")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(folder, None, reason, "a directory of *.conf files") from None
    if len(found) > _MAX_FILES:
        raise InputError(folder, None, len(found), f"at most {_MAX_FILES} files")
    return [name for name in found if not os.path.basename(name).startswith(".")]


def _check(name: str) -> None:
    """Asked before oslo.config opens the file: it would block on a FIFO, and print tracebacks
    for what is not text."""
    text = read_text(name, limit=MAX_CONF_BYTES, empty=True)
    if _ELSEWHERE.search(text):
        raise InputError(
            name,
            "[DEFAULT] config_source",
            "config_source",
            "options that stand in the file itself",
            "Give the values that come from the other source in a file of their own.",
        )
