from quote_core.generated.solquote.v1 import evidence_pb2 as _evidence_pb2
from quote_core.generated.solquote.v1 import quotes_pb2 as _quotes_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LocalQuoteRequest(_message.Message):
    __slots__ = ("input_mint", "output_mint", "input_amount", "output_amount", "dexes", "exclude_dexes", "max_hops", "max_splits", "only_direct_routes", "max_accounts")
    INPUT_MINT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_MINT_FIELD_NUMBER: _ClassVar[int]
    INPUT_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    DEXES_FIELD_NUMBER: _ClassVar[int]
    EXCLUDE_DEXES_FIELD_NUMBER: _ClassVar[int]
    MAX_HOPS_FIELD_NUMBER: _ClassVar[int]
    MAX_SPLITS_FIELD_NUMBER: _ClassVar[int]
    ONLY_DIRECT_ROUTES_FIELD_NUMBER: _ClassVar[int]
    MAX_ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    input_mint: str
    output_mint: str
    input_amount: int
    output_amount: int
    dexes: _containers.RepeatedScalarFieldContainer[str]
    exclude_dexes: _containers.RepeatedScalarFieldContainer[str]
    max_hops: int
    max_splits: int
    only_direct_routes: bool
    max_accounts: int
    def __init__(self, input_mint: _Optional[str] = ..., output_mint: _Optional[str] = ..., input_amount: _Optional[int] = ..., output_amount: _Optional[int] = ..., dexes: _Optional[_Iterable[str]] = ..., exclude_dexes: _Optional[_Iterable[str]] = ..., max_hops: _Optional[int] = ..., max_splits: _Optional[int] = ..., only_direct_routes: _Optional[bool] = ..., max_accounts: _Optional[int] = ...) -> None: ...

class LocalQuote(_message.Message):
    __slots__ = ("input_mint", "output_mint", "input_amount", "output_amount", "price_impact", "pool_id", "protocol", "pool_state_age_ms", "quote_cache_age_ms", "is_stale", "oracle_price", "deviation_percent", "version", "slot", "route", "row", "error", "route_id", "quoted_unix_ns", "depth_amount", "pool_received_mono_ns", "provenance", "freshness")
    INPUT_MINT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_MINT_FIELD_NUMBER: _ClassVar[int]
    INPUT_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    PRICE_IMPACT_FIELD_NUMBER: _ClassVar[int]
    POOL_ID_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    POOL_STATE_AGE_MS_FIELD_NUMBER: _ClassVar[int]
    QUOTE_CACHE_AGE_MS_FIELD_NUMBER: _ClassVar[int]
    IS_STALE_FIELD_NUMBER: _ClassVar[int]
    ORACLE_PRICE_FIELD_NUMBER: _ClassVar[int]
    DEVIATION_PERCENT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    ROW_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    ROUTE_ID_FIELD_NUMBER: _ClassVar[int]
    QUOTED_UNIX_NS_FIELD_NUMBER: _ClassVar[int]
    DEPTH_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    POOL_RECEIVED_MONO_NS_FIELD_NUMBER: _ClassVar[int]
    PROVENANCE_FIELD_NUMBER: _ClassVar[int]
    FRESHNESS_FIELD_NUMBER: _ClassVar[int]
    input_mint: str
    output_mint: str
    input_amount: int
    output_amount: int
    price_impact: float
    pool_id: str
    protocol: str
    pool_state_age_ms: int
    quote_cache_age_ms: int
    is_stale: bool
    oracle_price: float
    deviation_percent: float
    version: int
    slot: int
    route: _containers.RepeatedCompositeFieldContainer[_quotes_pb2.RouteHop]
    row: int
    error: _quotes_pb2.QuoteError
    route_id: int
    quoted_unix_ns: int
    depth_amount: int
    pool_received_mono_ns: int
    provenance: _quotes_pb2.Provenance
    freshness: _quotes_pb2.Freshness
    def __init__(self, input_mint: _Optional[str] = ..., output_mint: _Optional[str] = ..., input_amount: _Optional[int] = ..., output_amount: _Optional[int] = ..., price_impact: _Optional[float] = ..., pool_id: _Optional[str] = ..., protocol: _Optional[str] = ..., pool_state_age_ms: _Optional[int] = ..., quote_cache_age_ms: _Optional[int] = ..., is_stale: _Optional[bool] = ..., oracle_price: _Optional[float] = ..., deviation_percent: _Optional[float] = ..., version: _Optional[int] = ..., slot: _Optional[int] = ..., route: _Optional[_Iterable[_Union[_quotes_pb2.RouteHop, _Mapping]]] = ..., row: _Optional[int] = ..., error: _Optional[_Union[_quotes_pb2.QuoteError, _Mapping]] = ..., route_id: _Optional[int] = ..., quoted_unix_ns: _Optional[int] = ..., depth_amount: _Optional[int] = ..., pool_received_mono_ns: _Optional[int] = ..., provenance: _Optional[_Union[_quotes_pb2.Provenance, str]] = ..., freshness: _Optional[_Union[_quotes_pb2.Freshness, _Mapping]] = ...) -> None: ...

