"""The compiled table beside a plain model of it: thousands of random messages, and what everybody is told after each.

The model holds each answer as a value, scores with `Judge`, encodes with `wire` and keeps what it would have written;
it knows no columns and no batches.
"""

import math
import random
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import orjson
import pytest
from fakes.column_messages import columns_of, quotes_of
from fakes.fake_clock import FakeClock
from fakes.held_quotes import MSOL, SOL, TOKENS, USD, USDC, S, judge, oracle
from fakes.quote_files import Fields, QuoteFiles, quote_files
from fakes.vouched import vouched

from aggregator import upstream_wire, wire
from aggregator.columns import LocalColumns
from aggregator.confidence import Confidence
from aggregator.held import Arrival, HeldQuote, Source
from aggregator.held_answers import HeldAnswers
from aggregator.http_answers import quote_answer
from aggregator.http_models import QuoteAnswer, QuoteParameters
from aggregator.oracle import OraclePrice
from aggregator.selection import Judge, Merged
from aggregator.table import QuoteTable
from aggregator.told_rows import BODY_AGE_NS_MAX
from quote_core.clock import Clock, Moment, moment
from quote_core.freshness import Freshness
from quote_core.generated.solquote.v1 import external_quote_pb2 as external_pb
from quote_core.generated.solquote.v1 import local_quote_pb2 as local_pb
from quote_core.generated.solquote.v1 import quote_aggregator_pb2 as pb
from quote_core.quotes import QuoteKey
from quote_core.serving import write_freshness
from quote_core.units import AMOUNT_MAX, BPS, PPM
from shm import ChangeKind, Flag

ROW_COUNT = 12
STEP_COUNT = 150
TTL_SLOTS = 7
PAIRS = ((SOL, USDC), (USDC, SOL), (SOL, MSOL))
AMOUNTS = (10**9, 3 * 10**9, 2**60 + 12_345)
ASKED = QuoteParameters(input_mint=SOL, output_mint=USDC, amount=1)
EVERYTHING = ChangeKind.AMOUNTS | ChangeKind.ORACLE | ChangeKind.ROUTE | ChangeKind.FLAGS


@dataclass
class ModelRow:
    key: QuoteKey
    held: dict[Source, HeldQuote] = field(default_factory=dict)
    version: int = 0
    body: bytes | None = None
    body_until_mono_ns: int = 0

    @property
    def scale(self) -> float:
        input_token, output_token = TOKENS.pair(self.key.input_mint, self.key.output_mint)
        return 10.0 ** (input_token.decimals - output_token.decimals)


class ModelEntry(NamedTuple):
    quote: HeldQuote
    confidence: Confidence
    oracle_rate: float | None


@dataclass
class ModelFile:
    """One file: entries and their kinds of change since they were last asked for, and who waits."""

    written: dict[int, ModelEntry] = field(default_factory=dict)
    entries: dict[int, Fields] = field(default_factory=dict)
    kinds: dict[int, ChangeKind] = field(default_factory=dict)
    waiting: dict[int, None] = field(default_factory=dict)
    refused_count: int = 0


