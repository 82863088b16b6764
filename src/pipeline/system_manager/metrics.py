"""What the system manager tells Prometheus: the kill switch, and whether it is vouched for."""

from collections.abc import Iterator
from typing import Final

from pipeline.system_manager.acknowledgements import TRADING_SERVICES
from pipeline.system_manager.limits import RULE_NAMES
from pipeline.system_manager.manager import Manager
from quote_core.bus.metrics import BUS_METRICS
from quote_core.events import TradingState
from quote_core.process import PROCESS_METRICS
from quote_core.serving.metrics import HTTP_METRICS
from quote_core.solana.metrics import RPC_METRICS
from quote_core.telemetry.metrics import Catalogue, MetricSource, Sample
from quote_core.units import NS_PER_S

__all__ = ["CATALOGUES", "switch_source"]

_OWN: Final = Catalogue("System manager")
_STATE = _OWN.gauge(
    "solquote_kill_switch_state", "1 for the state that is latched; no value until it is known", "state"
)
_REVISION = _OWN.gauge("solquote_kill_switch_revision", "Number of the latched state: it grows with every change")
_ACKNOWLEDGED = _OWN.gauge(
    "solquote_kill_switch_acknowledgement_age_seconds",
    "Since the bus last confirmed what is latched, and the manager vouched for it; no value before the first time",
)
_UNSTORED = _OWN.gauge(
    "solquote_kill_switch_unstored_stop", "1 while a stop is kept here that the bus does not have yet"
)
_UNACKNOWLEDGED = _OWN.gauge(
    "solquote_kill_switch_unacknowledged_processes",
    "Trading processes not at the latched revision, or silent for 10 s; 1 where none was heard of",
    "gate",
)
_HEARTBEATS = _OWN.counter("solquote_kill_switch_heartbeats_total", "How often the manager vouched for the switch")
_TRIPS = _OWN.counter("solquote_kill_switch_trips_total", "Stops by a rule", "rule")
_MALFORMED = _OWN.counter("solquote_system_manager_malformed_total", "Messages read by the rules that are no events")
_RESULTS = _OWN.counter("solquote_system_manager_results_total", "Results that the rules have read")

CATALOGUES: Final = (PROCESS_METRICS, HTTP_METRICS, BUS_METRICS, RPC_METRICS, _OWN)


def switch_source(manager: Manager) -> MetricSource:
    """The switch as the manager holds it."""
    return MetricSource(_OWN, lambda: _samples(manager))


def _samples(manager: Manager) -> Iterator[Sample]:
    held, figures = manager.held, manager.figures
    if held is not None:
        for state in TradingState:
            yield _STATE.of(state is held.state, state.name.lower())
        yield _REVISION.of(held.revision)
        told = manager.acknowledgements(held.revision)
        for service in TRADING_SERVICES:
            missing = (each for each in told if each.service == service and not each.is_current)
            yield _UNACKNOWLEDGED.of(sum(1 for _ in missing), service)
    silence_ns = manager.silence_ns
    if silence_ns is not None:
        yield _ACKNOWLEDGED.of(silence_ns / NS_PER_S)
    yield _UNSTORED.of(manager.keeps_stop)
    yield _HEARTBEATS.of(figures.heartbeat_count)
    for rule in RULE_NAMES:
        yield _TRIPS.of(figures.trips[rule], rule)
    yield _MALFORMED.of(figures.malformed_count)
    yield _RESULTS.of(manager.results_read_count)
