"""numafit multiqueue: on or off and why, the caps, when it pays, and text that can be copied."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from numafit.cli import main
from numafit.diagnosis.multiqueue_advice import Advice, advise
from numafit.errors import MisuseError
from numafit.model.flavor import Flavor, Image
from numafit.rules.multiqueue import multiqueue

ON = {"hw:vif_multiqueue_enabled": "true"}


def ask(vcpus: int, vnics: int, specs: dict[str, str] = ON, **caps: Any) -> Advice:
    flavor = Flavor("f", vcpus, 1024, specs)
    return advise(flavor, None, multiqueue(flavor, None, **caps), vnics, **caps)


@pytest.mark.parametrize(
    ("vcpus", "vnics", "caps", "pays", "pairs", "cap"),
    [
        (8, 1, {}, "yes", 8, "the number of vCPUs"),
        (8, 3, {}, "yes", 8, "the number of vCPUs"),
        (8, 4, {}, "little", 8, "the number of vCPUs"),
        (8, 8, {}, "no", 8, "the number of vCPUs"),
        (8, 1, {"max_queues": 4}, "little", 4, "[libvirt] max_queues = 4"),
        (8, 1, {"max_queues": 1}, "no", 1, "[libvirt] max_queues = 1"),
        (
            16,
            1,
            {"kernel": "3.10.0-1160.el7"},
            "little",
            8,
            "a tap device of kernel 3.10.0-1160.el7",
        ),
        (1, 1, {}, "no", 1, None),
    ],
)
def test_when_it_pays(
    vcpus: int, vnics: int, caps: dict[str, Any], pays: str, pairs: int, cap: str | None
) -> None:
    found = ask(vcpus, vnics, **caps)
    assert (found.pays, found.queue_pairs, found.cap) == (pays, pairs, cap)
    assert found.all_pairs == pairs * vnics
    assert len(found.ethtool) == (vnics if pairs > 1 else 0)
    assert bool(found.open_conditions) == (pays != "no")


def test_who_asked_for_it() -> None:
    assert ask(4, 1).why == "hw:vif_multiqueue_enabled=true of the flavor"
    off = ask(4, 1, {})
    assert not off.multiqueue.enabled
    assert "hw:vif_multiqueue_enabled=true" in off.why
    assert off.pays == "yes"
    assert off.ethtool == ()
    no = ask(4, 1, {"hw:vif_multiqueue_enabled": "no"})
    assert no.why == "hw:vif_multiqueue_enabled=no of the flavor"
    image = Image("i", {"hw_vif_multiqueue_enabled": True})
    flavor = Flavor("f", 4, 1024)
    by_image = advise(flavor, image, multiqueue(flavor, image))
    assert by_image.why == "hw_vif_multiqueue_enabled=True of the image"


def test_the_rule_has_the_form_of_udev() -> None:
    rule = ask(8, 1).udev
    assert rule is not None
    parts = rule.split(", ")
    assert all(re.fullmatch(r'[A-Z]+(==|\+=)"[^"]+"', part) for part in parts)
    assert parts[-1] == 'RUN+="/usr/sbin/ethtool -L $name combined 8"'


@pytest.mark.parametrize("vnics", [0, True, 1025, 1.0])
def test_vnics_out_of_bounds(vnics: Any) -> None:
    with pytest.raises(MisuseError, match="vnics"):
        ask(4, vnics)


@pytest.fixture
def flavor_file(tmp_path: Path) -> Path:
    file = tmp_path / "flavors.json"
    file.write_text(json.dumps([{"name": "a", "vcpus": 8, "memory_mb": 1, "extra_specs": ON}]))
    return file


def test_the_command(flavor_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = tmp_path / "nova.conf"
    conf.write_text("[libvirt]\nmax_queues = 4\n")
    arguments = ["multiqueue", str(flavor_file), "--vnics", "2", "--config", str(conf)]
    assert main(arguments) == 0
    text = capsys.readouterr().out
    assert "ethtool -L eth1 combined 4" in text
    assert "bounded by [libvirt] max_queues = 4" in text
    assert main([*arguments, "--max-queues", "6", "--format", "json"]) == 0
    (answer,) = json.loads(capsys.readouterr().out)
    assert (answer["enabled"], answer["queue_pairs"], answer["queue_pairs_in_all"]) == (True, 6, 12)


@pytest.mark.parametrize(
    "more", [["--flavor", "b"], ["--kernel", "new"], ["absent.json"], ["--vnics", "0"]]
)
def test_bad_input(flavor_file: Path, more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["multiqueue", str(flavor_file), *more]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("numafit: ")
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    ("model", "pairs"),
    [("virtio", 16), ("VIRTIO", 16), ("e1000", 1), ("VirtualE1000", 1), ("igb", 1)],
)
def test_only_virtio_interfaces_have_several_queues(model: str, pairs: int) -> None:
    flavor, image = Flavor("f", 16, 1024, ON), Image("i", {"hw_vif_model": model})
    found = multiqueue(flavor, image)
    assert found.queue_pairs == pairs
    assert found.enabled == (pairs > 1)
    advice = advise(flavor, image, found)
    if pairs == 1:
        assert found.limited_by == "vif_model"
        assert advice.pays == "no"
        assert f"hw_vif_model={model} of the image" in advice.why
        assert advice.ethtool == ()


@pytest.mark.parametrize(("vcpus", "starts"), [(256, True), (257, False)])
def test_a_tap_device_refuses_more_than_256_queues(vcpus: int, starts: bool) -> None:
    advice = ask(vcpus, 1)
    # nova asks for as many as there are vCPUs all the same
    assert advice.queue_pairs == vcpus
    assert (advice.pays == "yes") == starts
    assert ("would not start" in advice.reasons[0]) == (not starts)
    assert ask(vcpus, 1, max_queues=256).queue_pairs == 256
