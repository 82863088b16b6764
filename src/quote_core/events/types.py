"""The events of the bus: frozen values, one class a table of `proto/events`, fields in the schema's order.

What a field means stands beside it in the schema. A field that was added later has a default, what an older writer's
message reads as.
"""

import enum
from dataclasses import dataclass
from typing import Final

from quote_core.clock import NO_MOMENT
from quote_core.events.fields import (
    F64,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    Address,
    EventId,
    FreshnessField,
    MomentField,
    SpanId,
    TraceId,
)
from quote_core.freshness import NEVER_VOUCHED
from quote_core.quotes import Provenance

__all__ = [
    "NO_TRACE",
    "REVISION_MAX",
    "Claim",
    "Event",
    "ExecutionMode",
    "ExecutionPlan",
    "ExecutionResult",
    "Header",
    "Hop",
    "KillSwitch",
    "LargeTrade",
    "Lifecycle",
    "LiquidityUpdate",
    "MarketEvent",
    "Outcome",
    "Phase",
    "PnlSnapshot",
    "PoolStateChange",
    "PriceDivergence",
    "PriceUpdate",
    "Rejection",
    "RejectionCount",
    "ServiceHealth",
    "SlotUpdate",
    "SourceDivergence",
    "SpreadUpdate",
    "StopRequest",
    "TakenDepth",
    "Trace",
    "TradingState",
    "TriangularArbitrage",
    "TwoHopArbitrage",
    "VolumeSpike",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """W3C trace context; all zero when the event is not traced."""

    trace_id: TraceId
    span_id: SpanId
    flags: U8


NO_TRACE: Final = Trace(trace_id=bytes(16), span_id=bytes(8), flags=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What every event carries; `slot` is 0 when the event rests on none."""

    event_id: EventId
    created_unix_ns: U64
    slot: U64
    trace: Trace = NO_TRACE


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One swap through one pool."""

    pool_id: Address
    input_mint: Address
    output_mint: Address
    input_amount: U64
    output_amount: U64
    provenance: Provenance


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoHopArbitrage:
    """A round trip over one pair that gains after all costs."""

    header: Header
    pair: str
    input_mint: Address
    middle_mint: Address
    amount_in: U64
    amount_middle: U64
    amount_out: U64
    forward_route_id: U64
    reverse_route_id: U64
    forward_row: U32
    reverse_row: U32
    gross_profit_lamports: I64
    net_profit_lamports: I64
    gross_profit_bps: I32
    flash_fee_lamports: U64
    tip_lamports: U64
    network_fee_lamports: U64
    confidence_bps: U16
    price_impact_ppm: U32
    quoted_unix_ns: U64
    created: MomentField = NO_MOMENT
    freshness: FreshnessField = NEVER_VOUCHED


@dataclass(frozen=True, slots=True, kw_only=True)
class TriangularArbitrage:
    """A cycle of three or four legs that gains after all costs."""

    header: Header
    pair: str
    mints: tuple[Address, ...]
    amounts: tuple[U64, ...]
    route_ids: tuple[U64, ...]
    rows: tuple[U32, ...]
    gross_profit_lamports: I64
    net_profit_lamports: I64
    gross_profit_bps: I32
    flash_fee_lamports: U64
    tip_lamports: U64
    network_fee_lamports: U64
    confidence_bps: U16
    price_impact_ppm: U32
    quoted_unix_ns: U64
    created: MomentField = NO_MOMENT
    freshness: FreshnessField = NEVER_VOUCHED


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceDivergence:
    """A quote's rate is far off its oracle price."""

    header: Header
    pair: str
    input_mint: Address
    output_mint: Address
    amount_in: U64
    amount_out: U64
    route_id: U64
    row: U32
    rate: F64
    oracle_price: F64
    divergence_bps: I32
    confidence_bps: U16
    quoted_unix_ns: U64
    freshness: FreshnessField = NEVER_VOUCHED


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceDivergence:
    """Our own quote and a provider's are far apart."""

    header: Header
    pair: str
    input_mint: Address
    output_mint: Address
    amount_in: U64
    local_amount_out: U64
    external_amount_out: U64
    local_route_id: U64
    external_route_id: U64
    local_row: U32
    external_row: U32
    divergence_bps: I32
    local_confidence_bps: U16
    external_confidence_bps: U16
    quoted_unix_ns: U64
    created: MomentField
    freshness: FreshnessField


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionPlan:
    """An opportunity that passed all factors and a simulation; `header.event_id` is the plan's id."""

    header: Header
    opportunity_id: EventId
    pair: str
    hops: tuple[Hop, ...]
    amount_in: U64
    expected_amount_out: U64
    min_amount_out: U64
    gross_profit_lamports: I64
    net_profit_lamports: I64
    flash_fee_lamports: U64
    tip_lamports: U64
    signature_fee_lamports: U64
    priority_fee_lamports: U64
    compute_unit_limit: U32
    slippage_bps: U32
    confidence_bps: U16
    risk_score: F64
    opportunity_created_unix_ns: U64
    expires_unix_ns: U64
    created: MomentField = NO_MOMENT
    freshness: FreshnessField = NEVER_VOUCHED
    hop_min_amounts_out: tuple[U64, ...] = ()
    opportunity_age_ns: U64 = 0
    quote_age_ns: U64 = 0
    price_impact_ppm: U32 = 0
    depth_amounts: tuple[U64, ...] = ()
    slippage_tolerance_bps: U32 = 0
    gross_profit_bps_min: U32 = 0
    net_profit_bps_min: U32 = 0
    gross_profit_bps_max: U32 = 0
    confidence_bps_above: U16 = 0
    opportunity_age_ns_max: U64 = 0
    quote_age_ns_max: U64 = 0
    amount_lamports_min: U64 = 0
    amount_lamports_max: U64 = 0
    slippage_bps_below: U32 = 0
    risk_below: F64 = 0.0
    pool_state_age_ns_max: U64 = 0
    net_profit_bps_floor: U32 = 0
    net_profit_bps_ceiling: U32 = 0
    landing_target_bps: U16 = 0
    landing_bps: U16 = 0


class Outcome(enum.Enum):
    """How a plan ended; see the schema."""

    FILLED = 0
    REFUSED = 1
    FAILED = 2
    ABANDONED = 3
    MISSED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenDepth:
    """Depth of a pool, in one direction, that a trade on paper took; prices as `Pool.spot_price` gives them."""

    pool_id: Address
    input_mint: Address
    input_amount: U64
    price_before: F64
    price_after: F64
    since_slot: U64


class ExecutionMode(enum.Enum):
    """Whether anything was sent to the chain."""

    PAPER = 0
    LIVE = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionResult:
    """How one plan ended; exactly one for every plan taken."""

    header: Header
    plan_id: EventId
    opportunity_id: EventId
    pair: str
    outcome: Outcome
    mode: ExecutionMode
    reason: str
    hops: tuple[Hop, ...]
    amount_in: U64
    expected_amount_out: U64
    actual_amount_out: U64
    expected_profit_lamports: I64
    profit_lamports: I64
    flash_fee_lamports: U64
    tip_lamports: U64
    network_fee_lamports: U64
    opportunity_created_unix_ns: U64
    plan_created_unix_ns: U64
    taken_unix_ns: U64
    finished_unix_ns: U64
    executor: str
    run_id: str = ""
    taken_effect_lamports: I64 = 0
    latency_effect_lamports: I64 = 0
    rivals_effect_lamports: I64 = 0
    taken: tuple[TakenDepth, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """An executor is about to execute a plan; with it the plan is begun, its opportunity taken, its pools traded."""

    header: Header
    plan_id: EventId
    opportunity_id: EventId
    hops: tuple[Hop, ...]
    executor: str
    begun: MomentField


@dataclass(frozen=True, slots=True, kw_only=True)
class PnlSnapshot:
    """The auditor's account of all executions so far."""

    header: Header
    filled_count: U32
    refused_count: U32
    failed_count: U32
    win_count: U32
    cumulative_profit_lamports: I64
    expected_profit_lamports: I64
    day_profit_lamports: I64
    average_profit_lamports: F64
    flash_fee_lamports: U64
    tip_lamports: U64
    network_fee_lamports: U64
    sharpe_ratio: F64
    max_drawdown_lamports: U64
    max_drawdown_fraction: F64
    first_result_unix_ns: U64
    last_result_unix_ns: U64
    run_id: str = ""
    missed_count: U32 = 0
    taken_effect_lamports: I64 = 0
    latency_effect_lamports: I64 = 0
    rivals_effect_lamports: I64 = 0
    sortino_ratio: F64 = 0.0
    average_exposure_lamports: F64 = 0.0
    largest_amount_lamports: U64 = 0
    profit_micro_usd: I64 = 0
    priced_trade_count: U32 = 0
    priced_profit_lamports: I64 = 0


class Rejection(enum.Enum):
    """Why an opportunity does not become a plan; `pipeline.planner.factors` says when."""

    PROFIT = 0
    TOO_GOOD = 1
    CONFIDENCE = 2
    AGE = 3
    AMOUNT = 4
    SLIPPAGE = 5
    RISK = 6
    SIMULATION = 7
    GATE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectionCount:
    """How often opportunities were rejected for one reason."""

    reason: Rejection
    count: U64


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceHealth:
    """One service's window of work, as counts; `rejected` is the planner's alone, since it began.

    `switch_revision` acknowledges the kill switch: the revision that the gate of a trading process goes by.
    """

    header: Header
    service: str
    instance: str
    serving: bool
    detail: str
    uptime_ms: U64
    window_ms: U32
    handled_count: U32
    error_count: U32
    rpc_call_count: U32
    rpc_failure_count: U32
    memory_used_bytes: U64
    memory_limit_bytes: U64
    slot_drift: U32
    unwritten_ms: U32 = 0
    rejected: tuple[RejectionCount, ...] = ()
    switch_revision: U64 = 0


class TradingState(enum.Enum):
    """The three states of the kill switch."""

    ACTIVE = 0
    REDUCING = 1
    HALTED = 2


REVISION_MAX: Final = 2**62
"""A kill switch's revision above this was made up; counting never gets there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KillSwitch:
    """The kill switch as it stands from now on; a lower `revision` than one already seen is old news.

    `stops_seen` is the stream sequence of the newest `StopRequest` it has taken into account, `released_unix_ns` when
    trading was last released.
    """

    header: Header
    state: TradingState
    trigger: str
    reason: str
    actor: str
    revision: U64
    changed_unix_ns: U64
    sent: MomentField = NO_MOMENT
    stops_seen: U64 = 0
    released_unix_ns: U64 = 0


class Phase(enum.Enum):
    """Where a service stands in its life."""

    STARTING = 0
    READY = 1
    STOPPING = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """A service began, became ready or ends on purpose."""

    header: Header
    service: str
    instance: str
    phase: Phase
    pid: U32
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRequest:
    """Somebody wants trading stopped; ACTIVE is read as HALTED, since this can do nothing else."""

    header: Header
    state: TradingState
    trigger: str
    reason: str
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceUpdate:
    """What a fixed amount buys on the best of a pair's pools has changed."""

    header: Header
    pair: str
    input_mint: Address
    output_mint: Address
    input_amount: U64
    output_amount: U64
    route_id: U64
    oracle_price: F64
    pool_id: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotUpdate:
    """The chain moved on; `header.slot` is the newest."""

    header: Header
    parent_slot: U64
    unix_timestamp: I64


@dataclass(frozen=True, slots=True, kw_only=True)
class LiquidityUpdate:
    """A pool's depth changed: input that moves its price by 1 %."""

    header: Header
    pool_id: Address
    depth_a_amount: U64
    depth_b_amount: U64
    pair: str
    mint_a: Address
    mint_b: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class LargeTrade:
    """A swap above a size, as a pool's two vaults show it."""

    header: Header
    pool_id: Address
    input_mint: Address
    output_mint: Address
    input_amount: U64
    output_amount: U64
    signature: str
    pair: str
    value_lamports: U64


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadUpdate:
    """The gap between forward and reverse of a pair changed; below zero when a round trip gains."""

    header: Header
    pair: str
    spread_bps: I32
    amount_lamports: U64
    middle_amount: U64
    return_lamports: U64
    forward_pool_id: Address
    reverse_pool_id: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeSpike:
    """A pool traded far more in a window than in those before, of mint A both ways together."""

    header: Header
    pool_id: Address
    window_ms: U32
    volume_amount: U64
    usual_volume_amount: U64
    pair: str
    mint_a: Address
    deviation_amount: U64
    window_count: U32


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolStateChange:
    """A pool began or ceased to be tradable; `reason` says why not."""

    header: Header
    pool_id: Address
    tradable: bool
    reason: str
    pair: str


MarketEvent = PriceUpdate | SlotUpdate | LiquidityUpdate | LargeTrade | SpreadUpdate | VolumeSpike | PoolStateChange
"""What a quote service tells of the market."""

Event = (
    TwoHopArbitrage
    | TriangularArbitrage
    | PriceDivergence
    | SourceDivergence
    | ExecutionPlan
    | ExecutionResult
    | Claim
    | PnlSnapshot
    | ServiceHealth
    | KillSwitch
    | Lifecycle
    | StopRequest
    | MarketEvent
)
