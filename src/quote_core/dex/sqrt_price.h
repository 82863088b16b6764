/* Amounts between two square-root prices (Q64.64), and the price an amount leads to: what Raydium CLMM and Orca
 * Whirlpool share. Both round input amounts up and output amounts down.
 *
 * Source: as in raydium_clmm/ticks.py and orca_whirlpool/ticks.py, which are compared with this by tests. Dividing
 * by upper and then by lower, rounding the same way twice, equals dividing once by their product.
 */
#ifndef QUOTE_CORE_SQRT_PRICE_H
#define QUOTE_CORE_SQRT_PRICE_H

#include "wide.h"

/* What may go wrong, as bits. TOO_LARGE: the result does not fit; nothing useful was written. OVERFLOW: a product does
 * not fit the 256 bits some programs have; the result is right all the same, for those that have more. */
enum { SQRT_TOO_LARGE = 1, SQRT_OVERFLOW = 2 };

/* Token A: L * 2^64 * delta / (lower * upper), in 64 bits. */
static inline int sqrt_delta_a(u128 one, u128 other, u128 liquidity, int round_up, uint64_t *amount) {
    u128 lower = one < other ? one : other, upper = one < other ? other : one;
    uint64_t number[5], divisor[4], quotient[5];
    number[0] = 0;
    wide_mul(liquidity, upper - lower, number + 1);
    wide_mul(lower, upper, divisor);
    int overflow = number[4] ? SQRT_OVERFLOW : 0;
    int rest = wide_div(number, 5, divisor, 4, quotient);
    if (rest < 0 || wide_length(quotient, 5) > 1) return overflow | SQRT_TOO_LARGE;
    if (rest && round_up && quotient[0] == UINT64_MAX) return overflow | SQRT_TOO_LARGE;
    *amount = quotient[0] + (rest && round_up);
    return overflow;
}

/* Token B: L * delta / 2^64, in 64 bits. */
static inline int sqrt_delta_b(u128 one, u128 other, u128 liquidity, int round_up, uint64_t *amount) {
    u128 delta = one < other ? other - one : one - other;
    return wide_mul_shift64(liquidity, delta, round_up, amount) ? SQRT_TOO_LARGE : 0;
}

/* Price after an input of token A, rounded up: ceil(L * 2^64 * P / (L * 2^64 + amount * P)). */
static inline int sqrt_next_from_input_a(u128 price, u128 liquidity, uint64_t amount, u128 *next) {
    uint64_t number[5], divisor[4], shifted[4], quotient[5];
    number[0] = 0;
    wide_mul(liquidity, price, number + 1);
    wide_mul(price, amount, divisor);
    shifted[0] = 0, shifted[1] = u128_low(liquidity), shifted[2] = u128_high(liquidity), shifted[3] = 0;
    if (wide_add(divisor, shifted, 4)) return SQRT_TOO_LARGE;
    int overflow = number[4] ? SQRT_OVERFLOW : 0;
    int rest = wide_div(number, 5, divisor, 4, quotient);
    if (rest < 0 || wide_length(quotient, 5) > 2) return overflow | SQRT_TOO_LARGE;
    *next = u128_of(quotient[1], quotient[0]);
    if (rest && *next == ~(u128)0) return overflow | SQRT_TOO_LARGE;
    *next += rest;
    return overflow;
}

/* Price after an input of token B, rounded down: P + floor(amount * 2^64 / L). */
static inline int sqrt_next_from_input_b(u128 price, u128 liquidity, uint64_t amount, u128 *next) {
    if (liquidity == 0) return SQRT_TOO_LARGE;
    u128 step = u128_of(amount, 0) / liquidity;
    if (step > ~(u128)0 - price) return SQRT_TOO_LARGE;
    *next = price + step;
    return 0;
}

/* What a step down (token A in) or up (token B in) takes, rounded up, and gives, rounded down. */
static inline int sqrt_step_input(u128 price, u128 other, u128 liquidity, int down, uint64_t *amount) {
    return down ? sqrt_delta_a(price, other, liquidity, 1, amount) : sqrt_delta_b(price, other, liquidity, 1, amount);
}

static inline int sqrt_step_output(u128 price, u128 other, u128 liquidity, int down, uint64_t *amount) {
    return down ? sqrt_delta_b(price, other, liquidity, 0, amount) : sqrt_delta_a(price, other, liquidity, 0, amount);
}

/* Where an input leads. No token A does not move the price, whatever the liquidity. */
static inline int sqrt_step_next(u128 price, u128 liquidity, uint64_t amount, int down, u128 *next) {
    if (down && amount == 0) {
        *next = price;
        return 0;
    }
    return down ? sqrt_next_from_input_a(price, liquidity, amount, next)
                : sqrt_next_from_input_b(price, liquidity, amount, next);
}

/* Liquidity after a tick is crossed: less its net going down, plus it going up. 0 where that is no liquidity. */
static inline int liquidity_crossed(u128 *liquidity, i128 net, int down) {
    int adds = down ? net < 0 : net > 0;
    u128 size = net < 0 ? (u128)0 - (u128)net : (u128)net;
    if (adds ? size > ~(u128)0 - *liquidity : size > *liquidity) return 0;
    *liquidity = adds ? *liquidity + size : *liquidity - size;
    return 1;
}

#endif
