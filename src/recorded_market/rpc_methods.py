"""The HTTP methods of a Solana node that a reader of accounts needs, as pure reads of the ledger.

Transactions are not served: there is no bank here that could run one, so `sendTransaction` and its kin answer
"Method not found" rather than pretend. No slot is skipped (but by a fork that was asked for), so block height and slot
are the same number.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from quote_core.dex.spl_token import decode_mint, decode_token_account
from quote_core.errors import CorruptAccount
from quote_core.quotes import Provenance
from quote_core.units import Pubkey, decimal_from_amount
from recorded_market.account_json import account_json
from recorded_market.base58 import base58_decode, base58_encode
from recorded_market.chain_time import SLOTS_PER_EPOCH
from recorded_market.ledger import AccountLedger, View
from recorded_market.rpc_errors import invalid_params, method_not_found, min_context_slot_not_reached
from recorded_market.rpc_params import (
    AccountConfig,
    Encoding,
    check_pubkey,
    read_account_config,
    read_filters,
    read_object,
    read_pubkey,
)

__all__ = ["RpcMethods", "with_context"]

PUBKEY_COUNT_MAX = 100
BLOCKHASH_LIFE_BLOCKS = 150


class RpcMethods:
    """Answers calls by name; without a `genesis_hash` it does not say which chain it is."""

    def __init__(
        self, ledger: AccountLedger, provenance: Mapping[Pubkey, Provenance], *, version: str, genesis_hash: str = ""
    ) -> None:
        self._ledger = ledger
        self._provenance = provenance
        self._version = version
        self._genesis_hash = genesis_hash
        self._methods: dict[str, Callable[[Sequence[Any]], Any]] = {
            "getAccountInfo": self._get_account_info,
            "getBalance": self._get_balance,
            "getBlockHeight": self._get_slot,
            "getEpochInfo": self._get_epoch_info,
            "getGenesisHash": self._get_genesis_hash,
            "getHealth": self._get_health,
            "getLatestBlockhash": self._get_latest_blockhash,
            "getMultipleAccounts": self._get_multiple_accounts,
            "getProgramAccounts": self._get_program_accounts,
            "getProvenance": self._get_provenance,
            "getSlot": self._get_slot,
            "getTokenAccountBalance": self._get_token_account_balance,
            "getVersion": self._get_version,
        }

    def call(self, method: str, params: Sequence[Any]) -> Any:
        """Give the result of one call.

        Raises:
            RpcError: The call is wrong, or cannot be answered yet.
        """
        handler = self._methods.get(method)
        if handler is None:
            raise method_not_found()
        return handler(params)

    def _get_account_info(self, params: Sequence[Any]) -> Any:
        pubkey = read_pubkey(params)
        config, view = self._read_view(params, 1)
        return self._with_context(view, _account_or_none(view, pubkey, config))

    def _get_multiple_accounts(self, params: Sequence[Any]) -> Any:
        pubkeys = _read_pubkeys(params)
        config, view = self._read_view(params, 1, encoding=Encoding.BASE64)
        return self._with_context(view, [_account_or_none(view, pubkey, config) for pubkey in pubkeys])

    def _get_program_accounts(self, params: Sequence[Any]) -> Any:
        program = read_pubkey(params)
        filters = read_filters(read_object(params, 1))
        config, view = self._read_view(params, 1)
        matching = [
            pubkey
            for pubkey, account in view.accounts.items()
            if account.owner == program and filters.match(account.data)
        ]
        found = [
            {"pubkey": pubkey, "account": account_json(view.accounts[pubkey], config)}
            for pubkey in sorted(matching, key=base58_decode)
        ]
        return self._with_context(view, found) if config.with_context else found

    def _get_balance(self, params: Sequence[Any]) -> Any:
        account = read_pubkey(params)
        _, view = self._read_view(params, 1)
        held = view.accounts.get(account)
        return self._with_context(view, 0 if held is None else held.lamports)

    def _get_token_account_balance(self, params: Sequence[Any]) -> Any:
        pubkey = read_pubkey(params)
        _, view = self._read_view(params, 1)
        held = view.accounts.get(pubkey)
        if held is None:
            raise invalid_params("Invalid param: could not find account")
        try:
            token_account = decode_token_account(pubkey, held)
            mint = decode_mint(token_account.mint, view.accounts[token_account.mint])
        except (CorruptAccount, KeyError):
            raise invalid_params("Invalid param: not a Token account") from None
        amount = decimal_from_amount(token_account.amount, mint.decimals)
        value = {
            "amount": str(token_account.amount),
            "decimals": mint.decimals,
            "uiAmount": float(amount),
            "uiAmountString": f"{amount:f}",
        }
        return self._with_context(view, value)

    def _get_slot(self, params: Sequence[Any]) -> int:
        _, view = self._read_view(params, 0)
        return view.slot

    def _get_epoch_info(self, params: Sequence[Any]) -> Any:
        _, view = self._read_view(params, 0)
        epoch, slot_index = divmod(view.slot, SLOTS_PER_EPOCH)
        return {
            "absoluteSlot": view.slot,
            "blockHeight": view.slot,
            "epoch": epoch,
            "slotIndex": slot_index,
            "slotsInEpoch": SLOTS_PER_EPOCH,
            "transactionCount": None,
        }

    def _get_latest_blockhash(self, params: Sequence[Any]) -> Any:
        _, view = self._read_view(params, 0)
        blockhash = base58_encode(hashlib.sha256(b"blockhash:%d" % view.slot).digest())
        value = {"blockhash": blockhash, "lastValidBlockHeight": view.slot + BLOCKHASH_LIFE_BLOCKS}
        return self._with_context(view, value)

    def _get_genesis_hash(self, _params: Sequence[Any]) -> str:
        if not self._genesis_hash:
            raise method_not_found()
        return self._genesis_hash

    def _get_health(self, _params: Sequence[Any]) -> str:
        return "ok"

    def _get_version(self, _params: Sequence[Any]) -> Any:
        return {"solana-core": self._version, "feature-set": 0}

    def _get_provenance(self, params: Sequence[Any]) -> list[str | None]:
        origins = (self._provenance.get(pubkey) for pubkey in _read_pubkeys(params))
        return [None if origin is None else origin.name.lower() for origin in origins]

    def _read_view(
        self, params: Sequence[Any], config_index: int, *, encoding: Encoding = Encoding.BINARY
    ) -> tuple[AccountConfig, View]:
        config = read_account_config(read_object(params, config_index), encoding=encoding)
        view = self._ledger.view(config.commitment)
        if view.slot < config.min_context_slot:
            raise min_context_slot_not_reached(view.slot)
        return config, view

    def _with_context(self, view: View, value: Any) -> Any:
        return with_context(view.slot, value, self._version)


def with_context(slot: int, value: Any, version: str) -> Any:
    """Wrap a result with the slot it was read at."""
    return {"context": {"slot": slot, "apiVersion": version}, "value": value}


def _read_pubkeys(params: Sequence[Any]) -> list[Pubkey]:
    if not params:
        raise invalid_params("`params` should have at least 1 argument(s)")
    if not isinstance(params[0], list):
        raise invalid_params("Invalid params: expected a list of public keys.")
    if len(params[0]) > PUBKEY_COUNT_MAX:
        raise invalid_params(f"Too many inputs provided; max {PUBKEY_COUNT_MAX}")
    return [check_pubkey(value) for value in params[0]]


def _account_or_none(view: View, pubkey: Pubkey, config: AccountConfig) -> dict[str, Any] | None:
    account = view.accounts.get(pubkey)
    return None if account is None else account_json(account, config)
