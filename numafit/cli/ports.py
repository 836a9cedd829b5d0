"""``--port``: a port of the server from one text, such as ``vnic_type=direct,physnet=foo``."""

from __future__ import annotations

from collections.abc import Iterable

from numafit.errors import InputError, InvalidRequest
from numafit.readers.checks import known_keys
from numafit.rules.network import Port

KEYS = ("vnic_type", "physnet", "network_type", "trusted", "numa_affinity_policy")

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
    return Port.from_dict(given)
