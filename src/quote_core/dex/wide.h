/* Unsigned integers wider than the compiler's, for exact pool math without the interpreter.
 *
 * A wide number is an array of 64-bit limbs, lowest first. Nothing allocates, nothing traps: a divisor of zero is an
 * answer (-1), and the hardware divide is only reached with a quotient that fits.
 *
 * Source of the long division: D. E. Knuth, The Art of Computer Programming, vol. 2, 4.3.1, algorithm D.
 */
#ifndef QUOTE_CORE_WIDE_H
#define QUOTE_CORE_WIDE_H

#include <stdint.h>

typedef unsigned __int128 u128;
typedef __int128 i128;

enum { WIDE_LIMBS_MAX = 8 };

static inline u128 u128_of(uint64_t high, uint64_t low) { return ((u128)high << 64) | low; }
static inline uint64_t u128_high(u128 value) { return (uint64_t)(value >> 64); }
static inline uint64_t u128_low(u128 value) { return (uint64_t)value; }
static inline i128 i128_of(int64_t high, uint64_t low) { return (i128)(((u128)(uint64_t)high << 64) | low); }

/* Quotient of (high:low) / divisor; the caller has made sure that high < divisor. */
static inline uint64_t wide_div_2by1(uint64_t high, uint64_t low, uint64_t divisor, uint64_t *rest) {
#if defined(__x86_64__)
    uint64_t quotient;
    __asm__("divq %4" : "=a"(quotient), "=d"(*rest) : "0"(low), "1"(high), "rm"(divisor) : "cc");
    return quotient;
#else
    u128 number = u128_of(high, low);
    *rest = (uint64_t)(number % divisor);
    return (uint64_t)(number / divisor);
#endif
}

/* product[4] = a * b */
static inline void wide_mul(u128 a, u128 b, uint64_t product[4]) {
    uint64_t a0 = u128_low(a), a1 = u128_high(a), b0 = u128_low(b), b1 = u128_high(b);
    u128 low = (u128)a0 * b0, high = (u128)a1 * b1;
    u128 first = (u128)a1 * b0 + u128_high(low);
    u128 second = (u128)a0 * b1 + u128_low(first);
    high += (u128)u128_high(first) + u128_high(second);
    product[0] = u128_low(low);
    product[1] = u128_low(second);
    product[2] = u128_low(high);
    product[3] = u128_high(high);
}

/* sum[n] += addend[n]; gives the carry */
static inline uint64_t wide_add(uint64_t *sum, const uint64_t *addend, int n) {
    uint64_t carry = 0;
    for (int i = 0; i < n; i++) {
        u128 total = (u128)sum[i] + addend[i] + carry;
        sum[i] = (uint64_t)total;
        carry = (uint64_t)(total >> 64);
    }
    return carry;
}

/* left[n] -= right[n]; gives the borrow */
static inline uint64_t wide_sub(uint64_t *left, const uint64_t *right, int n) {
    uint64_t borrow = 0;
    for (int i = 0; i < n; i++) {
        u128 total = (u128)left[i] - right[i] - borrow;
        left[i] = (uint64_t)total;
        borrow = (uint64_t)(total >> 64) & 1;
    }
    return borrow;
}

static inline int wide_length(const uint64_t *number, int n) {
    while (n > 0 && number[n - 1] == 0) n--;
    return n;
}

/* quotient[n] = number[n] / divisor[m]; 0: exact, 1: a rest was left, -1: division by zero. n, m <= WIDE_LIMBS_MAX
 *
 * Not inlined: a walk calls it in several places, and four copies of it leave the walk no registers. */
