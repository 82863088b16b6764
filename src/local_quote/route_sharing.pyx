# cython: language_level=3
"""One amount shared out over several chains of swaps, on their curves, in C.

Chains run one after the other: a pool that two of them go through gives the second what is left. A curve bends: every
further unit brings no more than the one before.

1. Chains worth having are named: the best one alone, the best ones without each of its pools, and those that the
   amount takes in ten coarse steps, each step going wherever it brings most behind all before. Then each with another
   pool for one of its hops, the best one, or the one of another chain through the same tokens.
2. Every choice of as many as may be is shared out in tenths. Chains that have no pool in common bring what each brings
   alone, so of these the best tenths are looked up. Those that have one bring less than that: only tenths that could
   still be the best are run, the chains in every order.
3. The best choice is shared out ever finer: a step moves from one chain to another for as long as that brings more.

The specification is to try everything, which a property test does: what is found brings as much, but for a basis point.
"""

from libc.stdint cimport int8_t, int32_t

from local_quote.route_curves cimport HOP_COUNT_MAX, Chain, RouteCurves

__all__ = ["split_chains"]

cdef enum:
    LEG_COUNT_MAX = 3
    CHAIN_COUNT_MAX = 40
    TENTHS = 10
    RUN_CHOICE_COUNT_MAX = 96  # choices of chains that share a pool, the most promising ones


cdef struct Choice:
    int32_t count
    int32_t chains[LEG_COUNT_MAX]
    int32_t percents[LEG_COUNT_MAX]
    double brought


cdef struct Named:
    int32_t count
    Chain chains[CHAIN_COUNT_MAX]
    double tenths[CHAIN_COUNT_MAX][TENTHS + 1]  # what each brings alone for so many tenths of the amount
    int8_t common[CHAIN_COUNT_MAX][CHAIN_COUNT_MAX]  # see `_in_common`, below the diagonal


