# cython: language_level=3, cdivision=True
"""The walk of `swap.walk` for many exact inputs at once, in C and without the interpreter.

All amounts start from one state and meet the same bins, so the way is walked once: a bin's full cost is the same for
everybody, and who cannot pay it ends inside it. Amounts ascend, so those who end are always the first left. Every
formula is that of `swap`, `bins` and `state`, which are the specification; property tests hold the two equal.
"""

from cpython cimport array
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport UINT64_MAX, int32_t, int64_t, uint64_t

from quote_core.dex.wide cimport u128, u128_high, u128_of, wide_mul_div, wide_rate

import array

__all__ = ["BinLadder"]

cdef uint64_t FEE_DENOMINATOR = 1_000_000_000
cdef uint64_t FEE_RATE_MAX = 100_000_000
cdef int64_t VOLATILITY_SCALE = 10_000

cdef array.array _TEMPLATE = array.array("Q")


cdef struct Bin:
    u128 price
    uint64_t[3] layers
    int32_t bin_id


cdef struct Fee:
    u128 base_rate
    uint64_t control
    uint64_t bin_step
    int64_t index_reference
    int64_t volatility_reference
    int64_t accumulator_max


cdef uint64_t _rate(const Fee* fee, int64_t bin_id) noexcept nogil:
    cdef int64_t distance = fee.index_reference - bin_id
    cdef int64_t accumulator = min(
        fee.volatility_reference + (distance if distance >= 0 else -distance) * VOLATILITY_SCALE, fee.accumulator_max
    )
    # accumulator < 2^32 and bin step < 2^14, so the square fits 92 bits and the product with control 124
    cdef u128 crossed = <u128>accumulator * fee.bin_step
    cdef u128 denominator = 100_000_000_000
    cdef u128 total = fee.base_rate + (crossed * crossed * fee.control + denominator - 1) // denominator
    return FEE_RATE_MAX if total >= FEE_RATE_MAX else <uint64_t>total


cdef inline bint _cost(uint64_t amount, u128 price, bint x_to_y, uint64_t* cost) noexcept nogil:
    # what an output costs, rounded up; False where it does not fit 64 bits
    cdef u128 result
    cdef int failed
    if x_to_y:
        failed = wide_mul_div(amount, u128_of(1, 0), price, 1, &result)
    else:
        failed = wide_mul_div(amount, price, u128_of(1, 0), 1, &result)
    cost[0] = <uint64_t>result if not failed else 0
    return not failed and u128_high(result) == 0


cdef inline uint64_t _bought(uint64_t amount, u128 price, uint64_t layer, bint x_to_y) noexcept nogil:
    # what an input buys from a layer, rounded down and at most all of it
    cdef u128 result
    cdef int failed
    if x_to_y:
        failed = wide_mul_div(amount, price, u128_of(1, 0), 0, &result)
    else:
        failed = wide_mul_div(amount, u128_of(1, 0), price, 0, &result)
    return layer if failed or result > layer else <uint64_t>result


cdef inline uint64_t _ceil_rate(uint64_t amount, uint64_t numerator, uint64_t denominator) noexcept nogil:
    cdef uint64_t result = UINT64_MAX
    wide_rate(amount, numerator, denominator, 1, &result)
    return result


