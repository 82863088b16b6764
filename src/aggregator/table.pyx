"""The quote table: per row the newest answer of each source, in columns; from one message to shared memory in one pass.

What arrives is checked against the row it claims to be: a number may have been given to another amount while the answer
was on its way. A changed answer is scored and put into its source's shared-memory batch where it is placed, one that only
says the same again is noted there as confirmed. Scores and staleness are of the moment they are asked for. A row's bytes
are made when the first subscriber asks; all others get the same for as long as they are true: until the row changes, one
of its quotes becomes stale, or they are `BODY_AGE_NS_MAX` old.

An object stands for a quote only where somebody asks for one: `merged` and `held`. What is worked out here is
what `Judge` would say, to which a test holds it.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.string cimport memset

cimport cython

from aggregator._scoring cimport *
from aggregator.columns cimport *
from aggregator.row_bytes cimport RowWriter
from aggregator.shm_publisher cimport ROW_COUNT, ShmPublisher

from solders.pubkey import Pubkey as SoldersPubkey

from aggregator import confidence
from aggregator.confidence import WEIGHTS, Cap, CapReason, Confidence, Decision, Factors
from aggregator.held import Arrival, Source
from aggregator.row_bytes import direction_prefix
from aggregator.selection import NO_ANSWER, Merged
from aggregator.upstream_wire import SLOT_MAX as SLOT_MAX_OF_FILES
from aggregator.upstream_wire import held_local_bytes
from quote_core.clock import AGE_UNKNOWN_NS, WALL_CLOCKS_APART_NS_MAX, moment
from quote_core.units import AMOUNT_MAX as AMOUNT_MAX_OF_UNITS

__all__ = ["BODY_AGE_NS_MAX", "QuoteTable"]

BODY_AGE_NS_MAX = 250_000_000
"""How old a row's bytes may be when they are told: in this time a score falls by little more than a thousandth."""

LOOK_NS_MAX = 1_000_000_000
"""Ages of another host's answers go by the wall clock, which may be set: all are looked at again after so long."""

cdef enum:
    LOCAL_SIDE = 0
    EXTERNAL_SIDE = 1
    CONFIRMED_PER_BEAT_MAX = 128  # a quarter of the ring

cdef int64_t BODY_AGE_MAX = BODY_AGE_NS_MAX
cdef int64_t LOOK_MAX = LOOK_NS_MAX
cdef uint64_t AMOUNT_MAX = AMOUNT_MAX_OF_UNITS
cdef uint64_t SLOT_MAX = SLOT_MAX_OF_FILES
cdef int64_t AGE_UNKNOWN = AGE_UNKNOWN_NS
cdef tuple SOURCES = (Source.LOCAL, Source.EXTERNAL)
cdef tuple DECISIONS = (None, Decision.SKIP, Decision.CAUTIOUS, Decision.VERIFY, Decision.EXECUTE)


# A row: what it is for, and how often it changed.
cdef struct Row:
    bint is_used
    uint64_t input_amount
    uint64_t version
    int64_t body_until_mono_ns


# One source's answer for a row, besides its group.
cdef struct Side:
    QuoteNumbers numbers
    double impact_fraction          # not below zero, of what can be a quote
    bint is_stale


@cython.final
cdef class RowDirection:
    """What all rows of one direction share."""

    cdef readonly object input_mint
    cdef readonly object output_mint
    cdef double rate_scale          # 10 ** (input decimals - output decimals): makes smallest units whole tokens
    cdef bytes prefix
    cdef bytes input_bytes
    cdef bytes output_bytes
    cdef double oracle_rate         # as of look `rated_at`, 0 = none
    cdef uint64_t rated_at
    cdef int64_t rated_until_mono_ns
    cdef uint64_t rated_of          # the oracle's revision


