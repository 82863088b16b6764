"""The first slot: recorded accounts and where each account comes from."""

from collections.abc import Mapping
from dataclasses import dataclass

from quote_core.dex.pool import Account
from quote_core.errors import LayoutMismatch
from quote_core.quotes import Provenance
from quote_core.units import Pubkey
from recorded_market.chain_time import CLOCK_SYSVAR, ChainTime
from recorded_market.recording import Recording

__all__ = ["Genesis", "make_genesis"]


@dataclass(frozen=True, slots=True)
class Genesis:
    """The market before its first swap."""

    slot: int
    chain_time: ChainTime
    accounts: Mapping[Pubkey, Account]
    provenance: Mapping[Pubkey, Provenance]


def make_genesis(recording: Recording) -> Genesis:
    """Put the first slot together.

    Raises:
        LayoutMismatch: The recording has no Clock sysvar.
    """
    accounts = dict(recording.accounts)
    provenance = dict.fromkeys(accounts, Provenance.RECORDED)
    if CLOCK_SYSVAR not in accounts:
        raise LayoutMismatch("recording", f"holds no Clock sysvar {CLOCK_SYSVAR}")
    chain_time = ChainTime.from_sysvar(accounts[CLOCK_SYSVAR].data)
    provenance[CLOCK_SYSVAR] = Provenance.PATCHED
    return Genesis(chain_time.known_slot, chain_time, accounts, provenance)
