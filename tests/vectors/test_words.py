"""Every word that nova 34 gives a meaning to, and what it made of it, recorded: no table of ours
lacks one, has one more, or reads one otherwise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from numafit import Flavor, Image, Request
from numafit.errors import InvalidRequest
from numafit.model.resources import STANDARD_CLASSES
from numafit.rules.filters import NOVAS_OWN, conditions_of
from numafit.rules.image_fields import FIELDS, OLDER_NAMES
from numafit.rules.image_properties import ImageProperties

WORDS: dict[str, Any] = json.loads((Path(__file__).parent / "data" / "words.json").read_text())
IMAGE = Image("i", WORDS["image"])


def test_image_properties_are_novas_in_novas_order() -> None:
    assert list(FIELDS) == WORDS["image_fields"]
    assert list(OLDER_NAMES.items()) == [(older, name) for older, name in WORDS["older_names"]]


@pytest.mark.parametrize("name", WORDS["image_words"])
def test_an_image_property_takes_novas_words_and_no_others(name: str) -> None:
    older = [old for old, new in WORDS["older_names"] if new == name]
    for text, value in WORDS["image_words"][name].items():
        for key in (name, *older):
            assert _read(key, name, text) == value, (key, text)


def _read(key: str, name: str, text: str) -> Any:
    try:
        found = ImageProperties({key: text})
    except InvalidRequest as error:
        return {"error": error.nova_exception}
    read = (found.text(name), found.flag(name), found.number(name))
    return next(one for one in read if one is not None)


def test_of_two_wrong_image_properties_the_one_is_named_that_nova_reads_first() -> None:
    for name, first in WORDS["named_first"].items():
        with pytest.raises(InvalidRequest) as fault:
            ImageProperties({"hw_numa_mem.0": "lots", name: {}})
        assert fault.value.key == first, name


def test_a_key_without_a_scope_means_what_nova_knows_of_a_host_by_that_name() -> None:
    for name in WORDS["host_state"]:
        flavor = Flavor("f", 1, 512, {name: "1"})
        assert conditions_of(flavor, None, NOVAS_OWN).capabilities == ((name, (name,), "1"),)
    flavor = Flavor("f", 1, 512, {"quiet": "1"})
    assert conditions_of(flavor, None, NOVAS_OWN).capabilities == ()


def test_standard_resource_classes_are_placements() -> None:
    assert sorted(STANDARD_CLASSES) == WORDS["resource_classes"]


@pytest.mark.parametrize(("specs", "asked"), WORDS["traits"])
def test_the_traits_are_asked_for_that_nova_asks_for(
    specs: dict[str, str], asked: dict[str, Any]
) -> None:
    assert _traits(specs) == asked


def _traits(specs: dict[str, str]) -> dict[str, Any]:
    try:
        found = Request.for_server(Flavor("f", 1, 512, specs), IMAGE).resources
    except InvalidRequest as error:
        return {"error": error.nova_exception, "stage": error.stage}
    assert found is not None
    return {"required": sorted(found.required), "forbidden": sorted(found.forbidden)}
