"""Coverage-guided fuzzing of every decoder and quote; not collected by pytest.

    make fuzz                                   # 1,000,000 cases
    python tests/fuzz/fuzz_dex.py -runs=50000   # any option of libFuzzer

One input damages one account of one recorded pool (or rate source, or price), hands it over, and asks for quotes. The
account may be refused with `CorruptAccount`, a quote with a `MarketError`; anything else is a finding, and libFuzzer
leaves the input in a file `crash-*` that reproduces it when given as the only argument.
"""

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import atheris

with atheris.instrument_imports(include=["quote_core"]):
    from quote_core.dex.lst_rates import decode_rate
    from quote_core.dex.pool import Account, ChainClock, Direction, Pool, SwapMode
    from quote_core.dex.programs import decode_pool
    from quote_core.dex.pyth import decode_price_update
    from quote_core.dex.recorded import RecordedPool, load_accounts, parse_recorded_pool
    from quote_core.dex.spl_token import decode_mint, decode_token_account
    from quote_core.errors import CorruptAccount, MarketError
    from quote_core.units import Pubkey

RECORDED: Final = Path(__file__).parents[1] / "golden" / "pools"
POOL_FILES: Final = (
    "raydium_amm_v4/sol_usdc_58oQChx4",
    "raydium_cpmm/sol_usdc_7JuwJuNU",
    "pumpswap/pump_usdc_2uF4Xh61",
    "pumpswap/synthetic_usdc_quote",
    "raydium_clmm/sol_usdc_3ucNos4N_jul2026",
    "raydium_clmm/sol_usdc_ts1_8sLbNZoA_may2024",
    "orca_whirlpool/synthetic_adaptive_ts4_A",
    "orca_whirlpool/synthetic_dynamic_arrays_samo",
    "meteora_dlmm/sol_usdc_bs4_5rCf1DM8",
    "meteora_dlmm/memecoin_sol_EtAdVRLF",
)
RATE_FILES: Final = {
    "stake_pool/jitosol": "stake_pool",
    "marinade/msol": "marinade",
    "sanctum_infinity/inf": "infinity",
    "lido/stsol": "lido",
    "hylo/lst_headers_sep2026": "hylo",
}
PRICE_FILE: Final = "pyth/sol_usd_20260731_7UVimf"
NOBODY: Final = Pubkey("11111111111111111111111111111111")
EDIT_COUNT_MAX: Final = 6
EDIT_SIZE_BYTES_MAX: Final = 16

Case = Callable[[atheris.FuzzedDataProvider], None]


def recorded(name: str) -> RecordedPool:
    return parse_recorded_pool(json.loads((RECORDED / f"{name}.json").read_bytes()), name=name)


def damaged(account: Account, data: atheris.FuzzedDataProvider) -> Account:
    """Overwrite some slices, and now and then cut, lengthen or give the account away."""
    changed = bytearray(account.data)
    for _ in range(data.ConsumeIntInRange(0, EDIT_COUNT_MAX)):
        if not changed:
            break
        offset = data.ConsumeIntInRange(0, len(changed) - 1)
        raw = data.ConsumeBytes(data.ConsumeIntInRange(1, EDIT_SIZE_BYTES_MAX))
        changed[offset : offset + len(raw)] = raw
    fate = data.ConsumeIntInRange(0, 15)
    if fate == 0:
        del changed[data.ConsumeIntInRange(0, len(changed)) :]
    elif fate == 1:
        changed += data.ConsumeBytes(64)
    return Account(NOBODY if fate == 2 else account.owner, bytes(changed))