class Model:
    """What `QuoteTable` says of itself, written out."""

    def __init__(self, clock: Clock, of: Judge) -> None:
        self.clock = clock
        self.judge = of
        self.rows: dict[int, ModelRow] = {}
        self.files = {source: ModelFile() for source in Source}
        self.misdirected_count = 0

    def row_added(self, index: int, key: QuoteKey) -> None:
        self.row_removed(index)
        self.rows[index] = ModelRow(key)

    def row_removed(self, index: int) -> None:
        self.rows.pop(index, None)
        for file in self.files.values():
            file.waiting.pop(index, None)
            if file.written.pop(index, None) is not None:
                del file.entries[index]

    def take(self, quotes: Iterable[HeldQuote]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        now = moment(self.clock)
        changed: list[int] = []
        confirmed: list[int] = []
        for quote in quotes:
            row = self.rows.get(quote.row)
            if row is None or row.key != quote.key:
                self.misdirected_count += 1
            elif self._place(row, self.judge.aged(quote, now)):
                changed.append(quote.row)
                self._write(quote.source, quote.row, now)
            else:
                confirmed.append(quote.row)
                self.files[quote.source].waiting.setdefault(quote.row)
        return tuple(changed), tuple(confirmed)

    def expire(self) -> set[tuple[Source, int]]:
        now = moment(self.clock)
        expired = set()
        for index, row in self.rows.items():
            for source, quote in tuple(row.held.items()):
                aged = self.judge.aged(quote, now)
                if aged is not quote:
                    self._place(row, aged)
                    self._write(source, index, now)
                    expired.add((source, index))
        return expired

    def beat(self) -> None:
        now = moment(self.clock)
        for source, file in self.files.items():
            for index in file.waiting:
                if self.rows[index].held[source].refusal is None:
                    self._put(source, index, now)
            file.waiting.clear()

    def merged(self, index: int) -> Merged:
        row = self.rows[index]
        sides = row.held.get(Source.LOCAL), row.held.get(Source.EXTERNAL)
        return self.judge.merged(*sides, rate_scale=row.scale, now=moment(self.clock))

    def body(self, index: int) -> bytes:
        row, now_ns = self.rows[index], self.clock.mono_ns()
        if row.body is None or now_ns > row.body_until_mono_ns:
            merged = self.merged(index)
            sides = [quote for quote in (merged.local, merged.external) if quote is not None]
            true_for_ns = min([BODY_AGE_NS_MAX, *(self.judge.fresh_for_ns(quote, merged.at) for quote in sides)])
            row.body, row.body_until_mono_ns = self.encoded(index, row.version), now_ns + true_for_ns
        return row.body

    def encoded(self, index: int, version: int) -> bytes:
        return wire.encode_row(wire.row_prefix(self.rows[index].key), self.merged(index), version)

    def _place(self, row: ModelRow, quote: HeldQuote) -> bool:
        old = row.held.get(quote.source)
        row.held[quote.source] = quote
        row.body = None
        names = ("version", "output_amount", "is_stale", "route_id", "oracle_price", "refusal")
        changed = old is None or any(getattr(old, name) != getattr(quote, name) for name in names)
        row.version += changed
        return changed

    def _write(self, source: Source, index: int, now: Moment) -> None:
        self.files[source].waiting.pop(index, None)
        if self.rows[index].held[source].refusal is None:
            self._put(source, index, now)
        else:
            self._mark(source, index)

    def _mark(self, source: Source, index: int) -> None:
        file = self.files[source]
        if index in file.written:
            old = file.written[index]
            file.written[index] = old._replace(quote=old.quote.as_stale())
            file.entries[index]["flags"] |= Flag.STALE  # type: ignore[operator]  # flags of its own making

    def _put(self, source: Source, index: int, now: Moment) -> None:
        file = self.files[source]
        merged = self.merged(index)
        quote = merged.of(source)
        confidence = merged.local_confidence if source is Source.LOCAL else merged.external_confidence
        assert quote is not None
        assert confidence is not None
        scored = ModelEntry(quote, confidence, merged.oracle_rate)
        ts_ns = now.unix_ns - quote.freshness.age_ns(now)
        if not 0 < quote.output_amount <= AMOUNT_MAX or ts_ns <= 0:
            file.refused_count += 1
            self._mark(source, index)
            return
        flags = Flag.VALID | Flag.CONFIDENCE_PRESENT
        if scored.oracle_rate is not None:
            flags |= Flag.ORACLE_PRESENT
        if quote.is_stale:
            flags |= Flag.STALE
        kind = _kind(file.written.get(index), scored)
        file.kinds[index] = file.kinds.get(index, ChangeKind(0)) | kind
        file.written[index] = scored
        file.entries[index] = {
            "input_amount": quote.key.input_amount,
            "output_amount": quote.output_amount,
            "ts_ns": ts_ns,
            "oracle_price": math.nan if scored.oracle_rate is None else scored.oracle_rate,
            "route_id": quote.route_id,
            "slot": quote.freshness.vouched_slot,
            "dex_id": quote.dex_id,
            "source": source,
            "flags": flags,
            "price_impact_ppm": round(quote.price_impact_fraction * PPM),
            "confidence_bps": round(confidence.capped_score * BPS),
            "ttl_slots": TTL_SLOTS,
        }


def _kind(old: ModelEntry | None, new: ModelEntry) -> ChangeKind:
    if old is None:
        return EVERYTHING
    kind = ChangeKind(0)
    if old.quote.output_amount != new.quote.output_amount:
        kind |= ChangeKind.AMOUNTS
    if old.oracle_rate != new.oracle_rate:
        kind |= ChangeKind.ORACLE
    if old.quote.route_id != new.quote.route_id:
        kind |= ChangeKind.ROUTE
    if old.quote.is_stale != new.quote.is_stale:
        kind |= ChangeKind.FLAGS
    return kind


class World:
    """Table and model, told the same by chance."""

    def __init__(self, seed: int, files: QuoteFiles) -> None:
        self.chance = random.Random(seed)
        self.clock = FakeClock()
        self.prices = oracle(self.clock)
        of = judge(self.prices)
        self.files = files
        self.table = QuoteTable(
            tokens=TOKENS, clock=self.clock, judge=of, local_file=files.local, external_file=files.external
        )
        self.model = Model(self.clock, of)
        self.answers = HeldAnswers(self.table, self.clock)
        self.version = 0
        self.told: list[local_pb.LocalQuote] = []
        for index in range(ROW_COUNT):
            self.renumber(index)

    def step(self) -> None:
        """Let one thing happen, and compare what everybody is told."""
        acts = (
            (self.local_message, 8),
            (self.external_message, 3),
            (self.time_passes, 4),
            (self.expire, 2),
            (self.beat, 3),
            (lambda: self.renumber(self.chance.randrange(ROW_COUNT)), 1),
            (self.oracle_follows, 1),
        )
        for writer in self.files.writers.values():
            writer.batches.clear()
        for file in self.model.files.values():
            file.kinds.clear()
        self.chance.choices([act for act, _ in acts], [weight for _, weight in acts])[0]()
        self.compare()

    def renumber(self, index: int) -> None:
        if index in self.model.rows and self.chance.random() < 0.3:
            self.table.row_removed(index, self.model.rows[index].key)
            self.model.row_removed(index)
            return
        key = QuoteKey(*self.chance.choice(PAIRS), self.chance.choice(AMOUNTS))  # type: ignore[arg-type]  # mints
        self.table.row_added(index, key)
        self.model.row_added(index, key)

    def local_message(self) -> None:
        if self.chance.random() < 0.3:
            self.told = [self.again(quote) for quote in self.told]
        else:
            self.told = [quote for _ in range(self.chance.randint(1, 3)) for quote in self.local_group()]
        message = columns_of(self.told)
        columns = LocalColumns(message.SerializeToString())
        taken = [upstream_wire.held_local(quote) for quote in quotes_of(message, TOKENS)]
        first = self.chance.choice((len(columns), 3, 1))
        arrivals = [self.table.take_columns(columns, start, first) for start in range(0, len(columns), max(first, 1))]
        self.agree(arrivals, taken)
        assert sum(one.impossible_count for one in arrivals) == sum(one.refusal is not None for one in taken)
        refused = [upstream_wire.held_local_bytes(one) for one in columns.refused]
        self.agree([self.table.take(refused)], refused)

    def again(self, quote: local_pb.LocalQuote) -> local_pb.LocalQuote:
        """The same, vouched for anew or not, and in one thing another at most."""
        again = local_pb.LocalQuote()
        again.CopyFrom(quote)
        if quote.HasField("freshness") and self.chance.random() < 0.5:
            again.freshness.CopyFrom(write_freshness(self.freshness()))
        if quote.HasField("oracle_price") and self.chance.random() < 0.3:
            again.oracle_price *= 1.003
        return again

    def local_group(self) -> list[local_pb.LocalQuote]:
        """Some quotes of one direction and pool."""
        pair, pool = self.chance.choice(PAIRS), self.chance.randrange(3)
        common = local_pb.LocalQuote(
            input_mint=pair[0],
            output_mint=pair[1],
            pool_id=f"pool{pool}",
            protocol=self.chance.choice(("orca_whirlpool", "raydium_cpmm", "newer")),
            is_stale=self.chance.random() < 0.1,
            oracle_price=self.rate(pair) if self.chance.random() < 0.7 else None,
            slot=77,
            route_id=pool,
            depth_amount=self.chance.choice((0, 10**12, 2**63)),
            pool_received_mono_ns=self.clock.mono_ns(),
            freshness=write_freshness(self.freshness()),
        )
        return [self.local_quote(common) for _ in range(self.chance.randint(1, 6))]

    def local_quote(self, common: local_pb.LocalQuote) -> local_pb.LocalQuote:
        quote = local_pb.LocalQuote()
        quote.CopyFrom(common)
        key = self.placed(quote)
        if self.chance.random() < 0.1:
            for name in ("freshness", "is_stale", "oracle_price", "route_id", "depth_amount", "pool_id", "protocol"):
                quote.ClearField(name)
            quote.error.code = self.chance.choice(("NOT_FOUND", "FAILED_PRECONDITION"))
            return quote
        rate = self.rate((quote.input_mint, quote.output_mint)) * 10.0 ** -self.decimals(quote)
        quote.output_amount = self.chance.choice((int(key.input_amount * rate), 0, 2**63, 2**62, 1))
        if self.chance.random() < 0.8:
            quote.output_amount = int(key.input_amount * rate * self.chance.choice((1.0, 0.999, 0.95, 0.8)))
        quote.price_impact = self.chance.choice((0.0, 0.0001, 0.011, 0.06, 1.0, -0.01, -2.0, math.nan))
        quote.version = self.chance.choice((self.version, self.version, 0))
        quote.quoted_unix_ns = self.clock.unix_ns()
        quote.quote_cache_age_ms = self.chance.randrange(3)
        if self.chance.random() < 0.9:
            quote.route.add(pool_id=quote.pool_id, protocol=quote.protocol)
            quote.route[0].input_amount, quote.route[0].output_amount = quote.input_amount, quote.output_amount
        return quote

    def placed(self, quote: local_pb.LocalQuote | external_pb.ExternalQuote) -> QuoteKey:
        """Give a quote a row, most often one that is of its amount."""
        pair = quote.input_mint, quote.output_mint
        rows = [(index, row.key) for index, row in self.model.rows.items() if (row.key[0], row.key[1]) == pair]
        if rows and self.chance.random() < 0.9:
            quote.row, key = self.chance.choice(rows)
        else:
            quote.row = self.chance.choice((0, ROW_COUNT - 1, ROW_COUNT, 5_000, 2**32 - 1))
            key = QuoteKey(*pair, self.chance.choice(AMOUNTS))  # type: ignore[arg-type]  # mints
        quote.input_amount = key.input_amount
        if self.chance.random() < 0.1:
            self.version += 1
        return key

    def external_message(self) -> None:
        batch = external_pb.ExternalQuoteBatch()
        for _ in range(self.chance.randint(1, 3)):
            pair = self.chance.choice(PAIRS)
            quote = batch.quotes.add(input_mint=pair[0], output_mint=pair[1], provider="jupiter")
            key = self.placed(quote)
            quote.version = self.version
            if self.chance.random() < 0.1:
                quote.error.code = "UNAVAILABLE"
                continue
            rate = self.rate(pair) * 10.0 ** -self.decimals(quote)
            quote.output_amount = int(key.input_amount * rate * self.chance.choice((1.0, 1.0, 1.001, 0.99)))
            quote.price_impact_bps = self.chance.choice((0.0, 1.0, 700.0, -1.0))
            quote.provider_uptime = self.chance.choice((1.0, 0.97, 0.0, 1.5))
            quote.route_id = self.chance.randrange(3)
            quote.freshness.CopyFrom(write_freshness(self.freshness()))
            quote.route_plan.add(input_mint=SOL, output_mint=MSOL)
            quote.route_plan.add(input_mint=MSOL, output_mint=USDC)
        taken = upstream_wire.external_answers(batch.SerializeToString())
        self.agree([self.table.take(taken)], taken)

    def agree(self, arrivals: list[Arrival], taken: list[HeldQuote]) -> None:
        changed, confirmed = self.model.take(taken)
        assert tuple(row for one in arrivals for row in one.changed) == changed
        assert tuple(row for one in arrivals for row in one.confirmed) == confirmed

    def time_passes(self) -> None:
        self.clock.advance_ns(self.chance.choice((1, 1_000_000, 100_000_000, S, 2 * S, 70 * S)))
        if self.chance.random() < 0.05:
            self.clock.step_wall_ns(self.chance.choice((-10 * S, 10 * S)))

    def expire(self) -> None:
        self.clock.advance_ns(S + 1)  # whatever the wall clock did, all are looked at
        assert set(self.table.expire()) == self.model.expire()

    def beat(self) -> None:
        waiting = {source: tuple(file.waiting) for source, file in self.model.files.items()}
        assert {source: file.waiting_count for source, file in self.files.publishers.items()} == {
            source: len(rows) for source, rows in waiting.items()
        }
        self.table.beat()
        self.model.beat()

    def oracle_follows(self) -> None:
        """Prices move, or nobody vouches for them any more."""
        freshness = vouched(self.clock, age_ns=self.chance.choice((0, 59 * S, 61 * S)))
        if self.chance.random() < 0.3:
            freshness = self.freshness()
        moved = self.chance.choice((1.0, 1.002, 0.9))
        apart = self.chance.choice((0.0, 0.0, 0.01, 0.3))
        self.prices.update({mint: OraclePrice(usd * moved, freshness, apart, apart / 2) for mint, usd in USD.items()})
        if self.chance.random() < 0.2:
            self.prices.update({MSOL: None})

    def freshness(self) -> Freshness:
        freshness = vouched(self.clock, age_ns=self.chance.choice((0, 0, S, 4_900_000_000, 6 * S)), slot=99)
        if self.chance.random() < 0.1:
            here = freshness.vouched
            elsewhere = replace(here, boot_id=self.chance.choice((0, here.boot_id ^ 1)))
            return Freshness(replace(elsewhere, unix_ns=here.unix_ns + self.chance.choice((0, S, 3 * S))), 98)
        if self.chance.random() < 0.05:
            return Freshness(Moment(0, 0, 0), 0)
        return freshness

    def rate(self, pair: tuple[str, str]) -> float:
        return USD[pair[0]] / USD[pair[1]]  # type: ignore[index]  # mints

    def decimals(self, quote: local_pb.LocalQuote | external_pb.ExternalQuote) -> int:
        input_token, output_token = TOKENS.pair(quote.input_mint, quote.output_mint)
        return input_token.decimals - output_token.decimals

    # ---- what everybody is told ---------------------------------------------------------------------------------

    def compare(self) -> None:
        assert self.table.misdirected_count == self.model.misdirected_count
        for index in self.model.rows:
            expected = self.model.merged(index)
            assert plain(self.table.merged(index)) == plain(expected)
            assert told(self.table.body(index)) == told(self.model.body(index))
            fresh = self.table.fresh_body(index)
            if expected.local is None or expected.local.refusal is not None or expected.local.is_stale:
                assert fresh is None
                assert self.answers.told(index, ASKED, started_mono_ns=0) is None
            else:
                assert fresh is not None
                assert told(fresh) == told(self.model.encoded(index, 0))
                self.compare_answer(index, expected)
        for source in Source:
            self.compare_file(source)

    def compare_answer(self, index: int, expected: Merged) -> None:
        """HTTP's kept bytes are those that the readable way makes of the model, and the API's own model reads them."""
        asked = ASKED.model_copy(update={"slippage_bps": self.chance.choice((0, 50, 9_999, 10_000))})
        started_ns = self.clock.mono_ns() - self.chance.choice((0, 128_331, S))
        kept = self.answers.told(index, asked, started_mono_ns=started_ns)
        assert kept is not None
        now_ns = self.clock.mono_ns()
        assert kept == orjson.dumps(quote_answer(expected, asked, now_mono_ns=now_ns, started_mono_ns=started_ns))
        assert QuoteAnswer.model_validate_json(kept, strict=True, extra="forbid").model_dump_json(by_alias=True) == str(
            kept, "utf-8"
        )

    def compare_file(self, source: Source) -> None:
        model, publisher, writer = self.model.files[source], self.files.publishers[source], self.files.writers[source]
        assert publisher.refused_count == model.refused_count
        kinds: dict[int, ChangeKind] = {}
        for row, fields in (entry for batch in writer.batches for entry in batch):
            kind = ChangeKind(int(str(int(fields["kind"]))))  # type: ignore[call-overload]  # as read from the ring
            kinds[row] = kinds.get(row, ChangeKind(0)) | kind
        assert kinds == model.kinds
        found = {row: entry for row in range(ROW_COUNT) if (entry := self.entry(source, row)) is not None}
        for row in found.keys() | model.entries.keys():
            assert repr(found.get(row)) == repr(model.entries.get(row))
        totals = self.table.totals(publisher)
        stale_count = sum(scored.quote.is_stale for scored in model.written.values())
        assert (totals.fresh_count, totals.stale_count) == (len(model.written) - stale_count, stale_count)
        now = moment(self.clock)
        ages_ns = [scored.quote.freshness.age_ns(now) for scored in model.written.values()]
        assert totals.age_ns_max == max(ages_ns, default=0)
        confidences = [scored.confidence for _, scored in sorted(model.written.items())]
        assert list(totals.factor_sums) == [sum(one.factors[place] for one in confidences) for place in range(5)]

    def entry(self, source: Source, row: int) -> Fields | None:
        """What a reader finds; `None` = no quote."""
        quote = self.files.reader.quote(row if source is Source.LOCAL else 2_000 + row)
        if not quote.is_valid:
            return None
        names = next(iter(self.model.files[source].entries.values()), {})
        entry: Fields = {name: getattr(quote, name) for name in names}
        return entry | ({"source": Source(quote.source)} if "source" in entry else {})


def told(body: bytes) -> pb.AggregatedQuote:
    quote = pb.AggregatedQuote.FromString(body)
    for answer in (quote.local, quote.external):
        if answer.HasField("error"):
            answer.ClearField("freshness")
    return quote


def plain(merged: Merged) -> Merged:
    """Without the answers' own bytes, whose order of fields is nobody's matter: `told` compares what they say."""
    local, external = (quote and quote._replace(message=b"") for quote in (merged.local, merged.external))
    return merged._replace(local=local, external=external)


@pytest.mark.parametrize("seed", range(20))
def test_table_says_and_writes_what_a_plain_model_does(seed: int) -> None:
    with quote_files(ttl_slots=TTL_SLOTS) as files:
        world = World(seed, files)
        for _ in range(STEP_COUNT):
            world.step()
