"""Run by Alembic: within the transaction that `HistoryDatabase.migrate` has begun."""

from alembic import context

from pipeline.history.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, transactional_ddl=True)
context.run_migrations()
