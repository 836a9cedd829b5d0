"""What a row of ``compute_nodes`` or a host file says of a host's hypervisor -> HostState."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from numafit.errors import InputError
from numafit.model.host_state import MAX_VERSION, NOTHING_KNOWN, HostState
from numafit.readers import checks
from numafit.readers.nova_objects import decode
from numafit.rules.image_fields import ARCHITECTURE, HYPERVISOR, VM_MODE
from numafit.rules.versions import dotted, from_dotted

STATE_COLUMNS = ("supported_instances", "hypervisor_type", "hypervisor_version", "cpu_info")
KEYS = ("type", "version", "instances", "cpu_info")
_TRIPLE = "an architecture, a hypervisor and a vm mode, such as x86_64, kvm, hvm"


def state_of_row(columns: Mapping[str, Any]) -> HostState:
    """Of the columns that are there; text that is empty and a version of 0 say nothing.

    Raises ``InputError`` that names the column at fault.
    """
    values = [columns.get(name) or None for name in STATE_COLUMNS]
    if not any(values):
        return NOTHING_KNOWN
    # drivers of databases hand out JSON columns decoded
    texts = [json.dumps(one) if isinstance(one, list | dict) else one for one in values]
    return _state(*texts)


@lru_cache(maxsize=4096)
def _state(instances: Any, kind: Any, version: Any, cpu_info: Any) -> HostState:
    """Hosts of one make say the same."""
    if version is not None:
        version = checks.whole("hypervisor_version", version, 0, MAX_VERSION)
    return HostState(
        instances=None if instances is None else _instances_of_text(instances),
        hypervisor_type=None if kind is None else checks.label("hypervisor_type", kind),
        hypervisor_version=version,
        cpu_info=None if cpu_info is None else checks.text("cpu_info", cpu_info, "JSON text"),
    )


def _instances_of_text(text: Any) -> tuple[tuple[str, str, str], ...]:
    key = "supported_instances"
    try:
        return read_instances(decode(checks.text(None, text, "JSON text")))
    except InputError as error:
        raise error.within(key=key) from None


def read_instances(value: object) -> tuple[tuple[str, str, str], ...]:
    """Raises ``InputError`` with the place of the entry at fault."""
    return tuple(checks.each("", checks.sequence(None, value, f"a list of: {_TRIPLE}"), _instance))


def _instance(value: object) -> tuple[str, str, str]:
    words = value.split() if isinstance(value, str) else checks.sequence(None, value, _TRIPLE)
    if len(words) != 3:
        raise InputError(None, None, value, _TRIPLE)
    try:
        # nova has one word for each, and takes its older names
        return ARCHITECTURE.read(words[0]), HYPERVISOR.read(words[1]), VM_MODE.read(words[2])
    except (AttributeError, ValueError):
        raise InputError(None, None, value, f"{_TRIPLE}, in nova's words") from None


def read_hypervisor(data: Mapping[str, Any]) -> HostState:
    """``hypervisor`` of a host file."""
    checks.known_keys(data, KEYS)
    version = data.get("version")
    if isinstance(version, str):
        try:
            version = from_dotted(version)
        except ValueError:
            expected = "a version such as 8.2.0, or nova's number for it, 8002000"
            raise InputError(None, "version", version, expected) from None
    found = data.get("instances")
    try:
        instances = None if found is None else read_instances(found)
    except InputError as error:
        raise error.within(key="instances") from None
    cpu_info = data.get("cpu_info")
    if cpu_info is not None:
        cpu_info = json.dumps(checks.mapping("cpu_info", cpu_info, "what cpu_info of nova holds"))
    return HostState(
        instances=instances,
        hypervisor_type=checks.label("type", data["type"]) if "type" in data else None,
        hypervisor_version=None
        if version is None
        else checks.whole("version", version, 0, MAX_VERSION),
        cpu_info=cpu_info,
    )


def write_hypervisor(state: HostState) -> dict[str, Any]:
    """The keys that ``read_hypervisor`` makes the same of."""
    data: dict[str, Any] = {}
    if state.hypervisor_type is not None:
        data["type"] = state.hypervisor_type
    if state.hypervisor_version is not None:
        data["version"] = dotted(state.hypervisor_version) or 0
    if state.instances is not None:
        data["instances"] = [" ".join(one) for one in state.instances]
    if state.cpu_info is not None:
        data["cpu_info"] = decode(state.cpu_info)
    return data
