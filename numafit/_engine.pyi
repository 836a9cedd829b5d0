from collections.abc import Mapping, Sequence
from typing import Any

import numpy.typing as npt

from numafit.columns import Columns
from numafit.model.guest import Limits, PciRequest
from numafit.model.placement import PciAllocation, Placement, PlacementCell
from numafit.model.refusal import Refusal

BY: dict[str, int]

def reasons() -> tuple[str, ...]: ...

class Prepared:
    @property
    def request(self) -> Any: ...

class Placed:
    @property
    def host(self) -> int: ...
    @property
    def generation(self) -> int: ...
    @property
    def prepared(self) -> Prepared: ...
    def decode(self) -> tuple[PlacementCell, ...]: ...
    def decode_host(self) -> str | int: ...
    def decode_pci(self) -> tuple[PciAllocation, ...]: ...

class Engine:
    def __init__(self, columns: Columns) -> None: ...
    @property
    def columns(self) -> Columns: ...
    @property
    def lent(self) -> dict[str, npt.NDArray[Any]]: ...
    def copies(self) -> dict[str, npt.NDArray[Any]]: ...
    def counts(self) -> dict[str, int]: ...
    def check(self) -> str | None: ...
    def prepare(self, request: Any) -> Prepared: ...
    def fit(
        self,
        host: int,
        request: Any,
        strategy: str = "spread",
        limits: Limits | str | None = "host",
        affinity: str = "any",
        matching: str = "nova",
    ) -> Placement | Refusal: ...
    def supports_pci(
        self,
        host: int,
        requests: tuple[PciRequest, ...],
        cells: tuple[int, ...],
        matching: str = "nova",
        mapping: Mapping[str, Sequence[str]] | None = None,
    ) -> tuple[str, list[tuple[int, int, int]]]: ...
    def host_of(self, placement: Placement) -> int | None: ...
    def adopt(self, host: int, placement: Placement) -> Placed: ...
    def claim(self, placed: list[Placed]) -> None: ...
    def release(self, placed: list[Placed]) -> None: ...

class Query:
    @property
    def has_guest(self) -> bool: ...

class ManyHosts(Engine):
    def query(
        self,
        request: Any,
        strategy: str = "spread",
        limits: Limits | str | None = "host",
        affinity: str = "any",
        matching: str = "nova",
    ) -> Query: ...
    def scan(self, q: Query, hosts: Any, first: int, count: int, fits: Any) -> bool: ...
    def capacity(
        self, q: Query, hosts: Any, first: int, count: int, cap: int, counts: Any
    ) -> bool: ...
    def mix(
        self,
        queries: list[Query],
        weights: Sequence[float],
        hosts: Any,
        first: int,
        count: int,
        cap: int,
        counts: Any,
    ) -> bool: ...
    def take_best(
        self, q: Query, hosts: Any, count: int, by: int, scores: Any
    ) -> Placement | bool | None: ...
