"""JSON-RPC messages of a Solana node as bytes and back; does no I/O.

What a node sends is not trusted: whatever is not shaped as documented becomes `RpcFailed`, never a crash, no account is
larger than the chain allows, and those of one answer together no larger than `UNPACKED_SIZE_BYTES_MAX`, however well
they were packed. Source: the JSON-RPC reference of the Solana documentation.
"""

import binascii
from collections.abc import Sequence
from typing import Any, Final

import orjson
import pybase64
import zstandard

from quote_core.dex.pool import Account
from quote_core.errors import RpcFailed
from quote_core.outside import SLOT_MAX, bounded_int, bounded_text
from quote_core.units import U64_MAX, Pubkey

__all__ = [
    "ACCOUNT_SIZE_BYTES_MAX",
    "UNPACKED_SIZE_BYTES_MAX",
    "AccountReader",
    "decode_account",
    "decode_answer",
    "decode_slot",
    "encode_request",
    "with_context",
]

ACCOUNT_SIZE_BYTES_MAX: Final = 10 * 1024 * 1024
"""The chain's own limit of an account's data."""

UNPACKED_SIZE_BYTES_MAX: Final = 64 * 1024 * 1024
"""Of all accounts of one answer: many times what a hundred of the largest asked for take. Packed well, 16 MiB of answer
could otherwise become 277 GiB."""

_ADDRESS_CHARS_MAX: Final = 44
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
    context = result.get("context")
    return decode_slot(method, context.get("slot") if isinstance(context, dict) else None), result["value"]


def decode_slot(method: str, value: object) -> int:
    """Read a slot: 0 to `SLOT_MAX`.

    Raises:
        RpcFailed: It is none that a chain can have reached.
    """
    try:
        return bounded_int(value, low=0, high=SLOT_MAX)
    except ValueError as error:
        raise RpcFailed(method, f"the slot {error}, got {_shown(value)}") from None


class AccountReader:
    """Reads the accounts of one answer, and stops where they are more than `UNPACKED_SIZE_BYTES_MAX` together."""

    def __init__(self, method: str) -> None:
        self._method = method
        self._room_bytes = UNPACKED_SIZE_BYTES_MAX

    @property
    def is_full(self) -> bool:
        """Whether the answer has been found too large: what is left of it is not to be read."""
        return self._room_bytes < 0

    def read(self, value: object) -> Account | None:
        """The next account; see `decode_account`.

        Raises:
            RpcFailed: Also when the answer is too large as a whole.
        """
        size_bytes_max = min(ACCOUNT_SIZE_BYTES_MAX, max(self._room_bytes, 0))
        try:
            account = decode_account(self._method, value, size_bytes_max=size_bytes_max)
        except _TooLarge:
            if size_bytes_max == ACCOUNT_SIZE_BYTES_MAX:
                raise
            self._room_bytes = -1
            rule = f"the accounts of one answer take more than {UNPACKED_SIZE_BYTES_MAX} bytes"
            raise RpcFailed(self._method, rule) from None
        self._room_bytes -= 0 if account is None else len(account.data)
        return account


def decode_account(method: str, value: object, *, size_bytes_max: int = ACCOUNT_SIZE_BYTES_MAX) -> Account | None:
    """Read an account object; null is an account that does not exist.

    Raises:
        RpcFailed: It is not an account in base64 or base64+zstd, or larger than `size_bytes_max`.
    """
    if value is None:
        return None
    try:
        owner = bounded_text(value["owner"], char_count_max=_ADDRESS_CHARS_MAX)  # type: ignore[index]
        lamports = bounded_int(value["lamports"], low=0, high=U64_MAX)  # type: ignore[index]
        text, encoding = value["data"]  # type: ignore[index]
        data = pybase64.b64decode(text, validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise RpcFailed(method, f"not an account: {_shown(value)}") from None
    if encoding == "base64+zstd":
        data = _unpack(method, data, size_bytes_max)
    elif encoding != "base64":
        raise RpcFailed(method, f"account data in encoding {_shown(encoding)} was not asked for")
    if len(data) > size_bytes_max:
        raise _TooLarge(method, f"account data of {len(data)} bytes, at most {size_bytes_max} are accepted")
    return Account(Pubkey(owner), data, lamports)


class _TooLarge(RpcFailed):
    """An account is larger than there is room for."""


def _unpack(method: str, packed: bytes, size_bytes_max: int) -> bytes:
    try:
        # A frame may claim any size; the claim is checked before memory is taken for it. Without a claim it is the
        # room given that bounds, and a byte is always given: none would mean that nothing bounds.
        claimed = zstandard.frame_content_size(packed)
        if claimed > size_bytes_max:
            raise _TooLarge(
                method, f"compressed account data claims {claimed} bytes, at most {size_bytes_max} are taken"
            )
        return zstandard.ZstdDecompressor().decompress(packed, max_output_size=max(size_bytes_max, 1))
    except zstandard.ZstdError as error:
        raise RpcFailed(method, f"compressed account data cannot be unpacked: {error}") from None


def _shown(value: object) -> str:
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return text if len(text) <= _SHOWN_CHARS_MAX else text[:_SHOWN_CHARS_MAX] + "..."
