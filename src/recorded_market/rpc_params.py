"""Read the `params` of a call: addresses, config objects, filters; every mistake is an `invalid_params` error.

Names a config object does not have are ignored, as a node does.
"""

import base64
import binascii
import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from solders.pubkey import Pubkey as SoldersPubkey

from quote_core.dex.spl_token import is_token_account
from quote_core.units import U64_MAX, Pubkey
from recorded_market.base58 import base58_decode
from recorded_market.ledger import Commitment
from recorded_market.rpc_errors import invalid_params

__all__ = [
    "AccountConfig",
    "Encoding",
    "Filters",
    "Memcmp",
    "read_account_config",
    "read_filters",
    "read_mentions",
    "read_pubkey",
]

FILTER_COUNT_MAX = 4
MEMCMP_SIZE_BYTES_MAX = 128


class Encoding(enum.Enum):
    """How account data is written; `BINARY` is the old default: base58 text without its encoding beside it."""

    BINARY = "binary"
    BASE58 = "base58"
    BASE64 = "base64"
    BASE64_ZSTD = "base64+zstd"


@dataclass(frozen=True, slots=True)
class AccountConfig:
    """The config object that account reads and subscriptions share."""

    encoding: Encoding
    commitment: Commitment
    min_context_slot: int
    slice_offset: int
    slice_length: int
    with_context: bool

    def slice(self, data: bytes) -> bytes:
        """The part of `data` asked for; empty when it lies behind the end."""
        return data[self.slice_offset : self.slice_offset + self.slice_length]


@dataclass(frozen=True, slots=True)
class Memcmp:
    """Bytes an account must hold at an offset."""

    offset: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Filters:
    """What an account of a program must look like; all of it."""

    sizes: tuple[int, ...]
    memcmps: tuple[Memcmp, ...]
    is_token_account: bool = False

    def match(self, data: bytes) -> bool:
        """Whether an account's data passes."""
        return (
            all(len(data) == size for size in self.sizes)
            and all(data[one.offset : one.offset + len(one.content)] == one.content for one in self.memcmps)
            and (not self.is_token_account or is_token_account(data))
        )


def read_pubkey(params: Sequence[Any], index: int = 0) -> Pubkey:
    """The address at `index` of the params."""
    if index >= len(params):
        raise invalid_params(f"`params` should have at least {index + 1} argument(s)")
    return check_pubkey(params[index])


def check_pubkey(value: Any) -> Pubkey:
    """`value` as an address, or the error a node answers."""
    if not isinstance(value, str):
        raise invalid_params(f"Invalid params: invalid type: {_kind(value)}, expected a string.")
    try:
        SoldersPubkey.from_string(value)
    except ValueError:
        try:
            base58_decode(value)
        except ValueError:
            raise invalid_params("Invalid param: Invalid") from None
        raise invalid_params("Invalid param: WrongSize") from None
    return Pubkey(value)


def read_object(params: Sequence[Any], index: int) -> Mapping[str, Any]:
    """The config object at `index`; empty when absent or null."""
    value = params[index] if index < len(params) else None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise invalid_params(f"Invalid params: invalid type: {_kind(value)}, expected a config object.")
    return value


def read_mentions(params: Sequence[Any]) -> Pubkey | None:
    """Whose logs are wanted: None for everybody's; `"all"`, `"allWithVotes"` or `{"mentions": [one address]}`."""
    wanted = params[0] if params else None
    if wanted in ("all", "allWithVotes"):
        return None
    mentions = wanted.get("mentions") if isinstance(wanted, dict) else None
    if not isinstance(mentions, list):
        raise invalid_params(
            f"Invalid params: invalid type: {_kind(wanted)}, expected `all`, `allWithVotes`, mentions."
        )
    if len(mentions) != 1:
        raise invalid_params("Invalid Request: Only 1 address supported")
    return check_pubkey(mentions[0])