static __attribute__((noinline)) int wide_div(const uint64_t *number, int n, const uint64_t *divisor, int m, uint64_t *quotient) {
    uint64_t u[WIDE_LIMBS_MAX + 1], v[WIDE_LIMBS_MAX];
    for (int i = 0; i < n; i++) quotient[i] = 0;
    m = wide_length(divisor, m);
    n = wide_length(number, n);
    if (m == 0) return -1;
    if (n < m) return n != 0;
    if (m == 1) {
        uint64_t rest = 0;
        for (int i = n - 1; i >= 0; i--) quotient[i] = wide_div_2by1(rest, number[i], divisor[0], &rest);
        return rest != 0;
    }
    int shift = __builtin_clzll(divisor[m - 1]);
    for (int i = m - 1; i > 0; i--) v[i] = shift ? (divisor[i] << shift) | (divisor[i - 1] >> (64 - shift)) : divisor[i];
    v[0] = divisor[0] << shift;
    u[n] = shift ? number[n - 1] >> (64 - shift) : 0;
    for (int i = n - 1; i > 0; i--) u[i] = shift ? (number[i] << shift) | (number[i - 1] >> (64 - shift)) : number[i];
    u[0] = number[0] << shift;
    for (int j = n - m; j >= 0; j--) {
        uint64_t guess, rest;
        u128 left;
        if (u[j + m] >= v[m - 1]) {
            guess = UINT64_MAX;
            left = (u128)u[j + m - 1] + v[m - 1];
        } else {
            guess = wide_div_2by1(u[j + m], u[j + m - 1], v[m - 1], &rest);
            left = rest;
        }
        while (left <= UINT64_MAX && (u128)guess * v[m - 2] > ((left << 64) | u[j + m - 2])) {
            guess--;
            left += v[m - 1];
        }
        uint64_t carry = 0, borrow = 0;
        for (int i = 0; i < m; i++) {
            u128 part = (u128)guess * v[i] + carry;
            carry = (uint64_t)(part >> 64);
            u128 difference = (u128)u[i + j] - (uint64_t)part - borrow;
            u[i + j] = (uint64_t)difference;
            borrow = (uint64_t)(difference >> 64) & 1;
        }
        u128 difference = (u128)u[j + m] - carry - borrow;
        u[j + m] = (uint64_t)difference;
        if ((uint64_t)(difference >> 64) & 1) {
            guess--;
            u[j + m] += wide_add(u + j, v, m);
        }
        quotient[j] = guess;
    }
    return wide_length(u, m) != 0;
}

/* *result = a * b / divisor, rounded up if asked; 0 where it fits 128 bits, -1 where it does not or divisor is 0 */
static inline int wide_mul_div(u128 a, u128 b, u128 divisor, int round_up, u128 *result) {
    uint64_t product[4], quotient[4], by[2] = {u128_low(divisor), u128_high(divisor)};
    wide_mul(a, b, product);
    int rest = wide_div(product, 4, by, 2, quotient);
    if (rest < 0 || quotient[2] || quotient[3]) return -1;
    *result = u128_of(quotient[1], quotient[0]);
    if (rest && round_up) {
        if (*result == ~(u128)0) return -1;
        ++*result;
    }
    return 0;
}

/* *result = a * b / 2^64, rounded up if asked; 0 where it fits 64 bits, -1 where it does not */
static inline int wide_mul_shift64(u128 a, u128 b, int round_up, uint64_t *result) {
    uint64_t product[4];
    wide_mul(a, b, product);
    if (product[2] || product[3]) return -1;
    *result = product[1];
    if (product[0] && round_up) {
        if (*result == UINT64_MAX) return -1;
        ++*result;
    }
    return 0;
}

/* a * b / divisor, exact, rounded as the name says; 0 for a divisor of 0 */
static inline u128 mul_div_floor(uint64_t a, uint64_t b, u128 divisor) {
    u128 product = (u128)a * b;
    uint64_t rest;
    if (!u128_high(divisor) && u128_high(product) < u128_low(divisor))
        return wide_div_2by1(u128_high(product), u128_low(product), u128_low(divisor), &rest);
    return divisor ? product / divisor : 0;
}

static inline u128 mul_div_ceil(uint64_t a, uint64_t b, u128 divisor) {
    u128 product = (u128)a * b;
    uint64_t rest;
    if (!u128_high(divisor) && u128_high(product) < u128_low(divisor)) {
        u128 quotient = wide_div_2by1(u128_high(product), u128_low(product), u128_low(divisor), &rest);
        return quotient + (rest != 0);
    }
    return divisor ? product / divisor + (product % divisor != 0) : 0;
}

#endif
