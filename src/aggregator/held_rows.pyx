"""What the quote table holds: per row the newest answer of each source, in columns, and what it is judged by.

A number is given to a pair and an amount, and may be given to another; a row's answers end with what it means. Scores are
of a moment: `begin` says which. Who takes answers is `table`, who tells them `told_rows`.
"""

from libc.stdlib cimport calloc, free
from libc.string cimport memset

cimport cython

from aggregator._scoring cimport *
from aggregator.columns cimport *

from solders.pubkey import Pubkey as SoldersPubkey

from aggregator import confidence
from aggregator.confidence import WEIGHTS, Decision
from aggregator.held import Source
from aggregator.row_bytes import direction_prefix
from quote_core.clock import AGE_UNKNOWN_NS, WALL_CLOCKS_APART_NS_MAX, Moment, boot_id
from shm import ENTRY_COUNT

__all__ = ["HeldRows"]


@cython.final
cdef class RowDirection:
    """What all rows of one direction share."""


cdef class HeldRows:
    """All rows, by number."""

    def __cinit__(self, *, tokens, clock, judge not None, row_count=ENTRY_COUNT, local_file=None, external_file=None):
        """Set it up.

        Args:
            tokens: For the decimals of a row's tokens.
            clock: For ages.
            judge: How answers are scored and chosen between.
            row_count: Rows there can be, as many as the files have entries.
            local_file: Where the local service's quotes are written, a `ShmPublisher`; none without one.
            external_file: The same of providers' quotes.
        """
        self.tokens = tokens
        self.clock = clock
        self.oracle = judge.oracle
        self.local_file = local_file
        self.external_file = external_file
        self.stale_after_ns[LOCAL_SIDE] = judge.stale_after_ns[Source.LOCAL]
        self.stale_after_ns[EXTERNAL_SIDE] = judge.stale_after_ns[Source.EXTERNAL]
        self.now.boot_id = boot_id()
        read_formula(&self.formula, judge.limits)
        for known in (local_file, external_file):
            assert known is None or known.row_count == row_count, "a file of another size than the table"
        self.row_count = row_count
        self.rows = <Row*>calloc(self.row_count, sizeof(Row))
        self.sides[LOCAL_SIDE] = <Side*>calloc(self.row_count, sizeof(Side))
        self.sides[EXTERNAL_SIDE] = <Side*>calloc(self.row_count, sizeof(Side))
        if self.rows == NULL or self.sides[LOCAL_SIDE] == NULL or self.sides[EXTERNAL_SIDE] == NULL:
            raise MemoryError
        self.local_groups = [None] * row_count
        self.external_groups = [None] * row_count
        self.row_directions = [None] * row_count
        self.bodies_told = [None] * row_count
        self.directions = {}

    def __dealloc__(self):
        free(self.rows)
        free(self.sides[LOCAL_SIDE])
        free(self.sides[EXTERNAL_SIDE])

    def row_added(self, uint32_t index, key):
        """Begin a row, empty, whatever the number meant before."""
        if index >= self.row_count:
            raise IndexError(index)
        self.forget(index)
        self.row_directions[index] = self.direction_of(key.input_mint, key.output_mint)
        self.rows[index].is_used = True
        self.rows[index].input_amount = key.input_amount

    def row_removed(self, uint32_t index, key):
        """Forget a row."""
        self.check(index)
        self.forget(index)

    cdef int forget(self, uint32_t index) except -1:
        memset(&self.rows[index], 0, sizeof(Row))
        self.stamp_row(index)
        self.local_groups[index] = self.external_groups[index] = None
        self.row_directions[index] = self.bodies_told[index] = None
        if self.local_file is not None:
            self.local_file.free_row(index)
        if self.external_file is not None:
            self.external_file.free_row(index)
        return 0

    cdef RowDirection direction_of(self, input_mint, output_mint):
        cdef RowDirection direction
        known = self.directions.get((input_mint, output_mint))
        if known is None:
            input_token = self.tokens.by_mint(input_mint, field="input_mint")
            output_token = self.tokens.by_mint(output_mint, field="output_mint")
            direction = RowDirection.__new__(RowDirection)
            direction.input_mint = input_mint
            direction.output_mint = output_mint
            direction.rate_scale = 10.0 ** (input_token.decimals - output_token.decimals)
            direction.prefix = direction_prefix(input_mint, output_mint)
            direction.input_bytes = bytes(SoldersPubkey.from_string(input_mint))
            direction.output_bytes = bytes(SoldersPubkey.from_string(output_mint))
            direction.rated_until_mono_ns = -1
            known = self.directions[(input_mint, output_mint)] = direction
        return <RowDirection>known

    cdef int check(self, uint32_t index) except -1:
        if index >= self.row_count or not self.rows[index].is_used:
            raise KeyError(index)
        return 0

    cdef int begin(self) except -1:
        """From here on all is as of now."""
        self.now_told = None
        self.now.mono_ns = self.clock.mono_ns()
        self.now.unix_ns = self.clock.unix_ns()
        self.revision = self.oracle.revision
        self.look += 1
        return 0

    cdef object moment(self):
        """This moment as a value, made where somebody wants one: that costs as much as scoring."""
        if self.now_told is None:
            self.now_told = Moment(self.now.boot_id, self.now.mono_ns, self.now.unix_ns)
        return self.now_told

    cdef int score(
        self, Score* score, uint32_t row, QuoteGroup group, const Side* answer, RowDirection direction, double oracle_rate,
        int64_t age,
    ) except -1:
        """See `confidence_of`; `oracle_rate` 0 = nobody vouches for one, and is of `direction` as it was last asked."""
        cdef object local = self.local_groups[row]
        cdef double rate = rate_of(answer.numbers.output_amount, answer.numbers.input_amount, direction.rate_scale)
        score_answer(
            &self.formula, score, age, group.hop_count, rate, oracle_rate, direction.oracle_disagreement,
            group.uptime, answer.numbers.input_amount,
            0 if local is None else (<QuoteGroup>local).depth_amount, answer.impact_fraction, answer.is_stale,
        )
        return 0

    cdef double oracle_rate(self, uint32_t row, RowDirection direction) except? -1.0:
        """See `Judge`: the local service's own rate is newer, while both are of the same oracle and it is vouched for."""
        if direction.rated_of != self.revision or (
            direction.rated_at != self.look and <int64_t>self.now.mono_ns > direction.rated_until_mono_ns
        ):
            rate, direction.rated_until_mono_ns = self.oracle.rate_until(
                direction.input_mint, direction.output_mint, self.moment()
            )
            direction.oracle_rate = 0.0 if rate is None else rate
            direction.oracle_disagreement = self.oracle.disagreement(direction.input_mint, direction.output_mint)
            direction.rated_of = self.revision
            direction.rated_at = self.look
        if direction.oracle_rate == 0.0:
            return 0.0
        known = self.local_groups[row]
        if known is None:
            return direction.oracle_rate
        local = <QuoteGroup>known
        if not local.has_oracle or local.refusal is not None or self.is_stale_side(LOCAL_SIDE, row, local):
            return direction.oracle_rate
        return local.oracle_price


