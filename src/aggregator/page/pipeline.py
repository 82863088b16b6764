"""What the pipeline does, from the streams of the bus: findings, plans, endings, profit.

Read only, and only while somebody looks: the connection is made for the first viewer, begins with the newest messages
of each stream, and ends after the last one. Of a burst only the end is read: what would be off the page before anybody
saw it is not decoded, since this process has quotes to serve.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final

import structlog

from aggregator.page.board import Board
from quote_core.addresses import redacted_servers
from quote_core.bus import Bus, BusRole, access_of, connect
from quote_core.bus.follow import Followed, before_newest, follow
from quote_core.cancellation import heed_cancellation
from quote_core.clock import Clock
from quote_core.errors import LayoutMismatch, ProviderUnavailable
from quote_core.events import (
    Event,
    ExecutionPlan,
    ExecutionResult,
    Outcome,
    PnlSnapshot,
    PriceDivergence,
    ServiceHealth,
    SourceDivergence,
    Stream,
    TriangularArbitrage,
    TwoHopArbitrage,
    decode,
    kind_of,
)
from quote_core.settings import PlatformSettings, SettingsError
from quote_core.tokens import TokenRegistry
from quote_core.units import NS_PER_MS, NS_PER_S, decimal_from_amount

__all__ = ["FoundLately", "PipelinePanel", "Plans", "Profit", "sampled"]

_PUT_EVERY_S: Final = 0.25
_RETRY_S: Final = 2.0
_SHOWN_MAX: Final = 60
"""Rows of each table."""
_HELD_MAX: Final = 500
"""Endings whose reasons are counted."""
_CURVE_SPAN_NS: Final = 3_600 * NS_PER_S
_CURVE_POINTS_MAX: Final = 360
_READ_MAX: Final = 100
"""Messages decoded in one go, about three milliseconds."""
_PLANNER_HEALTH: Final = "metrics.health.planner"

_log: Final = structlog.get_logger(part="page")


class PipelinePanel:
    """Topics `bus`, `opportunities`, `plans` and `profit`."""

    def __init__(self, platform: PlatformSettings, tokens: TokenRegistry, *, clock: Clock) -> None:
        self._platform = platform
        self._tokens = tokens
        self._clock = clock

    async def run(self, board: Board) -> None:
        """Follow the streams until cancelled; without a bus, or a way onto it, say so and try again."""
        where = redacted_servers(self._platform.nats_url)
        while True:
            state = _BusState(where)
            board.put("bus", state.content())
            try:
                async with connect(
                    self._platform.nats_url,
                    name="page",
                    access=access_of(self._platform, BusRole.PAGE),
                    on_connection=state.changed,
                ) as bus:
                    state.changed(is_up=True)
                    await self._follow(bus, board, state)
            except SettingsError as error:
                state.reason = str(error)
                board.put("bus", state.content())
                heed_cancellation()
                await asyncio.sleep(_RETRY_S)

    async def _follow(self, bus: Bus, board: Board, state: "_BusState") -> None:
        findings, plans, profit = FoundLately(self._tokens), Plans(), Profit()
        curve_from_ns = self._clock.unix_ns() - _CURVE_SPAN_NS
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_feed(_newest(bus, Stream.OPPORTUNITIES), findings.take))
            tasks.create_task(_feed(_newest(bus, Stream.PLANNED), plans.take))
            tasks.create_task(_feed(_newest(bus, Stream.EXECUTED), plans.take))
            subjects = (kind_of(PnlSnapshot).subject, _PLANNER_HEALTH)
            metrics = follow(bus, Stream.METRICS, subjects=subjects, since_unix_ns=curve_from_ns)
            tasks.create_task(_feed(sampled(metrics), profit.take, plans.take))
            while True:
                board.put("bus", state.content())
                board.put("opportunities", findings.content())
                board.put("plans", plans.content())
                board.put("profit", profit.content())
                await asyncio.sleep(_PUT_EVERY_S)


class _BusState:
    """Whether NATS is there."""

    def __init__(self, where: str) -> None:
        self.reason = ""
        self._where = where
        self._is_up = False

    def changed(self, *, is_up: bool) -> None:
        """See `OnConnection`."""
        self._is_up = is_up

    def content(self) -> dict[str, Any]:
        """For the page."""
        waiting = f"NATS at {self._where} cannot be reached, or does not let the page in"
        return {"is_connected": self._is_up, "reason": "" if self._is_up else self.reason or waiting}


async def _newest(bus: Bus, stream: Stream) -> AsyncIterator[Sequence[Followed]]:
    """The newest messages of a stream, then what comes; of each batch the end."""
    while True:
        try:
            place = await before_newest(bus, stream, _READ_MAX)
            break
        except ProviderUnavailable:  # not made yet
            await asyncio.sleep(_RETRY_S)
    async for batch in follow(bus, stream, after=place):
        yield batch[-_READ_MAX:]


async def sampled(batches: AsyncIterator[Sequence[Followed]]) -> AsyncIterator[Sequence[Followed]]:
    """Of each batch every so manieth, the last one among them: a curve's shape."""
    async for batch in batches:
        stride = -(-len(batch) // _READ_MAX) or 1
        yield batch[(len(batch) - 1) % stride :: stride]


async def _feed(batches: AsyncIterator[Sequence[Followed]], *takers: Callable[[Event, Followed], None]) -> None:
    async for batch in batches:
        for message in batch:
            try:
                event = decode(message.data)
            except LayoutMismatch as error:
                _log.debug("not an event", subject=message.subject, reason=str(error))
                continue
            for take in takers:
                take(event, message)
        await asyncio.sleep(0)


class FoundLately:
    """What the scanner found, newest first."""

    def __init__(self, tokens: TokenRegistry) -> None:
        self._decimals = {token.mint: token.decimals for token in tokens}
        self._symbols = {token.mint: token.symbol for token in tokens}
        self._newest: deque[dict[str, Any]] = deque(maxlen=_SHOWN_MAX)
        self._total = 0

    def take(self, event: Event, message: Followed) -> None:
        """Take one of OPPORTUNITIES."""
        self._total = max(self._total, message.sequence)
        match event:
            case TwoHopArbitrage():
                shown = {
                    "kind": "two hops",
                    "profit_lamports": event.net_profit_lamports,
                    "gross_bps": event.gross_profit_bps,
                }
                mint, amount, confidence_bps = event.input_mint, event.amount_in, event.confidence_bps
            case TriangularArbitrage() if event.mints and event.amounts:
                shown = {
                    "kind": f"{len(event.mints)} legs",
                    "profit_lamports": event.net_profit_lamports,
                    "gross_bps": event.gross_profit_bps,
                }
                mint, amount, confidence_bps = event.mints[0], event.amounts[0], event.confidence_bps
            case PriceDivergence():
                shown = {"kind": "off oracle", "profit_lamports": None, "gross_bps": event.divergence_bps}
                mint, amount, confidence_bps = event.input_mint, event.amount_in, event.confidence_bps
            case SourceDivergence():
                shown = {"kind": "off provider", "profit_lamports": None, "gross_bps": event.divergence_bps}
                mint, amount = event.input_mint, event.amount_in
                confidence_bps = min(event.local_confidence_bps, event.external_confidence_bps)
            case _:
                return
        self._newest.appendleft(
            {
                "id": event.header.event_id.hex(),
                "unix_ms": event.header.created_unix_ns // NS_PER_MS,
                "pair": event.pair,
                "amount": self._whole(amount, mint),
                "token": self._symbols.get(mint, ""),
                "confidence": confidence_bps / 10_000,
                **shown,
            }
        )

    def content(self) -> dict[str, Any]:
        """For the page."""
        return {"total": self._total, "items": list(self._newest)}

    def _whole(self, amount: int, mint: str) -> float | None:
        decimals = self._decimals.get(mint)  # type: ignore[call-overload]
        return None if decimals is None else float(decimal_from_amount(amount, decimals))


class Plans:
    """What became of opportunities: plans, endings, and why there was no trade."""

    def __init__(self) -> None:
        self._plans: deque[dict[str, Any]] = deque(maxlen=_SHOWN_MAX)
        self._endings: deque[tuple[Outcome, str]] = deque(maxlen=_HELD_MAX)
        self._trades: deque[dict[str, Any]] = deque(maxlen=_SHOWN_MAX)
        self._ended: dict[str, str] = {}
        self._rejected: dict[str, int] = {}

    def take(self, event: Event, message: Followed) -> None:
        """Take one of PLANNED, EXECUTED or METRICS."""
        match event:
            case ExecutionPlan():
                self._plans.appendleft(_plan(event))
            case ExecutionResult():
                self._endings.append((event.outcome, event.reason))
                self._trades.appendleft(_trade(event))
            case ServiceHealth(service="planner"):
                self._rejected = {one.reason.name.lower(): one.count for one in event.rejected}
            case _:
                pass

    def content(self) -> dict[str, Any]:
        """For the page."""
        ended = {trade["plan_id"]: trade["outcome"] for trade in self._trades}
        refused = Counter(
            _kind_of(reason) or outcome.name.lower()
            for outcome, reason in self._endings
            if outcome is not Outcome.FILLED
        )
        return {
            "plans": [{**plan, "outcome": ended.get(plan["plan_id"], "")} for plan in self._plans],
            "trades": list(self._trades),
            "rejected": _by_count(self._rejected),
            "not_filled": _by_count(refused),
            "ending_count": len(self._endings),
        }


def _kind_of(reason: str) -> str:
    """What stands before the colon of the executor's sentences; after it are ids and figures."""
    return reason.partition(":")[0]


def _by_count(counts: dict[str, int] | Counter[str]) -> list[dict[str, Any]]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [{"reason": reason, "count": count} for reason, count in ordered[:_SHOWN_MAX]]


def _plan(plan: ExecutionPlan) -> dict[str, Any]:
    return {
        "plan_id": plan.header.event_id.hex(),
        "unix_ms": plan.header.created_unix_ns // NS_PER_MS,
        "pair": plan.pair,
        "amount_lamports": plan.amount_in,
        "profit_lamports": plan.net_profit_lamports,
        "confidence": plan.confidence_bps / 10_000,
        "risk": plan.risk_score,
    }


def _trade(result: ExecutionResult) -> dict[str, Any]:
    return {
        "plan_id": result.plan_id.hex(),
        "unix_ms": result.finished_unix_ns // NS_PER_MS,
        "pair": result.pair,
        "outcome": result.outcome.name.lower(),
        "mode": result.mode.name.lower(),
        "reason": result.reason,
        "amount_lamports": result.amount_in,
        "expected_lamports": result.expected_profit_lamports,
        "profit_lamports": result.profit_lamports,
        "took_ms": max(0, result.finished_unix_ns - result.opportunity_created_unix_ns) // NS_PER_MS,
    }


class Profit:
    """The auditor's account, and how it came to be in the last hour."""

    def __init__(self) -> None:
        self._newest: PnlSnapshot | None = None
        self._curve: list[tuple[int, int]] = []

    def take(self, event: Event, message: Followed) -> None:
        """Take one of METRICS."""
        if not isinstance(event, PnlSnapshot):
            return
        if self._newest is None or self._newest.run_id != event.run_id:
            self._curve.clear()
        self._newest = event
        unix_ms, profit = event.header.created_unix_ns // NS_PER_MS, event.cumulative_profit_lamports
        flat = len(self._curve) > 1 and self._curve[-1][1] == profit == self._curve[-2][1]
        if flat:  # a line needs its two ends
            self._curve.pop()
        self._curve.append((unix_ms, profit))
        oldest_ms = unix_ms - _CURVE_SPAN_NS // NS_PER_MS
        while len(self._curve) > 1 and self._curve[1][0] < oldest_ms:
            self._curve.pop(0)
        if len(self._curve) > _CURVE_POINTS_MAX:
            self._curve[: _CURVE_POINTS_MAX // 2] = self._curve[: _CURVE_POINTS_MAX // 2 : 2]

    def content(self) -> dict[str, Any]:
        """For the page."""
        account = self._newest
        if account is None:
            return {"account": None, "curve": []}
        return {
            "account": {
                "run_id": account.run_id,
                "profit_lamports": account.cumulative_profit_lamports,
                "day_profit_lamports": account.day_profit_lamports,
                "average_profit_lamports": account.average_profit_lamports,
                "expected_profit_lamports": account.expected_profit_lamports,
                "filled_count": account.filled_count,
                "win_count": account.win_count,
                "missed_count": account.missed_count,
                "failed_count": account.failed_count,
                "refused_count": account.refused_count,
                "sharpe_ratio": account.sharpe_ratio,
                "sortino_ratio": account.sortino_ratio,
                "average_exposure_lamports": account.average_exposure_lamports,
                "largest_amount_lamports": account.largest_amount_lamports,
                "profit_micro_usd": account.profit_micro_usd,
                "priced_trade_count": account.priced_trade_count,
                "max_drawdown_lamports": account.max_drawdown_lamports,
                "max_drawdown_fraction": account.max_drawdown_fraction,
                "fee_lamports": account.network_fee_lamports + account.tip_lamports + account.flash_fee_lamports,
            },
            "curve": self._curve,
        }