class LocalQuoteBatch(_message.Message):
    __slots__ = ("quotes", "sequence", "snapshot")
    QUOTES_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    quotes: _containers.RepeatedCompositeFieldContainer[LocalQuote]
    sequence: int
    snapshot: bool
    def __init__(self, quotes: _Optional[_Iterable[_Union[LocalQuote, _Mapping]]] = ..., sequence: _Optional[int] = ..., snapshot: _Optional[bool] = ...) -> None: ...

class LocalQuoteColumns(_message.Message):
    __slots__ = ("groups", "refused", "sequence", "snapshot", "routed")
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    ROUTED_FIELD_NUMBER: _ClassVar[int]
    groups: _containers.RepeatedCompositeFieldContainer[LocalQuoteGroup]
    refused: _containers.RepeatedCompositeFieldContainer[LocalQuote]
    sequence: int
    snapshot: bool
    routed: _containers.RepeatedCompositeFieldContainer[LocalQuote]
    def __init__(self, groups: _Optional[_Iterable[_Union[LocalQuoteGroup, _Mapping]]] = ..., refused: _Optional[_Iterable[_Union[LocalQuote, _Mapping]]] = ..., sequence: _Optional[int] = ..., snapshot: _Optional[bool] = ..., routed: _Optional[_Iterable[_Union[LocalQuote, _Mapping]]] = ...) -> None: ...

class LocalQuoteGroup(_message.Message):
    __slots__ = ("common", "hop", "rows", "input_amounts", "output_amounts", "price_impacts", "versions", "quoted_unix_ns", "quote_cache_ages_ms")
    COMMON_FIELD_NUMBER: _ClassVar[int]
    HOP_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    INPUT_AMOUNTS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_AMOUNTS_FIELD_NUMBER: _ClassVar[int]
    PRICE_IMPACTS_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    QUOTED_UNIX_NS_FIELD_NUMBER: _ClassVar[int]
    QUOTE_CACHE_AGES_MS_FIELD_NUMBER: _ClassVar[int]
    common: LocalQuote
    hop: _quotes_pb2.RouteHop
    rows: _containers.RepeatedScalarFieldContainer[int]
    input_amounts: _containers.RepeatedScalarFieldContainer[int]
    output_amounts: _containers.RepeatedScalarFieldContainer[int]
    price_impacts: _containers.RepeatedScalarFieldContainer[float]
    versions: _containers.RepeatedScalarFieldContainer[int]
    quoted_unix_ns: _containers.RepeatedScalarFieldContainer[int]
    quote_cache_ages_ms: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, common: _Optional[_Union[LocalQuote, _Mapping]] = ..., hop: _Optional[_Union[_quotes_pb2.RouteHop, _Mapping]] = ..., rows: _Optional[_Iterable[int]] = ..., input_amounts: _Optional[_Iterable[int]] = ..., output_amounts: _Optional[_Iterable[int]] = ..., price_impacts: _Optional[_Iterable[float]] = ..., versions: _Optional[_Iterable[int]] = ..., quoted_unix_ns: _Optional[_Iterable[int]] = ..., quote_cache_ages_ms: _Optional[_Iterable[int]] = ...) -> None: ...

