"""What a message of columns may be, and what its damage is called."""

import pytest
from fakes.column_messages import columns_of, quotes_of
from fakes.fake_clock import FakeClock
from fakes.held_quotes import KEY, SOL, TOKENS, USDC
from fakes.vouched import freshness_message, vouched

from aggregator.columns import LocalColumns
from aggregator.held import Source
from quote_core.errors import LayoutMismatch
from quote_core.freshness import NEVER_VOUCHED
from quote_core.generated.solquote.v1 import quotes_pb2
from quote_core.generated.solquote.v1.local_quote_pb2 import LocalQuote, LocalQuoteColumns, LocalQuoteGroup


def local_quote(row: int = 7, **changes: object) -> LocalQuote:
    fields: dict[str, object] = {
        "input_mint": SOL,
        "output_mint": USDC,
        "input_amount": 1_000_000_000,
        "output_amount": 140_000_000 + row,
        "price_impact": 0.001,
        "pool_id": "p",
        "protocol": "orca_whirlpool",
        "oracle_price": 140.5,
        "version": 3,
        "slot": 98,
        "freshness": freshness_message(FakeClock(), age_ns=250_000_000, slot=99),
        "row": row,
        "route_id": 2**63,
        "depth_amount": 11,
        "quote_cache_age_ms": 2,
        "quoted_unix_ns": 17,
        "provenance": quotes_pb2.PROVENANCE_RECORDED,
        "route": [
            quotes_pb2.RouteHop(
                pool_id="p",
                protocol="orca_whirlpool",
                input_mint=SOL,
                output_mint=USDC,
                input_amount=1_000_000_000,
                output_amount=140_000_000 + row,
                provenance=quotes_pb2.PROVENANCE_RECORDED,
            )
        ],
    }
    return LocalQuote(**{**fields, **changes})


def message(*rows: int) -> LocalQuoteColumns:
    return columns_of([local_quote(row) for row in rows], sequence=9, snapshot=True)


def test_quotes_are_taken_over_with_what_they_have_in_common() -> None:
    columns = LocalColumns(message(7, 8).SerializeToString())
    assert (len(columns), columns.sequence, columns.snapshot, columns.refused) == (2, 9, True, [])
    first, second = columns.quotes()
    assert first.source is Source.LOCAL
    assert first.key == KEY
    assert (first.row, first.output_amount, second.row, second.output_amount) == (7, 140_000_007, 8, 140_000_008)
    assert (first.version, first.route_id, first.dex_id, first.depth_amount) == (3, 2**63, 4, 11)
    assert first.freshness == vouched(FakeClock(), age_ns=250_000_000, slot=99)
    assert (first.oracle_price, first.uptime, first.hop_count, first.refusal) == (140.5, 1.0, 1, None)


def test_a_quote_told_again_is_the_one_that_was_described() -> None:
    described = message(7, 8)
    told = [
        LocalQuote.FromString(quote.message) for quote in LocalColumns(described.SerializeToString()).quotes(1_000.0)
    ]
    assert told == list(quotes_of(described, TOKENS))
    assert told[0].deviation_percent == (140.000007 - 140.5) / 140.5 * 100


def test_group_that_does_not_say_when_was_never_vouched_for() -> None:
    described = message(7)
    described.groups[0].common.ClearField("freshness")
    (quote,) = LocalColumns(described.SerializeToString()).quotes()
    assert quote.freshness == NEVER_VOUCHED


def test_missing_oracle_price_is_none_and_unknown_dex_is_zero() -> None:
    described = message(7)
    described.groups[0].common.ClearField("oracle_price")
    described.groups[0].common.protocol = "something_new"
    (quote,) = LocalColumns(described.SerializeToString()).quotes()
    assert (quote.oracle_price, quote.dex_id) == (None, 0)


def test_what_a_quote_says_for_itself_counts_whatever_its_group_says() -> None:
    described = message(7)
    described.groups[0].common.MergeFrom(LocalQuote(output_amount=1, row=1, version=1, quoted_unix_ns=1))
    (quote,) = LocalColumns(described.SerializeToString()).quotes()
    assert (quote.output_amount, quote.row, quote.version) == (140_000_007, 7, 3)