@cython.final
cdef class QuoteTable:
    """All rows, by number."""

    cdef object tokens
    cdef object clock
    cdef object judge
    cdef object oracle
    cdef Formula formula
    cdef int64_t stale_after_ns[2]
    cdef Row rows[ROW_COUNT]
    cdef Side sides[2][ROW_COUNT]
    cdef list local_groups
    cdef list external_groups
    cdef list row_directions
    cdef list bodies_told
    cdef dict directions
    cdef ShmPublisher local_file
    cdef ShmPublisher external_file
    cdef RowWriter writer
    cdef Instant now
    cdef object now_told            # the same moment as a value
    cdef uint64_t revision          # of the oracle
    cdef uint64_t look              # counts the moments that something was worked out as of
    cdef int64_t look_at_mono_ns    # before that no answer can have become stale by its age
    cdef readonly uint64_t misdirected_count

    def __init__(self, *, tokens, clock, judge not None, local_file=None, external_file=None):
        """Set it up.

        Args:
            tokens: For the decimals of a row's tokens.
            clock: For ages.
            judge: How answers are scored and chosen between.
            local_file: Where the local service's quotes are written, a `ShmPublisher`; none without one.
            external_file: The same of providers' quotes.
        """
        self.tokens = tokens
        self.clock = clock
        self.judge = judge
        self.oracle = judge.oracle
        self.local_file = local_file
        self.external_file = external_file
        self.stale_after_ns[LOCAL_SIDE] = judge.stale_after_ns[Source.LOCAL]
        self.stale_after_ns[EXTERNAL_SIDE] = judge.stale_after_ns[Source.EXTERNAL]
        read_formula(&self.formula, judge.limits)
        self.local_groups = [None] * ROW_COUNT
        self.external_groups = [None] * ROW_COUNT
        self.row_directions = [None] * ROW_COUNT
        self.bodies_told = [None] * ROW_COUNT
        self.directions = {}
        self.writer = RowWriter()

    # ---- rows -------------------------------------------------------------------------------------------------------

    def row_added(self, uint32_t index, key):
        """Begin a row, empty, whatever the number meant before."""
        if index >= ROW_COUNT:
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
        if index >= ROW_COUNT or not self.rows[index].is_used:
            raise KeyError(index)
        return 0

    # ---- taking -----------------------------------------------------------------------------------------------------

    def take(self, quotes):
        """Take answers one by one, of one source: place, score, write those that changed; tell what they did."""
        cdef list changed = [], confirmed = []
        self.begin()
        for quote in quotes:
            self.take_one(group_of_one(quote), changed, confirmed)
        self.send()
        return Arrival(tuple(changed), tuple(confirmed))

    cdef int take_one(self, QuoteGroup group, list changed, list confirmed) except -1:
        """Take a group of one."""
        cdef QuoteNumbers numbers
        cdef object quote = group.quote
        cdef int side = group.source - 1
        cdef int64_t age = self.age_of(group)
        memset(&numbers, 0, sizeof(numbers))
        numbers.row = quote.row
        numbers.input_amount = quote.key.input_amount
        numbers.output_amount = quote.output_amount
        numbers.version = quote.version
        direction = self.directions.get((group.input_mint, group.output_mint))
        return self.settle(
            side, group, direction, &numbers, quote.price_impact_fraction, self.is_stale_now(side, group, age), age,
            changed, confirmed,
        )

    def take_columns(self, LocalColumns columns not None, Py_ssize_t first, Py_ssize_t count):
        """The same with up to `count` of a message's quotes, from the `first` on."""
        cdef QuoteGroup group
        cdef QuoteNumbers numbers, told
        cdef Run* run
        cdef uint32_t which, place, end
        cdef Py_ssize_t skip = first, left = count
        cdef uint64_t pool_update_ns = 0
        cdef int64_t age
        cdef bint is_stale, is_told
        cdef int change
        cdef list changed = [], confirmed = [], routed = []
        cdef uint32_t impossible_count = 0
        self.begin()
        for which in range(columns.run_count):
            run = &columns.runs[which]
            if skip >= run.count:
                skip -= run.count
                continue
            if left == 0:
                break
            group = <QuoteGroup>columns.groups[which]
            direction = self.directions.get((group.input_mint, group.output_mint))
            age = self.age_of(group)
            is_stale = self.is_stale_now(LOCAL_SIDE, group, age)
            is_told = False
            end = <uint32_t>min(<Py_ssize_t>run.count, skip + left)
            left -= end - skip
            for place in range(<uint32_t>skip, end):
                read_numbers(run, place, &numbers)
                if is_possible(group, &numbers):
                    told, is_told = numbers, True
                    change = self.settle(
                        LOCAL_SIDE, group, direction, &numbers, at_least(numbers.impact, 0.0), is_stale, age, changed,
                        confirmed,
                    )
                else:
                    impossible_count += 1
                    change = self.take_one(
                        group_of_one(held_local_bytes(group.message(&numbers, 1.0))), changed, confirmed
                    )
                if change and group.pool_received_mono_ns > pool_update_ns:
                    pool_update_ns = group.pool_received_mono_ns
            if is_told:
                routed.append(group.held(&told, is_stale, scale_of(direction)))
            skip = 0
        self.send()
        return Arrival(tuple(changed), tuple(confirmed), pool_update_ns, impossible_count, tuple(routed))

    cdef int settle(
        self, int side, QuoteGroup group, object direction, const QuoteNumbers* numbers, double impact_fraction,
        bint is_stale, int64_t age, list changed, list confirmed,
    ) except -1:
        """Place one answer, and put it where it is told; whether its row says something else now."""
        cdef uint32_t row = numbers.row
        if (row >= ROW_COUNT or direction is None or self.row_directions[row] is not direction
                or self.rows[row].input_amount != numbers.input_amount):
            self.misdirected_count += 1
            return 0
        cdef list groups = self.local_groups if side == LOCAL_SIDE else self.external_groups
        cdef Side* old = &self.sides[side][row]
        cdef bint is_changed = groups[row] is None or differs(<QuoteGroup>groups[row], old, group, numbers, is_stale)
        groups[row] = group
        old.numbers = numbers[0]
        old.impact_fraction = impact_fraction
        old.is_stale = is_stale
        self.bodies_told[row] = None
        if is_changed:
            self.rows[row].version += 1
            changed.append(row)
            self.put(side, row, age)
            file = self.file_of(side)
            if file is not None and not is_stale and group.refusal is None:
                file.note(row, group, numbers)
        else:
            confirmed.append(row)
            file = self.file_of(side)
            if file is not None:
                file.confirm(row)
        return is_changed

    cdef int put(self, int side, uint32_t row, int64_t age) except -1:
        """Score a source's answer for a row and put it into its batch."""
        cdef ShmPublisher file = self.file_of(side)
        cdef QuoteGroup group
        cdef RowDirection direction
        cdef Side* answer = &self.sides[side][row]
        cdef Score score
        cdef double oracle_rate
        if file is None:
            return 0
        file.settle(row)
        group = self.group_of(side, row)
        if group.refusal is not None:
            return file.mark_stale(row)
        direction = <RowDirection>self.row_directions[row]
        oracle_rate = self.oracle_rate(row, direction)
        self.score(&score, row, group, answer, direction, oracle_rate, age)
        return file.put(
            row, group, &answer.numbers, answer.impact_fraction, answer.is_stale, &score, oracle_rate, age, &self.now,
            direction.input_bytes, direction.output_bytes,
        )

    cdef int score(
        self, Score* score, uint32_t row, QuoteGroup group, const Side* answer, RowDirection direction, double oracle_rate,
        int64_t age,
    ) except -1:
        """See `confidence_of`; `oracle_rate` 0 = nobody vouches for one."""
        cdef object local = self.local_groups[row]
        cdef double rate = rate_of(answer.numbers.output_amount, answer.numbers.input_amount, direction.rate_scale)
        score_answer(
            &self.formula, score, age, group.hop_count, rate, oracle_rate, group.uptime, answer.numbers.input_amount,
            0 if local is None else (<QuoteGroup>local).depth_amount, answer.impact_fraction, answer.is_stale,
        )
        return 0

    cdef double oracle_rate(self, uint32_t row, RowDirection direction) except? -1.0:
        """See `Judge`: the local service's own rate is newer, while both are of the same oracle and it is vouched for."""
        if direction.rated_of != self.revision or (
            direction.rated_at != self.look and <int64_t>self.now.mono_ns > direction.rated_until_mono_ns
        ):
            rate, direction.rated_until_mono_ns = self.oracle.rate_until(
                direction.input_mint, direction.output_mint, self.now_told
            )
            direction.oracle_rate = 0.0 if rate is None else rate
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

    cdef int send(self) except -1:
        """Publish what was put, and tell of it where it is traced."""
        for known in (self.local_file, self.external_file):
            if known is not None:
                file = <ShmPublisher>known
                file.send()
                file.tell(self.now.unix_ns)
        return 0

    # ---- time -------------------------------------------------------------------------------------------------------

    def expire(self):
        """Mark what has grown older than its source's limit, in shared memory too; the answers that became stale."""
        cdef uint32_t row
        cdef int side
        cdef int64_t age
        cdef list expired = []
        self.begin()
        if <int64_t>self.now.mono_ns < self.look_at_mono_ns:
            return ()
        self.look_at_mono_ns = <int64_t>self.now.mono_ns + LOOK_MAX
        for row in range(<uint32_t>ROW_COUNT):
            for side in range(2):
                known = self.group_of(side, row)
                if known is None or self.sides[side][row].is_stale:
                    continue
                age = self.age_of(known)
                if self.is_stale_now(side, known, age):
                    self.sides[side][row].is_stale = True
                    self.rows[row].version += 1
                    self.bodies_told[row] = None
                    self.put(side, row, age)
                    expired.append((Source(side + 1), row))
        self.send()
        return tuple(expired)

    def beat(self):
        """Renew both files' heartbeats, and write a bounded share of the rows confirmed since."""
        self.begin()
        for side, known in enumerate((self.local_file, self.external_file)):
            if known is not None:
                self.beat_file(side, <ShmPublisher>known)

    cdef int beat_file(self, int side, ShmPublisher file) except -1:
        cdef int32_t row
        cdef int64_t age
        cdef uint32_t count = 0
        while count < CONFIRMED_PER_BEAT_MAX:
            row = file.first_waiting()
            if row < 0:
                break
            group = self.group_of(side, row)
            if group.refusal is None:
                age = self.age_of(group)
                if self.is_stale_side(side, row, group):
                    self.put_as_stale(side, row, age)
                else:
                    self.put(side, row, age)
            file.settle(row)
            count += 1
        file.send()
        file.beat()
        return 0

    cdef int put_as_stale(self, int side, uint32_t row, int64_t age) except -1:
        """Put what will be marked when all are looked at: it is stale by now."""
        cdef Side* answer = &self.sides[side][row]
        cdef bint was_stale = answer.is_stale
        answer.is_stale = True
        try:
            return self.put(side, row, age)
        finally:
            answer.is_stale = was_stale

    cdef int begin(self) except -1:
        """From here on all is as of now."""
        self.now_told = moment(self.clock)
        self.now.boot_id = self.now_told.boot_id
        self.now.mono_ns = self.now_told.mono_ns
        self.now.unix_ns = self.now_told.unix_ns
        self.revision = self.oracle.revision
        self.look += 1
        return 0

    cdef int64_t age_of(self, QuoteGroup group) noexcept:
        return age_ns(
            &self.formula, group.boot_id, group.vouched_mono_ns, group.vouched_unix_ns, &self.now
        )

    cdef bint is_stale_now(self, int side, QuoteGroup group, int64_t age) noexcept:
        """Whether an answer is stale as of now; when it will be by its age alone, all are looked at."""
        cdef int64_t fresh_for_ns
        if group.is_stale or group.refusal is not None:
            return group.is_stale
        fresh_for_ns = self.stale_after_ns[side] - age
        if fresh_for_ns < 0:
            return True
        if <int64_t>self.now.mono_ns + fresh_for_ns < self.look_at_mono_ns:
            self.look_at_mono_ns = <int64_t>self.now.mono_ns + fresh_for_ns + 1
        return False

    cdef bint is_stale_side(self, int side, uint32_t row, QuoteGroup group) noexcept:
        """Whether a held answer is stale as of now, marked or not."""
        return self.sides[side][row].is_stale or self.fresh_for_ns(side, row, group) < 0

    cdef int64_t fresh_for_ns(self, int side, uint32_t row, QuoteGroup group) noexcept:
        """See `Judge.fresh_for_ns`."""
        if self.sides[side][row].is_stale or group.refusal is not None:
            return AGE_UNKNOWN
        return self.stale_after_ns[side] - self.age_of(group)

    # ---- telling ----------------------------------------------------------------------------------------------------

    def is_answered(self, uint32_t index):
        """Whether there is a price, or the local service's word that there is none; others' refusals settle nothing."""
        self.check(index)
        if self.local_groups[index] is not None:
            return True
        external = self.external_groups[index]
        return external is not None and (<QuoteGroup>external).refusal is None

    def body(self, uint32_t index):
        """The row as an encoded message without row number."""
        return self.bodies((index,))[0]

    def bodies(self, indexes):
        """Rows as encoded messages without row number, all as of this moment."""
        cdef uint32_t index
        cdef Verdict verdict
        cdef list bodies = []
        self.begin()
        for index in indexes:
            self.check(index)
            body = self.bodies_told[index]
            if body is None or <int64_t>self.now.mono_ns > self.rows[index].body_until_mono_ns:
                self.judge_row(index, &verdict)
                body = self.bodies_told[index] = self.encode(index, &verdict, self.rows[index].version)
                self.rows[index].body_until_mono_ns = <int64_t>self.now.mono_ns + min(
                    BODY_AGE_MAX, min(verdict.fresh_for_ns[0], verdict.fresh_for_ns[1])
                )
            bodies.append(body)
        return bodies

    def fresh_body(self, uint32_t index):
        """The row as a single answer, as of this moment; `None` = no fresh local quote is held."""
        cdef Verdict verdict
        self.check(index)
        self.begin()
        self.judge_row(index, &verdict)
        if not verdict.has_price[LOCAL_SIDE] or verdict.is_stale[LOCAL_SIDE]:
            return None
        return self.encode(index, &verdict, 0)

    cdef bytes encode(self, uint32_t index, const Verdict* verdict, uint64_t version):
        cdef RowDirection direction = <RowDirection>self.row_directions[index]
        return self.writer.write(
            &self.formula, direction.prefix, self.rows[index].input_amount, version, verdict,
            self.group_of(LOCAL_SIDE, index), &self.sides[LOCAL_SIDE][index].numbers,
            self.group_of(EXTERNAL_SIDE, index), &self.sides[EXTERNAL_SIDE][index].numbers, direction.rate_scale,
        )

    cdef int judge_row(self, uint32_t row, Verdict* verdict) except -1:
        """See `merge`: both sides as of now, scored, and which of them to take."""
        cdef int side
        cdef QuoteGroup group
        cdef RowDirection direction = <RowDirection>self.row_directions[row]
        cdef Side answer
        verdict.oracle_rate = 0.0
        verdict.best = -1
        verdict.decision = SKIP
        for side in range(2):
            group = self.group_of(side, row)
            verdict.has_answer[side] = group is not None
            verdict.has_price[side] = group is not None and group.refusal is None
            verdict.fresh_for_ns[side] = AGE_UNKNOWN
            if group is not None:
                verdict.age_ns[side] = self.age_of(group)
                verdict.is_stale[side] = self.is_stale_side(side, row, group)
                if not verdict.is_stale[side]:  # what is stale stays so
                    verdict.fresh_for_ns[side] = self.fresh_for_ns(side, row, group)
        if verdict.has_answer[0] or verdict.has_answer[1]:
            verdict.oracle_rate = self.oracle_rate(row, direction)
        for side in range(2):
            if verdict.has_price[side]:
                answer = self.sides[side][row]
                answer.is_stale = verdict.is_stale[side]
                self.score(
                    &verdict.scores[side], row, self.group_of(side, row), &answer, direction, verdict.oracle_rate,
                    verdict.age_ns[side],
                )
        if verdict.has_price[0] and verdict.has_price[1]:
            verdict.best = LOCAL_SIDE if self.local_ranks_first(row, verdict) else EXTERNAL_SIDE
        elif verdict.has_price[0]:
            verdict.best = LOCAL_SIDE
        elif verdict.has_price[1]:
            verdict.best = EXTERNAL_SIDE
        if verdict.best >= 0 and not verdict.is_stale[verdict.best]:
            verdict.decision = decision_of(&self.formula, verdict.scores[verdict.best].capped)
        return 0

    cdef bint local_ranks_first(self, uint32_t row, const Verdict* verdict) noexcept:
        cdef double local = verdict.scores[LOCAL_SIDE].capped, external = verdict.scores[EXTERNAL_SIDE].capped
        if verdict.is_stale[LOCAL_SIDE] != verdict.is_stale[EXTERNAL_SIDE]:
            return verdict.is_stale[EXTERNAL_SIDE]
        if local != external:
            return local > external
        return (
            self.sides[LOCAL_SIDE][row].numbers.output_amount >= self.sides[EXTERNAL_SIDE][row].numbers.output_amount
        )

    # ---- one quote as a value ---------------------------------------------------------------------------------------

    def merged(self, uint32_t index):
        """What the row says at this moment."""
        cdef Verdict verdict
        cdef int side
        self.check(index)
        self.begin()
        self.judge_row(index, &verdict)
        answers, scores, refusal = [None, None], [None, None], None
        for side in range(2):
            if not verdict.has_answer[side]:
                continue
            answers[side] = self.held_at(side, index, verdict.is_stale[side])
            if verdict.has_price[side]:
                scores[side] = confidence_value(&self.formula, &verdict.scores[side])
            elif refusal is None:  # the local service's word comes first
                refusal = self.group_of(side, index).refusal
        return Merged(
            answers[0],
            answers[1],
            scores[0],
            scores[1],
            None if verdict.best < 0 else SOURCES[verdict.best],
            DECISIONS[verdict.decision],
            None if verdict.best >= 0 else refusal or NO_ANSWER,
            verdict.oracle_rate if verdict.oracle_rate > 0.0 else None,
            self.now_told,
        )

    def held(self, source, uint32_t index):
        """One source's answer as it is held; `None` = it has given none."""
        cdef int side = source - 1
        self.check(index)
        return None if self.group_of(side, index) is None else self.held_at(side, index, self.sides[side][index].is_stale)

    cdef object held_at(self, int side, uint32_t index, bint is_stale):
        cdef double rate_scale = (<RowDirection>self.row_directions[index]).rate_scale
        return self.group_of(side, index).held(&self.sides[side][index].numbers, is_stale, rate_scale)

    def totals(self, ShmPublisher file not None):
        """What a file holds, added up."""
        self.begin()
        return file.totals(&self.formula, &self.now)

    cdef QuoteGroup group_of(self, int side, uint32_t row):
        return <QuoteGroup>(self.local_groups[row] if side == LOCAL_SIDE else self.external_groups[row])

    cdef ShmPublisher file_of(self, int side):
        return self.local_file if side == LOCAL_SIDE else self.external_file


