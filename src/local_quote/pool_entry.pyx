# cython: language_level=3
"""One pool held, and what is known about its state; the .pxd is the data sheet, the .pyi the face."""

from libc.stdint cimport int64_t, uint64_t

from local_quote.pool_prices cimport PoolPrices

from local_quote.doubt import Doubt
from quote_core.clock import AGE_UNKNOWN_NS, Moment
from quote_core.freshness import Freshness

__all__ = ["PoolEntry"]

cdef int64_t UNKNOWN_NS = AGE_UNKNOWN_NS


cdef class PoolEntry:
    def __init__(self, pool, tuple pair, provenance, *, tuple accounts=(), doubt=Doubt.UNREAD):
        self.pool = pool
        self.pair = pair
        self.provenance = provenance
        self.prices = PoolPrices()
        self.needs = ()
        self.accounts = accounts
        self.account_set = frozenset(accounts)
        self.doubt = doubt

    @property
    def freshness(self):
        vouched = Moment(self.vouched_boot_id, self.vouched_mono_ns, self.vouched_unix_ns)
        return Freshness(vouched, self.vouched_slot, self.changed_unix_ns, self.changed_slot, self.chain_unix_s)

    @freshness.setter
    def freshness(self, freshness):
        vouched = freshness.vouched
        self.vouched_boot_id, self.vouched_mono_ns = vouched.boot_id, vouched.mono_ns
        self.vouched_unix_ns, self.vouched_slot = vouched.unix_ns, freshness.vouched_slot
        self.changed_unix_ns, self.changed_slot = freshness.changed_unix_ns, freshness.changed_slot
        self.chain_unix_s = freshness.chain_unix_s
        self.kept_until_mono_ns = 0

    @property
    def changed_slot(self):
        return self.changed_slot

    @property
    def slot(self):
        return self.vouched_slot

    @property
    def is_loaded(self):
        return self.vouched_mono_ns != 0 and not self.pool.missing()

    def to_price(self):
        self.is_priced = True
        return self.pool

    def change(self, uint64_t slot, int64_t unix_ns, int64_t chain_unix_s):
        self.update_count += 1
        self.vouched_slot = max(self.vouched_slot, slot)
        self.changed_slot = max(self.changed_slot, slot)
        self.changed_unix_ns = unix_ns
        self.chain_unix_s = chain_unix_s

    def restore(self, freshness, int64_t until_mono_ns):
        self.freshness = freshness
        self.kept_until_mono_ns = until_mono_ns

    def vouch(self, uint64_t slot, uint64_t boot_id, int64_t mono_ns, int64_t wall_ahead_ns, int64_t chain_unix_s):
        self.read_slot = slot
        self.vouched_slot = max(self.vouched_slot, slot)
        self.vouched_boot_id = boot_id
        self.vouched_mono_ns = mono_ns if self.vouched_mono_ns == 0 else max(self.vouched_mono_ns, mono_ns)
        self.kept_until_mono_ns = 0
        self.vouched_unix_ns = self.vouched_mono_ns + wall_ahead_ns
        self.chain_unix_s = chain_unix_s

    cpdef int64_t age_ns(self, int64_t now_mono_ns):
        if self.vouched_mono_ns == 0:
            return UNKNOWN_NS
        return max(0, now_mono_ns - self.vouched_mono_ns)

    cpdef bint is_stale(self, int64_t now_mono_ns, int64_t stale_after_ns):
        return self.doubt is not None or now_mono_ns - self.vouched_mono_ns > stale_after_ns

    cpdef int64_t usable_until_mono_ns(self, int64_t refuse_after_ns):
        return max(self.vouched_mono_ns + refuse_after_ns, self.kept_until_mono_ns)

    cpdef bint is_usable(self, int64_t now_mono_ns, int64_t refuse_after_ns) except -1:
        return (
            self.vouched_mono_ns != 0
            and now_mono_ns <= self.usable_until_mono_ns(refuse_after_ns)
            and not self.pool.missing()
        )
