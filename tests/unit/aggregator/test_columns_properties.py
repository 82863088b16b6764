"""The reader beside protobuf's own: the same of every valid message, and of no bytes anything else."""

import math

from fakes.column_messages import COLUMNS, quotes_of
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator import upstream_wire
from aggregator.columns import LocalColumns
from aggregator.held import HeldQuote
from quote_core.errors import LayoutMismatch
from quote_core.generated.solquote.v1 import quotes_pb2
from quote_core.generated.solquote.v1.local_quote_pb2 import LocalQuote, LocalQuoteColumns, LocalQuoteGroup

u32, u64 = st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)
texts = st.text(max_size=12)
protocols = st.sampled_from(("orca_whirlpool", "raydium_cpmm", "", "something_new"))
doubles = st.floats(allow_nan=False) | st.floats(0, 1) | st.sampled_from((math.nan, -0.0))

freshnesses = st.builds(
    quotes_pb2.Freshness,
    vouched_mono_ns=u64,
    vouched_unix_ns=u64,
    boot_id=u64,
    vouched_slot=u64,
    changed_slot=u64,
    changed_unix_ns=u64,
    chain_unix_s=st.integers(-(2**63), 2**63 - 1),
)
commons = st.builds(
    LocalQuote,
    input_mint=texts,
    output_mint=texts,
    pool_id=texts,
    protocol=protocols,
    pool_state_age_ms=u64,
    is_stale=st.booleans(),
    oracle_price=st.none() | doubles,
    slot=u64,
    route_id=u64,
    depth_amount=u64,
    pool_received_mono_ns=u64,
    provenance=st.integers(0, 4),
    freshness=st.none() | freshnesses,
)
hops = st.builds(
    quotes_pb2.RouteHop,
    pool_id=texts,
    protocol=protocols,
    input_mint=texts,
    output_mint=texts,
    input_amount=u64,
    provenance=st.integers(0, 4),
    fee_mint=texts,
)
own = st.tuples(u32, u64, u64, doubles, u64, u64, u32)


@st.composite
def groups(draw: st.DrawFn) -> LocalQuoteGroup:
    group = LocalQuoteGroup(common=draw(commons), hop=draw(st.none() | hops))
    for numbers in draw(st.lists(own, max_size=4)):
        for column, number in zip(COLUMNS.values(), numbers, strict=True):
            getattr(group, column).append(number)
    return group


refusals = st.builds(LocalQuote, row=u32, error=st.builds(quotes_pb2.QuoteError, code=texts, message=texts))
messages = st.builds(
    LocalQuoteColumns,
    groups=st.lists(groups(), max_size=3),
    refused=st.lists(refusals, max_size=2),
    routed=st.lists(st.builds(LocalQuote, row=u32, route=st.lists(hops, max_size=3)), max_size=2),
    sequence=u64,
    snapshot=st.booleans(),
)


def expected(message: LocalQuoteColumns) -> list[str]:
    """Every quote as the readable path takes it over, and what a client may be told of it."""
    told = []
    for quote in quotes_of(message):
        quote.ClearField("pool_state_age_ms")  # worked out anew whenever it is told
        told.append(repr((_numbers(quote), quote)))
    return told


def _numbers(quote: LocalQuote) -> tuple[object, ...]:
    held = upstream_wire.held_local(quote)
    return (*held[1:3], quote.output_amount, *held[4:6], *held[7:14]) if held.refusal is None else ()


def read(columns: LocalColumns) -> list[str]:
    return [repr((_held_numbers(quote), _told(quote))) for quote in columns.quotes()]


def _held_numbers(held: HeldQuote) -> tuple[object, ...]:
    again = upstream_wire.held_local(LocalQuote.FromString(held.message))
    assert again.refusal is not None or again.route == held.route
    return (*held[1:6], *held[7:14]) if again.refusal is None else ()


def _told(held: HeldQuote) -> LocalQuote:
    told = LocalQuote.FromString(held.message)
    told.ClearField("deviation_percent")  # of tokens whose decimals are known: see `test_columns`
    return told


@given(messages)
def test_valid_message_is_read_as_protobuf_reads_it(message: LocalQuoteColumns) -> None:
    columns = LocalColumns(message.SerializeToString())
    assert read(columns) == expected(message)
    assert len(columns) == sum(len(group.rows) for group in message.groups)
    assert [LocalQuote.FromString(one) for one in columns.refused] == list(message.refused)
    assert [LocalQuote.FromString(one) for one in columns.routed] == list(message.routed)
    assert (columns.sequence, columns.snapshot) == (message.sequence, message.snapshot)


@given(messages, messages)
def test_messages_behind_one_another_are_read_as_protobuf_reads_them(
    first: LocalQuoteColumns, second: LocalQuoteColumns
) -> None:
    data = first.SerializeToString() + second.SerializeToString()
    assert read(LocalColumns(data)) == expected(LocalQuoteColumns.FromString(data))


@given(st.lists(groups(), min_size=2, max_size=3))
def test_group_in_pieces_is_read_as_protobuf_reads_it(pieces: list[LocalQuoteGroup]) -> None:
    merged = LocalQuoteGroup.FromString(b"".join(piece.SerializeToString() for piece in pieces))
    whole = LocalQuoteColumns(groups=[merged])
    body = b"".join(piece.SerializeToString() for piece in pieces)
    size, prefix = len(body), bytearray(b"\x0a")
    while size > 0x7F:
        prefix.append(size & 0x7F | 0x80)
        size >>= 7
    prefix.append(size)
    assert read(LocalColumns(bytes(prefix) + body)) == expected(whole)


def _is_as_protobuf_has_it_or_refused(data: bytes) -> None:
    try:
        columns = LocalColumns(data)
        for apart in (*columns.refused, *columns.routed):
            upstream_wire.held_local_bytes(apart)
    except LayoutMismatch:
        return
    try:
        message = LocalQuoteColumns.FromString(data)
    except DecodeError:
        raise AssertionError("protobuf finds damage where the reader found none") from None
    assert read(columns) == expected(message)


@settings(max_examples=400)
@given(st.binary(max_size=200))
def test_random_bytes_are_refused_or_read_as_protobuf_reads_them(data: bytes) -> None:
    _is_as_protobuf_has_it_or_refused(data)


@settings(max_examples=400)
@given(messages, st.data())
def test_damaged_message_is_refused_or_read_as_protobuf_reads_it(
    message: LocalQuoteColumns, data: st.DataObject
) -> None:
    damaged = bytearray(message.SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        if not damaged:
            break
        place = data.draw(st.integers(0, len(damaged) - 1))
        match data.draw(st.sampled_from(("cut", "set", "drop", "insert"))):
            case "cut":
                del damaged[place:]
            case "set":
                damaged[place] = data.draw(st.integers(0, 255))
            case "drop":
                del damaged[place]
            case _:
                damaged.insert(place, data.draw(st.integers(0, 255)))
    _is_as_protobuf_has_it_or_refused(bytes(damaged))
