from typing import Any, TypeVar

Entry = TypeVar("Entry")

class Odd(Exception): ...

class Seen:
    ratios: tuple[Any, Any]
    def __init__(
        self, topology: Any, stats: Any, cpu_ratio: Any = None, ram_ratio: Any = None
    ) -> None: ...
    def same(self, topology: Any, stats: Any) -> bool: ...

def look(hosts: list[Any], entries: dict[tuple[str, str], Entry]) -> list[Entry | None]: ...
