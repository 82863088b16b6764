"""Where leases are kept: a JetStream key-value bucket, one key a thing that is held.

It is no stream of events: what it held a minute ago is nobody's history, so no journal follows it.
"""

from typing import Final

__all__ = ["LEASE_STREAM", "LEASE_SUBJECTS", "lease_subject"]

_BUCKET: Final = "leases"

LEASE_STREAM: Final = f"KV_{_BUCKET}"
"""The bucket's stream."""
LEASE_SUBJECTS: Final = f"$KV.{_BUCKET}.>"


def lease_subject(name: str) -> str:
    """Where the lease of `name` stands; dots divide a name into tokens."""
    return f"$KV.{_BUCKET}.{name}"
