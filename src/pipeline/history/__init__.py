"""History in a database: trades, events and work of the platform for as long as the settings say, exactly once.

The streams are the truth, and forget after days; what is here is made of them and of nothing else, so a database that
is lost is made anew by reading them again. SQLite in the data folder unless a URL names PostgreSQL. The auditor writes
(`writing`), the command line reads (`queries`). Why these tables and no others: docs/decisions/0031-history.md.
"""
