"""What the C header says of itself."""

from __future__ import annotations

import re
from pathlib import Path

HEADER = Path(__file__).parents[1] / "numafit" / "include" / "numafit" / "numafit.h"


def abi_version() -> str:
    """``NF_ABI_VERSION``, after which the shared library is named."""
    (found,) = re.findall(r"#define NF_ABI_VERSION (\d+)u", HEADER.read_text(encoding="utf-8"))
    return str(found)
