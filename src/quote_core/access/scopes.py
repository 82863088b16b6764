"""What a token can allow. What HTTP routes ask for stands beside them; docs/security.md has all in one table."""

from enum import Enum
from typing import Final

__all__ = ["OPEN_GRPC_METHODS", "Scope"]


class Scope(Enum):
    """One kind of call; a token names each it allows, none includes another."""

    READ = "read"
    """Quotes, pools, health in detail, metrics: whatever changes nothing."""
    ADMIN = "admin"
    """What changes the platform, or shows the operator's side of it; each such call leaves a line."""


OPEN_GRPC_METHODS: Final = ("/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch")
"""Who balances or restarts asks these and knows no token; they say SERVING or not, and nothing else. All other gRPC
methods ask for `Scope.READ`, reflection too; no gRPC method changes anything."""
