"""One pool held, and what is known about its state."""

from collections.abc import Sequence

from local_quote.dependencies import PairKey
from local_quote.doubt import Doubt
from local_quote.pool_prices import PoolPrices
from quote_core.dex.pool import AccountNeed, Pool
from quote_core.freshness import Freshness
from quote_core.quotes import Provenance
from quote_core.units import Pubkey

class PoolEntry:
    """A pool, when it was last vouched for, and when it last changed.

    Attributes:
        prices: How its price stands and went; `PoolPrices.changed` has to be called after a change.
        needs: What its accounts were last made of; a pool whose needs are the same gives the same object.
        doubt: Why it is not to be relied on; None when it is.
        doubted_mono_ns: When the doubt arose, or was last confirmed.
        read_slot: The slot of the last full answer that vouched.
        update_count: How often an account of it changed.
        is_priced: Whether it was priced since its needs were last looked at, which may have made it want more.
        vouched_mono_ns: CLOCK_MONOTONIC of `freshness.vouched`; 0 = never, below zero = before this host was started.
        kept_until_mono_ns: Until when it is quoted that was kept from before the start; 0 = it was read since.
    """

    pool: Pool
    pair: PairKey
    provenance: Provenance
    prices: PoolPrices
    needs: Sequence[AccountNeed]
    accounts: tuple[Pubkey, ...]
    account_set: frozenset[Pubkey]
    doubt: Doubt | None
    doubted_mono_ns: int
    read_slot: int
    update_count: int
    is_priced: bool
    vouched_mono_ns: int
    kept_until_mono_ns: int

    def __init__(
        self,
        pool: Pool,
        pair: PairKey,
        provenance: Provenance,
        *,
        accounts: tuple[Pubkey, ...] = ...,
        doubt: Doubt | None = ...,
    ) -> None:
        """Nothing is known yet; without a `doubt` named it is the one of a pool not read."""

    @property
    def freshness(self) -> Freshness:
        """When it was last vouched for, and when it last changed."""
    @freshness.setter
    def freshness(self, freshness: Freshness) -> None: ...
    @property
    def changed_slot(self) -> int:
        """The slot of the last change; 0 = not known."""
    @property
    def slot(self) -> int:
        """The newest slot at which the state is known true."""
    @property
    def is_loaded(self) -> bool:
        """Whether its state was ever vouched for in full."""
    def to_price(self) -> Pool:
        """The pool, for pricing: it asks for the accounts that an amount runs out of, see `PoolStore.renew_priced`."""
    def change(self, slot: int, unix_ns: int, chain_unix_s: int) -> None:
        """An account of it changed at a slot, which was received at `unix_ns` of the wall clock."""
    def restore(self, freshness: Freshness, until_mono_ns: int) -> None:
        """It is as it was kept before the start; it may be quoted until then, whatever its age, or until it is read."""
    def vouch(self, slot: int, boot_id: int, mono_ns: int, wall_ahead_ns: int, chain_unix_s: int) -> None:
        """A full answer of a slot vouches for it as of `mono_ns`, unless it has been vouched for later already.

        Args:
            slot: The answer's.
            boot_id: Whose CLOCK_MONOTONIC.
            mono_ns: CLOCK_MONOTONIC.
            wall_ahead_ns: What the wall clock shows more than the monotonic one.
            chain_unix_s: The chain's own time; 0 = not known.
        """
    def age_ns(self, now_mono_ns: int) -> int:
        """Time since the state was last vouched for; `AGE_UNKNOWN_NS` when it never was."""
    def is_stale(self, now_mono_ns: int, stale_after_ns: int) -> bool:
        """Whether it is in doubt or older than `stale_after_ns`."""
    def usable_until_mono_ns(self, refuse_after_ns: int) -> int:
        """Until when it may be quoted, if nothing vouches for it before: past `refuse_after_ns` only what was kept."""
    def is_usable(self, now_mono_ns: int, refuse_after_ns: int) -> bool:
        """Whether it is loaded and may be quoted, see `usable_until_mono_ns`."""
