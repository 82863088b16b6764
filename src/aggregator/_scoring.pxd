# `aggregator.confidence`, `aggregator.selection` and `quote_core.clock.Moment` compiled: the same arithmetic in the same
# order, so that a score is equal to the last bit. Those modules say why; a property test compares.
from libc.math cimport fabs
from libc.stdint cimport int64_t, uint8_t, uint64_t

cdef enum:
    CAP_IMPACT_CAUTIOUS = 1
    CAP_IMPACT_SKIP = 2
    CAP_DEVIATION = 4
    CAP_STALE = 8

cdef enum:
    SKIP = 1
    CAUTIOUS = 2
    VERIFY = 3
    EXECUTE = 4


# A point in time, see `Moment`.
cdef struct Instant:
    uint64_t boot_id
    uint64_t mono_ns
    uint64_t unix_ns


# The numbers of `confidence`, copied from it once.
cdef struct Formula:
    double age_s_max
    double hop_cost
    double deviation_cost
    double depth_fraction
    double slippage_floor
    double weights[5]
    double execute_min
    double verify_min
    double cautious_min
    double ceiling_skip
    double ceiling_cautious
    double impact_cautious          # limits of the caps
    double impact_skip
    double deviation_skip
    uint64_t age_unknown_ns
    uint64_t wall_clocks_apart_ns


# One `Confidence`.
cdef struct Score:
    double factors[5]               # pool age, route, oracle, provider, slippage
    double score
    double capped
    double impact                   # what the caps found
    double deviation
    uint8_t caps                    # CAP_*


# What a row says at a moment; of its sides the local one comes first.
cdef struct Verdict:
    bint has_answer[2]
    bint has_price[2]
    bint is_stale[2]
    int64_t age_ns[2]
    int64_t fresh_for_ns[2]         # until its age makes it stale
    Score scores[2]
    double oracle_rate              # 0 = none
    double oracle_disagreement
    int best                        # which side to take, -1 = neither has a price
    int decision


cdef inline double clamped(double value) noexcept nogil:
    if value >= 1.0:
        return 1.0
    return value if value > 0.0 else 0.0


cdef inline double at_least(double value, double floor) noexcept nogil:
    return floor if floor > value else value


cdef inline double at_most(double value, double ceiling) noexcept nogil:
    return ceiling if ceiling < value else value


cdef inline int64_t age_ns(
    const Formula* formula, uint64_t boot_id, uint64_t mono_ns, uint64_t unix_ns, const Instant* now
) noexcept nogil:
    cdef uint64_t age
    if boot_id != 0 and boot_id == now.boot_id:
        age = now.mono_ns - mono_ns if now.mono_ns >= mono_ns else formula.age_unknown_ns
    elif now.unix_ns >= unix_ns:
        age = now.unix_ns - unix_ns
    else:
        age = formula.age_unknown_ns if unix_ns - now.unix_ns > formula.wall_clocks_apart_ns else 0
    return <int64_t>(age if age < formula.age_unknown_ns else formula.age_unknown_ns)


cdef inline int decision_of(const Formula* formula, double value) noexcept nogil:
    if value >= formula.execute_min:
        return EXECUTE
    if value >= formula.verify_min:
        return VERIFY
    return CAUTIOUS if value >= formula.cautious_min else SKIP


# Score one answer that has a price. A rate not above zero stands for no oracle's rate.
cdef inline void score_answer(
    const Formula* formula, Score* score, int64_t age, uint64_t hop_count, double rate, double oracle_rate,
    double oracle_disagreement, double uptime, uint64_t input_amount, uint64_t depth_amount, double impact, bint is_stale,
) noexcept nogil:
    cdef double expected = formula.slippage_floor
    cdef double weighted
    if depth_amount > 0:
        expected = at_least(
            formula.depth_fraction * <double>input_amount / <double>depth_amount, formula.slippage_floor
        )
    score.factors[0] = clamped(1.0 - <double>age / 1e9 / formula.age_s_max)
    score.factors[1] = clamped(1.0 - formula.hop_cost * (<double>hop_count - 1.0))
    score.factors[2] = 0.0
    if oracle_rate > 0.0:
        score.factors[2] = clamped(
            1.0 - formula.deviation_cost * fabs(rate - oracle_rate) / oracle_rate
            - formula.deviation_cost * oracle_disagreement
        )
    score.factors[3] = clamped(uptime)
    score.factors[4] = clamped(expected / at_least(impact, formula.slippage_floor))
    weighted = (
        formula.weights[0] * score.factors[0]
        + formula.weights[1] * score.factors[1]
        + formula.weights[2] * score.factors[2]
        + formula.weights[3] * score.factors[3]
        + formula.weights[4] * score.factors[4]
    )
    score.score = clamped(weighted)
    score.impact = impact
    score.deviation = 0.0
    score.caps = 0
    if impact > formula.impact_skip:
        score.caps |= CAP_IMPACT_SKIP
    elif impact > formula.impact_cautious:
        score.caps |= CAP_IMPACT_CAUTIOUS
    if oracle_rate > 0.0:
        score.deviation = fabs(rate - oracle_rate) / oracle_rate
        if score.deviation > formula.deviation_skip:
            score.caps |= CAP_DEVIATION
    if is_stale:
        score.caps |= CAP_STALE
    score.capped = score.score
    if score.caps & ~CAP_IMPACT_CAUTIOUS:
        score.capped = at_most(score.score, formula.ceiling_skip)
    elif score.caps:
        score.capped = at_most(score.score, formula.ceiling_cautious)
