"""The local service's quotes as columns: read from `LocalQuoteColumns` bytes, and one of them told again.

A group is what quotes of one direction and pool have in common, read and checked once; their own numbers stay where they
stand in the message until the table takes them. Answers that come one by one are groups of one. No object is made for
a quote, and none of the message's bytes is believed: every tag, length and count is checked, unknown fields are passed
over. A message in a form that is allowed but that no sender of ours has (a column in two pieces) is first written anew by
protobuf itself.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.math cimport INFINITY
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memset

from quote_core.protobuf cimport *

from google.protobuf.message import DecodeError

from aggregator.held import HeldQuote, Source
from quote_core.clock import Moment
from quote_core.dex.pool import Dex
from quote_core.errors import LayoutMismatch
from quote_core.freshness import Freshness
from quote_core.generated.solquote.v1.local_quote_pb2 import LocalQuote, LocalQuoteColumns, LocalQuoteGroup
from quote_core.generated.solquote.v1.quotes_pb2 import Freshness as FreshnessMessage
from quote_core.generated.solquote.v1.quotes_pb2 import RouteHop as RouteHopMessage
from quote_core.quotes import QuoteKey, RouteHop
from quote_core.serving import read_route

__all__ = ["LocalColumns", "QuoteGroup"]

cdef enum:
    # Room for a quote's own numbers with their tags, twice what they take.
    NUMBERS_SIZE_BYTES_MAX = 256
    EXACT_IN_DOUBLE_BITS = 53

cdef uint32_t GROUPS = LocalQuoteColumns.GROUPS_FIELD_NUMBER
cdef uint32_t REFUSED = LocalQuoteColumns.REFUSED_FIELD_NUMBER
cdef uint32_t ROUTED = LocalQuoteColumns.ROUTED_FIELD_NUMBER
cdef uint32_t MESSAGE_SEQUENCE = LocalQuoteColumns.SEQUENCE_FIELD_NUMBER
cdef uint32_t SNAPSHOT = LocalQuoteColumns.SNAPSHOT_FIELD_NUMBER

cdef uint32_t COMMON = LocalQuoteGroup.COMMON_FIELD_NUMBER
cdef uint32_t HOP = LocalQuoteGroup.HOP_FIELD_NUMBER
cdef uint32_t ROWS = LocalQuoteGroup.ROWS_FIELD_NUMBER
cdef uint32_t INPUT_AMOUNTS = LocalQuoteGroup.INPUT_AMOUNTS_FIELD_NUMBER
cdef uint32_t OUTPUT_AMOUNTS = LocalQuoteGroup.OUTPUT_AMOUNTS_FIELD_NUMBER
cdef uint32_t PRICE_IMPACTS = LocalQuoteGroup.PRICE_IMPACTS_FIELD_NUMBER
cdef uint32_t VERSIONS = LocalQuoteGroup.VERSIONS_FIELD_NUMBER
cdef uint32_t QUOTED_TIMES = LocalQuoteGroup.QUOTED_UNIX_NS_FIELD_NUMBER
cdef uint32_t CACHE_AGES = LocalQuoteGroup.QUOTE_CACHE_AGES_MS_FIELD_NUMBER

cdef uint32_t INPUT_MINT = LocalQuote.INPUT_MINT_FIELD_NUMBER
cdef uint32_t OUTPUT_MINT = LocalQuote.OUTPUT_MINT_FIELD_NUMBER
cdef uint32_t INPUT_AMOUNT = LocalQuote.INPUT_AMOUNT_FIELD_NUMBER
cdef uint32_t OUTPUT_AMOUNT = LocalQuote.OUTPUT_AMOUNT_FIELD_NUMBER
cdef uint32_t PRICE_IMPACT = LocalQuote.PRICE_IMPACT_FIELD_NUMBER
cdef uint32_t POOL_ID = LocalQuote.POOL_ID_FIELD_NUMBER
cdef uint32_t PROTOCOL = LocalQuote.PROTOCOL_FIELD_NUMBER
cdef uint32_t POOL_AGE = LocalQuote.POOL_STATE_AGE_MS_FIELD_NUMBER
cdef uint32_t CACHE_AGE = LocalQuote.QUOTE_CACHE_AGE_MS_FIELD_NUMBER
cdef uint32_t IS_STALE = LocalQuote.IS_STALE_FIELD_NUMBER
cdef uint32_t ORACLE_PRICE = LocalQuote.ORACLE_PRICE_FIELD_NUMBER
cdef uint32_t DEVIATION = LocalQuote.DEVIATION_PERCENT_FIELD_NUMBER
cdef uint32_t VERSION = LocalQuote.VERSION_FIELD_NUMBER
cdef uint32_t ROUTE = LocalQuote.ROUTE_FIELD_NUMBER
cdef uint32_t ROW = LocalQuote.ROW_FIELD_NUMBER
cdef uint32_t ERROR = LocalQuote.ERROR_FIELD_NUMBER
cdef uint32_t ROUTE_ID = LocalQuote.ROUTE_ID_FIELD_NUMBER
cdef uint32_t QUOTED = LocalQuote.QUOTED_UNIX_NS_FIELD_NUMBER
cdef uint32_t DEPTH = LocalQuote.DEPTH_AMOUNT_FIELD_NUMBER
cdef uint32_t RECEIVED = LocalQuote.POOL_RECEIVED_MONO_NS_FIELD_NUMBER
cdef uint32_t FRESHNESS = LocalQuote.FRESHNESS_FIELD_NUMBER

cdef uint32_t VOUCHED_MONO = FreshnessMessage.VOUCHED_MONO_NS_FIELD_NUMBER
cdef uint32_t VOUCHED_UNIX = FreshnessMessage.VOUCHED_UNIX_NS_FIELD_NUMBER
cdef uint32_t BOOT_ID = FreshnessMessage.BOOT_ID_FIELD_NUMBER
cdef uint32_t VOUCHED_SLOT = FreshnessMessage.VOUCHED_SLOT_FIELD_NUMBER
cdef uint32_t CHANGED_SLOT = FreshnessMessage.CHANGED_SLOT_FIELD_NUMBER
cdef uint32_t CHANGED_UNIX = FreshnessMessage.CHANGED_UNIX_NS_FIELD_NUMBER
cdef uint32_t CHAIN_UNIX = FreshnessMessage.CHAIN_UNIX_S_FIELD_NUMBER

cdef uint32_t HOP_POOL = RouteHopMessage.POOL_ID_FIELD_NUMBER
cdef uint32_t HOP_PROTOCOL = RouteHopMessage.PROTOCOL_FIELD_NUMBER
cdef uint32_t HOP_INPUT_MINT = RouteHopMessage.INPUT_MINT_FIELD_NUMBER
cdef uint32_t HOP_OUTPUT_MINT = RouteHopMessage.OUTPUT_MINT_FIELD_NUMBER
cdef uint32_t HOP_INPUT = RouteHopMessage.INPUT_AMOUNT_FIELD_NUMBER
cdef uint32_t HOP_OUTPUT = RouteHopMessage.OUTPUT_AMOUNT_FIELD_NUMBER
cdef uint32_t HOP_FEE_MINT = RouteHopMessage.FEE_MINT_FIELD_NUMBER

# What a group may say of all its quotes and each of them says for itself: not passed on.
cdef frozenset OWN_FIELDS = frozenset({
    INPUT_AMOUNT, OUTPUT_AMOUNT, PRICE_IMPACT, POOL_AGE, CACHE_AGE, IS_STALE, DEVIATION, VERSION, ROW, QUOTED,
})
cdef uint32_t OWN_FIELDS_MASK = sum(1 << number for number in OWN_FIELDS)

cdef dict DEX_IDS = {dex.label: dex.value for dex in Dex}
cdef object LOCAL = Source.LOCAL


class Unusual(Exception):
    """A form that protobuf allows and no sender of ours has."""


cdef damage(rule):
    return LayoutMismatch("LocalQuoteColumns", rule)


cdef str text(const Field* field, name):
    """A string field's value."""
    try:
        return PyUnicode_DecodeUTF8(<const char*>field.data, <Py_ssize_t>field.value, NULL)
    except UnicodeDecodeError as error:
        raise damage(f"{name}: is no text") from error


