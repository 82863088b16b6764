"""What the auditor tells Prometheus: the account of the run, as it has added it up from EXECUTED."""

from collections.abc import Iterator
from typing import Final

from pipeline.auditor.reading import Books
from pipeline.auditor.usd import MICRO_USD
from pipeline.history.metrics import HISTORY_METRICS
from quote_core.bus.metrics import BUS_METRICS, FOLLOWER_METRICS
from quote_core.clock import Clock
from quote_core.process import PROCESS_METRICS
from quote_core.telemetry.metrics import Catalogue, MetricSource, Sample
from quote_core.work_metrics import WORK_METRICS

__all__ = ["CATALOGUES", "auditor_source"]

_OWN: Final = Catalogue("Auditor")
_WHOLE = _OWN.gauge(
    "solquote_pnl_whole", "1 once all that EXECUTED keeps is added up; before that the rest is not told"
)
_PROFIT = _OWN.gauge("solquote_pnl_profit_lamports", "Net profit of the run, by what it is of", "of")
_COSTS = _OWN.gauge("solquote_pnl_costs_lamports", "What was paid, by what for", "of")
_TRADES = _OWN.gauge("solquote_pnl_trades", "Results of the run, by outcome; refused ones are no trades", "outcome")
_WIN = _OWN.gauge("solquote_pnl_win_ratio", "Fills with a profit, of all fills")
_SHARPE = _OWN.gauge("solquote_pnl_sharpe_ratio", "Mean by standard deviation of the profit of a fill")
_SORTINO = _OWN.gauge("solquote_pnl_sortino_ratio", "Mean by downside deviation of the profit of a fill")
_EXPOSURE = _OWN.gauge(
    "solquote_pnl_exposure_lamports", "What trades had at stake, on average over time, and at most in one", "of"
)
_PROFIT_USD = _OWN.gauge(
    "solquote_pnl_priced_profit_usd", "Net profit in dollars of the trades that record a price; no others have a worth"
)
_PRICED = _OWN.gauge("solquote_pnl_priced_trades", "Trades of the run that record a price in dollars")
_DRAWDOWN = _OWN.gauge("solquote_pnl_max_drawdown_lamports", "Largest fall of the profit below its highest")
_DRAWDOWN_RATIO = _OWN.gauge("solquote_pnl_max_drawdown_ratio", "That fall by the equity it fell from, at its largest")
_MALFORMED = _OWN.counter("solquote_pnl_malformed_total", "Messages of EXECUTED that are no result")

CATALOGUES: Final = (PROCESS_METRICS, WORK_METRICS, BUS_METRICS, FOLLOWER_METRICS, HISTORY_METRICS, _OWN)


def auditor_source(books: Books, clock: Clock) -> MetricSource:
    """The account."""
    return MetricSource(_OWN, lambda: _samples(books, clock))


def _samples(books: Books, clock: Clock) -> Iterator[Sample]:
    yield _WHOLE.of(books.caught_up.is_set())
    yield _MALFORMED.of(books.malformed_count)
    if not books.caught_up.is_set():
        return
    ledger = books.ledger
    yield _PROFIT.of(ledger.cumulative_profit_lamports, "all")
    yield _PROFIT.of(ledger.filled_profit_lamports, "fills")
    yield _PROFIT.of(ledger.expected_profit_lamports, "plans_of_fills")
    yield _PROFIT.of(ledger.naive_profit_lamports, "naive")
    yield _PROFIT.of(ledger.day_profit_lamports(clock.unix_ns()), "day")
    yield _COSTS.of(ledger.flash_fee_lamports, "flash_loans")
    yield _COSTS.of(ledger.tip_lamports, "tips")
    yield _COSTS.of(ledger.network_fee_lamports, "network")
    yield _TRADES.of(ledger.filled_count, "filled")
    yield _TRADES.of(ledger.missed_count, "missed")
    yield _TRADES.of(ledger.failed_count, "failed")
    yield _TRADES.of(ledger.refused_count, "refused")
    yield _WIN.of(ledger.win_rate)
    yield _SHARPE.of(ledger.sharpe_ratio)
    yield _SORTINO.of(ledger.sortino_ratio)
    yield _EXPOSURE.of(ledger.average_exposure_lamports, "average")
    yield _EXPOSURE.of(ledger.largest_amount_lamports, "largest")
    yield _PROFIT_USD.of(books.run.usd.profit_micro_usd / MICRO_USD)
    yield _PRICED.of(books.run.usd.priced_trade_count)
    yield _DRAWDOWN.of(ledger.max_drawdown_lamports)
    yield _DRAWDOWN_RATIO.of(ledger.max_drawdown_fraction)