cdef double scale_of(object direction) noexcept:
    return 1.0 if direction is None else (<RowDirection>direction).rate_scale


cdef int read_formula(Formula* formula, limits) except -1:
    """Copy the numbers of the formula."""
    cdef int which
    formula.age_s_max = confidence.AGE_S_MAX
    formula.hop_cost = confidence.HOP_COST
    formula.deviation_cost = confidence.DEVIATION_COST
    formula.depth_fraction = confidence.DEPTH_FRACTION
    formula.slippage_floor = confidence.SLIPPAGE_FLOOR
    for which in range(5):
        formula.weights[which] = WEIGHTS[which]
    formula.execute_min = confidence.EXECUTE_MIN
    formula.verify_min = confidence.VERIFY_MIN
    formula.cautious_min = confidence.CAUTIOUS_MIN
    formula.ceiling_skip = confidence.CEILINGS[Decision.SKIP]
    formula.ceiling_cautious = confidence.CEILINGS[Decision.CAUTIOUS]
    formula.impact_cautious = limits.impact_cautious
    formula.impact_skip = limits.impact_skip
    formula.deviation_skip = limits.deviation_skip
    formula.age_unknown_ns = AGE_UNKNOWN_NS
    formula.wall_clocks_apart_ns = WALL_CLOCKS_APART_NS_MAX
    return 0
