"""Rows as bytes: an `AggregatedQuote` from the table's columns, and messages of many.

A body is the same for everybody. The row number is the subscriber's own, and protobuf lets a field be appended to a
message, so a row in a `BatchQuoteResponse` is length + body + row number. Likewise a body is the row's own fields with
each source's answer in the source's own fields, and its age as of now behind them: of two values the last one counts.
`wire.encode_row` is the readable twin, for answers that are in no table; a test compares what protobuf reads of both.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy

from quote_core.protobuf cimport *
from aggregator._scoring cimport *

from aggregator.selection import NO_ANSWER
from quote_core.generated.solquote.v1 import quote_aggregator_pb2 as pb
from quote_core.generated.solquote.v1.external_quote_pb2 import ExternalQuote
from quote_core.generated.solquote.v1.local_quote_pb2 import LocalQuote
from quote_core.generated.solquote.v1.quotes_pb2 import QuoteError

__all__ = ["batch_message", "direction_prefix"]

cdef enum:
    # Room for a row's own numbers, scores, factors and caps with their tags, twice what they take.
    OWN_SIZE_BYTES_MAX = 1024
    # What is put behind an answer: its age and that it is stale.
    AS_OF_SIZE_BYTES_MAX = 2 * (2 + VARINT_SIZE_BYTES_MAX)
    FACTORS_SIZE_BYTES = 5 * 9  # each a tag of one byte and eight of a double
    NS_PER_MS = 1_000_000
    LOCAL_SIDE = 0

cdef uint32_t tag(message, field, WireType wire_type):
    return message.DESCRIPTOR.fields_by_name[field].number << 3 | wire_type


cdef uint32_t INPUT_AMOUNT = tag(pb.AggregatedQuote, "input_amount", VARINT)
cdef uint32_t LOCAL = tag(pb.AggregatedQuote, "local", LEN)
cdef uint32_t EXTERNAL = tag(pb.AggregatedQuote, "external", LEN)
cdef uint32_t BEST = tag(pb.AggregatedQuote, "best_source", VARINT)
cdef uint32_t ORACLE = tag(pb.AggregatedQuote, "oracle_price", FIXED64)
cdef uint32_t DISAGREEMENT = tag(pb.AggregatedQuote, "oracle_disagreement", FIXED64)
cdef uint32_t VERSION = tag(pb.AggregatedQuote, "version", VARINT)
cdef uint32_t DECISION = tag(pb.AggregatedQuote, "decision", VARINT)
cdef uint32_t OUTPUT_AMOUNT = tag(pb.AggregatedQuote, "output_amount", VARINT)
cdef uint32_t[2] CONFIDENCES
CONFIDENCES[0] = tag(pb.AggregatedQuote, "local_confidence", FIXED64)
CONFIDENCES[1] = tag(pb.AggregatedQuote, "external_confidence", FIXED64)
cdef uint32_t[2] FACTORS
FACTORS[0] = tag(pb.AggregatedQuote, "local_factors", LEN)
FACTORS[1] = tag(pb.AggregatedQuote, "external_factors", LEN)
cdef uint32_t[2] CAPS
CAPS[0] = tag(pb.AggregatedQuote, "local_caps", LEN)
CAPS[1] = tag(pb.AggregatedQuote, "external_caps", LEN)
cdef uint32_t[5] FACTOR
for which, name in enumerate(("pool_age", "route", "oracle", "provider", "slippage")):
    FACTOR[<int>which] = tag(pb.ConfidenceFactors, name, FIXED64)
cdef uint32_t[2] AGES
AGES[0] = tag(LocalQuote, "pool_state_age_ms", VARINT)
AGES[1] = tag(ExternalQuote, "price_cache_age_ms", VARINT)
cdef uint32_t[2] STALES
STALES[0] = tag(LocalQuote, "is_stale", VARINT)
STALES[1] = tag(ExternalQuote, "is_stale", VARINT)
cdef uint32_t CAP_REASON = tag(pb.DecisionCap, "reason", VARINT)
cdef uint32_t CAP_VALUE = tag(pb.DecisionCap, "value", FIXED64)
cdef uint32_t CAP_LIMIT = tag(pb.DecisionCap, "limit", FIXED64)
cdef uint32_t CAP_AT_MOST = tag(pb.DecisionCap, "at_most", VARINT)
cdef uint32_t QUOTES = tag(pb.BatchQuoteResponse, "quotes", LEN)
cdef uint32_t SEQUENCE = tag(pb.BatchQuoteResponse, "sequence", VARINT)
cdef uint32_t SNAPSHOT = tag(pb.BatchQuoteResponse, "snapshot", VARINT)

cdef uint64_t OF_IMPACT = pb.CAP_REASON_PRICE_IMPACT
cdef uint64_t OF_DEVIATION = pb.CAP_REASON_ORACLE_DEVIATION
cdef uint64_t OF_STALE = pb.CAP_REASON_STALE


cdef bytes error_of(refusal):
    return pb.AggregatedQuote(error=QuoteError(code=refusal.code, message=refusal.message)).SerializeToString()


cdef bytes NOBODY_ANSWERED = error_of(NO_ANSWER)


def direction_prefix(input_mint, output_mint):
    """What all rows of a direction begin with."""
    return pb.AggregatedQuote(input_mint=input_mint, output_mint=output_mint).SerializeToString()


cdef class RowWriter:
    """Writes rows one after the other, in the same room."""

    def __dealloc__(self):
        free(self.row)
        free(self.answer)

    cdef int make_room(self, Py_ssize_t row_size, Py_ssize_t answer_size) except -1:
        if row_size > self.row_size:
            row = <uint8_t*>realloc(self.row, row_size)
            if row == NULL:
                raise MemoryError
            self.row, self.row_size = row, row_size
        if answer_size > self.answer_size:
            answer = <uint8_t*>realloc(self.answer, answer_size)
            if answer == NULL:
                raise MemoryError
            self.answer, self.answer_size = answer, answer_size
        return 0

    cdef bytes write(
        self, const Formula* formula, bytes prefix, uint64_t input_amount, uint64_t version, const Verdict* verdict,
        QuoteGroup local, const QuoteNumbers* local_numbers, QuoteGroup external, const QuoteNumbers* external_numbers,
        double rate_scale,
    ):
        """A row's body, without row number."""
        cdef Py_ssize_t local_size = 0, external_size = 0
        cdef int side
        cdef bytes error = None
        if verdict.has_answer[0]:
            local_size = local.answer_size_max() + AS_OF_SIZE_BYTES_MAX
        if verdict.has_answer[1]:
            external_size = external.answer_size_max() + AS_OF_SIZE_BYTES_MAX
        if verdict.best < 0:
            error = NOBODY_ANSWERED
            for group in (local, external):  # the local service's word comes first
                if group is not None and (<QuoteGroup>group).refusal is not None:
                    if (<QuoteGroup>group).told_error is None:
                        (<QuoteGroup>group).told_error = error_of((<QuoteGroup>group).refusal)
                    error = <bytes>(<QuoteGroup>group).told_error
                    break
        self.make_room(
            PyBytes_GET_SIZE(prefix) + OWN_SIZE_BYTES_MAX + local_size + external_size
            + (0 if error is None else PyBytes_GET_SIZE(error)),
            max(local_size, external_size),
        )
        at = put_raw(self.row, prefix)
        at = put_number(at, INPUT_AMOUNT, input_amount)
        at = put_number(at, VERSION, version)
        at = put_number(at, DECISION, verdict.decision)
        if verdict.best >= 0:
            at = put_number(at, BEST, verdict.best + 1)
            best = local_numbers if verdict.best == LOCAL_SIDE else external_numbers
            at = put_number(at, OUTPUT_AMOUNT, best.output_amount)
        if verdict.oracle_rate > 0.0:
            at = put_double(at, ORACLE, verdict.oracle_rate)
            if verdict.oracle_disagreement > 0.0:
                at = put_double(at, DISAGREEMENT, verdict.oracle_disagreement)
        for side in range(2):
            if verdict.has_price[side]:
                at = put_score(at, side, &verdict.scores[side])
                at = put_caps(at, formula, side, &verdict.scores[side])
        if verdict.has_answer[0]:
            at = self.put_side(at, 0, verdict, local, local_numbers, rate_scale)
        if verdict.has_answer[1]:
            at = self.put_side(at, 1, verdict, external, external_numbers, rate_scale)
        if error is not None:
            at = put_raw(at, error)
        return PyBytes_FromStringAndSize(<char*>self.row, at - self.row)

    cdef uint8_t* put_side(
        self, uint8_t* at, int side, const Verdict* verdict, QuoteGroup group, const QuoteNumbers* numbers,
        double rate_scale,
    ) except NULL:
        """One source's answer, as of now."""
        cdef uint8_t* end = group.put_answer(self.answer, numbers, rate_scale)
        if verdict.has_price[side]:
            end = put_number(end, AGES[side], <uint64_t>(verdict.age_ns[side] // NS_PER_MS))
            if verdict.is_stale[side]:
                end = put_number(end, STALES[side], 1)
        at = put_number(at, LOCAL if side == LOCAL_SIDE else EXTERNAL, end - self.answer)
        memcpy(at, self.answer, end - self.answer)
        return at + (end - self.answer)


cdef uint8_t* put_score(uint8_t* at, int side, const Score* score) noexcept nogil:
    cdef int which
    at = put_double(at, CONFIDENCES[side], score.score)
    at = put_number(at, FACTORS[side], FACTORS_SIZE_BYTES)
    for which in range(5):
        at = put_double(at, FACTOR[which], score.factors[which])
    return at


cdef uint8_t* put_caps(uint8_t* at, const Formula* formula, int side, const Score* score) noexcept nogil:
    if score.caps & CAP_IMPACT_SKIP:
        at = put_cap(at, side, OF_IMPACT, score.impact, formula.impact_skip, SKIP)
    elif score.caps & CAP_IMPACT_CAUTIOUS:
        at = put_cap(at, side, OF_IMPACT, score.impact, formula.impact_cautious, CAUTIOUS)
    if score.caps & CAP_DEVIATION:
        at = put_cap(at, side, OF_DEVIATION, score.deviation, formula.deviation_skip, SKIP)
    if score.caps & CAP_STALE:
        at = put_cap(at, side, OF_STALE, 0.0, 0.0, SKIP)
    return at


cdef uint8_t* put_cap(
    uint8_t* at, int side, uint64_t reason, double value, double limit, uint64_t at_most
) noexcept nogil:
    cdef uint8_t cap[64]
    cdef uint8_t* end = put_number(cap, CAP_REASON, reason)
    end = put_double(end, CAP_VALUE, value)
    end = put_double(end, CAP_LIMIT, limit)
    end = put_number(end, CAP_AT_MOST, at_most)
    at = put_number(at, CAPS[side], end - cap)
    memcpy(at, cap, end - cap)
    return at + (end - cap)


def batch_message(told not None, *, uint64_t sequence, bint snapshot):
    """A whole `BatchQuoteResponse` of rows: each one's body, and what makes it the subscriber's own."""
    cdef Py_ssize_t size = varint_size(SEQUENCE) + varint_size(sequence) + varint_size(SNAPSHOT) + 1
    cdef Py_ssize_t row_size
    cdef bytes body, suffix
    cdef tuple row
    for row in told:
        body, suffix = row
        row_size = PyBytes_GET_SIZE(body) + PyBytes_GET_SIZE(suffix)
        size += varint_size(QUOTES) + varint_size(row_size) + row_size
    cdef bytes message = PyBytes_FromStringAndSize(NULL, size)
    cdef uint8_t* at = <uint8_t*>PyBytes_AS_STRING(message)
    for row in told:
        body, suffix = row
        at = put_number(at, QUOTES, PyBytes_GET_SIZE(body) + PyBytes_GET_SIZE(suffix))
        at = put_raw(put_raw(at, body), suffix)
    at = put_number(at, SEQUENCE, sequence)
    at = put_number(at, SNAPSHOT, snapshot)
    assert at == <uint8_t*>PyBytes_AS_STRING(message) + size
    return message
