"""The tables, as they are after the newest migration.

| table           | one row is                                | from                                 | kept for       |
|-----------------|-------------------------------------------|--------------------------------------|----------------|
| places          | how far a stream is written               | every batch, in its transaction      | ever           |
| events          | a message as the stream had it            | the streams of the setting           | `events_keep`  |
| trades          | a plan's one result                       | EXECUTED                             | `trades_keep`  |
| trade_routes    | a hop of a trade                          | EXECUTED                             | its trade      |
| service_metrics | a service's work within a span of time    | METRICS                              | `metrics_keep` |
| rejections      | the planner's total of a reason by then   | METRICS                              | `metrics_keep` |

Money is whole lamports, amounts are whole smallest units, never floats; times are nanoseconds since 1970.
`stored_unix_ns` is the stream's time of a message, which the NATS server alone says: filters and retention go by it.
"""

from decimal import Decimal
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Table,
    Text,
)
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType

__all__ = ["METADATA", "U64", "events", "places", "rejections", "service_metrics", "trade_routes", "trades"]

_I64_MAX: Final = 2**63 - 1


class _Unconverted(UserDefinedType[Any]):
    """A column of SQLite that keeps integers as integers and text as text."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "BLOB"


class U64(TypeDecorator[int]):
    """0 to 2**64 - 1, exactly: NUMERIC(20, 0) in PostgreSQL.

    SQLite's integers end at 2**63 - 1, and more becomes a float there. What is beyond is 20 digits of text, which
    SQLite sorts behind all integers, so that comparisons are right.
    """

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """See the class."""
        kind: TypeEngine[Any] = _Unconverted() if dialect.name == "sqlite" else Numeric(20, 0)
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: int | None, dialect: Dialect) -> object:
        """See the class."""
        if value is None or dialect.name != "sqlite":
            return None if value is None else Decimal(value)
        return value if value <= _I64_MAX else f"{value:020}"

    def process_result_value(self, value: Any, dialect: Dialect) -> int | None:
        """See the class."""
        return None if value is None else int(value)


METADATA: Final = MetaData()

places: Final = Table(
    "places",
    METADATA,
    Column("stream", Text, primary_key=True),
    Column("stream_created", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
)

events: Final = Table(
    "events",
    METADATA,
    Column("stream", Text, primary_key=True),
    Column("stream_created", Text, primary_key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("stored_unix_ns", BigInteger, nullable=False),
    Column("subject", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("pair", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Index("events_by_time", "stored_unix_ns"),
    Index("events_by_id", "event_id"),
)

trades: Final = Table(
    "trades",
    METADATA,
    Column("plan_id", Text, primary_key=True),
    Column("opportunity_id", Text, nullable=False),
    Column("stream_created", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("stored_unix_ns", BigInteger, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("pair", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("executor", Text, nullable=False),
    Column("slot", U64, nullable=False),
    Column("amount_in", U64, nullable=False),
    Column("expected_amount_out", U64, nullable=False),
    Column("actual_amount_out", U64, nullable=False),
    Column("expected_profit_lamports", BigInteger, nullable=False),
    Column("profit_lamports", BigInteger, nullable=False),
    Column("flash_fee_lamports", U64, nullable=False),
    Column("tip_lamports", U64, nullable=False),
    Column("network_fee_lamports", U64, nullable=False),
    Column("taken_effect_lamports", BigInteger, nullable=False),
    Column("latency_effect_lamports", BigInteger, nullable=False),
    Column("rivals_effect_lamports", BigInteger, nullable=False),
    Column("opportunity_created_unix_ns", U64, nullable=False),
    Column("plan_created_unix_ns", U64, nullable=False),
    Column("taken_unix_ns", U64, nullable=False),
    Column("finished_unix_ns", U64, nullable=False),
    Index("trades_by_time", "stored_unix_ns"),
    Index("trades_by_place", "stream_created", "sequence"),
)

trade_routes: Final = Table(
    "trade_routes",
    METADATA,
    Column("plan_id", Text, ForeignKey("trades.plan_id", ondelete="CASCADE"), primary_key=True),
    Column("hop_index", Integer, primary_key=True, autoincrement=False),
    Column("pool_id", Text, nullable=False),
    Column("input_mint", Text, nullable=False),
    Column("output_mint", Text, nullable=False),
    Column("input_amount", U64, nullable=False),
    Column("output_amount", U64, nullable=False),
    Column("provenance", Text, nullable=False),
)

service_metrics: Final = Table(
    "service_metrics",
    METADATA,
    Column("service", Text, primary_key=True),
    Column("instance", Text, primary_key=True),
    Column("span_ns", BigInteger, primary_key=True, autoincrement=False),
    Column("begin_unix_ns", BigInteger, primary_key=True, autoincrement=False),
    Column("report_count", BigInteger, nullable=False),
    Column("not_serving_count", BigInteger, nullable=False),
    Column("window_ms", BigInteger, nullable=False),
    Column("handled_count", BigInteger, nullable=False),
    Column("error_count", BigInteger, nullable=False),
    Column("rpc_call_count", BigInteger, nullable=False),
    Column("rpc_failure_count", BigInteger, nullable=False),
    Column("memory_used_bytes_max", U64, nullable=False),
    Column("memory_limit_bytes_max", U64, nullable=False),
    Column("slot_drift_max", BigInteger, nullable=False),
    Column("unwritten_ms_max", BigInteger, nullable=False),
    Index("service_metrics_by_time", "begin_unix_ns"),
)

rejections: Final = Table(
    "rejections",
    METADATA,
    Column("service", Text, primary_key=True),
    Column("instance", Text, primary_key=True),
    Column("span_ns", BigInteger, primary_key=True, autoincrement=False),
    Column("begin_unix_ns", BigInteger, primary_key=True, autoincrement=False),
    Column("reason", Text, primary_key=True),
    Column("rejected_total", U64, nullable=False),
    Index("rejections_by_time", "begin_unix_ns"),
)
