"""Reference prices: Pyth for SOL and the stablecoins, a liquid staking token's own rate for the rest. Does no I/O.

Old is judged twice. By the chain's clock: a Pyth price by its publish time, a rate by its epoch. And by who vouches for
it (`docs/freshness.md`), since a chain that stands still stops its own clock, too. A stale price is shown as such and
takes no part in quotes. What cannot be decoded (or is verified only in part) is counted and leaves the value before in
place, which then grows stale.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from local_quote.chain_progress import ChainProgress
from quote_core.clock import Clock, moment
from quote_core.dex.lst_rates import LstRate, decode_rate
from quote_core.dex.pool import Account, ChainClock
from quote_core.dex.pyth import PythPrice, decode_price_update
from quote_core.dex.spl_token import decode_mint
from quote_core.errors import CorruptAccount
from quote_core.freshness import NEVER_VOUCHED, Freshness
from quote_core.quotes import Provenance, worst_provenance
from quote_core.solana import AccountUpdate, UpdateSource
from quote_core.tokens import OracleSource, Token, TokenRegistry
from quote_core.units import NS_PER_MS, NS_PER_S, Pubkey

__all__ = ["OracleReading", "PriceOracle"]

_SOL_DECIMALS = 9
_AGE_MS_MAX = 2**32 - 1
_KINDS_WITH_MINT_SUPPLY = frozenset({"infinity"})


@dataclass(frozen=True, slots=True)
class OracleReading:
    """One token's reference price as told to clients; `usd` is None where none is known."""

    token: Token
    usd: float | None
    source: str
    age_ms: int
    is_stale: bool
    provenance: Provenance | None
    freshness: Freshness = NEVER_VOUCHED


@dataclass(frozen=True, slots=True)
class _Held:
    value: PythPrice | LstRate
    account: Pubkey