class PairedQuoteRequest(_message.Message):
    __slots__ = ("input_mint", "output_mint", "input_amount", "reverse_amount")
    INPUT_MINT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_MINT_FIELD_NUMBER: _ClassVar[int]
    INPUT_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    REVERSE_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    input_mint: str
    output_mint: str
    input_amount: int
    reverse_amount: int
    def __init__(self, input_mint: _Optional[str] = ..., output_mint: _Optional[str] = ..., input_amount: _Optional[int] = ..., reverse_amount: _Optional[int] = ...) -> None: ...

class PairedQuote(_message.Message):
    __slots__ = ("forward", "reverse", "slot")
    FORWARD_FIELD_NUMBER: _ClassVar[int]
    REVERSE_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    forward: LocalQuote
    reverse: LocalQuote
    slot: int
    def __init__(self, forward: _Optional[_Union[LocalQuote, _Mapping]] = ..., reverse: _Optional[_Union[LocalQuote, _Mapping]] = ..., slot: _Optional[int] = ...) -> None: ...

class SimulateHop(_message.Message):
    __slots__ = ("input_mint", "output_mint", "pool_id", "taken")
    INPUT_MINT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_MINT_FIELD_NUMBER: _ClassVar[int]
    POOL_ID_FIELD_NUMBER: _ClassVar[int]
    TAKEN_FIELD_NUMBER: _ClassVar[int]
    input_mint: str
    output_mint: str
    pool_id: str
    taken: TakenDepth
    def __init__(self, input_mint: _Optional[str] = ..., output_mint: _Optional[str] = ..., pool_id: _Optional[str] = ..., taken: _Optional[_Union[TakenDepth, _Mapping]] = ...) -> None: ...

class TakenDepth(_message.Message):
    __slots__ = ("input_amount", "price_before", "price_after", "since_slot")
    INPUT_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    PRICE_BEFORE_FIELD_NUMBER: _ClassVar[int]
    PRICE_AFTER_FIELD_NUMBER: _ClassVar[int]
    SINCE_SLOT_FIELD_NUMBER: _ClassVar[int]
    input_amount: int
    price_before: float
    price_after: float
    since_slot: int
    def __init__(self, input_amount: _Optional[int] = ..., price_before: _Optional[float] = ..., price_after: _Optional[float] = ..., since_slot: _Optional[int] = ...) -> None: ...

class SimulateRouteRequest(_message.Message):
    __slots__ = ("hops", "input_amount", "with_taken")
    HOPS_FIELD_NUMBER: _ClassVar[int]
    INPUT_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    WITH_TAKEN_FIELD_NUMBER: _ClassVar[int]
    hops: _containers.RepeatedCompositeFieldContainer[SimulateHop]
    input_amount: int
    with_taken: bool
    def __init__(self, hops: _Optional[_Iterable[_Union[SimulateHop, _Mapping]]] = ..., input_amount: _Optional[int] = ..., with_taken: _Optional[bool] = ...) -> None: ...

class SimulateRouteResponse(_message.Message):
    __slots__ = ("route", "output_amount", "slot", "pool_state_age_ms", "price_impacts", "route_id", "depth_amounts", "freshness", "taken")
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    POOL_STATE_AGE_MS_FIELD_NUMBER: _ClassVar[int]
    PRICE_IMPACTS_FIELD_NUMBER: _ClassVar[int]
    ROUTE_ID_FIELD_NUMBER: _ClassVar[int]
    DEPTH_AMOUNTS_FIELD_NUMBER: _ClassVar[int]
    FRESHNESS_FIELD_NUMBER: _ClassVar[int]
    TAKEN_FIELD_NUMBER: _ClassVar[int]
    route: _containers.RepeatedCompositeFieldContainer[_quotes_pb2.RouteHop]
    output_amount: int
    slot: int
    pool_state_age_ms: int
    price_impacts: _containers.RepeatedScalarFieldContainer[float]
    route_id: int
    depth_amounts: _containers.RepeatedScalarFieldContainer[int]
    freshness: _quotes_pb2.Freshness
    taken: _containers.RepeatedCompositeFieldContainer[TakenDepth]
    def __init__(self, route: _Optional[_Iterable[_Union[_quotes_pb2.RouteHop, _Mapping]]] = ..., output_amount: _Optional[int] = ..., slot: _Optional[int] = ..., pool_state_age_ms: _Optional[int] = ..., price_impacts: _Optional[_Iterable[float]] = ..., route_id: _Optional[int] = ..., depth_amounts: _Optional[_Iterable[int]] = ..., freshness: _Optional[_Union[_quotes_pb2.Freshness, _Mapping]] = ..., taken: _Optional[_Iterable[_Union[TakenDepth, _Mapping]]] = ...) -> None: ...

