"""The first slot: recorded accounts, synthetic ones beside them, oracles of the same time, and which is which."""

from collections.abc import Mapping
from dataclasses import dataclass

from quote_core.dex.pool import Account
from quote_core.errors import LayoutMismatch
from quote_core.quotes import Provenance
from quote_core.tokens import TokenRegistry
from quote_core.units import Pubkey
from recorded_market.chain_time import CLOCK_SYSVAR, ChainTime
from recorded_market.flow import Flow
from recorded_market.oracles import Oracles, recorded_feeds, recorded_rates
from recorded_market.recording import Recording
from recorded_market.serum_markets import serum_markets
from recorded_market.synthetic import synthetic_mint, synthetic_pools

__all__ = ["Genesis", "make_genesis"]


@dataclass(frozen=True, slots=True)
class Genesis:
    """The market before its first swap."""

    slot: int
    chain_time: ChainTime
    accounts: Mapping[Pubkey, Account]
    provenance: Mapping[Pubkey, Provenance]
    flow: Flow


def make_genesis(recording: Recording, tokens: TokenRegistry, *, seed: int, slot_min: int = 0) -> Genesis:
    """Put the first slot together.

    It lies where no recorded price is in the future any more: the recorded Clock, moved on to the newest price. A
    recorded pool stays `RECORDED` although swaps will move it: they do so by the program's own arithmetic. `PATCHED`
    are the oracle accounts, whose content the flow makes up. With `slot_min` the same market begins at a later slot.

    Raises:
        LayoutMismatch: Something the market cannot do without is not recorded.
        CorruptAccount: A recorded oracle account cannot be read.
    """
    accounts = dict(recording.accounts)
    provenance = dict.fromkeys(accounts, Provenance.RECORDED)
    synthetic = _synthetic(recording.accounts, tokens)
    accounts |= synthetic
    books = dict(serum_markets(accounts))
    accounts |= books
    provenance |= dict.fromkeys((*synthetic, *books), Provenance.SYNTHETIC)

    if CLOCK_SYSVAR not in accounts:
        raise LayoutMismatch("recording", f"holds no Clock sysvar {CLOCK_SYSVAR}")
    chain_time = ChainTime.from_sysvar(accounts[CLOCK_SYSVAR].data)
    feeds = recorded_feeds(accounts, tokens)
    slot = max([slot_min, chain_time.known_slot, *(chain_time.slot_at(feed.publish_time) for feed in feeds.values())])
    clock = chain_time.clock(slot)

    oracles = Oracles(accounts, tokens, chain_time)
    provenance.update(dict.fromkeys(oracles.pubkeys, Provenance.PATCHED))
    flow = Flow(accounts, tokens, oracles, clock=clock, seed=seed)
    accounts.update(flow.open(clock))
    return Genesis(slot, chain_time, accounts, provenance, flow)


def _synthetic(recorded: Mapping[Pubkey, Account], tokens: TokenRegistry) -> Mapping[Pubkey, Account]:
    made: dict[Pubkey, Account] = {}
    rates = recorded_rates(recorded, tokens)
    for token in tokens:
        if token.mint not in recorded:
            made[token.mint] = synthetic_mint(_any_mint(recorded, tokens), token)
        if token.mint in rates:
            made.update(synthetic_pools(recorded, token, rates[token.mint]))
    return made


def _any_mint(recorded: Mapping[Pubkey, Account], tokens: TokenRegistry) -> Account:
    for token in tokens:
        if token.mint in recorded:
            return recorded[token.mint]
    raise LayoutMismatch("recording", "holds the mint of no registered token")