class PriceOracle:
    """Holds the newest readable price account of every registered token."""

    def __init__(self, registry: TokenRegistry, *, clock: Clock, age_s_max: int, rate_epoch_age_max: int) -> None:
        self._clock = clock
        self._tokens = tuple(registry)
        self._sol = next((token for token in registry if token.category == "native"), None)
        self._age_s_max = age_s_max
        self._rate_epoch_age_max = rate_epoch_age_max
        self._by_account: dict[Pubkey, list[Token]] = {}
        self._mint_accounts: dict[Pubkey, Token] = {}
        for token in self._tokens:
            if token.oracle is not None:
                self._by_account.setdefault(token.oracle.account, []).append(token)
                if token.oracle.kind in _KINDS_WITH_MINT_SUPPLY:
                    self._mint_accounts[token.mint] = token
        self._supplies: dict[Pubkey, int] = {}
        self._newest_slot: dict[Pubkey, int] = {}
        self._accounts: dict[Pubkey, Account] = {}
        self._freshness: dict[Pubkey, Freshness] = {}
        self._held: dict[Pubkey, _Held] = {}
        self._provenance: dict[Pubkey, Provenance] = {}
        self.unreadable_count = 0
        self.revision = 0
        """Counts up whenever a price may have changed."""

    @property
    def accounts(self) -> tuple[Pubkey, ...]:
        """Every account the prices rest on."""
        return (*self._by_account, *self._mint_accounts)

    def set_provenance(self, pubkey: Pubkey, provenance: Provenance) -> None:
        """Say where a price account comes from."""
        self._provenance[pubkey] = provenance

    def apply(self, update: AccountUpdate, progress: ChainProgress) -> None:
        """Take the newest bytes of one of `accounts`; older ones are dropped, unreadable ones are not vouched for."""
        if update.account is None or update.slot < self._newest_slot.get(update.pubkey, 0):
            return
        self._newest_slot[update.pubkey] = update.slot
        self.revision += 1
        account_before = self._accounts.get(update.pubkey)
        self._accounts[update.pubkey] = update.account
        try:
            if update.pubkey in self._mint_accounts:
                token = self._mint_accounts[update.pubkey]
                self._supplies[token.mint] = decode_mint(update.pubkey, update.account).supply
                self._reread_rate(token)
            for token in self._by_account.get(update.pubkey, ()):
                self._read(token, update.account)
        except CorruptAccount:
            self.unreadable_count += 1
            return
        self._vouch(update, progress, is_change=account_before != update.account)

    def begin_anew(self) -> None:
        """The node serves another chain: forget every price."""
        self._supplies.clear()
        self._newest_slot.clear()
        self._accounts.clear()
        self._freshness.clear()
        self._held.clear()
        self.revision += 1

    def _vouch(self, update: AccountUpdate, progress: ChainProgress, *, is_change: bool) -> None:
        """See `docs/freshness.md`: an answer of a chain that advances vouches, a notification brings a change alone."""
        before = self._freshness.get(update.pubkey, NEVER_VOUCHED)
        vouched = before.vouched
        if update.source is UpdateSource.ANSWER and update.slot > before.vouched_slot:
            vouched_mono_ns = progress.vouched_mono_ns(update.slot, update.asked_mono_ns)
            if vouched_mono_ns is None:
                return
            vouched = moment(self._clock).earlier_by(self._clock.mono_ns() - vouched_mono_ns)
        self._freshness[update.pubkey] = Freshness(
            vouched=vouched,
            vouched_slot=max(before.vouched_slot, update.slot),
            changed_unix_ns=self._clock.unix_ns() if is_change else before.changed_unix_ns,
            changed_slot=update.slot if is_change else before.changed_slot,
            chain_unix_s=progress.chain_unix_s,
        )

    def _reread_rate(self, token: Token) -> None:
        assert token.oracle is not None
        known = self._accounts.get(token.oracle.account)
        if known is not None:
            self._read(token, known)

    def _read(self, token: Token, account: Account) -> None:
        source = token.oracle
        assert source is not None
        supply = self._supplies.get(token.mint)
        if source.kind == "pyth":
            price = decode_price_update(source.account, account)
            if source.feed_id is not None and price.feed_id != source.feed_id.removeprefix("0x"):
                raise CorruptAccount(source.account, "feed_id", f"is {price.feed_id}, not {token.symbol}'s")
            self._held[token.mint] = _Held(price, source.account)
        elif supply is not None or source.kind not in _KINDS_WITH_MINT_SUPPLY:
            rate = decode_rate(source.kind, account, mint_supply=supply, account_key=source.account)
            self._held[token.mint] = _Held(rate, source.account)

    def rate(self, input_token: Token, output_token: Token, clock: ChainClock) -> float | None:
        """Whole output tokens per whole input token; None where a price is unknown or stale."""
        sol_in, sol_out = self._in_sol(input_token, clock), self._in_sol(output_token, clock)
        if sol_in is not None and sol_out is not None:
            return sol_in / sol_out  # the dollar price of SOL cancels, so it need not be known
        usd_in, usd_out = self._in_usd(input_token, clock), self._in_usd(output_token, clock)
        return usd_in / usd_out if usd_in is not None and usd_out is not None else None

    def readings(self, clock: ChainClock, now_mono_ns: int) -> list[OracleReading]:
        """Every token's price, in registry order."""
        return [self._reading(token, clock, now_mono_ns) for token in self._tokens]

    def _reading(self, token: Token, clock: ChainClock, now_mono_ns: int) -> OracleReading:
        held, source = self._held.get(token.mint), token.oracle
        if held is None or source is None:
            return OracleReading(token, None, source.kind if source else "", 0, is_stale=False, provenance=None)
        is_stale = self._is_stale(held, clock)
        freshness = self._freshness.get(held.account, NEVER_VOUCHED)
        if isinstance(held.value, PythPrice):
            usd: float | None = held.value.value
            age_ms = max(0, clock.unix_timestamp - held.value.publish_time) * 1_000
        else:
            sol_usd = self._pyth_usd(self._sol)
            usd = None if sol_usd is None else _sol_per_token(held.value, token) * sol_usd
            is_stale = is_stale or self._sol is None or self._in_usd(self._sol, clock) is None
            if self._sol is not None and (sol_held := self._held.get(self._sol.mint)) is not None:
                of_sol = self._freshness.get(sol_held.account, NEVER_VOUCHED)
                freshness = min(freshness, of_sol, key=lambda one: one.vouched.mono_ns)
            age_ms = min(max(0, now_mono_ns - freshness.vouched.mono_ns) // NS_PER_MS, _AGE_MS_MAX)
        return OracleReading(token, usd, source.kind, age_ms, is_stale, self._origin(source), freshness)

    def _origin(self, source: OracleSource) -> Provenance | None:
        pubkeys: Iterable[Pubkey] = [source.account]
        if source.kind != "pyth" and self._sol is not None and self._sol.oracle is not None:
            pubkeys = [source.account, self._sol.oracle.account]
        known = [self._provenance[pubkey] for pubkey in pubkeys if pubkey in self._provenance]
        return worst_provenance(known) if known else None

    def _in_sol(self, token: Token, clock: ChainClock) -> float | None:
        if token is self._sol:
            return 1.0
        held = self._held.get(token.mint)
        if held is None or not isinstance(held.value, LstRate) or self._is_stale(held, clock):
            return None
        return _sol_per_token(held.value, token)

    def _in_usd(self, token: Token, clock: ChainClock) -> float | None:
        held = self._held.get(token.mint)
        if held is not None and isinstance(held.value, PythPrice):
            return None if self._is_stale(held, clock) else held.value.value
        if self._sol is None or token is self._sol:
            return None
        sol, sol_usd = self._in_sol(token, clock), self._in_usd(self._sol, clock)
        return sol * sol_usd if sol is not None and sol_usd is not None else None

    def _pyth_usd(self, token: Token | None) -> float | None:
        held = self._held.get(token.mint) if token is not None else None
        return held.value.value if held is not None and isinstance(held.value, PythPrice) else None

    def _is_stale(self, held: _Held, clock: ChainClock) -> bool:
        value = held.value
        vouched_mono_ns = self._freshness.get(held.account, NEVER_VOUCHED).vouched.mono_ns
        if self._clock.mono_ns() - vouched_mono_ns > self._age_s_max * NS_PER_S:
            return True
        if isinstance(value, PythPrice):
            return clock.unix_timestamp - value.publish_time > self._age_s_max
        return value.epoch is not None and clock.epoch - value.epoch > self._rate_epoch_age_max


def _sol_per_token(rate: LstRate, token: Token) -> float:
    scale: float = 10.0 ** (token.decimals - _SOL_DECIMALS)
    return rate.numerator / rate.denominator * scale
