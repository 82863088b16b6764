"""Is a figure of now far from what it was lately? A robust z-score, told with all that it was computed from.

    z = 0.6745 * (value - median) / max(MAD, floor)

of Iglewicz and Hoaglin ("How to Detect and Handle Outliers", 1993): MAD is the median distance from the median, and
0.6745 of a normal distribution's MADs are its standard deviation. Median and MAD bear with half of the window being
outliers. The floor keeps a figure that hardly moved from making a z of next to nothing; it is a resolution below which
nobody would look.

| figure     | of an interval                                              | trips when | floor            |
|------------|-------------------------------------------------------------|------------|------------------|
| error_rate | what failed of all that all services handled                | high       | 0.01             |
| latency    | mean time from taking a plan to its trade's ending, in ms   | high       | 10 ms            |
| profit     | mean net profit of a trade, in lamports                     | low        | 10,000 lamports  |

An interval ends with the first event that is not of it, by the events' own times; one without an event is none. It is
judged against the window of those before it once that is half full, and then belongs to the window. What was learnt is
forgotten by a release and with the process.
"""

import statistics
from collections import deque
from dataclasses import dataclass
from typing import Final, Literal

from pipeline.auditor.ledger import is_trade
from pipeline.system_manager.limits import Limits, Trip
from quote_core.events import ExecutionResult, ServiceHealth
from quote_core.units import NS_PER_MS, NS_PER_S

__all__ = ["NORMAL_MADS", "Anomalies", "Series"]

NORMAL_MADS: Final = 0.6745
"""0.75 quantile of the standard normal distribution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One line of the table; `sign` is 1 where high is bad and -1 where low is."""

    name: str
    unit: str
    sign: Literal[1, -1]
    floor: float


ERROR_RATE: Final = Series(name="error rate", unit="", sign=1, floor=0.01)
LATENCY: Final = Series(name="latency", unit=" ms", sign=1, floor=10.0)
PROFIT: Final = Series(name="profit of a trade", unit=" lamports", sign=-1, floor=10_000.0)


class _Watched:
    """One figure: the interval that is open, and the window of those before."""

    def __init__(self, series: Series, limits: Limits) -> None:
        self._series = series
        self._limits = limits
        self._window: deque[float] = deque(maxlen=limits.anomaly_window_count)
        self._began_unix_ns = 0
        self._part = self._whole = 0.0
        self.trip: Trip | None = None
        """What the last interval that ended has broken."""

    def add(self, at_unix_ns: int, part: float, whole: float) -> Trip | None:
        """Take an event's share of the figure; the trip of the interval that it ends, if that is one."""
        trip = None
        if abs(at_unix_ns - self._began_unix_ns) >= self._limits.anomaly_interval_ns:
            trip = self._end()
            self._began_unix_ns = at_unix_ns
        self._part += part
        self._whole += whole
        return trip

    def _end(self) -> Trip | None:
        if not self._whole:
            return None
        value = self._part / self._whole
        self._part = self._whole = 0.0
        self.trip = self._judge(value)
        self._window.append(value)
        return self.trip

    def _judge(self, value: float) -> Trip | None:
        limits, series, window = self._limits, self._series, self._window
        if 2 * len(window) < limits.anomaly_window_count:
            return None
        median = statistics.median(window)
        mad = statistics.median(abs(each - median) for each in window)
        z = NORMAL_MADS * (value - median) / max(mad, series.floor)
        if series.sign * z <= limits.anomaly_z_max:
            return None
        told = f"{series.name} {value:.6g}{series.unit}: z {z:.1f}, beyond {limits.anomaly_z_max:g}"
        interval_s = limits.anomaly_interval_ns / NS_PER_S
        return Trip(
            "anomaly",
            f"{told}; median {median:.6g}, MAD {mad:.6g} (at least {series.floor:g}) "
            f"of the last {len(window)} intervals of {interval_s:g} s",
        )


class Anomalies:
    """The figures of the table; off, and holding nothing, where the limit of z is 0."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.rearm()

    def rearm(self) -> None:
        """Learn anew."""
        self._error_rate, self._latency, self._profit = (
            _Watched(series, self._limits) for series in (ERROR_RATE, LATENCY, PROFIT)
        )

    def take_health(self, health: ServiceHealth) -> Trip | None:
        """Take a service's report."""
        if not self._limits.anomaly_z_max:
            return None
        handled = max(health.handled_count, health.error_count)
        return self._error_rate.add(health.header.created_unix_ns, health.error_count, handled)

    def take_result(self, result: ExecutionResult) -> Trip | None:
        """Take a result."""
        if not self._limits.anomaly_z_max or not is_trade(result):
            return None
        at_unix_ns = result.finished_unix_ns
        latency_ms = max(0, at_unix_ns - result.taken_unix_ns) / NS_PER_MS
        latency = self._latency.add(at_unix_ns, latency_ms, 1)
        profit = self._profit.add(at_unix_ns, result.profit_lamports, 1)
        return latency or profit

    def triggering(self) -> Trip | None:
        """What the last interval of a figure has broken."""
        return self._error_rate.trip or self._latency.trip or self._profit.trip
