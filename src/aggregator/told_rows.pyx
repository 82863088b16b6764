"""The quote table's telling: rows as bytes and as values, of the moment they are asked for.

A row's bytes are made when the first subscriber asks; all others get the same for as long as they are true: until the row
changes, one of its quotes becomes stale, or they are `BODY_AGE_NS_MAX` old. An object stands for a quote only where
somebody asks for one: `merged`, `standing` and `held`. What is worked out here is what `Judge` would say, to which a test
holds it.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from aggregator._scoring cimport *
from aggregator.columns cimport *
from aggregator.held_rows cimport *
from aggregator.row_bytes cimport RowWriter
from aggregator.shm_publisher cimport ShmPublisher

from aggregator.confidence import Cap, CapReason, Confidence, Decision, Factors
from aggregator.held import Source
from aggregator.selection import NO_ANSWER, Merged, Standing
from quote_core.clock import AGE_UNKNOWN_NS

__all__ = ["BODY_AGE_NS_MAX", "ToldRows"]

BODY_AGE_NS_MAX = 250_000_000
"""How old a row's bytes may be when they are told: in this time a score falls by little more than a thousandth."""

cdef int64_t BODY_AGE_MAX = BODY_AGE_NS_MAX
cdef int64_t AGE_UNKNOWN = AGE_UNKNOWN_NS
cdef tuple SOURCES = (Source.LOCAL, Source.EXTERNAL)
cdef object named = tuple.__new__  # a `NamedTuple` of all its fields in order, without its own constructor in Python
cdef tuple DECISIONS = (None, Decision.SKIP, Decision.CAUTIOUS, Decision.VERIFY, Decision.EXECUTE)


cdef class ToldRows(HeldRows):
    """All rows, as they are told."""

    def __cinit__(self):
        self.writer = RowWriter()

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
        verdict.oracle_rate = verdict.oracle_disagreement = 0.0
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
            if verdict.oracle_rate > 0.0:
                verdict.oracle_disagreement = direction.oracle_disagreement
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
            self.moment(),
            verdict.oracle_disagreement,
        )

    def standing(self, uint32_t index):
        """How the row's better answer stands at this moment; `None` = no fresh local quote is held."""
        cdef Verdict verdict
        self.check(index)
        self.begin()
        self.judge_row(index, &verdict)
        if not verdict.has_price[LOCAL_SIDE] or verdict.is_stale[LOCAL_SIDE]:
            return None
        return named(Standing, (
            SOURCES[verdict.best],
            confidence_value(&self.formula, &verdict.scores[verdict.best]),
            DECISIONS[verdict.decision],
            verdict.oracle_rate if verdict.oracle_rate > 0.0 else None,
            verdict.oracle_disagreement,
            verdict.age_ns[verdict.best],
            self.rows[index].stamp,
        ))

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
    factors = named(Factors, (
        score.factors[0], score.factors[1], score.factors[2], score.factors[3], score.factors[4]
    ))
    return named(Confidence, (score.score, factors, caps))
