"""A world as a program that asks the engine."""

from __future__ import annotations

from numafit import HostInfo, Request

from .worlds import Ask, World


def program(world: World) -> str:
    lines = ["from numafit import *", "", "fleet = Fleet(["]
    lines += [f"    {_host(host)}," for host in world.hosts]
    lines.append("])")
    for ask in world.asks:
        lines += _asked(ask, len(world.hosts))
    return "\n".join(lines)


def _fields(value: object, **plain: object) -> str:
    """The arguments that are not the plain ones."""
    names = value.__dataclass_fields__  # type: ignore[attr-defined]
    given = {name: getattr(value, name) for name in names if not name.startswith("_")}
    return ", ".join(
        f"{name}={_literal(found)}"
        for name, found in given.items()
        if found is not None and (name not in plain or found != plain[name])
    )


def _literal(value: object) -> str:
    if isinstance(value, frozenset):
        return "{" + ", ".join(map(repr, sorted(value))) + "}" if value else "()"
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_literal, value)) + "]"
    name = type(value).__name__
    if name == "HostCell":
        plain = {"cpu_usage": 0, "memory_usage": 0, "pinned_cpus": frozenset(), "siblings": (),
                 "page_pools": (), "physnets": frozenset(), "tunneled": False}  # fmt: skip
        return f"HostCell({_fields(value, **plain)})"
    if name == "PagePool":
        return f"PagePool({_fields(value, used=0, reserved=0)})"
    if name == "PciPool":
        text = _fields(value, devices=(), tags={})
        return f"PciPool({text})" if "numa_node" in text else f"PciPool(numa_node=None, {text})"
    if hasattr(value, "__dataclass_fields__"):
        return f"{name}({_fields(value)})"
    return repr(value)


def _host(host: HostInfo) -> str:
    return f"HostInfo({_fields(host, name='', distances=(), disabled='', offline=(), remarks=())})"


def _request(request: Request) -> str:
    parts = [_literal(request.guest)]
    for name in ("networks", "pci", "provider_mapping"):
        value = getattr(request, name)
        parts += [f"{name}={_literal(value)}"] if value else []
    return f"Request({', '.join(parts)})"


def _asked(ask: Ask, hosts: int) -> list[str]:
    lines = [f"requests = [{', '.join(map(_request, ask.requests))}]"]
    lines.append(f"options = {_literal(ask.options)}")
    lines.append(f"for host in range({hosts}):")
    lines += [
        "    for request in requests:",
        "        print('fit:', fleet.fit_on(request, host, options))",
        "        print('scan:', fleet.scan(request, options, hosts=[host]))",
    ]
    if ask.verb in ("capacity", "mix"):
        asked = f"requests, options, cap={ask.cap}, weights={ask.weights!r}, hosts=[host]"
        lines.append(f"    print('capacity:', fleet.capacity({asked}))")
    if ask.verb == "claims":
        lines.append("    held = []")
        for what, which in ask.steps:
            if what == "claim":
                lines += [
                    "    try:",
                    f"        held.append(fleet.claim(requests[{which}], host, options))",
                    "    except StalePlacement as error:",
                    "        print(error)",
                ]
            else:
                lines += ["    if held:",
                          f"        fleet.release(held.pop({which} % len(held)))"]  # fmt: skip
            lines.append("    print(fleet.usage(host), fleet.pools(host), fleet.check())")
    return lines
