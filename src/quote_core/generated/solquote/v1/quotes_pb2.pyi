from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Provenance(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PROVENANCE_UNSPECIFIED: _ClassVar[Provenance]
    PROVENANCE_CHAIN: _ClassVar[Provenance]
    PROVENANCE_RECORDED: _ClassVar[Provenance]
    PROVENANCE_SYNTHETIC: _ClassVar[Provenance]
    PROVENANCE_PATCHED: _ClassVar[Provenance]
PROVENANCE_UNSPECIFIED: Provenance
PROVENANCE_CHAIN: Provenance
PROVENANCE_RECORDED: Provenance
PROVENANCE_SYNTHETIC: Provenance
PROVENANCE_PATCHED: Provenance

class TokenPair(_message.Message):
    __slots__ = ("input_mint", "output_mint", "amounts", "rows")
    INPUT_MINT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_MINT_FIELD_NUMBER: _ClassVar[int]
    AMOUNTS_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    input_mint: str
    output_mint: str
    amounts: _containers.RepeatedScalarFieldContainer[int]
    rows: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, input_mint: _Optional[str] = ..., output_mint: _Optional[str] = ..., amounts: _Optional[_Iterable[int]] = ..., rows: _Optional[_Iterable[int]] = ...) -> None: ...

class BatchQuoteRequest(_message.Message):
    __slots__ = ("pairs", "amounts", "refresh_interval_ms")
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    AMOUNTS_FIELD_NUMBER: _ClassVar[int]
    REFRESH_INTERVAL_MS_FIELD_NUMBER: _ClassVar[int]
    pairs: _containers.RepeatedCompositeFieldContainer[TokenPair]
    amounts: _containers.RepeatedScalarFieldContainer[int]
    refresh_interval_ms: int
    def __init__(self, pairs: _Optional[_Iterable[_Union[TokenPair, _Mapping]]] = ..., amounts: _Optional[_Iterable[int]] = ..., refresh_interval_ms: _Optional[int] = ...) -> None: ...

class RouteHop(_message.Message):
    __slots__ = ("pool_id", "protocol", "input_mint", "output_mint", "input_amount", "output_amount", "provenance", "fee_amount", "fee_mint", "leg", "leg_percent")
    POOL_ID_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    INPUT_MINT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_MINT_FIELD_NUMBER: _ClassVar[int]
    INPUT_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    PROVENANCE_FIELD_NUMBER: _ClassVar[int]
    FEE_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    FEE_MINT_FIELD_NUMBER: _ClassVar[int]
    LEG_FIELD_NUMBER: _ClassVar[int]
    LEG_PERCENT_FIELD_NUMBER: _ClassVar[int]
    pool_id: str
    protocol: str
    input_mint: str
    output_mint: str
    input_amount: int
    output_amount: int
    provenance: Provenance
    fee_amount: int
    fee_mint: str
    leg: int
    leg_percent: int
    def __init__(self, pool_id: _Optional[str] = ..., protocol: _Optional[str] = ..., input_mint: _Optional[str] = ..., output_mint: _Optional[str] = ..., input_amount: _Optional[int] = ..., output_amount: _Optional[int] = ..., provenance: _Optional[_Union[Provenance, str]] = ..., fee_amount: _Optional[int] = ..., fee_mint: _Optional[str] = ..., leg: _Optional[int] = ..., leg_percent: _Optional[int] = ...) -> None: ...

class Freshness(_message.Message):
    __slots__ = ("vouched_mono_ns", "vouched_unix_ns", "boot_id", "vouched_slot", "changed_slot", "changed_unix_ns", "chain_unix_s")
    VOUCHED_MONO_NS_FIELD_NUMBER: _ClassVar[int]
    VOUCHED_UNIX_NS_FIELD_NUMBER: _ClassVar[int]
    BOOT_ID_FIELD_NUMBER: _ClassVar[int]
    VOUCHED_SLOT_FIELD_NUMBER: _ClassVar[int]
    CHANGED_SLOT_FIELD_NUMBER: _ClassVar[int]
    CHANGED_UNIX_NS_FIELD_NUMBER: _ClassVar[int]
    CHAIN_UNIX_S_FIELD_NUMBER: _ClassVar[int]
    vouched_mono_ns: int
    vouched_unix_ns: int
    boot_id: int
    vouched_slot: int
    changed_slot: int
    changed_unix_ns: int
    chain_unix_s: int
    def __init__(self, vouched_mono_ns: _Optional[int] = ..., vouched_unix_ns: _Optional[int] = ..., boot_id: _Optional[int] = ..., vouched_slot: _Optional[int] = ..., changed_slot: _Optional[int] = ..., changed_unix_ns: _Optional[int] = ..., chain_unix_s: _Optional[int] = ...) -> None: ...

class QuoteError(_message.Message):
    __slots__ = ("code", "message")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    code: str
    message: str
    def __init__(self, code: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class HealthRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class HealthResponse(_message.Message):
    __slots__ = ("serving", "version", "uptime_ms", "findings", "figures")
    class FiguresEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    SERVING_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    UPTIME_MS_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    FIGURES_FIELD_NUMBER: _ClassVar[int]
    serving: bool
    version: str
    uptime_ms: int
    findings: _containers.RepeatedScalarFieldContainer[str]
    figures: _containers.ScalarMap[str, float]
    def __init__(self, serving: _Optional[bool] = ..., version: _Optional[str] = ..., uptime_ms: _Optional[int] = ..., findings: _Optional[_Iterable[str]] = ..., figures: _Optional[_Mapping[str, float]] = ...) -> None: ...