def read_account_config(config: Mapping[str, Any], *, encoding: Encoding = Encoding.BINARY) -> AccountConfig:
    """The fields of a config object, with the defaults of a node; `encoding` is the method's own default."""
    offset, length = 0, U64_MAX
    data_slice = config.get("dataSlice")
    if data_slice is not None:
        if not isinstance(data_slice, dict):
            raise invalid_params("Invalid params: dataSlice must be an object.")
        offset = _read_u64(data_slice, "offset", required=True)
        length = _read_u64(data_slice, "length", required=True)
    with_context = config.get("withContext") or False
    if not isinstance(with_context, bool):
        raise invalid_params(f"Invalid params: invalid type: {_kind(with_context)}, expected a boolean.")
    return AccountConfig(
        encoding=_read_variant(config, "encoding", encoding),
        commitment=_read_variant(config, "commitment", Commitment.FINALIZED),
        min_context_slot=_read_u64(config, "minContextSlot"),
        slice_offset=offset,
        slice_length=length,
        with_context=with_context,
    )


def read_filters(config: Mapping[str, Any]) -> Filters:
    """The `filters` of a program scan: at most four of `{"dataSize": n}`, `{"memcmp": {...}}`, "tokenAccountState"."""
    filters = config.get("filters") or []
    if not isinstance(filters, list):
        raise invalid_params(f"Invalid params: invalid type: {_kind(filters)}, expected a sequence.")
    if len(filters) > FILTER_COUNT_MAX:
        raise invalid_params(f"Too many filters provided; max {FILTER_COUNT_MAX}")
    wants_token_account = False
    sizes: list[int] = []
    memcmps: list[Memcmp] = []
    for entry in filters:
        if isinstance(entry, dict) and "dataSize" in entry:
            sizes.append(_read_u64(entry, "dataSize", required=True))
        elif isinstance(entry, dict) and isinstance(entry.get("memcmp"), dict):
            memcmps.append(_read_memcmp(entry["memcmp"]))
        elif entry == "tokenAccountState":
            wants_token_account = True
        else:
            raise invalid_params("Invalid params: a filter is dataSize, memcmp or tokenAccountState.")
    return Filters(tuple(sizes), tuple(memcmps), wants_token_account)


def _read_memcmp(entry: Mapping[str, Any]) -> Memcmp:
    text, encoding = entry.get("bytes"), entry.get("encoding") or "base58"
    if isinstance(text, list):
        return Memcmp(_read_u64(entry, "offset", required=True), _read_bytes(text))
    if not isinstance(text, str):
        raise invalid_params("Invalid params: memcmp bytes must be text or a list of bytes.")
    try:
        if encoding == "base58":
            content = base58_decode(text)
        elif encoding == "base64":
            content = base64.b64decode(text, validate=True)
        else:
            raise invalid_params(f"Invalid params: unknown variant `{encoding}`, expected `base58` or `base64`.")
    except (ValueError, binascii.Error):
        raise invalid_params(f"Invalid param: bytes are not {encoding}") from None
    _check_size(content)
    return Memcmp(_read_u64(entry, "offset", required=True), content)


def _read_bytes(values: Sequence[Any]) -> bytes:
    _check_size(values)
    if not all(isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 256 for value in values):
        raise invalid_params("Invalid params: memcmp bytes must be numbers from 0 to 255.")
    return bytes(values)


def _check_size(content: Sequence[Any]) -> None:
    if len(content) > MEMCMP_SIZE_BYTES_MAX:
        raise invalid_params(f"Invalid param: bytes are longer than {MEMCMP_SIZE_BYTES_MAX}")


_Variant = TypeVar("_Variant", bound=enum.Enum)


def _read_variant(config: Mapping[str, Any], field: str, default: _Variant) -> _Variant:
    value = config.get(field)
    if value is None:
        return default
    variants = type(default)
    try:
        return variants(value)
    except ValueError:
        known = ", ".join(f"`{variant.value}`" for variant in variants)
        raise invalid_params(f"Invalid params: unknown variant `{value}`, expected one of {known}.") from None


def _read_u64(config: Mapping[str, Any], field: str, *, required: bool = False) -> int:
    value = config.get(field)
    if value is None and not required:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= U64_MAX:
        raise invalid_params(f"Invalid params: {field}: invalid type: {_kind(value)}, expected u64.")
    return value


def _kind(value: Any) -> str:
    return "null" if value is None else f"{type(value).__name__} `{str(value)[:32]}`"
