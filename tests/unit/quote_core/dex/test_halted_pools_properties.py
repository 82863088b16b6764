"""What refuses every swap on all six DEXes: closed accounts, frozen vaults, paused mints; not so transfer fees.

A model of the rules, three sets long, is held against the pools while their accounts change at random. What
it says is from the token programs: nothing leaves or enters a frozen account, nothing of a paused mint moves, a closed
pool stays closed whoever sends lamports to its address, and a fee changes at its epoch.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from solders.pubkey import Pubkey as SoldersPubkey

from quote_core.dex.pool import NEVER, Account, ChainClock, Direction, Pool, SwapMode
from quote_core.dex.recorded import RecordedPool
from quote_core.dex.spl_token import TOKEN_2022_PROGRAM, TransferFee
from quote_core.errors import CorruptAccount, NotTradable
from quote_core.units import Pubkey

OpenPool = Callable[..., Pool]
Recorded = Callable[[str, str], RecordedPool]

POOLS: Final = {
    "raydium_amm_v4": "sol_usdc_58oQChx4",
    "raydium_cpmm": "sol_usdc_7JuwJuNU",
    "raydium_clmm": "sol_usdc_3ucNos4N_jul2026",
    "orca_whirlpool": "sol_usdc_ts4_Czfq3xZZ",
    "meteora_dlmm": "sol_usdc_bs4_5rCf1DM8",
    "pumpswap": "pump_usdc_2uF4Xh61",
}
every_dex = pytest.mark.parametrize("dex_label", POOLS)
every_token_2022_dex = pytest.mark.parametrize("dex_label", [label for label in POOLS if label != "raydium_amm_v4"])
SYSTEM_PROGRAM: Final = Pubkey("11111111111111111111111111111111")
STATE_OFFSET, FROZEN, INITIALIZED = 108, 2, 1
CPMM_TOKEN_PROGRAMS = 232, 264
AMOUNT = 10**7
NEWER_EPOCH = 1000
OLDER, NEWER = TransferFee(50, 10**9), TransferFee(300, 10**9)


def with_byte(account: Account, offset: int, value: int) -> Account:
    return replace(account, data=account.data[:offset] + bytes([value]) + account.data[offset + 1 :])


def token_2022_mint(supply: int, *, paused: bool = False, charges: bool = False) -> Account:
    base = bytes(36) + struct.pack("<QBB", supply, 6, 1) + bytes(36)
    extensions = struct.pack("<HH", 26, 33) + bytes(32) + bytes([paused])
    if charges:
        fees = struct.pack("<QQHQQH", 0, OLDER.fee_max, OLDER.rate_bps, NEWER_EPOCH, NEWER.fee_max, NEWER.rate_bps)
        extensions += struct.pack("<HH", 1, 108) + bytes(72) + fees
    return Account(TOKEN_2022_PROGRAM, base + bytes(83) + b"\x01" + extensions)


@dataclass
class Subject:
    """A pool, its accounts as recorded, and what the model knows of them."""

    pool: Pool
    accounts: dict[Pubkey, Account]
    closed: set[Pubkey] = field(default_factory=set)
    frozen: set[Pubkey] = field(default_factory=set)
    paused: set[Pubkey] = field(default_factory=set)

    @property
    def vaults(self) -> tuple[Pubkey, Pubkey]:
        return self.pool.vault_a, self.pool.vault_b  # type: ignore[attr-defined]

    @property
    def mints(self) -> list[Pubkey]:
        needed = [need.pubkey for need in self.pool.accounts_needed()]
        return [mint for mint in (self.pool.mint_a, self.pool.mint_b) if mint in needed]

    @property
    def refuses(self) -> bool:
        return bool(self.closed or self.frozen or self.paused)


def opened(open_pool: OpenPool, recorded: Recorded, dex_label: str) -> Subject:
    source = recorded(dex_label, POOLS[dex_label])
    patches = {}
    if dex_label == "raydium_cpmm":  # asks for its mints only where they are Token-2022
        program = bytes(SoldersPubkey.from_string(TOKEN_2022_PROGRAM))
        patches = {("pool", offset): program for offset in CPMM_TOKEN_PROGRAMS}
    pool = open_pool(dex_label, POOLS[dex_label], patches)
    own = source.accounts[pool.address]
    for (_, offset), raw in patches.items():
        own = replace(own, data=own.data[:offset] + raw + own.data[offset + len(raw) :])
    subject = Subject(pool, {**source.accounts, pool.address: own})
    for mint in subject.mints if dex_label == "raydium_cpmm" else ():
        pool.apply(mint, token_2022_mint(10**18))
    return subject


def refused(pool: Pool, clock: ChainClock) -> bool:
    """Whether the pool refuses; its three ways to say so must agree."""
    answers = []
    for ask in (
        lambda: pool.check_tradable(clock),
        lambda: pool.swap(Direction.A_TO_B, SwapMode.EXACT_IN, AMOUNT, clock),
        lambda: pool.swap(Direction.B_TO_A, SwapMode.EXACT_OUT, AMOUNT, clock),
        lambda: pool.ladder(Direction.B_TO_A, [AMOUNT], clock),
    ):
        try:
            ask()
        except NotTradable:
            answers.append(True)
        else:
            answers.append(False)
    assert len(set(answers)) == 1, answers
    return answers[0]


@every_dex
@pytest.mark.parametrize("side", [0, 1])
def test_a_frozen_vault_refuses_by_name_until_it_thaws(
    open_pool: OpenPool, recorded: Recorded, clock: ChainClock, dex_label: str, side: int
) -> None:
    subject = opened(open_pool, recorded, dex_label)
    vault = subject.vaults[side]
    subject.pool.apply(vault, with_byte(subject.accounts[vault], STATE_OFFSET, FROZEN))
    with pytest.raises(NotTradable, match=f"{vault} is frozen"):
        subject.pool.check_tradable(clock)
    assert refused(subject.pool, clock)
    subject.pool.apply(vault, subject.accounts[vault])
    assert not refused(subject.pool, clock)


@every_token_2022_dex
@pytest.mark.parametrize("side", [0, 1])
def test_a_paused_mint_refuses_by_name_until_it_goes_on(
    open_pool: OpenPool, recorded: Recorded, clock: ChainClock, dex_label: str, side: int
) -> None:
    subject = opened(open_pool, recorded, dex_label)
    mint = (subject.pool.mint_a, subject.pool.mint_b)[side]
    subject.pool.apply(mint, token_2022_mint(10**18, paused=True))
    with pytest.raises(NotTradable, match=f"{mint} is paused"):
        subject.pool.check_tradable(clock)
    assert refused(subject.pool, clock)
    subject.pool.apply(mint, token_2022_mint(10**18))
    assert not refused(subject.pool, clock)


@every_dex
def test_a_closed_pool_stays_closed_whoever_sends_lamports_or_rubbish(
    open_pool: OpenPool, recorded: Recorded, clock: ChainClock, dex_label: str
) -> None:
    subject = opened(open_pool, recorded, dex_label)
    pool = subject.pool
    before = pool.swap(Direction.A_TO_B, SwapMode.EXACT_IN, AMOUNT, clock)
    pool.apply(pool.address, None)
    for account in (Account(SYSTEM_PROGRAM, b"", 1), None, Account(SYSTEM_PROGRAM, b"", 10**9)):
        pool.apply(pool.address, account)
        assert refused(pool, clock)
        with pytest.raises(NotTradable):
            pool.spot_price(clock)
    with pytest.raises(CorruptAccount):
        pool.apply(pool.address, replace(subject.accounts[pool.address], data=b"\x00" * 9))
    assert refused(pool, clock)
    pool.apply(pool.address, subject.accounts[pool.address])
    assert pool.swap(Direction.A_TO_B, SwapMode.EXACT_IN, AMOUNT, clock) == before


@every_dex
def test_a_vault_that_does_not_exist_refuses(
    open_pool: OpenPool, recorded: Recorded, clock: ChainClock, dex_label: str
) -> None:
    subject = opened(open_pool, recorded, dex_label)
    subject.pool.apply(subject.vaults[1], Account(SYSTEM_PROGRAM, b"", 1))
    with pytest.raises(NotTradable, match=subject.vaults[1]):
        subject.pool.check_tradable(clock)


@every_dex
def test_an_update_is_taken_whole_or_not_at_all(
    open_pool: OpenPool, recorded: Recorded, clock: ChainClock, dex_label: str
) -> None:
    subject = opened(open_pool, recorded, dex_label)
    pool = subject.pool
    before = pool.swap(Direction.A_TO_B, SwapMode.EXACT_IN, AMOUNT, clock)
    other = bytes(SoldersPubkey.new_unique())
    own, vault = subject.accounts[pool.address], subject.vaults[0]
    moved = own.data.replace(bytes(SoldersPubkey.from_string(vault)), other)
    assert moved != own.data
    with pytest.raises(CorruptAccount, match="never does"):
        pool.apply(pool.address, replace(own, data=moved))
    with pytest.raises(CorruptAccount):
        pool.apply(vault, replace(subject.accounts[vault], data=b""))
    assert pool.swap(Direction.A_TO_B, SwapMode.EXACT_IN, AMOUNT, clock) == before


@every_dex
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_whatever_happens_to_the_accounts_the_pool_refuses_as_the_model_says(
    open_pool: OpenPool, recorded: Recorded, clock: ChainClock, dex_label: str, data: st.DataObject
) -> None:
    subject = opened(open_pool, recorded, dex_label)
    events = ["freeze", "thaw", "close", "reopen", "lamports"] + (["pause", "go on"] if subject.mints else [])
    for _ in range(data.draw(st.integers(1, 8))):
        happen(subject, data.draw(st.sampled_from(events)), data.draw(st.integers(0, 1)))
        assert refused(subject.pool, clock) == subject.refuses


def happen(subject: Subject, event: str, side: int) -> None:
    pool, vault = subject.pool, subject.vaults[side]
    closable = (pool.address, vault)[side]
    mint = subject.mints[side % len(subject.mints)] if subject.mints else None
    if event == "freeze":
        pool.apply(vault, with_byte(subject.accounts[vault], STATE_OFFSET, FROZEN))
        subject.frozen.add(vault)
        subject.closed.discard(vault)
    elif event == "thaw":
        pool.apply(vault, with_byte(subject.accounts[vault], STATE_OFFSET, INITIALIZED))
        subject.frozen.discard(vault)
        subject.closed.discard(vault)
    elif event == "close":
        pool.apply(closable, None)
        subject.closed.add(closable)
        subject.frozen.discard(closable)
    elif event == "lamports":
        if closable in subject.closed:
            pool.apply(closable, Account(SYSTEM_PROGRAM, b"", 1))
    elif event == "reopen":
        for pubkey in subject.closed:
            pool.apply(pubkey, subject.accounts[pubkey])
        subject.closed.clear()
    elif mint is not None:
        pool.apply(mint, token_2022_mint(10**18, paused=event == "pause"))
        (subject.paused.add if event == "pause" else subject.paused.discard)(mint)


@every_token_2022_dex
@settings(max_examples=25, deadline=None)
@given(epoch=st.sampled_from([NEWER_EPOCH - 1, NEWER_EPOCH]), on_input=st.booleans(), amount=st.integers(10**5, 10**9))
def test_a_transfer_fee_is_that_of_the_epoch_off_the_input_first_or_off_the_output_last(
    open_pool: OpenPool,
    recorded: Recorded,
    clock: ChainClock,
    dex_label: str,
    epoch: int,
    on_input: bool,
    amount: int,
) -> None:
    fee = NEWER if epoch >= NEWER_EPOCH else OLDER
    plain, charged = (opened(open_pool, recorded, dex_label).pool for _ in range(2))
    for pool, charges in ((plain, False), (charged, True)):
        mint_in, mint_out = pool.mint_a, pool.mint_b
        pool.apply(mint_in, token_2022_mint(10**15, charges=charges and on_input))
        pool.apply(mint_out, token_2022_mint(10**15, charges=charges and not on_input))
    now = replace(clock, epoch=epoch)
    assert plain.price_holds_until(now).epoch == NEVER
    assert charged.price_holds_until(now).epoch == (NEVER if epoch >= NEWER_EPOCH else NEWER_EPOCH)
    got = charged.swap(Direction.A_TO_B, SwapMode.EXACT_IN, amount, now)
    if on_input:
        expected = plain.swap(Direction.A_TO_B, SwapMode.EXACT_IN, amount - fee.on_amount(amount), now).amount_out
    else:
        gross = plain.swap(Direction.A_TO_B, SwapMode.EXACT_IN, amount, now).amount_out
        expected = gross - fee.on_amount(gross)
    assert (got.amount_in, got.amount_out) == (amount, expected)
    assert list(charged.ladder(Direction.A_TO_B, [amount], now)) == [expected]
    wanted = charged.swap(Direction.A_TO_B, SwapMode.EXACT_OUT, expected, now)
    assert wanted.amount_out >= expected
    assert wanted.amount_in <= amount + 2