cdef class BinLadder:
    """One direction of one pair, laid out for the walk.

    Args:
        bins: (bin id, price, three layers) in walk order, bins with something to sell only.
        x_to_y: Direction.
        fee_on_output: Whether the fee is taken from what comes out.

    `ran_out`: the last ladder had an amount left where the bins end.
    """

    cdef Bin* _bins
    cdef int _bin_count
    cdef bint _x_to_y
    cdef bint _fee_on_output
    cdef readonly bint ran_out

    def __cinit__(self, bins, *, bint x_to_y, bint fee_on_output):
        cdef int i, layer
        self._bin_count = len(bins)
        self._bins = <Bin*>PyMem_Malloc(max(1, self._bin_count) * sizeof(Bin))
        if self._bins == NULL:
            raise MemoryError
        for i in range(self._bin_count):
            bin_id, price, layers = bins[i]
            self._bins[i].bin_id = bin_id
            self._bins[i].price = u128_of(price >> 64, price & UINT64_MAX)
            for layer in range(3):
                self._bins[i].layers[layer] = layers[layer]
        self._x_to_y = x_to_y
        self._fee_on_output = fee_on_output

    def __dealloc__(self):
        PyMem_Free(self._bins)

    def outputs(self, const uint64_t[::1] amounts, *, fee, volatility, uint64_t bin_step, uint64_t vault_out):
        """Give what each amount buys, 0 where it is refused.

        Args:
            amounts: What reaches the pool, smallest units, ascending.
            fee: The pair's `FeeParameters`.
            volatility: The `Volatility` with its references renewed for the clock.
            bin_step: The pair's, in basis points.
            vault_out: What the output vault holds; more is refused.
        """
        cdef array.array out = array.clone(_TEMPLATE, amounts.shape[0], zero=True)
        cdef uint64_t[::1] view = out
        cdef Fee terms
        cdef Py_ssize_t i
        for i in range(1, amounts.shape[0]):
            if amounts[i] < amounts[i - 1]:
                raise ValueError("amounts must ascend")
        base_rate = min(fee.base_rate(bin_step), FEE_RATE_MAX)
        terms.base_rate = <uint64_t>base_rate
        terms.control = fee.variable_fee_control
        terms.bin_step = bin_step
        terms.index_reference = volatility.index_reference
        terms.volatility_reference = volatility.reference
        terms.accumulator_max = fee.accumulator_max
        self.ran_out = False
        if amounts.shape[0]:
            with nogil:
                self._walk(&amounts[0], <int>amounts.shape[0], &view[0], terms, vault_out)
        return out

    cdef void _walk(
        self, const uint64_t* amounts, int count, uint64_t* out, Fee fee, uint64_t vault_out
    ) noexcept nogil:
        cdef uint64_t spent = 0, rate
        cdef uint64_t[3] costs
        cdef u128 paid = 0, net, whole, gross
        cdef int first = 0, position, layer
        cdef bint payable
        cdef const Bin* current
        for position in range(self._bin_count):
            while first < count and amounts[first] == spent:
                out[first] = _paid_out(paid, vault_out)
                first += 1
            if first == count:
                return
            current = &self._bins[position]
            rate = _rate(&fee, current.bin_id)
            net = 0
            payable = True
            for layer in range(3):
                costs[layer] = 0
                if current.layers[layer]:
                    payable = payable and _cost(current.layers[layer], current.price, self._x_to_y, &costs[layer])
                    net += costs[layer]
            if not payable:
                return
            whole = net
            if not self._fee_on_output and not u128_high(net):  # beyond 64 bits nobody can pay it, fee or none
                whole += _ceil_rate(<uint64_t>net, rate, FEE_DENOMINATOR - rate)
            while first < count and <u128>(amounts[first] - spent) < whole:
                out[first] = _paid_out(paid + self._part(current, costs, amounts[first] - spent, rate), vault_out)
                first += 1
            if first == count:
                return
            gross = <u128>current.layers[0] + current.layers[1] + current.layers[2]
            if u128_high(gross):
                return
            spent += <uint64_t>whole
            paid += gross - (_ceil_rate(<uint64_t>gross, rate, FEE_DENOMINATOR) if self._fee_on_output else 0)
            if u128_high(paid):
                return
        while first < count and amounts[first] == spent:
            out[first] = _paid_out(paid, vault_out)
            first += 1
        self.ran_out = first < count

    cdef u128 _part(
        self, const Bin* current, const uint64_t* costs, uint64_t amount, uint64_t rate
    ) noexcept nogil:
        # what an amount buys that does not pay for the whole bin
        cdef uint64_t left = amount
        cdef u128 gross = 0
        cdef int layer
        if not self._fee_on_output:
            left -= _ceil_rate(amount, rate, FEE_DENOMINATOR)
        for layer in range(3):
            if left >= costs[layer]:
                gross += current.layers[layer]
                left -= costs[layer]
            else:
                gross += _bought(left, current.price, current.layers[layer], self._x_to_y)
                break
        if self._fee_on_output and not u128_high(gross):
            gross -= _ceil_rate(<uint64_t>gross, rate, FEE_DENOMINATOR)
        return gross


cdef inline uint64_t _paid_out(u128 paid, uint64_t vault_out) noexcept nogil:
    return 0 if paid > vault_out else <uint64_t>paid