class PoolStateRequest(_message.Message):
    __slots__ = ("pool_id",)
    POOL_ID_FIELD_NUMBER: _ClassVar[int]
    pool_id: str
    def __init__(self, pool_id: _Optional[str] = ...) -> None: ...

class PoolAccount(_message.Message):
    __slots__ = ("pubkey", "owner", "slot", "size_bytes", "data_sha256")
    PUBKEY_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    DATA_SHA256_FIELD_NUMBER: _ClassVar[int]
    pubkey: str
    owner: str
    slot: int
    size_bytes: int
    data_sha256: str
    def __init__(self, pubkey: _Optional[str] = ..., owner: _Optional[str] = ..., slot: _Optional[int] = ..., size_bytes: _Optional[int] = ..., data_sha256: _Optional[str] = ...) -> None: ...

class PoolState(_message.Message):
    __slots__ = ("pool_id", "protocol", "program_id", "mint_a", "mint_b", "slot", "age_ms", "is_stale", "tradable", "refusal", "price", "fee_fraction_a_to_b", "fee_fraction_b_to_a", "depth_a_amount", "depth_b_amount", "provenance", "accounts", "update_count", "freshness")
    POOL_ID_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    PROGRAM_ID_FIELD_NUMBER: _ClassVar[int]
    MINT_A_FIELD_NUMBER: _ClassVar[int]
    MINT_B_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    AGE_MS_FIELD_NUMBER: _ClassVar[int]
    IS_STALE_FIELD_NUMBER: _ClassVar[int]
    TRADABLE_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    FEE_FRACTION_A_TO_B_FIELD_NUMBER: _ClassVar[int]
    FEE_FRACTION_B_TO_A_FIELD_NUMBER: _ClassVar[int]
    DEPTH_A_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    DEPTH_B_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    PROVENANCE_FIELD_NUMBER: _ClassVar[int]
    ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    UPDATE_COUNT_FIELD_NUMBER: _ClassVar[int]
    FRESHNESS_FIELD_NUMBER: _ClassVar[int]
    pool_id: str
    protocol: str
    program_id: str
    mint_a: str
    mint_b: str
    slot: int
    age_ms: int
    is_stale: bool
    tradable: bool
    refusal: str
    price: float
    fee_fraction_a_to_b: float
    fee_fraction_b_to_a: float
    depth_a_amount: int
    depth_b_amount: int
    provenance: _quotes_pb2.Provenance
    accounts: _containers.RepeatedCompositeFieldContainer[PoolAccount]
    update_count: int
    freshness: _quotes_pb2.Freshness
    def __init__(self, pool_id: _Optional[str] = ..., protocol: _Optional[str] = ..., program_id: _Optional[str] = ..., mint_a: _Optional[str] = ..., mint_b: _Optional[str] = ..., slot: _Optional[int] = ..., age_ms: _Optional[int] = ..., is_stale: _Optional[bool] = ..., tradable: _Optional[bool] = ..., refusal: _Optional[str] = ..., price: _Optional[float] = ..., fee_fraction_a_to_b: _Optional[float] = ..., fee_fraction_b_to_a: _Optional[float] = ..., depth_a_amount: _Optional[int] = ..., depth_b_amount: _Optional[int] = ..., provenance: _Optional[_Union[_quotes_pb2.Provenance, str]] = ..., accounts: _Optional[_Iterable[_Union[PoolAccount, _Mapping]]] = ..., update_count: _Optional[int] = ..., freshness: _Optional[_Union[_quotes_pb2.Freshness, _Mapping]] = ...) -> None: ...

