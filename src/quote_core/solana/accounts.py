"""Accounts as a node tells them, with the slot they are of."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from quote_core.dex.pool import Account
from quote_core.errors import RpcFailed, UpstreamError
from quote_core.units import Pubkey

__all__ = ["AccountUpdate", "FoundAccount", "PartlyRead", "UpdateSource"]


class UpdateSource(enum.IntEnum):
    """How an update came. At the same slot a notification is the newer one: an answer may predate it."""

    ANSWER = 0
    NOTIFICATION = 1


@dataclass(frozen=True, slots=True)
class AccountUpdate:
    """One account as of one slot; `account` is None when it does not exist on chain.

    `asked_mono_ns` is when the request was sent that an answer answers, CLOCK_MONOTONIC; 0 of what nobody asked for.
    """

    pubkey: Pubkey
    slot: int
    account: Account | None
    received_mono_ns: int
    source: UpdateSource
    asked_mono_ns: int = 0


@dataclass(frozen=True, slots=True)
class FoundAccount:
    """One hit of a program search."""

    pubkey: Pubkey
    slot: int
    account: Account


class PartlyRead(RpcFailed):
    """Some of the accounts asked for could not be read; those that could are in `updates`, as good as any."""

    def __init__(self, method: str, updates: Sequence[AccountUpdate], fault: UpstreamError) -> None:
        super().__init__(method, f"{len(updates)} accounts were read, others not: {fault}")
        self.updates = tuple(updates)
        self.fault = fault
