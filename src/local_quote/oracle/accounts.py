"""What the chain's own accounts say of prices: Pyth, Switchboard, and each staking token's rate. Does no I/O.

Accounts are vouched for as pools are (`docs/freshness.md`), since a chain that stands still stops its own clock, too.
What cannot be read (or is verified only in part, or of another feed) is counted and leaves the value before in place,
which then grows stale.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from local_quote.chain_progress import ChainProgress
from local_quote.oracle.reading import PriceReading, Refusal, Source, Unit, checked_price
from quote_core.clock import Clock, moment
from quote_core.dex.lst_rates import LstRate, decode_rate
from quote_core.dex.pool import Account
from quote_core.dex.pyth import PythPrice, decode_price_update
from quote_core.dex.spl_token import decode_mint
from quote_core.dex.switchboard import SwitchboardPrice, decode_pull_feed
from quote_core.errors import CorruptAccount
from quote_core.freshness import NEVER_VOUCHED, Freshness
from quote_core.quotes import Provenance
from quote_core.solana import AccountUpdate, UpdateSource
from quote_core.tokens import OracleSource, Token, TokenRegistry
from quote_core.units import Pubkey

__all__ = ["OracleAccounts", "source_of"]

_SOL_DECIMALS: Final = 9
_KINDS_WITH_MINT_SUPPLY: Final = frozenset({"infinity"})
_REFUSALS: Final = {"feed_id": Refusal.FEED_ID} | dict.fromkeys(
    ("price", "exponent", "value", "std_dev", "rate"), Refusal.PRICE
)
"""By the field that is wrong; with any other the account itself is."""
_SOURCES: Final = {"pyth": Source.PYTH, "switchboard": Source.SWITCHBOARD}

_Value = PythPrice | SwitchboardPrice | LstRate


def source_of(oracle: OracleSource) -> Source:
    """Whose word an account of the registry holds."""
    return _SOURCES.get(oracle.kind, Source.RATE)


class OracleAccounts:
    """Holds the newest readable value of every price account of the registry."""

    def __init__(self, registry: TokenRegistry, *, clock: Clock) -> None:
        self._clock = clock
        self._by_account: dict[Pubkey, list[tuple[Token, OracleSource]]] = {}
        self._mint_accounts: dict[Pubkey, tuple[Token, OracleSource]] = {}
        for token in registry:
            for oracle in token.oracles:
                self._by_account.setdefault(oracle.account, []).append((token, oracle))
                if oracle.kind in _KINDS_WITH_MINT_SUPPLY:
                    self._mint_accounts[token.mint] = token, oracle
        self._supplies: dict[Pubkey, int] = {}
        self._newest_slot: dict[Pubkey, int] = {}
        self._accounts: dict[Pubkey, Account] = {}
        self._freshness: dict[Pubkey, Freshness] = {}
        self._values: dict[tuple[Pubkey, Pubkey], _Value] = {}
        self._provenance: dict[Pubkey, Provenance] = {}
        self.unreadable_count = 0
        self.taken_counts: Counter[Source] = Counter()
        """Accounts read, by source."""
        self.refused_counts: Counter[tuple[Source, Refusal]] = Counter()
        """Accounts that could not be read, by source and what is wrong."""

    @property
    def pubkeys(self) -> tuple[Pubkey, ...]:
        """Every account the prices rest on."""
        return (*self._by_account, *self._mint_accounts)

    def set_provenance(self, pubkey: Pubkey, provenance: Provenance) -> None:
        """Say where an account comes from."""
        self._provenance[pubkey] = provenance

    def apply(self, update: AccountUpdate, progress: ChainProgress) -> bool:
        """Take the newest bytes of one of `pubkeys`; unreadable ones are not vouched for. Whether they were newest."""
        if update.account is None or update.slot < self._newest_slot.get(update.pubkey, 0):
            return False
        self._newest_slot[update.pubkey] = update.slot
        account_before = self._accounts.get(update.pubkey)
        self._accounts[update.pubkey] = update.account
        if self._is_read(update.pubkey, update.account):
            self._vouch(update, progress, is_change=account_before != update.account)
        return True

    def roll_back(self, standing_slot: int) -> None:
        """Slots after this one were taken back: what changed in them is stale until an answer vouches for it anew."""
        for pubkey, freshness in self._freshness.items():
            if freshness.changed_slot > standing_slot:
                self._freshness[pubkey] = NEVER_VOUCHED

    def begin_anew(self) -> None:
        """The node serves another chain: forget every price."""
        self._supplies.clear()
        self._newest_slot.clear()
        self._accounts.clear()
        self._freshness.clear()
        self._values.clear()

    def readings(self, token: Token) -> Iterator[PriceReading]:
        """What is held of a token, in the registry's order."""
        for oracle in token.oracles:
            value = self._values.get((token.mint, oracle.account))
            if value is not None:
                freshness = self._freshness.get(oracle.account, NEVER_VOUCHED)
                yield _reading(value, token, oracle, freshness, self._provenance.get(oracle.account))

    def _is_read(self, pubkey: Pubkey, account: Account) -> bool:
        """Whether every token that rests on the account was given its value."""
        is_readable = True
        if pubkey in self._mint_accounts:
            token, oracle = self._mint_accounts[pubkey]
            try:
                self._supplies[token.mint] = decode_mint(pubkey, account).supply
            except CorruptAccount as error:
                is_readable = self._refuse(oracle, error)
            else:
                known = self._accounts.get(oracle.account)
                is_readable = known is None or self._take(token, oracle, known)
        for token, oracle in self._by_account.get(pubkey, ()):
            is_readable = self._take(token, oracle, account) and is_readable
        return is_readable

    def _take(self, token: Token, oracle: OracleSource, account: Account) -> bool:
        try:
            value = self._decode(token, oracle, account)
        except CorruptAccount as error:
            return self._refuse(oracle, error)
        if value is not None:
            self._values[token.mint, oracle.account] = value
            self.taken_counts[source_of(oracle)] += 1
        return True

    def _refuse(self, oracle: OracleSource, error: CorruptAccount) -> bool:
        self.unreadable_count += 1
        refusal = _REFUSALS.get(error.field.rpartition(".")[2], Refusal.UNREADABLE)
        self.refused_counts[source_of(oracle), refusal] += 1
        return False

    def _decode(self, token: Token, oracle: OracleSource, account: Account) -> _Value | None:
        """The account's value; `None` while the supply it is to be divided by is not known.

        Raises:
            CorruptAccount: It has none that can be a price, or is of another feed.
        """
        if oracle.kind == "pyth":
            price = decode_price_update(oracle.account, account)
            if oracle.feed_id is not None and price.feed_id != oracle.feed_id:
                raise CorruptAccount(oracle.account, "feed_id", f"is {price.feed_id}, not {token.symbol}'s")
            return _possible(oracle, price, price.value, price.conf_value)
        if oracle.kind == "switchboard":
            told = decode_pull_feed(oracle.account, account)
            return _possible(oracle, told, told.price, told.conf)
        supply = self._supplies.get(token.mint)
        if supply is None and oracle.kind in _KINDS_WITH_MINT_SUPPLY:
            return None
        rate = decode_rate(oracle.kind, account, mint_supply=supply, account_key=oracle.account)
        return _possible(oracle, rate, _sol_per_token(rate, token), 0.0)

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


