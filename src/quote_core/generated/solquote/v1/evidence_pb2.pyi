from quote_core.generated.solquote.v1 import quotes_pb2 as _quotes_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ExplainQuoteRequest(_message.Message):
    __slots__ = ("quote_id",)
    QUOTE_ID_FIELD_NUMBER: _ClassVar[int]
    quote_id: str
    def __init__(self, quote_id: _Optional[str] = ...) -> None: ...

class QuoteEvidence(_message.Message):
    __slots__ = ("format", "quote_id", "input_mint", "output_mint", "software_version", "local", "external", "cap_bounds", "oracle_rate", "oracle_disagreement")
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    QUOTE_ID_FIELD_NUMBER: _ClassVar[int]
    INPUT_MINT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_MINT_FIELD_NUMBER: _ClassVar[int]
    SOFTWARE_VERSION_FIELD_NUMBER: _ClassVar[int]
    LOCAL_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_FIELD_NUMBER: _ClassVar[int]
    CAP_BOUNDS_FIELD_NUMBER: _ClassVar[int]
    ORACLE_RATE_FIELD_NUMBER: _ClassVar[int]
    ORACLE_DISAGREEMENT_FIELD_NUMBER: _ClassVar[int]
    format: int
    quote_id: str
    input_mint: str
    output_mint: str
    software_version: str
    local: LocalEvidence
    external: ExternalEvidence
    cap_bounds: CapBounds
    oracle_rate: float
    oracle_disagreement: float
    def __init__(self, format: _Optional[int] = ..., quote_id: _Optional[str] = ..., input_mint: _Optional[str] = ..., output_mint: _Optional[str] = ..., software_version: _Optional[str] = ..., local: _Optional[_Union[LocalEvidence, _Mapping]] = ..., external: _Optional[_Union[ExternalEvidence, _Mapping]] = ..., cap_bounds: _Optional[_Union[CapBounds, _Mapping]] = ..., oracle_rate: _Optional[float] = ..., oracle_disagreement: _Optional[float] = ...) -> None: ...

class LocalEvidence(_message.Message):
    __slots__ = ("accounts", "route", "wanted_output_amount", "tokens")
    ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    WANTED_OUTPUT_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    accounts: _containers.RepeatedCompositeFieldContainer[EvidenceAccount]
    route: _containers.RepeatedCompositeFieldContainer[_quotes_pb2.RouteHop]
    wanted_output_amount: int
    tokens: _containers.RepeatedCompositeFieldContainer[EvidenceToken]
    def __init__(self, accounts: _Optional[_Iterable[_Union[EvidenceAccount, _Mapping]]] = ..., route: _Optional[_Iterable[_Union[_quotes_pb2.RouteHop, _Mapping]]] = ..., wanted_output_amount: _Optional[int] = ..., tokens: _Optional[_Iterable[_Union[EvidenceToken, _Mapping]]] = ...) -> None: ...

class EvidenceAccount(_message.Message):
    __slots__ = ("pubkey", "owner", "slot", "data_sha256", "data")
    PUBKEY_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    DATA_SHA256_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    pubkey: str
    owner: str
    slot: int
    data_sha256: str
    data: bytes
    def __init__(self, pubkey: _Optional[str] = ..., owner: _Optional[str] = ..., slot: _Optional[int] = ..., data_sha256: _Optional[str] = ..., data: _Optional[bytes] = ...) -> None: ...

class EvidenceToken(_message.Message):
    __slots__ = ("mint", "symbol", "decimals", "oracle_kind", "oracle_account", "native")
    MINT_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    DECIMALS_FIELD_NUMBER: _ClassVar[int]
    ORACLE_KIND_FIELD_NUMBER: _ClassVar[int]
    ORACLE_ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    NATIVE_FIELD_NUMBER: _ClassVar[int]
    mint: str
    symbol: str
    decimals: int
    oracle_kind: str
    oracle_account: str
    native: bool
    def __init__(self, mint: _Optional[str] = ..., symbol: _Optional[str] = ..., decimals: _Optional[int] = ..., oracle_kind: _Optional[str] = ..., oracle_account: _Optional[str] = ..., native: _Optional[bool] = ...) -> None: ...

class ExternalEvidence(_message.Message):
    __slots__ = ("provider", "request", "answer", "answer_sha256", "sent_unix_ns", "latency_ms", "slot", "provider_uptime", "route", "price_impact", "tokens")
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    ANSWER_SHA256_FIELD_NUMBER: _ClassVar[int]
    SENT_UNIX_NS_FIELD_NUMBER: _ClassVar[int]
    LATENCY_MS_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_UPTIME_FIELD_NUMBER: _ClassVar[int]
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    PRICE_IMPACT_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    provider: str
    request: str
    answer: bytes
    answer_sha256: str
    sent_unix_ns: int
    latency_ms: float
    slot: int
    provider_uptime: float
    route: _containers.RepeatedCompositeFieldContainer[_quotes_pb2.RouteHop]
    price_impact: float
    tokens: _containers.RepeatedCompositeFieldContainer[EvidenceToken]
    def __init__(self, provider: _Optional[str] = ..., request: _Optional[str] = ..., answer: _Optional[bytes] = ..., answer_sha256: _Optional[str] = ..., sent_unix_ns: _Optional[int] = ..., latency_ms: _Optional[float] = ..., slot: _Optional[int] = ..., provider_uptime: _Optional[float] = ..., route: _Optional[_Iterable[_Union[_quotes_pb2.RouteHop, _Mapping]]] = ..., price_impact: _Optional[float] = ..., tokens: _Optional[_Iterable[_Union[EvidenceToken, _Mapping]]] = ...) -> None: ...

class CapBounds(_message.Message):
    __slots__ = ("impact_cautious", "impact_skip", "deviation_skip")
    IMPACT_CAUTIOUS_FIELD_NUMBER: _ClassVar[int]
    IMPACT_SKIP_FIELD_NUMBER: _ClassVar[int]
    DEVIATION_SKIP_FIELD_NUMBER: _ClassVar[int]
    impact_cautious: float
    impact_skip: float
    deviation_skip: float
    def __init__(self, impact_cautious: _Optional[float] = ..., impact_skip: _Optional[float] = ..., deviation_skip: _Optional[float] = ...) -> None: ...
