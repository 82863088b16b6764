"""The first tables: places, events, trades with their routes, the services' work, the planner's rejections."""

from alembic import op
from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, Text, text

from pipeline.history.tables import U64

revision = "0001"
down_revision = None
_DAY_NS = 86_400_000_000_000


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "places",
        Column("stream", Text, primary_key=True),
        Column("stream_created", Text, nullable=False),
        Column("sequence", BigInteger, nullable=False),
    )
    _events()
    _trades()
    _work()
    _partition()


def _events() -> None:
    op.create_table(
        "events",
        Column("stream", Text, primary_key=True),
        Column("stream_created", Text, primary_key=True),
        Column("sequence", BigInteger, primary_key=True, autoincrement=False),
        Column("stored_unix_ns", BigInteger, nullable=False),
        Column("subject", Text, nullable=False),
        Column("type", Text, nullable=False),
        Column("pair", Text, nullable=False),
        Column("event_id", Text, nullable=False),
        Column("payload", LargeBinary, nullable=False),
    )
    op.create_index("events_by_time", "events", ["stored_unix_ns"])


def _trades() -> None:
    op.create_table(
        "trades",
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
    )
    op.create_index("trades_by_time", "trades", ["stored_unix_ns"])
    op.create_index("trades_by_place", "trades", ["stream_created", "sequence"])
    op.create_table(
        "trade_routes",
        Column("plan_id", Text, ForeignKey("trades.plan_id", ondelete="CASCADE"), primary_key=True),
        Column("hop_index", Integer, primary_key=True, autoincrement=False),
        Column("pool_id", Text, nullable=False),
        Column("input_mint", Text, nullable=False),
        Column("output_mint", Text, nullable=False),
        Column("input_amount", U64, nullable=False),
        Column("output_amount", U64, nullable=False),
        Column("provenance", Text, nullable=False),
    )


def _work() -> None:
    op.create_table(
        "service_metrics",
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
    )
    op.create_index("service_metrics_by_time", "service_metrics", ["begin_unix_ns"])
    op.create_table(
        "rejections",
        Column("service", Text, primary_key=True),
        Column("instance", Text, primary_key=True),
        Column("span_ns", BigInteger, primary_key=True, autoincrement=False),
        Column("begin_unix_ns", BigInteger, primary_key=True, autoincrement=False),
        Column("reason", Text, primary_key=True),
        Column("rejected_total", U64, nullable=False),
    )
    op.create_index("rejections_by_time", "rejections", ["begin_unix_ns"])


def _partition() -> None:
    """Where TimescaleDB is in the database, keep the work, which only ever grows in time, in chunks of a day."""
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    is_there = text("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')")
    if not connection.execute(is_there).scalar_one():
        return
    for table in ("service_metrics", "rejections"):
        op.execute(
            f"SELECT create_hypertable('{table}', 'begin_unix_ns',"
            f" chunk_time_interval => {_DAY_NS}::bigint, create_default_indexes => FALSE)"
        )