cdef class QuoteGroup:
    """What answers have in common: one direction, one pool, one state of it."""

    cdef object freshness(self):
        """When its state was vouched for, as a value."""
        if self.told_freshness is None:
            vouched = Moment(self.boot_id, self.vouched_mono_ns, self.vouched_unix_ns)
            self.told_freshness = Freshness(
                vouched, self.vouched_slot, self.changed_unix_ns, self.changed_slot, self.chain_unix_s
            )
        return self.told_freshness

    cdef tuple route(self, const QuoteNumbers* numbers):
        """The route of one of its quotes, as values."""
        if self.hop is None:
            return ()
        if self.told_hop is None:
            (self.told_hop,) = read_route((RouteHopMessage.FromString(self.hop),))
        swap = self.told_hop
        return (
            RouteHop(
                swap.pool_id,
                swap.protocol,
                swap.input_mint,
                swap.output_mint,
                numbers.input_amount,
                numbers.output_amount,
                swap.fee_amount,
                swap.fee_mint,
                swap.provenance,
            ),
        )

    cdef object held(self, const QuoteNumbers* numbers, bint is_stale, double rate_scale):
        """One of its quotes as a value."""
        if self.quote is not None:
            return self.quote.as_stale() if is_stale and not self.quote.is_stale else self.quote
        return HeldQuote(
            LOCAL,
            numbers.row,
            QuoteKey(self.input_mint, self.output_mint, numbers.input_amount),
            numbers.output_amount,
            self.route_id,
            self.hop_count,
            max(numbers.impact, 0.0),
            self.depth_amount,
            self.oracle_price if self.has_oracle else None,
            self.uptime,
            self.dex_id,
            bool(is_stale),
            numbers.version,
            self.freshness(),
            None,
            self.route(numbers),
            self.message(numbers, rate_scale),
        )

    cdef Py_ssize_t answer_size_max(self) noexcept:
        """Room that `put_answer` needs at most."""
        if self.quote is not None:
            return PyBytes_GET_SIZE(<bytes>self.quote.message)
        return NUMBERS_SIZE_BYTES_MAX + PyBytes_GET_SIZE(self.common) + (
            0 if self.hop is None else PyBytes_GET_SIZE(self.hop)
        )

    cdef uint8_t* put_answer(self, uint8_t* at, const QuoteNumbers* numbers, double rate_scale) except NULL:
        """Write one of its quotes as the source's own message; see what is left out of `common`, `is_stale` and the age."""
        if self.quote is not None:
            return put_raw(at, <bytes>self.quote.message)
        cdef uint8_t amounts[4 * VARINT_SIZE_BYTES_MAX]
        cdef uint8_t* end
        cdef Py_ssize_t amounts_size
        at = put_raw(at, self.common)
        at = put_number(at, INPUT_AMOUNT << 3 | VARINT, numbers.input_amount)
        at = put_number(at, OUTPUT_AMOUNT << 3 | VARINT, numbers.output_amount)
        at = put_double(at, PRICE_IMPACT << 3 | FIXED64, numbers.impact)
        at = put_number(at, CACHE_AGE << 3 | VARINT, numbers.cache_age_ms)
        if self.has_oracle:
            rate = rate_of(numbers.output_amount, numbers.input_amount, rate_scale)
            deviation_percent = (rate - self.oracle_price) / self.oracle_price * 100.0
            at = put_double(at, DEVIATION << 3 | FIXED64, deviation_percent)
        at = put_number(at, VERSION << 3 | VARINT, numbers.version)
        if self.hop is not None:
            end = put_number(amounts, HOP_INPUT << 3 | VARINT, numbers.input_amount)
            amounts_size = put_number(end, HOP_OUTPUT << 3 | VARINT, numbers.output_amount) - amounts
            at = put_number(at, ROUTE << 3 | LEN, PyBytes_GET_SIZE(self.hop) + amounts_size)
            at = put_raw(at, self.hop)
            memcpy(at, amounts, amounts_size)
            at += amounts_size
        at = put_number(at, ROW << 3 | VARINT, numbers.row)
        return put_number(at, QUOTED << 3 | VARINT, numbers.quoted_unix_ns)

    cdef bytes message(self, const QuoteNumbers* numbers, double rate_scale):
        """The same as bytes, with its staleness as the source told it."""
        cdef Py_ssize_t size_max = self.answer_size_max() + 1 + VARINT_SIZE_BYTES_MAX
        cdef uint8_t* begin = <uint8_t*>malloc(size_max)
        if begin == NULL:
            raise MemoryError
        try:
            at = self.put_answer(begin, numbers, rate_scale)
            if self.quote is None and self.is_stale:
                at = put_number(at, IS_STALE << 3 | VARINT, 1)
            return PyBytes_FromStringAndSize(<char*>begin, at - begin)
        finally:
            free(begin)


