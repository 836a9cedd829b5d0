"""How the text of extra specs and image properties is read, and what is said when it cannot be."""

from __future__ import annotations

from numafit.errors import InvalidRequest, shorten

_TRUE_WORDS = frozenset({"1", "t", "true", "on", "y", "yes"})
_FALSE_WORDS = frozenset({"0", "f", "false", "off", "n", "no"})


def flag(value: object) -> bool:
    """A yes or no by the rules of oslo.utils: case and blanks aside, what is not yes is no."""
    if isinstance(value, bool):
        return value
    return str(value).strip().lower() in _TRUE_WORDS


def strict_flag(value: object) -> bool:
    """A yes or no by oslo.utils' strict rules: what is neither raises ``ValueError``, in words."""
    word = str(value).strip().lower()
    if word not in _TRUE_WORDS | _FALSE_WORDS:
        words = ", ".join(sorted(_TRUE_WORDS | _FALSE_WORDS))
        raise ValueError(f"yes or no (one of {words})")
    return word in _TRUE_WORDS


def refuse(
    nova_exception: str,
    key: str,
    value: object,
    expected: str,
    hint: str = "",
    *,
    stage: str = "constraints",
) -> InvalidRequest:
    """The error for one key whose value does not do. ``hint``: a sentence on what to do."""
    found = f"{key} is not set" if value is None else f"{key}={shorten(value)}"
    message = f"{found}: expected {expected}"
    if hint:
        message += f". {hint}"
    return InvalidRequest(message, nova_exception=nova_exception, key=key, value=value, stage=stage)


def bad_cpu_list(
    key: str, text: str, fault: ValueError, *, stage: str = "constraints"
) -> InvalidRequest:
    """The error for a CPU list that cannot be read; ``fault``: what its reader found."""
    rule = str(fault)
    hint = rule if len(rule) <= 120 else ""
    return refuse("Invalid", key, text, "a CPU list such as 0-3,^2", hint, stage=stage)


def conflict(
    nova_exception: str,
    key: str,
    flavor_value: object,
    image_key: str,
    image_value: object,
    hint: str,
) -> InvalidRequest:
    """The error for a flavor and an image that contradict each other; ``key``: the flavor's."""
    message = (
        f"{key}={shorten(flavor_value)} of the flavor and "
        f"{image_key}={shorten(image_value)} of the image do not go together. {hint}"
    )
    return InvalidRequest(message, nova_exception=nova_exception, key=image_key, value=image_value)
