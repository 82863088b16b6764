"""Events by their id: who asks for one looked at all of them."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the index; where there are many events that takes longer than any other statement may."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("SET LOCAL statement_timeout = 0")
    op.create_index("events_by_id", "events", ["event_id"])
