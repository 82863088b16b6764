"""`python -m solquote.metrics_reference`: docs/metrics.md, from what the processes declare."""

import importlib
import sys
from collections.abc import Iterator, Sequence
from typing import Final

from quote_core.addresses import METRICS_HOST
from quote_core.telemetry.metrics import Catalogue
from shm.prometheus import READER_COUNTERS, WRITER_LIVE
from solquote.processes import METRICS_PORT, SERVICES, Service
from solquote.setting_models import settings_model

__all__ = ["READER_OF", "catalogues_of", "metrics_reference", "names_of"]

READER_OF: Final = "scanner"
"""The process that reads shared memory by the SDK."""

_HEAD: Final = f"""\
# Metrics

Every process serves Prometheus's text format at `/metrics` on a port of its own, on {METRICS_HOST} alone; the
aggregator's HTTP API has its page too. `solquote services` finds them all, on free ports as well. A port is the setting
`metrics_port` of the process's section (`SOLQUOTE_SCANNER_METRICS_PORT`, 0 = a free one); two executors on one machine
need two.

```sh
curl -s http://{METRICS_HOST}:9104/metrics | promtool check metrics
```

Values are read from the parts when somebody scrapes; nothing is counted twice. Labels take their values from closed
sets: what is served, enumerations, and what the settings name. No token, amount, path, client or reason that somebody
made up is a label value: what is not served is counted as `other`.

Beside what is listed, each process tells `process_*` (processor time, memory, open files, start) and `python_gc_*`, as
Prometheus's client for Python has them.

For whom asks for OpenMetrics (`Accept: application/openmetrics-text`) the histograms of calls, and of opportunity to
plan or fill, have exemplars where the platform is traced: [traces.md](traces.md).

`deploy` has a configuration that scrapes them, dashboards, and alerts with a runbook: [dashboards.md](dashboards.md).

This page is made by `python -m solquote.metrics_reference`.
"""
_UNITS: Final = {"seconds": "s", "bytes": "B", "lamports": "lamports", "ratio": "fraction", "slots": "slots"}


def catalogues_of(service: Service) -> Sequence[Catalogue]:
    """What a process tells."""
    catalogues: Sequence[Catalogue] = importlib.import_module(f"{service.module}.metrics").CATALOGUES
    return catalogues


def names_of(service: Service) -> set[str]:
    """The families that its page has, `process_*` and `python_gc_*` left out."""
    names = {family.name for catalogue in catalogues_of(service) for family in catalogue.families}
    if service.name == READER_OF:
        names |= {name for name, *_ in _reader_rows()}
    return names


def metrics_reference() -> str:
    """The page."""
    return "\n".join([_HEAD, *_processes(), *_catalogues(), *_reader()])


def _processes() -> Iterator[str]:
    yield "| process | port | tells |"
    yield "|---|---|---|"
    for service in SERVICES:
        port = settings_model(service).model_fields[METRICS_PORT.field].default
        subjects = [catalogue.subject for catalogue in catalogues_of(service)]
        subjects += ["Reader of shared memory"] if service.name == READER_OF else []
        yield f"| {service.name} | {port} | {', '.join(subjects)} |"
    yield ""


def _catalogues() -> Iterator[str]:
    found: dict[Catalogue, list[str]] = {}
    for service in SERVICES:
        for catalogue in catalogues_of(service):
            found.setdefault(catalogue, []).append(service.name)
    for catalogue, processes in found.items():
        everywhere = len(processes) == len(SERVICES)
        yield from _table(
            catalogue.subject,
            "" if everywhere else ", ".join(processes),
            [(family.name, family.kind.value, family.labels, family.meaning) for family in catalogue.families],
        )


def _reader() -> Iterator[str]:
    yield from _table(
        "Reader of shared memory",
        f"{READER_OF}, and any program that registers `shm.prometheus.ReaderCollector(reader)`",
        list(_reader_rows()),
    )


_Row = tuple[str, str, Sequence[str], str]


def _reader_rows() -> Iterator[_Row]:
    for counter in READER_COUNTERS:
        yield counter.name, "counter", (), counter.meaning
    name, meaning = WRITER_LIVE
    yield name, "gauge", ("file",), meaning


def _table(subject: str, where: str, rows: Sequence[_Row]) -> Iterator[str]:
    yield f"## {subject}"
    yield ""
    if where:
        yield f"In {where}."
        yield ""
    yield "| name | type | unit | labels | meaning |"
    yield "|---|---|---|---|---|"
    for name, kind, labels, meaning in rows:
        unit = _UNITS.get(name.removesuffix("_total").rpartition("_")[2], "")
        told = ", ".join(f"`{label}`" for label in labels)
        yield f"| `{name}` | {kind} | {unit} | {told} | {meaning} |"
    yield ""


if __name__ == "__main__":
    sys.stdout.write(metrics_reference().rstrip() + "\n")