class ListPoolsRequest(_message.Message):
    __slots__ = ("mint_a", "mint_b", "include_dropped")
    MINT_A_FIELD_NUMBER: _ClassVar[int]
    MINT_B_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_DROPPED_FIELD_NUMBER: _ClassVar[int]
    mint_a: str
    mint_b: str
    include_dropped: bool
    def __init__(self, mint_a: _Optional[str] = ..., mint_b: _Optional[str] = ..., include_dropped: _Optional[bool] = ...) -> None: ...

class DroppedPool(_message.Message):
    __slots__ = ("pool_id", "protocol", "mint_a", "mint_b", "depth_lamports", "reason")
    POOL_ID_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    MINT_A_FIELD_NUMBER: _ClassVar[int]
    MINT_B_FIELD_NUMBER: _ClassVar[int]
    DEPTH_LAMPORTS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    pool_id: str
    protocol: str
    mint_a: str
    mint_b: str
    depth_lamports: int
    reason: str
    def __init__(self, pool_id: _Optional[str] = ..., protocol: _Optional[str] = ..., mint_a: _Optional[str] = ..., mint_b: _Optional[str] = ..., depth_lamports: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class ListPoolsResponse(_message.Message):
    __slots__ = ("pools", "dropped")
    POOLS_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    pools: _containers.RepeatedCompositeFieldContainer[PoolState]
    dropped: _containers.RepeatedCompositeFieldContainer[DroppedPool]
    def __init__(self, pools: _Optional[_Iterable[_Union[PoolState, _Mapping]]] = ..., dropped: _Optional[_Iterable[_Union[DroppedPool, _Mapping]]] = ...) -> None: ...

class OraclePricesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class OraclePrice(_message.Message):
    __slots__ = ("mint", "symbol", "usd", "source", "age_ms", "is_stale", "provenance", "freshness", "confidence_usd", "disagreement", "disagreement_in_sol", "sources")
    MINT_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    USD_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    AGE_MS_FIELD_NUMBER: _ClassVar[int]
    IS_STALE_FIELD_NUMBER: _ClassVar[int]
    PROVENANCE_FIELD_NUMBER: _ClassVar[int]
    FRESHNESS_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_USD_FIELD_NUMBER: _ClassVar[int]
    DISAGREEMENT_FIELD_NUMBER: _ClassVar[int]
    DISAGREEMENT_IN_SOL_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    mint: str
    symbol: str
    usd: float
    source: str
    age_ms: int
    is_stale: bool
    provenance: _quotes_pb2.Provenance
    freshness: _quotes_pb2.Freshness
    confidence_usd: float
    disagreement: float
    disagreement_in_sol: float
    sources: _containers.RepeatedCompositeFieldContainer[OracleSourceReading]
    def __init__(self, mint: _Optional[str] = ..., symbol: _Optional[str] = ..., usd: _Optional[float] = ..., source: _Optional[str] = ..., age_ms: _Optional[int] = ..., is_stale: _Optional[bool] = ..., provenance: _Optional[_Union[_quotes_pb2.Provenance, str]] = ..., freshness: _Optional[_Union[_quotes_pb2.Freshness, _Mapping]] = ..., confidence_usd: _Optional[float] = ..., disagreement: _Optional[float] = ..., disagreement_in_sol: _Optional[float] = ..., sources: _Optional[_Iterable[_Union[OracleSourceReading, _Mapping]]] = ...) -> None: ...

class OracleSourceReading(_message.Message):
    __slots__ = ("source", "usd", "confidence_usd", "age_ms", "standing", "why")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    USD_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_USD_FIELD_NUMBER: _ClassVar[int]
    AGE_MS_FIELD_NUMBER: _ClassVar[int]
    STANDING_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    source: str
    usd: float
    confidence_usd: float
    age_ms: int
    standing: str
    why: str
    def __init__(self, source: _Optional[str] = ..., usd: _Optional[float] = ..., confidence_usd: _Optional[float] = ..., age_ms: _Optional[int] = ..., standing: _Optional[str] = ..., why: _Optional[str] = ...) -> None: ...

class OraclePricesResponse(_message.Message):
    __slots__ = ("prices", "slot")
    PRICES_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    prices: _containers.RepeatedCompositeFieldContainer[OraclePrice]
    slot: int
    def __init__(self, prices: _Optional[_Iterable[_Union[OraclePrice, _Mapping]]] = ..., slot: _Optional[int] = ...) -> None: ...