def _possible(oracle: OracleSource, value: _Value, price: float, conf: float) -> _Value:
    refusal = checked_price(price, conf)
    if refusal:
        raise CorruptAccount(oracle.account, "price", refusal)
    return value


def _reading(
    value: _Value, token: Token, oracle: OracleSource, freshness: Freshness, provenance: Provenance | None
) -> PriceReading:
    if isinstance(value, PythPrice):
        return PriceReading(
            source=Source.PYTH,
            price=value.value,
            unit=Unit.USD,
            conf=value.conf_value,
            freshness=freshness,
            published_unix_s=value.publish_time,
            provenance=provenance,
        )
    if isinstance(value, SwitchboardPrice):
        return PriceReading(
            source=Source.SWITCHBOARD,
            price=value.price,
            unit=Unit.USD,
            conf=value.conf,
            freshness=freshness,
            published_slot=value.slot,
            slots_max=value.slots_max,
            provenance=provenance,
        )
    return PriceReading(
        source=Source.RATE,
        price=_sol_per_token(value, token),
        unit=Unit.SOL,
        freshness=freshness,
        epoch=value.epoch,
        provenance=provenance,
        label=oracle.kind,
    )


def _sol_per_token(rate: LstRate, token: Token) -> float:
    scale: float = 10.0 ** (token.decimals - _SOL_DECIMALS)
    return rate.numerator / rate.denominator * scale
