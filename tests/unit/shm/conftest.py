"""One directory on tmpfs, a writer and a reader of it, and values to publish."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shm import QuoteReader, QuoteWriter, Role

SOL = "So11111111111111111111111111111111111111112"
USDC = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
MINTS = [bytes([number]) * 32 for number in range(1, 9)]

Publish = Callable[..., None]


@pytest.fixture
def directory() -> Iterator[Path]:
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="solquote-test-", dir=memory if memory.is_dir() else None) as path:
        yield Path(path)


@pytest.fixture
def writer(directory: Path) -> Iterator[QuoteWriter]:
    with QuoteWriter.open(directory, Role.INTERNAL) as opened:
        yield opened


@pytest.fixture
def reader(directory: Path, writer: QuoteWriter) -> Iterator[QuoteReader]:
    with QuoteReader.open(directory) as opened:
        yield opened


@pytest.fixture
def publish(writer: QuoteWriter) -> Publish:
    """Publish with defaults for what a test does not look at."""

    def call(index: int, **fields: object) -> None:
        writer.publish(index, **{"input_amount": 1_000, "output_amount": 2_000, "ts_ns": 1} | fields)  # type: ignore[arg-type]  # a test's shorthand

    return call
