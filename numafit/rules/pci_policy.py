"""How near its PCI devices a guest wants to be."""

from __future__ import annotations

from numafit.model.flavor import Flavor, Image
from numafit.model.guest import PCI_NUMA_POLICIES
from numafit.model.values import conflict, refuse
from numafit.rules.extra_specs import asked_for


def pci_numa_policy(flavor: Flavor, image: Image | None = None) -> str | None:
    """The NUMA policy for PCI devices that flavor or image asks for, or ``None``.

    By nova's ``get_pci_numa_policy_constraint``: ``hw:pci_numa_affinity_policy`` and
    ``hw_pci_numa_affinity_policy`` say ``"required"``, ``"socket"``, ``"preferred"`` or
    ``"legacy"``, and the same where both are set.

    Raises ``InvalidRequest``.
    """
    key, image_key = "hw:pci_numa_affinity_policy", "hw_pci_numa_affinity_policy"
    asked = asked_for(flavor, image)
    of_flavor = asked.specs.get(key)
    of_image = asked.image.text(image_key)
    if of_flavor and of_image and of_flavor != of_image:
        raise conflict(
            "ImagePCINUMAPolicyForbidden",
            key,
            of_flavor,
            image_key,
            of_image,
            "Leave the policy to one of them.",
        )
    policy = of_flavor or of_image
    if policy and policy not in PCI_NUMA_POLICIES:
        raise refuse(
            "InvalidPCINUMAAffinity", key, policy, f"one of {', '.join(PCI_NUMA_POLICIES)}"
        )
    return policy
