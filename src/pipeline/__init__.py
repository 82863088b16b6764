"""From gaps in shared memory to paper fills and their P&L: one process a stage, meeting over JetStream only."""
