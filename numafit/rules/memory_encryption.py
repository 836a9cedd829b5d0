"""Locked and encrypted memory: what a request must bring along to be allowed to ask for it."""

from __future__ import annotations

from numafit.model.values import conflict, flag, refuse
from numafit.rules.extra_specs import Asked

_STATELESS_MODELS = ("amd-sev-snp", "intel-tdx")
_MODELS = ("amd-sev", "amd-sev-es", *_STATELESS_MODELS)
_DEFAULT_MODEL = "amd-sev"


def check_locked_memory(asked: Asked) -> None:
    """Refuse what nova refuses of ``hw:locked_memory``, else of memory encryption.

    Locked memory needs a page size; encrypted memory needs firmware and a machine type of the
    image. A request for locked memory is not checked for encryption.

    Raises ``InvalidRequest``.
    """
    key, image_key = "hw:locked_memory", "hw_locked_memory"
    flavor = _flag_of_flavor(asked, key)
    image = asked.image.flag(image_key)
    if flavor is not None and image is not None and flavor != image:
        raise conflict(
            "FlavorImageLockedMemoryConflict",
            key,
            asked.specs[key],
            image_key,
            image,
            "Set it in one of them.",
        )
    locked = image if flavor is None else flavor
    if not locked:
        _check_encryption(asked)
    elif not (asked.specs.get("hw:mem_page_size") or asked.image.text("hw_mem_page_size")):
        raise refuse(
            "LockMemoryForbidden",
            image_key if flavor is None else key,
            locked,
            "hw:mem_page_size beside it",
        )


def _check_encryption(asked: Asked) -> None:
    encryption_model(asked)


def encryption_model(asked: Asked) -> str | None:
    """The model of memory encryption that is asked for, ``None`` for none.

    Raises ``InvalidRequest`` where flavor and image contradict each other, or the image lacks
    what the model needs.
    """
    key, image_key = "hw:mem_encryption", "hw_mem_encryption"
    flavor = _flag_of_flavor(asked, key)
    image = asked.image.flag(image_key)
    if not flavor and not image:
        return None
    if flavor is not None and image is not None and flavor != image:
        raise conflict(
            "FlavorImageConflict",
            key,
            asked.specs[key],
            image_key,
            image,
            "Set it in one of them.",
        )
    model = _model(asked)
    _check_image_for(asked, model)
    return model


def _model(asked: Asked) -> str:
    key, image_key = "hw:mem_encryption_model", "hw_mem_encryption_model"
    flavor = asked.specs.get(key)
    image = asked.image.text(image_key)
    if flavor is not None and image is not None and flavor != image:
        raise conflict("FlavorImageConflict", key, flavor, image_key, image, "Name one model.")
    model = image or flavor or _DEFAULT_MODEL
    if model not in _MODELS:
        raise refuse("Invalid", key, model, f"one of {', '.join(_MODELS)}")
    return model


def _check_image_for(asked: Asked, model: str) -> None:
    image = asked.image
    firmware = image.text("hw_firmware_type")
    if firmware != "uefi":
        raise refuse(
            "FlavorImageConflict", "hw_firmware_type", firmware, f"'uefi', which {model} needs"
        )
    machine = image.text("hw_machine_type")
    if machine is not None and "q35" not in machine:
        raise refuse(
            "InvalidMachineType", "hw_machine_type", machine, f"a q35 type, which {model} needs"
        )
    if model in _STATELESS_MODELS and not image.flag("hw_firmware_stateless"):
        raise refuse(
            "StatelessFirmwareRequired",
            "hw_firmware_stateless",
            image.flag("hw_firmware_stateless"),
            f"true, which {model} needs",
        )
    video = image.text("hw_video_model")
    if model == "intel-tdx" and video != "none":
        raise refuse(
            "InvalidVideoMode", "hw_video_model", video, f"'none', for {model} allows no video"
        )


def _flag_of_flavor(asked: Asked, key: str) -> bool | None:
    text = asked.specs.get(key)
    return None if text is None else flag(text)
