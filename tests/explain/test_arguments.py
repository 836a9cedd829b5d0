"""What is no argument of ``explain`` is said by its name."""

from __future__ import annotations

from typing import Any

import pytest

from numafit import Flavor, Fleet, Host, HostCell, HostInfo, MisuseError, Request
from numafit.planning.explain import explain
from numafit.planning.explain_fleet import explain_fleet

HOST = HostInfo([HostCell(0, (), range(2), 64)], "h")
ASKED = Request.for_server(Flavor("p", 4, 16, {"hw:cpu_policy": "dedicated"}))


@pytest.mark.parametrize(
    ("arguments", "keywords", "named"),
    [
        (("h", ASKED), {}, "where"),
        ((HOST, "p4"), {}, "request"),
        ((HOST, ASKED), {"options": "spread"}, "options"),
        ((HOST, ASKED), {"kinds": ["hosts"]}, "kinds"),
        ((HOST, ASKED), {"kinds": "host"}, "kinds"),
        ((HOST, ASKED), {"guests": ["web"]}, "guests"),
        ((HOST, ASKED), {"wanted": 0}, "wanted"),
        ((HOST, ASKED), {"budget": "many"}, "budget"),
        ((Fleet([HOST]), ASKED, 1), {}, "host"),
    ],
)
def test_a_wrong_argument_is_named(
    arguments: tuple[Any, ...], keywords: dict[str, Any], named: str
) -> None:
    with pytest.raises(MisuseError, match=named):
        explain(*arguments, **keywords)


def test_wrong_arguments_of_a_fleet_are_named() -> None:
    for keywords in ({"nearest": -1}, {"hosts": [7]}, {"guests": ["web"]}, {"options": "pack"}):
        with pytest.raises(MisuseError, match=next(iter(keywords))):
            explain_fleet(Fleet([HOST]), ASKED, **keywords)
    with pytest.raises(MisuseError, match="request"):
        explain_fleet(Fleet([HOST]), "p4")


def test_a_host_is_taken_in_any_form() -> None:
    told = [str(explain(one, ASKED)) for one in (HOST, Host(HOST), Fleet([HOST]))]
    # four dedicated vCPUs on a cell of two CPUs
    assert set(told) == {
        "never fits on h, were it empty: 4 dedicated CPUs wanted, the cell has 2 in all; "
        "it would with: 2 dedicated vCPUs fewer"
    }


def test_a_host_without_a_name_is_known_by_its_number() -> None:
    nameless = Fleet([HostInfo(HOST.cells), HostInfo(HOST.cells)])
    assert str(explain(nameless, ASKED, 1)).startswith("never fits on host 1, ")