def pool_case(name: str) -> Case:
    """Damage one account of an open pool, quote, and put the account back."""
    source = recorded(name)
    address = Pubkey(source.roles["pool"])
    pool = decode_pool(address, source.accounts[address])
    load_accounts(pool, source.accounts)
    held = [address, *(need.pubkey for need in pool.accounts_needed() if need.pubkey in source.accounts)]

    def run(data: atheris.FuzzedDataProvider) -> None:
        pubkey = held[data.ConsumeIntInRange(0, len(held) - 1)]
        account = damaged(source.accounts[pubkey], data)
        try:
            with suppress(CorruptAccount):
                if pubkey == address and data.ConsumeBool():
                    decode_pool(address, account)  # alone: whatever the open pool would have refused as a change
                pool.apply(pubkey, account)
            quote(pool, data)
        finally:
            pool.apply(pubkey, source.accounts[pubkey])

    return run


def quote(pool: Pool, data: atheris.FuzzedDataProvider) -> None:
    direction = Direction.A_TO_B if data.ConsumeBool() else Direction.B_TO_A
    mode = SwapMode.EXACT_IN if data.ConsumeBool() else SwapMode.EXACT_OUT
    amounts = sorted(data.ConsumeIntInRange(0, 2 ** data.ConsumeIntInRange(1, 64) - 1) for _ in range(3))
    clock = ChainClock(
        slot=data.ConsumeIntInRange(0, 2**40),
        unix_timestamp=data.ConsumeIntInRange(0, 2**33),
        epoch=data.ConsumeIntInRange(0, 2**16),
    )
    with suppress(MarketError):
        swap = pool.swap(direction, mode, amounts[-1], clock)
        assert 0 <= swap.amount_in < 2**64
        assert 0 <= swap.amount_out < 2**64
    with suppress(MarketError):
        outputs = pool.ladder(direction, amounts, clock)
        for amount, output in zip(amounts, outputs, strict=True):
            assert output == exact_in_or_zero(pool, direction, amount, clock)
    with suppress(MarketError):
        pool.spot_price(clock)
        pool.fee_fraction(direction, clock)


def exact_in_or_zero(pool: Pool, direction: Direction, amount: int, clock: ChainClock) -> int:
    try:
        return pool.swap(direction, SwapMode.EXACT_IN, amount, clock).amount_out
    except MarketError:
        return 0


def rate_case(name: str, kind: str) -> Case:
    accounts = list(recorded(name).accounts.items())

    def run(data: atheris.FuzzedDataProvider) -> None:
        pubkey, account = accounts[data.ConsumeIntInRange(0, len(accounts) - 1)]
        with suppress(CorruptAccount):
            rate = decode_rate(kind, damaged(account, data), mint_supply=2**40, account_key=pubkey)
            rate.lamports_floor(2**64 - 1)
            rate.tokens_floor(2**64 - 1)

    return run


def price_case(name: str) -> Case:
    ((pubkey, account),) = recorded(name).accounts.items()

    def run(data: atheris.FuzzedDataProvider) -> None:
        with suppress(CorruptAccount):
            assert decode_price_update(pubkey, damaged(account, data)).value > 0

    return run


def token_case(name: str) -> Case:
    """Any token account or mint of a recording, Token-2022 among them."""
    accounts = [(pubkey, one) for pubkey, one in recorded(name).accounts.items() if one.owner.startswith("Token")]

    def run(data: atheris.FuzzedDataProvider) -> None:
        pubkey, account = accounts[data.ConsumeIntInRange(0, len(accounts) - 1)]
        changed = damaged(account, data)
        with suppress(CorruptAccount):
            decode_token_account(pubkey, changed)
        with suppress(CorruptAccount):
            fee = decode_mint(pubkey, changed).transfer_fee_at(data.ConsumeIntInRange(0, 2**16))
            assert 0 <= fee.on_amount(2**64 - 1) < 2**64

    return run


def main() -> None:
    cases = [
        *(pool_case(name) for name in POOL_FILES),
        *(rate_case(name, kind) for name, kind in RATE_FILES.items()),
        price_case(PRICE_FILE),
        token_case("pumpswap/pump_usdc_2uF4Xh61"),
    ]

    def one_input(raw: bytes) -> None:
        data = atheris.FuzzedDataProvider(raw)
        cases[data.ConsumeIntInRange(0, len(cases) - 1)](data)

    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
