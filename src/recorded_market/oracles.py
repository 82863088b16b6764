"""The accounts that tell time and prices: Clock sysvar, Pyth and Switchboard feeds, LST rates. They follow the flow.

A feed's price is the flow's fair price, published every few slots as on the chain, by Switchboard, whose feeds somebody
has to ask for, less often; an LST's rate stays what was recorded, and its account says it was brought up to date in the
current epoch, as every live pool's does.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from quote_core.dex.lst_rates import LstRate, decode_rate, with_rate_epoch
from quote_core.dex.pool import Account, ChainClock
from quote_core.dex.pyth import PythPrice, decode_price_update, with_price
from quote_core.dex.spl_token import decode_mint
from quote_core.dex.switchboard import SwitchboardPrice, decode_pull_feed, with_value
from quote_core.errors import LayoutMismatch
from quote_core.tokens import OracleSource, Token, TokenRegistry
from quote_core.units import Pubkey
from recorded_market.chain_time import CLOCK_SYSVAR, ChainTime

__all__ = ["Oracles", "recorded_feeds", "recorded_rates"]

PUBLISH_EVERY_SLOTS = 3
SWITCHBOARD_EVERY_SLOTS = 25
"""Ten seconds."""
EMA_DIVISOR = 512
"""A new price moves the moving average by this fraction of their distance."""


def recorded_rates(accounts: Mapping[Pubkey, Account], tokens: TokenRegistry) -> dict[Pubkey, LstRate]:
    """The SOL value of every registered LST whose rate account is recorded, by mint.

    Raises:
        CorruptAccount: A recorded rate account cannot be read.
    """
    rates = {}
    for token in tokens:
        oracle = token.oracle
        if token.category == "lst" and oracle is not None and oracle.account in accounts:
            mint = accounts.get(token.mint)
            supply = None if mint is None else decode_mint(token.mint, mint).supply
            rates[token.mint] = decode_rate(
                oracle.kind, accounts[oracle.account], mint_supply=supply, account_key=oracle.account
            )
    return rates


def recorded_feeds(accounts: Mapping[Pubkey, Account], tokens: TokenRegistry) -> dict[Pubkey, PythPrice]:
    """The recorded Pyth price of every registered token that has one, by mint.

    Raises:
        CorruptAccount: A recorded price cannot be read.
    """
    return {
        token.mint: decode_price_update(oracle.account, accounts[oracle.account])
        for token, oracle in _with_oracle(tokens, accounts)
        if oracle.kind == "pyth"
    }


def _recorded_pull_feeds(
    accounts: Mapping[Pubkey, Account], tokens: TokenRegistry
) -> dict[Pubkey, tuple[Token, SwitchboardPrice]]:
    """The recorded Switchboard feeds of registered tokens, by account."""
    return {
        oracle.account: (token, decode_pull_feed(oracle.account, accounts[oracle.account]))
        for token, oracle in _with_oracle(tokens, accounts)
        if oracle.kind == "switchboard"
    }


class Oracles:
    """Gives the oracle accounts of each slot."""

    def __init__(self, accounts: Mapping[Pubkey, Account], tokens: TokenRegistry, chain_time: ChainTime) -> None:
        self._chain_time = chain_time
        self._accounts = {CLOCK_SYSVAR: _held(accounts, CLOCK_SYSVAR)}
        self._prices = recorded_feeds(accounts, tokens)
        self._pull_feeds = _recorded_pull_feeds(accounts, tokens)
        self._rates = recorded_rates(accounts, tokens)
        self._sol = next((token for token in tokens if token.category == "native"), None)
        self._feeds: dict[Pubkey, Pubkey] = {}
        self._rate_kinds: dict[Pubkey, str] = {}
        for token, oracle in _with_oracle(tokens, accounts):
            self._accounts[oracle.account] = accounts[oracle.account]
            if oracle.kind == "pyth":
                self._feeds[token.mint] = oracle.account
            elif (
                oracle.kind != "switchboard"
                and with_rate_epoch(oracle.kind, accounts[oracle.account].data, 1) != accounts[oracle.account].data
            ):
                self._rate_kinds[oracle.account] = oracle.kind
        self._epoch = -1

    @property
    def pubkeys(self) -> frozenset[Pubkey]:
        """Every account that is patched as time goes on."""
        return frozenset({CLOCK_SYSVAR, *self._rate_kinds, *self._feeds.values(), *self._pull_feeds})

    def update(self, clock: ChainClock, prices: Mapping[Pubkey, int]) -> Mapping[Pubkey, Account]:
        """The oracle accounts that change in this slot.

        Args:
            clock: The slot's time.
            prices: Fair price by mint, in the unit of the mint's feed; a mint left out keeps its price.
        """
        changes = {CLOCK_SYSVAR: self._write(CLOCK_SYSVAR, self._chain_time.sysvar(clock.slot))}
        if clock.slot % PUBLISH_EVERY_SLOTS == 0 or self._epoch < 0:
            changes.update(self._publish(clock, prices))
        if clock.slot % SWITCHBOARD_EVERY_SLOTS == 0 or self._epoch < 0:
            changes.update(self._answer_switchboard(clock))
        if clock.epoch != self._epoch:
            self._epoch = clock.epoch
            for pubkey, kind in self._rate_kinds.items():
                changes[pubkey] = self._write(pubkey, with_rate_epoch(kind, self._accounts[pubkey].data, clock.epoch))
        return changes

    def _publish(self, clock: ChainClock, prices: Mapping[Pubkey, int]) -> Iterator[tuple[Pubkey, Account]]:
        for mint, pubkey in self._feeds.items():
            before = self._prices[mint]
            price = prices.get(mint, before.price)
            # The recorded average is of another day: the market begins with its own price as the average.
            average = price if self._epoch < 0 else before.ema_price
            after = replace(
                before,
                price=price,
                publish_time=clock.unix_timestamp,
                posted_slot=clock.slot,
                ema_price=average + (price - average) // EMA_DIVISOR,
            )
            self._prices[mint] = after
            yield pubkey, self._write(pubkey, with_price(self._accounts[pubkey].data, after))

    def _answer_switchboard(self, clock: ChainClock) -> Iterator[tuple[Pubkey, Account]]:
        """Its oracles find what Pyth's publishers do; they are as near to each other as when they were recorded."""
        for pubkey, (token, before) in self._pull_feeds.items():
            value = self._fair_value_e18(token)
            if value is not None:
                after = replace(
                    before,
                    value=value,
                    std_dev=before.std_dev * value // before.value,
                    slot=clock.slot,
                    last_update_unix_s=clock.unix_timestamp,
                )
                yield pubkey, self._write(pubkey, with_value(self._accounts[pubkey].data, after))

    def _fair_value_e18(self, token: Token) -> int | None:
        """Dollars of a token in units of 10^-18, by its own feed or by SOL's and its rate; `None` = nobody knows."""
        of = token if token.mint in self._prices or self._sol is None else self._sol
        feed = self._prices.get(of.mint)
        if feed is None:
            return None
        value = feed.price * 10 ** (18 + feed.exponent)
        rate = self._rates.get(token.mint)
        return value if of is token else None if rate is None else value * rate.numerator // rate.denominator

    def _write(self, pubkey: Pubkey, data: bytes) -> Account:
        self._accounts[pubkey] = replace(self._accounts[pubkey], data=data)
        return self._accounts[pubkey]


def _with_oracle(tokens: TokenRegistry, accounts: Mapping[Pubkey, Account]) -> Iterator[tuple[Token, OracleSource]]:
    for token in tokens:
        for oracle in token.oracles:
            if oracle.account in accounts:
                yield token, oracle


def _held(accounts: Mapping[Pubkey, Account], pubkey: Pubkey) -> Account:
    if pubkey not in accounts:
        raise LayoutMismatch("recording", f"holds no account {pubkey}")
    return accounts[pubkey]
