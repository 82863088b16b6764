from quote_core.dex.pool import Account
from quote_core.dex.spl_token import with_token_amount
from quote_core.units import Pubkey
from recorded_market.native_sol import with_native_lamports
from recorded_market.recording import Recording

SOL_VAULT = Pubkey("DQyrAcCrDXQ7NeoqGgDCZwBvWDcYmFCjSb9JtteuvPpz")
USDC_VAULT = Pubkey("HLmqeL62xR1QoZ1HKKbXRrdN1p3phKpxRMb2VVopvBBz")
TOKEN_ACCOUNT_RENT_LAMPORTS = 2_039_280


def test_a_wrapped_sol_vault_holds_its_amount_as_lamports_on_top_of_rent(recording: Recording) -> None:
    vault = recording.accounts[SOL_VAULT]
    filled = with_native_lamports(Account(vault.owner, with_token_amount(vault.data, 123), 1))
    assert filled.lamports == TOKEN_ACCOUNT_RENT_LAMPORTS + 123


def test_any_other_account_keeps_its_lamports(recording: Recording) -> None:
    for pubkey in (USDC_VAULT, Pubkey("So11111111111111111111111111111111111111112")):
        assert with_native_lamports(recording.accounts[pubkey]) is recording.accounts[pubkey]