cdef QuoteGroup group_of_one(quote):
    """What one answer, already checked, has in common with itself."""
    cdef QuoteGroup group = QuoteGroup.__new__(QuoteGroup)
    freshness = quote.freshness
    vouched = freshness.vouched
    group.source = quote.source
    group.input_mint = quote.key.input_mint
    group.output_mint = quote.key.output_mint
    group.boot_id = vouched.boot_id
    group.vouched_mono_ns = vouched.mono_ns
    group.vouched_unix_ns = vouched.unix_ns
    group.vouched_slot = freshness.vouched_slot
    group.route_id = quote.route_id
    group.depth_amount = quote.depth_amount
    group.has_oracle = quote.oracle_price is not None
    group.oracle_price = quote.oracle_price if group.has_oracle else 0.0
    group.uptime = quote.uptime
    group.is_stale = quote.is_stale
    group.hop_count = quote.hop_count
    group.dex_id = quote.dex_id
    group.quote = quote
    group.refusal = quote.refusal
    group.told_freshness = freshness
    return group


cdef void read_numbers(const Run* run, uint32_t place, QuoteNumbers* numbers) noexcept nogil:
    """One entry of every column."""
    numbers.row = load32(run.rows + 4 * place)
    numbers.input_amount = load64(run.input_amounts + 8 * place)
    numbers.output_amount = load64(run.output_amounts + 8 * place)
    numbers.impact = load_double(run.impacts + 8 * place)
    numbers.version = load64(run.versions + 8 * place)
    numbers.quoted_unix_ns = load64(run.quoted_unix_ns + 8 * place)
    numbers.cache_age_ms = load32(run.cache_ages_ms + 4 * place)


