"""Which traits do nova's request filters ask for, before placement is asked at all?

By nova 34's ``request_filter.ALL_REQUEST_FILTERS``, those that no option switches on. Left out:
``OWNER_NOVA``, which is asked for once every nova-compute has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from numafit.model.flavor import Flavor, Image
from numafit.model.guest import PciRequest
from numafit.model.resources import ResourceGroup, Resources
from numafit.model.values import conflict, flag, refuse
from numafit.rules.candidates import STATUS_DISABLED
from numafit.rules.extra_specs import Asked, asked_for, one_of_both

_SOUND_MODELS = ("sb16", "es1370", "pcspk", "ac97", "ich6", "ich9", "usb", "virtio")
_ENCRYPTION_FORMATS = ("plain", "luks", "luksv2")
_TPM_SECRETS = ("user", "host", "deployment")


def filtered(
    found: Resources, flavor: Flavor, image: Image | None, pci: Iterable[PciRequest]
) -> Resources:
    """``found``, with what the filters add to it. ``pci``: the server's requests for devices.

    Raises ``InvalidRequest``.
    """
    required = frozenset(_required(asked_for(flavor, image), pci))
    fallback = found.fallback
    return replace(
        found,
        groups=_with(found.groups, required),
        fallback=None if fallback is None else _with(fallback, required),
    )


def _with(groups: tuple[ResourceGroup, ...], required: frozenset[str]) -> tuple[ResourceGroup, ...]:
    """The group without a suffix is the host's own."""
    own = next((group for group in groups if not group.suffix), ResourceGroup())
    forbidden = own.forbidden | {STATUS_DISABLED}
    made = replace(own, required=own.required | required, forbidden=forbidden)
    return (made, *(group for group in groups if group.suffix))


def _required(asked: Asked, pci: Iterable[PciRequest]) -> Iterator[str]:
    if asked.specs.get("accel:device_profile"):
        yield "COMPUTE_ACCELERATORS"
    if _wanted(asked, "virtio_packed_ring"):
        yield "COMPUTE_NET_VIRTIO_PACKED"
    if any(_of_remote_port(request) for request in pci):
        yield "COMPUTE_REMOTE_MANAGED_PORTS"
    if _wanted(asked, "ephemeral_encryption"):
        yield "COMPUTE_EPHEMERAL_ENCRYPTION"
        name = _word(asked, "ephemeral_encryption_format", _ENCRYPTION_FORMATS)
        if name:
            yield f"COMPUTE_EPHEMERAL_ENCRYPTION_{name.upper()}"
    if _word(asked, "sound_model", _SOUND_MODELS) == "virtio":
        yield "COMPUTE_SOUND_MODEL_VIRTIO"
    if one_of_both(asked, "hw", "tpm_version") is not None:
        secret = asked.specs.get("hw:tpm_secret_security") or "user"
        if secret not in _TPM_SECRETS:
            words = ", ".join(_TPM_SECRETS)
            raise refuse("RequestFilterFailed", "hw:tpm_secret_security", secret, f"one of {words}")
        yield f"COMPUTE_SECURITY_TPM_SECRET_SECURITY_{secret.upper()}"


def _of_remote_port(request: PciRequest) -> bool:
    if request.alias_name is not None:
        return False
    return any(spec.get("remote_managed") == "True" for spec in request.spec)


def _wanted(asked: Asked, name: str) -> bool:
    """A yes that flavor and image may both say, but not differently."""
    key, image_key = f"hw:{name}", f"hw_{name}"
    text, image = asked.specs.get(key), asked.image.flag(image_key)
    flavor = None if text is None else flag(text)
    if flavor is not None and image is not None and flavor != image:
        raise conflict("FlavorImageConflict", key, text, image_key, image, "Set it in one of them.")
    return bool(flavor or image)


def _word(asked: Asked, name: str, known: tuple[str, ...]) -> str | None:
    found = one_of_both(asked, "hw", name)
    if found and found not in known:
        raise refuse("Invalid", f"hw:{name}", found, f"one of {', '.join(known)}")
    return found