def test_refused_combinations_stand_apart_as_they_came() -> None:
    described = message(7)
    described.refused.add(row=3).error.code = "NOT_FOUND"
    columns = LocalColumns(described.SerializeToString())
    assert len(columns) == 1
    assert [LocalQuote.FromString(one).row for one in columns.refused] == [3]


def test_quotes_through_several_pools_stand_apart_as_they_came() -> None:
    described = message(7)
    described.routed.add(row=4).route.add(pool_id="p")
    columns = LocalColumns(described.SerializeToString())
    assert len(columns) == 1
    assert [LocalQuote.FromString(one) for one in columns.routed] == list(described.routed)


def test_fields_of_a_newer_service_are_passed_over() -> None:
    data = message(7).SerializeToString() + b"\xfa\x7f\x02hi" + b"\xf8\x7f\x05" + b"\xfd\x7fabcd" + b"\xf9\x7fabcdefgh"
    assert len(LocalColumns(data)) == 1


def test_empty_message_and_group_without_quotes_hold_nothing() -> None:
    assert len(LocalColumns(b"")) == 0
    assert len(LocalColumns(LocalQuoteColumns(groups=[LocalQuoteGroup()]).SerializeToString())) == 0


def test_columns_in_pieces_and_unpacked_are_read_as_protobuf_reads_them() -> None:
    first, second = message(7).groups[0], message(8).groups[0]
    merged = first.SerializeToString() + second.SerializeToString()
    data = b"\x0a" + bytes([len(merged) & 0x7F | 0x80, len(merged) >> 7]) + merged
    assert [quote.row for quote in LocalColumns(data).quotes()] == [7, 8]
    unpacked = first.SerializeToString().replace(b"\x1a\x04\x07\x00\x00\x00", b"\x1d\x07\x00\x00\x00")
    assert len(unpacked) == first.ByteSize() - 1
    data = b"\x0a" + bytes([len(unpacked) & 0x7F | 0x80, len(unpacked) >> 7]) + unpacked
    assert [quote.row for quote in LocalColumns(data).quotes()] == [7]


@pytest.mark.parametrize(
    ("field", "values", "words"),
    [
        ("input_amounts", [1, 2], "column 4 has 2 values beside 1 rows"),
        ("output_amounts", [], "column 5 has 0 values beside 1 rows"),
        ("quote_cache_ages_ms", [1, 2, 3], "column 9 has 3 values beside 1 rows"),
        ("rows", [], "column 4 has 1 values beside 0 rows"),
    ],
)
def test_columns_of_unequal_length_are_damage_that_names_them(field: str, values: list[int], words: str) -> None:
    described = message(7)
    del getattr(described.groups[0], field)[:]
    getattr(described.groups[0], field).extend(values)
    with pytest.raises(LayoutMismatch, match=words):
        LocalColumns(described.SerializeToString())


def test_damage_is_called_by_its_place() -> None:
    with pytest.raises(LayoutMismatch, match="a field is cut off"):
        LocalColumns(b"\x0a\x05\x00")
    with pytest.raises(LayoutMismatch, match="groups: a field is cut off"):
        LocalColumns(b"\x0a\x02\x1a\x09")
    with pytest.raises(LayoutMismatch, match="column 3 is no whole number of values"):
        LocalColumns(b"\x0a\x05\x1a\x03abc")
    with pytest.raises(LayoutMismatch, match=r"groups\.common\.pool_id: is no text"):
        LocalColumns(b"\x0a\x05\x0a\x03\x32\x01\xff")
    with pytest.raises(LayoutMismatch, match="nothing is said of what the quotes have in common"):
        LocalColumns(described_without_common())
    with pytest.raises(LayoutMismatch, match="field 17 is no quotes' in common"):
        LocalColumns(
            LocalQuoteColumns(
                groups=[LocalQuoteGroup(common=LocalQuote(error=quotes_pb2.QuoteError(code="X")))]
            ).SerializeToString()
        )


def described_without_common() -> bytes:
    described = message(7)
    described.groups[0].ClearField("common")
    data: bytes = described.SerializeToString()
    return data