cdef double rate_of(uint64_t output_amount, uint64_t input_amount, double rate_scale) except? -1.0:
    """Whole output tokens per whole input token, to the last bit as Python's own division of integers gives it."""
    if (output_amount | input_amount) >> EXACT_IN_DOUBLE_BITS:
        exactly = int(output_amount) / int(input_amount)
        return <double>exactly * rate_scale
    return <double>output_amount / <double>input_amount * rate_scale


cdef class LocalColumns:
    """One message, read; it has as many quotes as `len` says, and besides those `refused` and `routed`, encoded."""

    def __cinit__(self, bytes data not None):
        self.groups = []
        self.refused = []
        self.routed = []
        self.data = data

    def __init__(self, bytes data not None):
        """Read a message.

        Raises:
            LayoutMismatch: Its bytes are no such message; says what of it is wrong.
        """
        try:
            self.read()
        except Unusual:
            try:
                self.data = LocalQuoteColumns.FromString(data).SerializeToString()
            except DecodeError as error:
                raise damage("protobuf cannot read it") from error
            self.groups.clear()
            self.refused.clear()
            self.routed.clear()
            self.run_count = 0
            self.quote_count = 0
            self.sequence = 0
            self.snapshot = False
            try:
                self.read()
            except Unusual as error:
                raise damage("protobuf writes it no other way") from error

    def __dealloc__(self):
        free(self.runs)
        free(self.kept)

    def __len__(self):
        return self.quote_count

    def quotes(self, double rate_scale=1.0):
        """Every quote as a value, in the message's order; for whom one object a quote is little."""
        cdef QuoteNumbers numbers
        cdef uint32_t which, place
        told = []
        for which in range(self.run_count):
            for place in range(self.runs[which].count):
                read_numbers(&self.runs[which], place, &numbers)
                group = <QuoteGroup>self.groups[which]
                told.append(group.held(&numbers, group.is_stale, rate_scale))
        return told

    cdef int read(self) except -1:
        cdef const uint8_t* at = <const uint8_t*>PyBytes_AS_STRING(self.data)
        cdef const uint8_t* end = at + PyBytes_GET_SIZE(self.data)
        cdef Field field
        free(self.kept)
        self.kept = <uint8_t*>malloc(PyBytes_GET_SIZE(self.data) + 1)
        if self.kept == NULL:
            raise MemoryError
        while at < end:
            at = get_field(at, end, &field)
            if at == NULL:
                raise damage("a field is cut off")
            if field.number == GROUPS and field.wire_type == LEN:
                self.read_group(field.data, field.end)
            elif field.number == REFUSED and field.wire_type == LEN:
                self.refused.append(PyBytes_FromStringAndSize(<const char*>field.data, <Py_ssize_t>field.value))
            elif field.number == ROUTED and field.wire_type == LEN:
                self.routed.append(PyBytes_FromStringAndSize(<const char*>field.data, <Py_ssize_t>field.value))
            elif field.number == MESSAGE_SEQUENCE and field.wire_type == VARINT:
                self.sequence = field.value
            elif field.number == SNAPSHOT and field.wire_type == VARINT:
                self.snapshot = field.value != 0
        return 0

    cdef int read_group(self, const uint8_t* at, const uint8_t* end) except -1:
        cdef QuoteGroup group = QuoteGroup.__new__(QuoteGroup)
        cdef Field field
        cdef const uint8_t* begins[7]
        cdef uint64_t sizes[7]
        cdef uint32_t width, which
        cdef uint64_t count = 0
        cdef bint has_common = False
        cdef Run run
        memset(begins, 0, sizeof(begins))
        memset(sizes, 0, sizeof(sizes))
        while at < end:
            at = get_field(at, end, &field)
            if at == NULL:
                raise damage("groups: a field is cut off")
            if ROWS <= field.number <= CACHE_AGES:
                which = field.number - ROWS
                width = 4 if field.number == ROWS or field.number == CACHE_AGES else 8
                if field.wire_type == LEN:
                    if begins[which] != NULL:
                        raise Unusual
                    if field.value % width:
                        raise damage(f"groups: column {field.number} is no whole number of values")
                    begins[which] = field.data
                    sizes[which] = field.value // width
                elif field.wire_type == (FIXED32 if width == 4 else FIXED64):
                    raise Unusual
            elif field.number == COMMON and field.wire_type == LEN:
                if has_common:
                    raise Unusual
                has_common = True
                self.read_common(group, field.data, field.end)
            elif field.number == HOP and field.wire_type == LEN:
                if group.hop is not None:
                    raise Unusual
                self.read_hop(group, field.data, field.end)
        count = sizes[0]
        for which in range(7):
            if sizes[which] != count:
                raise damage(f"groups: column {ROWS + which} has {sizes[which]} values beside {count} rows")
        if count == 0:
            return 0
        if not has_common:
            raise damage("groups: nothing is said of what the quotes have in common")
        run.count = <uint32_t>count
        run.rows = begins[0]
        run.input_amounts = begins[INPUT_AMOUNTS - ROWS]
        run.output_amounts = begins[OUTPUT_AMOUNTS - ROWS]
        run.impacts = begins[PRICE_IMPACTS - ROWS]
        run.versions = begins[VERSIONS - ROWS]
        run.quoted_unix_ns = begins[QUOTED_TIMES - ROWS]
        run.cache_ages_ms = begins[CACHE_AGES - ROWS]
        self.add_run(&run)
        self.groups.append(group)
        self.quote_count += <Py_ssize_t>count
        return 0

    cdef int read_common(self, QuoteGroup group, const uint8_t* at, const uint8_t* end) except -1:
        cdef Field field
        cdef double price
        cdef bint has_freshness = False
        cdef uint8_t* kept = self.kept
        group.source = LOCAL
        group.hop_count = 1
        group.uptime = 1.0
        group.input_mint = group.output_mint = ""
        while at < end:
            at = get_field(at, end, &field)
            if at == NULL:
                raise damage("groups.common: a field is cut off")
            if field.wire_type == LEN:
                if field.number == INPUT_MINT:
                    group.input_mint = text(&field, "groups.common.input_mint")
                elif field.number == OUTPUT_MINT:
                    group.output_mint = text(&field, "groups.common.output_mint")
                elif field.number == PROTOCOL:
                    group.dex_id = DEX_IDS.get(text(&field, "groups.common.protocol"), 0)
                elif field.number == POOL_ID:
                    text(&field, "groups.common.pool_id")
                elif field.number == FRESHNESS:
                    if has_freshness:
                        raise Unusual
                    has_freshness = True
                    self.read_freshness(group, field.data, field.end)
                elif field.number == ERROR or field.number == ROUTE:
                    raise damage(f"groups.common: field {field.number} is no quotes' in common")
            elif field.wire_type == VARINT:
                if field.number == IS_STALE:
                    group.is_stale = field.value != 0
                elif field.number == DEPTH:
                    group.depth_amount = field.value
                elif field.number == RECEIVED:
                    group.pool_received_mono_ns = field.value
            elif field.wire_type == FIXED64:
                if field.number == ROUTE_ID:
                    group.route_id = field.value
                elif field.number == ORACLE_PRICE:
                    memcpy(&price, &field.value, 8)
                    group.has_oracle = 0.0 < price < INFINITY
                    group.oracle_price = price
            if field.number >= 32 or not OWN_FIELDS_MASK >> field.number & 1:
                memcpy(kept, field.begin, field.end - field.begin)
                kept += field.end - field.begin
        group.common = PyBytes_FromStringAndSize(<char*>self.kept, kept - self.kept)
        return 0

    cdef int read_freshness(self, QuoteGroup group, const uint8_t* at, const uint8_t* end) except -1:
        cdef Field field
        while at < end:
            at = get_field(at, end, &field)
            if at == NULL:
                raise damage("groups.common.freshness: a field is cut off")
            if field.wire_type == FIXED64:
                if field.number == VOUCHED_MONO:
                    group.vouched_mono_ns = field.value
                elif field.number == VOUCHED_UNIX:
                    group.vouched_unix_ns = field.value
                elif field.number == BOOT_ID:
                    group.boot_id = field.value
                elif field.number == CHANGED_UNIX:
                    group.changed_unix_ns = field.value
            elif field.wire_type == VARINT:
                if field.number == VOUCHED_SLOT:
                    group.vouched_slot = field.value
                elif field.number == CHANGED_SLOT:
                    group.changed_slot = field.value
                elif field.number == CHAIN_UNIX:
                    group.chain_unix_s = <int64_t>field.value
        return 0

    cdef int read_hop(self, QuoteGroup group, const uint8_t* at, const uint8_t* end) except -1:
        cdef Field field
        cdef uint8_t* kept = self.kept
        while at < end:
            at = get_field(at, end, &field)
            if at == NULL:
                raise damage("groups.hop: a field is cut off")
            if field.wire_type == LEN and (
                field.number == HOP_POOL or field.number == HOP_PROTOCOL or field.number == HOP_INPUT_MINT
                or field.number == HOP_OUTPUT_MINT or field.number == HOP_FEE_MINT
            ):
                text(&field, "groups.hop")
            if field.number != HOP_INPUT and field.number != HOP_OUTPUT:
                memcpy(kept, field.begin, field.end - field.begin)
                kept += field.end - field.begin
        group.hop = PyBytes_FromStringAndSize(<char*>self.kept, kept - self.kept)
        return 0

    cdef int add_run(self, const Run* run) except -1:
        cdef Run* grown
        if self.run_count == self.run_capacity:
            grown = <Run*>realloc(self.runs, (2 * self.run_capacity + 16) * sizeof(Run))
            if grown == NULL:
                raise MemoryError
            self.runs = grown
            self.run_capacity = 2 * self.run_capacity + 16
        self.runs[self.run_count] = run[0]
        self.run_count += 1
        return 0
