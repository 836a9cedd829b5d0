"""A plugin of pytest's: which tests run which lines of the rules, written to NUMAFIT_LINES.

Its seconds are those of a processor. What runs when a module is imported is of no test.
"""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import coverage
import pytest

ROOT = Path(__file__).parents[2]
MEASURE = coverage.Coverage(
    data_file=None, include=[f"{ROOT}/numafit/model/*", f"{ROOT}/numafit/rules/*"]
)
SECONDS: dict[str, float] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    began = time.process_time()
    MEASURE.switch_context(item.nodeid)
    try:
        return (yield)
    finally:
        MEASURE.switch_context("")
        SECONDS[item.nodeid] = time.process_time() - began


def pytest_sessionfinish() -> None:
    MEASURE.stop()
    data = MEASURE.get_data()
    found: dict[str, dict[int, list[str]]] = defaultdict(dict)
    for path in data.measured_files():
        for line, tests in data.contexts_by_lineno(path).items():
            found[str(Path(path).relative_to(ROOT))][line] = [test for test in tests if test]
    made = {"of": os.environ["NUMAFIT_LINES_OF"], "seconds": SECONDS, "lines": found}
    Path(os.environ["NUMAFIT_LINES"]).write_text(json.dumps(made))


MEASURE.start()
