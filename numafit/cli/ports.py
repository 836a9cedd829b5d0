"""``--port``: a port of the server from one text, such as ``vnic_type=direct,physnet=foo``."""

from __future__ import annotations

from collections.abc import Iterable

from numafit.errors import InputError, InvalidRequest
from numafit.model.network import TUNNELS, Port
from numafit.model.values import strict_flag
from numafit.readers.checks import known_keys

KEYS = ("vnic_type", "physnet", "network_type", "trusted", "numa_affinity_policy")
NETWORK_TYPES = ("flat", "vlan", *TUNNELS)

HELP = (
    "A port of the server: vnic_type, physnet, network_type, trusted and numa_affinity_policy, as "
    "in vnic_type=direct,physnet=foo. vnic_type is normal where it is left out, network_type is "
    "vlan. May be given several times."
)


def parse_ports(texts: Iterable[str]) -> list[Port]:
    """The ports in their order. Raises ``InputError`` and ``InvalidRequest`` that name the port."""
    ports = []
    for text in texts:
        where = f"--port {text}"
        try:
            ports.append(_port(text))
        except InputError as error:
            raise error.within(file=where) from None
        except InvalidRequest as error:
            raise InvalidRequest(
                f"{where}: {error}",
                nova_exception=error.nova_exception,
                key=error.key,
                value=error.value,
            ) from None
    return ports


def _port(text: str) -> Port:
    given: dict[str, str] = {}
    for part in text.split(","):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            raise InputError(None, None, part, "key=value, several of them behind commas")
        known_keys([key], KEYS)
        if key in given:
            raise InputError(None, key, value, "each key once")
        if not value:
            raise InputError(None, key, value, "a value", "Leave the key out to ask for nothing.")
        given[key] = value
    kind = given.get("network_type")
    if kind is not None and kind not in NETWORK_TYPES:
        raise InputError(None, "network_type", kind, f"one of {', '.join(NETWORK_TYPES)}")
    physnet = given.get("physnet")
    if kind in TUNNELS and physnet is not None:
        raise InputError(
            None, "physnet", physnet, f"no physnet beside network_type={kind}",
            "Only flat and VLAN networks have one.",
        )  # fmt: skip
    return Port(
        given.get("vnic_type", "normal"),
        physnet,
        kind in TUNNELS,
        _trusted(given.get("trusted")),
        given.get("numa_affinity_policy"),
    )


def _trusted(text: str | None) -> bool | None:
    if text is None:
        return None
    try:
        return strict_flag(text)
    except ValueError as error:
        raise InputError(None, "trusted", text, str(error)) from None