def split_chains(
    RouteCurves curves,
    int32_t source,
    int32_t target,
    double amount,
    *,
    int32_t hop_count_max,
    int32_t leg_count_max,
    int32_t step_percent,
    usable,
):
    cdef Named named
    cdef Choice best
    cdef int32_t leg
    if not (0 <= source < curves.mint_count and 0 <= target < curves.mint_count):
        return []
    hop_count_max = min(max(hop_count_max, 1), <int32_t>HOP_COUNT_MAX)
    leg_count_max = min(max(leg_count_max, 1), <int32_t>LEG_COUNT_MAX)
    step_percent = min(max(step_percent, 1), 100 // TENTHS)
    curves.make_ready()
    curves.allow(usable)
    with nogil:
        _name_chains(curves, source, target, amount, hop_count_max, leg_count_max, &named)
        _choose(curves, &named, amount, leg_count_max, &best)
        if best.count > 1:
            _refine(curves, &named, amount, step_percent, &best)
    return [
        (tuple([named.chains[best.chains[leg]].edges[hop] for hop in range(named.chains[best.chains[leg]].count)]), best.percents[leg])
        for leg in range(best.count)
        if best.percents[leg]
    ]


cdef void _name_chains(
    RouteCurves curves,
    int32_t source,
    int32_t target,
    double amount,
    int32_t hop_count_max,
    int32_t leg_count_max,
    Named* named,
) noexcept nogil:
    cdef Chain found, whole
    cdef int32_t hop, step, position
    named.count = 0
    if not curves.find(source, target, amount, hop_count_max, &whole):
        whole.count = 0
    else:
        _name(named, &whole)
    if leg_count_max == 1:
        return
    for step in range(TENTHS):
        if not curves.find(source, target, amount / TENTHS, hop_count_max, &found):
            break
        _name(named, &found)
        _take(curves, &found, amount / TENTHS)
    _clear(curves, named)
    for hop in range(whole.count):
        curves.allowed[whole.edges[hop] >> 1] = 0
        if curves.find(source, target, amount, hop_count_max, &found):
            _name(named, &found)
        if curves.find(source, target, amount / LEG_COUNT_MAX, hop_count_max, &found):
            _name(named, &found)
        curves.allowed[whole.edges[hop] >> 1] = 1
    if source == target:
        _reverse(named)
    _add_parallel(curves, named, amount)
    _cross(curves, named)
    for position in range(named.count):
        for step in range(1, TENTHS + 1):
            named.tenths[position][step] = _brings(curves, &named.chains[position], amount * step / TENTHS)
            _clear_chain(curves, &named.chains[position])
        named.tenths[position][0] = 0.0
        for step in range(position):
            named.common[position][step] = _in_common(&named.chains[position], &named.chains[step])


cdef void _reverse(Named* named) noexcept nogil:
    """Name circular chains the other way round, too: the first ones taken have decided which way pools are gone."""
    cdef int32_t position, hop, count = named.count
    cdef Chain back
    for position in range(count):
        back = named.chains[position]
        for hop in range(back.count):
            back.edges[hop] = named.chains[position].edges[back.count - 1 - hop] ^ 1
        _name(named, &back)


cdef void _add_parallel(RouteCurves curves, Named* named, double amount) noexcept nogil:
    """Name of each chain those that take another pool for a hop: the best one for the amount, and for its share."""
    cdef int32_t position, hop, edge, count = named.count
    cdef double given
    for position in range(count):
        given = amount
        for hop in range(named.chains[position].count):
            edge = named.chains[position].edges[hop]
            _replace(curves, named, position, hop, given)
            _replace(curves, named, position, hop, given / LEG_COUNT_MAX)
            given = curves.out(edge, given)


cdef void _replace(RouteCurves curves, Named* named, int32_t position, int32_t hop, double given) noexcept nogil:
    cdef Chain other = named.chains[position]
    cdef int32_t at, best = -1, edge = other.edges[hop]
    cdef int32_t mint = curves.edges[edge].mint_in
    cdef double brought, most = 0.0
    for at in range(curves.starts[mint], curves.starts[mint + 1]):
        other.edges[hop] = curves.order[at]
        if (
            other.edges[hop] != edge
            and curves.edges[other.edges[hop]].mint_out == curves.edges[edge].mint_out
            and curves.allowed[other.edges[hop] >> 1]
            and not _repeats(&other)
        ):
            brought = curves.out(other.edges[hop], given)
            if brought > most:
                best, most = other.edges[hop], brought
    if best >= 0:
        other.edges[hop] = best
        _name(named, &other)


cdef void _cross(RouteCurves curves, Named* named) noexcept nogil:
    """Of every two chains through the same tokens name those that take one hop from the other."""
    cdef int32_t one, other, hop, count = named.count
    cdef Chain crossed
    for one in range(count):
        for other in range(count):
            if one != other and _same_tokens(curves, &named.chains[one], &named.chains[other]):
                for hop in range(named.chains[one].count):
                    crossed = named.chains[one]
                    crossed.edges[hop] = named.chains[other].edges[hop]
                    if not _repeats(&crossed):
                        _name(named, &crossed)


cdef void _choose(
    RouteCurves curves, Named* named, double amount, int32_t leg_count_max, Choice* best
) noexcept nogil:
    cdef Choice choice
    cdef Choice[RUN_CHOICE_COUNT_MAX] waiting
    cdef int32_t one, other, third, kind, position, waiting_count = 0
    best.count, best.brought = 0, 0.0
    if leg_count_max == 1:
        best.count, best.chains[0], best.percents[0] = named.count, 0, 100
        return
    for one in range(named.count):
        if named.tenths[one][TENTHS] > best.brought:
            best.count, best.brought = 1, named.tenths[one][TENTHS]
            best.chains[0], best.percents[0] = one, 100
    for one in range(named.count):
        for other in range(one + 1, named.count):
            if named.common[other][one] < 0:
                continue
            for third in range(other, named.count if leg_count_max > 2 else other + 1):
                choice.chains[0], choice.chains[1], choice.chains[2] = one, other, third
                choice.count = 2 if third == other else 3
                kind = named.common[other][one]
                if choice.count == 3:
                    if named.common[third][one] < 0 or named.common[third][other] < 0:
                        continue
                    kind |= named.common[third][one] | named.common[third][other]
                _look_up(named, &choice)
                if choice.brought <= best.brought:
                    continue
                if kind == 0:
                    best[0] = choice
                else:
                    _queue(waiting, &waiting_count, &choice)
    for position in range(waiting_count):
        if waiting[position].brought > best.brought:
            choice = waiting[position]
            _run_tenths(curves, named, amount, best.brought, &choice)
            if choice.brought > best.brought:
                best[0] = choice


cdef void _queue(Choice* waiting, int32_t* count, const Choice* choice) noexcept nogil:
    """Keep the most promising choices, best first."""
    cdef int32_t at = count[0]
    if at == RUN_CHOICE_COUNT_MAX:
        at -= 1
        if waiting[at].brought >= choice.brought:
            return
    else:
        count[0] += 1
    while at > 0 and waiting[at - 1].brought < choice.brought:
        waiting[at] = waiting[at - 1]
        at -= 1
    waiting[at] = choice[0]


cdef void _look_up(const Named* named, Choice* choice) noexcept nogil:
    """The best tenths of chains that run alone."""
    cdef const double* one = named.tenths[choice.chains[0]]
    cdef const double* other = named.tenths[choice.chains[1]]
    cdef const double* third = named.tenths[choice.chains[2]]
    cdef int32_t first, second
    cdef double brought
    choice.brought = 0.0
    for first in range(1, TENTHS):
        for second in range(1 if choice.count == 3 else TENTHS - first, TENTHS - first + (choice.count == 2)):
            if one[first] <= 0.0 or other[second] <= 0.0:
                continue
            brought = one[first] + other[second]
            if choice.count == 3:
                if third[TENTHS - first - second] <= 0.0:
                    continue
                brought += third[TENTHS - first - second]
            if brought > choice.brought:
                choice.brought = brought
                choice.percents[0] = first * (100 // TENTHS)
                choice.percents[1] = second * (100 // TENTHS)
                choice.percents[2] = (TENTHS - first - second) * (100 // TENTHS)


cdef void _run_tenths(
    RouteCurves curves, const Named* named, double amount, double floor, Choice* choice
) noexcept nogil:
    """The best tenths of chains that share a pool, in their best order, where these bring more than `floor`.

    All are tried, since with an order in it nothing bends; but for those that could not even if they shared nothing.
    """
    cdef Choice start = choice[0], tried
    cdef int32_t one, other, third, first, second
    cdef double alone
    choice.brought = floor
    for one in range(start.count):
        for other in range(start.count):
            if other == one:
                continue
            third = 3 - one - other if start.count == 3 else one
            tried = start
            tried.chains[0], tried.chains[1] = start.chains[one], start.chains[other]
            if start.count == 3:
                tried.chains[2] = start.chains[third]
            for first in range(1, TENTHS):
                for second in range(1 if tried.count == 3 else TENTHS - first, TENTHS - first + (tried.count == 2)):
                    alone = named.tenths[tried.chains[0]][first] + named.tenths[tried.chains[1]][second]
                    if start.count == 3:
                        alone += named.tenths[tried.chains[2]][TENTHS - first - second]
                    if alone <= choice.brought:
                        continue
                    tried.percents[0] = first * (100 // TENTHS)
                    tried.percents[1] = second * (100 // TENTHS)
                    tried.percents[2] = (TENTHS - first - second) * (100 // TENTHS)
                    tried.brought = _run(curves, named, &tried, amount)
                    if tried.brought > choice.brought:
                        choice[0] = tried


cdef void _refine(
    RouteCurves curves, const Named* named, double amount, int32_t step_percent, Choice* best
) noexcept nogil:
    cdef int32_t step = 5
    while step > step_percent:  # 5, 2
        _improve(curves, named, amount, step, best)
        step //= 2
    _improve(curves, named, amount, step_percent, best)


cdef void _improve(
    RouteCurves curves, const Named* named, double amount, int32_t step_percent, Choice* best
) noexcept nogil:
    """Move steps between chains, the best move first, for as long as that brings more."""
    cdef Choice before, moved
    cdef int32_t giver, taker
    cdef bint is_better = True
    best.brought = _run(curves, named, best, amount)
    while is_better:
        is_better, before = False, best[0]
        for giver in range(before.count):
            for taker in range(before.count):
                if taker == giver or before.percents[giver] < step_percent:
                    continue
                moved = before
                moved.percents[giver] -= step_percent
                moved.percents[taker] += step_percent
                moved.brought = _run(curves, named, &moved, amount)
                if moved.brought > best.brought:
                    best[0], is_better = moved, True


cdef double _run(RouteCurves curves, const Named* named, const Choice* choice, double amount) noexcept nogil:
    """What chains bring one after the other; 0 where one of them does not come through."""
    cdef int32_t leg
    cdef double brought = 0.0, more
    for leg in range(choice.count):
        if choice.percents[leg]:
            more = _brings(curves, &named.chains[choice.chains[leg]], amount * choice.percents[leg] / 100)
            if more <= 0.0:
                brought = 0.0
                break
            brought += more
    for leg in range(choice.count):
        _clear_chain(curves, &named.chains[choice.chains[leg]])
    return brought


cdef double _brings(RouteCurves curves, const Chain* chain, double amount) noexcept nogil:
    """What an amount brings behind what is inside, where it stays; 0 = it does not come through."""
    cdef int32_t hop
    cdef double brought
    for hop in range(chain.count):
        brought = curves.more(chain.edges[hop], amount)
        if brought <= 0.0:
            return 0.0
        curves.inside[chain.edges[hop]] += amount
        amount = brought
    return amount


cdef void _take(RouteCurves curves, const Chain* chain, double amount) noexcept nogil:
    _brings(curves, chain, amount)


cdef void _clear(RouteCurves curves, const Named* named) noexcept nogil:
    cdef int32_t position
    for position in range(named.count):
        _clear_chain(curves, &named.chains[position])


cdef void _clear_chain(RouteCurves curves, const Chain* chain) noexcept nogil:
    cdef int32_t hop
    for hop in range(chain.count):
        curves.inside[chain.edges[hop]] = 0.0


cdef void _name(Named* named, const Chain* chain) noexcept nogil:
    cdef int32_t position
    for position in range(named.count):
        if _is_same(&named.chains[position], chain):
            return
    if named.count < CHAIN_COUNT_MAX:
        named.chains[named.count] = chain[0]
        named.count += 1


cdef bint _is_same(const Chain* one, const Chain* other) noexcept nogil:
    cdef int32_t hop
    if one.count != other.count:
        return False
    for hop in range(one.count):
        if one.edges[hop] != other.edges[hop]:
            return False
    return True


cdef bint _same_tokens(RouteCurves curves, const Chain* one, const Chain* other) noexcept nogil:
    cdef int32_t hop
    if one.count != other.count:
        return False
    for hop in range(one.count):
        if curves.edges[one.edges[hop]].mint_out != curves.edges[other.edges[hop]].mint_out:
            return False
    return True


cdef bint _repeats(const Chain* chain) noexcept nogil:
    cdef int32_t one, other
    for one in range(chain.count):
        for other in range(one):
            if chain.edges[one] >> 1 == chain.edges[other] >> 1:
                return True
    return False


cdef int8_t _in_common(const Chain* one, const Chain* other) noexcept nogil:
    """0 = no pool; 1 = one, in the same direction; -1 = one in both, which would undo itself."""
    cdef int32_t hop, meets
    cdef int8_t kind = 0
    for hop in range(one.count):
        for meets in range(other.count):
            if one.edges[hop] == other.edges[meets]:
                kind = 1
            elif one.edges[hop] >> 1 == other.edges[meets] >> 1:
                return -1
    return kind
