"""What a reader tells when a program asks for it, by the client library such a program has."""

from pathlib import Path

from prometheus_client import CollectorRegistry

from shm import QuoteReader, QuoteWriter, Role
from shm.layout import SLOT
from shm.prometheus import ReaderCollector

A, B = (bytes([number]) * 32 for number in range(1, 3))


def test_scans_laps_and_live_writers_are_told(directory: Path) -> None:
    registry = CollectorRegistry()
    with QuoteWriter.open(directory, Role.INTERNAL) as writer, QuoteReader.open(directory) as reader:
        registry.register(ReaderCollector(reader))
        writer.assign(0, A, B)
        reader.poll()
        assert registry.get_sample_value("solquote_shm_reader_attached_total") == 1
        scans = registry.get_sample_value("solquote_shm_reader_scans_total")
        announced = writer.announced_count
        for _ in range(SLOT.count + 1):  # a lap
            writer.publish(0, input_amount=1, output_amount=1, ts_ns=1, slot=1)
        assert writer.announced_count == announced + SLOT.count + 1
        reader.poll()
        assert scans is not None
        assert registry.get_sample_value("solquote_shm_reader_scans_total") == scans + 1
        assert registry.get_sample_value("solquote_shm_reader_busy_total") == 0
        live = {file: registry.get_sample_value("solquote_shm_reader_writer_live", {"file": file}) for file in FILES}
        assert live == {"internal": 1, "external": 0}


FILES = ("internal", "external")