cdef object confidence_value(const Formula* formula, const Score* score):
    """A score as a value."""
    caps = ()
    if score.caps & CAP_IMPACT_SKIP:
        caps += (Cap(CapReason.PRICE_IMPACT, score.impact, formula.impact_skip, Decision.SKIP),)
    elif score.caps & CAP_IMPACT_CAUTIOUS:
        caps += (Cap(CapReason.PRICE_IMPACT, score.impact, formula.impact_cautious, Decision.CAUTIOUS),)
    if score.caps & CAP_DEVIATION:
        caps += (Cap(CapReason.ORACLE_DEVIATION, score.deviation, formula.deviation_skip, Decision.SKIP),)
    if score.caps & CAP_STALE:
        caps += (Cap(CapReason.STALE, 0.0, 0.0, Decision.SKIP),)
    factors = Factors(
        score.factors[0], score.factors[1], score.factors[2], score.factors[3], score.factors[4]
    )
    return Confidence(score.score, factors, caps)


cdef double scale_of(object direction) noexcept:
    return 1.0 if direction is None else (<RowDirection>direction).rate_scale


cdef bint is_possible(QuoteGroup group, const QuoteNumbers* numbers) noexcept:
    """Whether a quote can be like that: what `upstream_wire` refuses by name. Written so that NaN is none."""
    return (
        0 < numbers.output_amount <= AMOUNT_MAX and -1.0 <= numbers.impact <= 1.0 and group.vouched_slot <= SLOT_MAX
    )


cdef bint differs(
    QuoteGroup before, const Side* old, QuoteGroup after, const QuoteNumbers* numbers, bint is_stale
) except -1:
    """Whether a row says something else with an answer than with the one before."""
    return (
        old.numbers.version != numbers.version
        or old.numbers.output_amount != numbers.output_amount
        or old.is_stale != is_stale
        or before.route_id != after.route_id
        or before.has_oracle != after.has_oracle
        or (after.has_oracle and before.oracle_price != after.oracle_price)
        or (before.refusal is not after.refusal and before.refusal != after.refusal)
    )


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
