from pathlib import Path
from types import TracebackType
from typing import Self, final

from shm.draft import Batch, Draft
from shm.layout import Role

@final
class QuoteWriter:
    """The one writer of a file; close it or use it as a context manager."""

    @property
    def path(self) -> Path: ...
    @property
    def role(self) -> Role: ...
    @property
    def used(self) -> int: ...
    @staticmethod
    def open(directory: str | Path, role: Role = ..., *, mode: int = ...) -> QuoteWriter: ...
    def assign(self, index: int, input_mint: bytes, output_mint: bytes) -> bool: ...
    def retire_row(self, index: int) -> None: ...
    def publish(
        self,
        index: int,
        *,
        input_amount: int,
        output_amount: int,
        ts_ns: int,
        oracle_price: float = ...,
        route_id: int = 0,
        slot: int = 0,
        dex_id: int = 0,
        source: int = 0,
        flags: int = 0,
        price_impact_ppm: int = 0,
        confidence_bps: int = 0,
        ttl_slots: int = 0,
        kind: int = ...,
    ) -> None: ...
    def draft(
        self,
        index: int,
        *,
        input_amount: int,
        output_amount: int,
        ts_ns: int,
        oracle_price: float = ...,
        route_id: int = 0,
        slot: int = 0,
        dex_id: int = 0,
        source: int = 0,
        flags: int = 0,
        price_impact_ppm: int = 0,
        confidence_bps: int = 0,
        ttl_slots: int = 0,
        kind: int = ...,
    ) -> Draft: ...
    def publish_quietly(self, draft: Draft) -> None: ...
    def wake(self) -> None: ...
    def batch(self) -> Batch: ...
    def publish_batch(self, batch: Batch) -> int: ...
    def mark_stale(self, index: int) -> bool: ...
    def beat(self) -> None: ...
    def is_open(self) -> bool: ...
    def replace(self, *, mode: int | None = None) -> None: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
