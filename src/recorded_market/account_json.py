"""An account as the JSON object of the RPC protocol, in each encoding a node offers for raw bytes."""

import base64
from typing import Any

import zstandard

from quote_core.dex.pool import Account
from quote_core.units import U64_MAX
from recorded_market.base58 import base58_encode
from recorded_market.rpc_errors import invalid_request
from recorded_market.rpc_params import AccountConfig, Encoding

__all__ = ["account_json"]

BASE58_SIZE_BYTES_MAX = 128

_COMPRESSOR = zstandard.ZstdCompressor(level=1)


def account_json(account: Account, config: AccountConfig) -> dict[str, Any]:
    """Write `account` in the encoding asked for; `space` is its whole size even when only a slice is given.

    Raises:
        RpcError: Base58 was asked for (or nothing, which means base58), and the slice is over 128 bytes.
    """
    data = config.slice(account.data)
    return {
        "lamports": account.lamports,
        "data": _encode(data, config.encoding),
        "owner": account.owner,
        "executable": False,
        "rentEpoch": U64_MAX,
        "space": len(account.data),
    }


def _encode(data: bytes, encoding: Encoding) -> str | list[str]:
    if encoding is Encoding.BASE64:
        return [base64.b64encode(data).decode(), encoding.value]
    if encoding is Encoding.BASE64_ZSTD:
        return [base64.b64encode(_COMPRESSOR.compress(data)).decode(), encoding.value]
    if len(data) > BASE58_SIZE_BYTES_MAX:
        raise invalid_request(
            f"Encoded binary (base 58) data should be less than {BASE58_SIZE_BYTES_MAX} bytes,"
            " please use Base64 encoding."
        )
    text = base58_encode(data)
    return text if encoding is Encoding.BINARY else [text, encoding.value]
