"""JSON-RPC errors with the codes and words of a Solana node.

Source: solana-foundation/solana-web3.js and anza-xyz/agave, rpc-client-api/src/custom_error.rs.
"""

from typing import Any

__all__ = [
    "CODE_INTERNAL",
    "RpcError",
    "invalid_params",
    "invalid_request",
    "method_not_found",
    "min_context_slot_not_reached",
    "parse_error",
    "too_many_requests",
]

CODE_PARSE = -32700
CODE_INVALID_REQUEST = -32600
CODE_METHOD_NOT_FOUND = -32601
CODE_INVALID_PARAMS = -32602
CODE_INTERNAL = -32603
CODE_NODE_UNHEALTHY = -32005
CODE_MIN_CONTEXT_SLOT = -32016


class RpcError(Exception):
    """An answer of the `error` kind; part of the protocol, not a failure of the node."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data

    def body(self) -> dict[str, Any]:
        """The `error` member of the response."""
        body: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.data is not None:
            body["data"] = self.data
        return body


def parse_error() -> RpcError:
    """The request is not JSON."""
    return RpcError(CODE_PARSE, "Parse error")


def invalid_request(message: str = "Invalid request") -> RpcError:
    """JSON, but no request that this node answers."""
    return RpcError(CODE_INVALID_REQUEST, message)


def method_not_found() -> RpcError:
    """No such method here."""
    return RpcError(CODE_METHOD_NOT_FOUND, "Method not found")


def invalid_params(message: str) -> RpcError:
    """A parameter is missing or wrong."""
    return RpcError(CODE_INVALID_PARAMS, message)


def too_many_requests() -> RpcError:
    """So much waits that no more is taken now."""
    return RpcError(CODE_NODE_UNHEALTHY, "Too many requests wait; ask again")


def min_context_slot_not_reached(slot: int) -> RpcError:
    """The client has seen a later slot elsewhere than this node has at that commitment."""
    return RpcError(CODE_MIN_CONTEXT_SLOT, "Minimum context slot has not been reached", {"contextSlot": slot})
