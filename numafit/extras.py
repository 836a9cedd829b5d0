"""Optional libraries, imported where they are first used."""

from __future__ import annotations

import importlib
from typing import Any

from numafit.errors import MissingExtra


def need(module: str, extra: str) -> Any:
    """The module, or MissingExtra that names the extra of numafit which brings it."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        # a library that is there and lacks one of its own needs another cure
        top = module.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != top:
            raise
        raise MissingExtra(top, extra) from None
