"""The configuration of a Prometheus that also writes to a Mimir: the usual one, and where to."""

__all__ = ["with_mimir"]

_REMOTE_WRITE = """
# All that is scraped or recorded, for longer than this Prometheus keeps it.
remote_write:
  - name: mimir
    url: http://127.0.0.1:9009/api/v1/push
    send_exemplars: true
"""


def with_mimir(configuration: str) -> str:
    """`configuration`, and that it writes to the Mimir of the compose file."""
    return f"# Made from prometheus.yml by `make generate`, for deploy/compose.\n{configuration}{_REMOTE_WRITE}"
