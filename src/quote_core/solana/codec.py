"""JSON-RPC messages of a Solana node as bytes and back; does no I/O.

What a node sends is not trusted: whatever is not shaped as documented becomes `RpcFailed`, never a crash, and no
account is larger than the chain allows. Source: the JSON-RPC reference of the Solana documentation.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import Any, Final

import orjson
import zstandard

from quote_core.dex.pool import Account
from quote_core.errors import RpcFailed
from quote_core.units import Pubkey

__all__ = [
    "ACCOUNT_SIZE_BYTES_MAX",
    "METHOD_NOT_FOUND",
    "context_slot",
    "decode_account",
    "decode_answer",
    "encode_request",
    "with_context",
]

ACCOUNT_SIZE_BYTES_MAX: Final = 10 * 1024 * 1024
"""The chain's own limit of an account's data."""

METHOD_NOT_FOUND: Final = -32601
_SHOWN_CHARS_MAX = 200


def encode_request(request_id: int, method: str, params: Sequence[object]) -> bytes:
    """One request."""
    return orjson.dumps({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})


def decode_answer(method: str, request_id: int, body: bytes) -> Any:
    """Give the `result` of an answer to the request `request_id`.

    Raises:
        RpcFailed: An error answer (with its code), or anything that is not an answer to this request.
    """
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise RpcFailed(method, f"the answer is not JSON: {_shown(body)}") from None
    if not isinstance(answer, dict):
        raise RpcFailed(method, f"the answer is not an object: {_shown(body)}")
    error = answer.get("error")
    if error is not None:
        code = error.get("code") if isinstance(error, dict) else None
        message = error.get("message") if isinstance(error, dict) else error
        raise RpcFailed(method, _shown(message), rpc_code=code if isinstance(code, int) else None)
    if answer.get("id") != request_id or "result" not in answer:
        raise RpcFailed(method, f"not an answer to request {request_id}: {_shown(body)}")
    return answer["result"]


def with_context(method: str, result: object) -> tuple[int, Any]:
    """Split `{context: {slot}, value}` into slot and value.

    Raises:
        RpcFailed: It is not of that shape.
    """
    if not isinstance(result, dict) or "value" not in result:
        raise RpcFailed(method, f"an answer without value: {_shown(result)}")
    return context_slot(method, result), result["value"]


def context_slot(method: str, result: dict[str, Any]) -> int:
    """The slot of an answer's context.

    Raises:
        RpcFailed: There is none.
    """
    context = result.get("context")
    slot = context.get("slot") if isinstance(context, dict) else None
    if not isinstance(slot, int) or isinstance(slot, bool) or slot < 0:
        raise RpcFailed(method, f"an answer without context slot: {_shown(context)}")
    return slot


def decode_account(method: str, value: object) -> Account | None:
    """Read an account object; null is an account that does not exist.

    Raises:
        RpcFailed: It is not an account in base64 or base64+zstd, or larger than an account can be.
    """
    if value is None:
        return None
    try:
        owner, lamports, (text, encoding) = value["owner"], value["lamports"], value["data"]  # type: ignore[index]
        data = base64.b64decode(text, validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise RpcFailed(method, f"not an account: {_shown(value)}") from None
    if encoding == "base64+zstd":
        data = _unpack(method, data)
    elif encoding != "base64":
        raise RpcFailed(method, f"account data in encoding {_shown(encoding)} was not asked for")
    if not isinstance(owner, str) or not isinstance(lamports, int) or len(data) > ACCOUNT_SIZE_BYTES_MAX:
        raise RpcFailed(method, f"not an account: {_shown(value)}")
    return Account(Pubkey(owner), data, lamports)


def _unpack(method: str, packed: bytes) -> bytes:
    try:
        # A frame may claim any size; the claim is checked before memory is taken for it.
        claimed = zstandard.frame_content_size(packed)
        if claimed > ACCOUNT_SIZE_BYTES_MAX:
            raise RpcFailed(method, f"compressed account data claims {claimed} bytes")
        return zstandard.ZstdDecompressor().decompress(packed, max_output_size=ACCOUNT_SIZE_BYTES_MAX)
    except zstandard.ZstdError as error:
        raise RpcFailed(method, f"compressed account data cannot be unpacked: {error}") from None


def _shown(value: object) -> str:
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return text if len(text) <= _SHOWN_CHARS_MAX else text[:_SHOWN_CHARS_MAX] + "..."
