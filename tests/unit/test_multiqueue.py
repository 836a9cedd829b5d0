"""Queue pairs, worked out by hand from the kernels' and the operator's limits."""

from __future__ import annotations

import pytest

from numafit import Flavor, Image, MisuseError, multiqueue

SPECS = {"hw:vif_multiqueue_enabled": "true"}


@pytest.mark.parametrize(
    ("kernel", "pairs", "limited_by"),
    [
        ("0.99", 1, "kernel"),
        ("1.0.0", 1, "kernel"),
        ("2.6.32-754.el6", 1, "kernel"),
        ("3.10.0-1160.el7", 8, "kernel"),
        ("4.18.0-553.el8", 256, "kernel"),
        ("5.14.0-362.el9", 300, None),
        ("6.1", 300, None),
        (None, 300, None),
    ],
)
def test_a_tap_device_has_as_many_queues_as_its_kernel_allows(
    kernel: str | None, pairs: int, limited_by: str | None
) -> None:
    found = multiqueue(Flavor("f", 300, 1024, SPECS), kernel=kernel)
    assert (found.enabled, found.queue_pairs, found.limited_by) == (True, pairs, limited_by)


@pytest.mark.parametrize(
    ("vcpus", "max_queues", "pairs", "limited_by"),
    [(8, 8, 8, None), (8, 7, 7, "max_queues"), (8, 1, 1, "max_queues"), (2, 9, 2, None)],
)
def test_the_operators_number_counts_more_than_the_kernels(
    vcpus: int, max_queues: int, pairs: int, limited_by: str | None
) -> None:
    found = multiqueue(Flavor("f", vcpus, 1024, SPECS), max_queues=max_queues, kernel="2.6")
    assert (found.enabled, found.queue_pairs, found.limited_by) == (True, pairs, limited_by)


def test_one_vcpu_or_another_model_has_one_queue() -> None:
    one = multiqueue(Flavor("f", 1, 1024, SPECS))
    assert (one.enabled, one.queue_pairs, one.limited_by) == (False, 1, None)
    image = Image("i", {"hw_vif_model": "e1000"})
    other = multiqueue(Flavor("f", 4, 1024, SPECS), image)
    assert (other.enabled, other.queue_pairs, other.limited_by) == (False, 1, "vif_model")
    virtio = multiqueue(Flavor("f", 4, 1024, SPECS), Image("i", {"hw_vif_model": "virtio"}))
    assert (virtio.enabled, virtio.queue_pairs) == (True, 4)


@pytest.mark.parametrize("kernel", ["1" * 9, "x", "", ".5", "1" * 10, "५.1"])
def test_a_kernel_begins_with_a_number_of_up_to_nine_digits(kernel: str) -> None:
    flavor = Flavor("f", 4, 1024, SPECS)
    if kernel == "1" * 9:
        assert multiqueue(flavor, kernel=kernel).queue_pairs == 4
        return
    with pytest.raises(MisuseError, match="expected a release such as"):
        multiqueue(flavor, kernel=kernel)


@pytest.mark.parametrize("max_queues", [0, -1, True, 1.0])
def test_max_queues_is_a_number_of_1_or_more(max_queues: object) -> None:
    with pytest.raises(MisuseError, match="expected a whole number of 1 or more"):
        multiqueue(Flavor("f", 4, 1024, SPECS), max_queues=max_queues)  # type: ignore[arg-type]
