"""Questions with nova's answers become vectors: with NUMAFIT_RECORD=1 a test that asks nova writes
them to tests/vectors/data, where tests without nova find them."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[1] / "vectors" / "data"


def record(name: str, cases: Iterable[dict[str, Any]]) -> None:
    if os.environ.get("NUMAFIT_RECORD"):
        lines = (json.dumps(case, sort_keys=True, separators=(",", ":")) for case in cases)
        text = "".join(f"{line}\n" for line in lines)
        # no time and no name in the file: the same cases make the same bytes
        (DATA / f"{name}.jsonl.gz").write_bytes(gzip.compress(text.encode(), 9, mtime=0))
