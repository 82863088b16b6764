"""Read accounts so that those of one pool are of one slot: whole pools share a request.

Each request brings the chain's clock, too: a pool newer than the clock would seem to be from the future, and refuse.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final

from local_quote.poll_plan import pack
from local_quote.pool_store import PoolStore
from quote_core.errors import UpstreamError
from quote_core.solana import CLOCK_SYSVAR, AccountUpdate, Endpoint, PartlyRead, RpcClient
from quote_core.solana.rpc import ACCOUNTS_PER_REQUEST_MAX
from quote_core.units import Pubkey

__all__ = ["PoolReader"]

_REQUESTS_AT_ONCE_MAX: Final = 4
"""Enough that requests which are not answered, each for its whole time-out, do not hold up the others for long."""


class PoolReader:
    """Reads for both the feed, which asks by account, and the polls, which ask by pool."""

    def __init__(self, *, rpc: RpcClient, store: PoolStore) -> None:
        self._rpc = rpc
        self._store = store

    async def read_accounts(self, pubkeys: Sequence[Pubkey], *, first: Endpoint | None = None) -> list[AccountUpdate]:
        """Read accounts, each with all others of the pools that rest on it, from `first` where it may be asked.

        Raises:
            PartlyRead, RpcFailed, DeadlinePassed, RateLimited: As `read_groups`.
        """
        groups: list[Sequence[Pubkey]] = []
        for pubkey in pubkeys:
            pools = self._store.resting_on(pubkey)
            groups += [entry.accounts for entry in pools] or [(pubkey,)]
        return await self.read_groups(dict.fromkeys(map(tuple, groups)), first=first)

    async def read_groups(
        self, groups: Iterable[Sequence[Pubkey]], *, first: Endpoint | None = None
    ) -> list[AccountUpdate]:
        """Read groups of accounts, each group of one slot unless it is larger than a request.

        Raises:
            PartlyRead: Some requests were refused, or some accounts cannot be read; carries what was read.
            RpcFailed, DeadlinePassed, RateLimited: The node did not answer usefully, and nothing was read.
        """
        room = asyncio.Semaphore(_REQUESTS_AT_ONCE_MAX)

        async def read(request: list[Pubkey]) -> tuple[Sequence[AccountUpdate], UpstreamError | None]:
            with_clock = request if CLOCK_SYSVAR in request else [CLOCK_SYSVAR, *request]
            async with room:
                try:
                    return await self._rpc.get_multiple_accounts(with_clock, first=first), None
                except PartlyRead as error:
                    return error.updates, error.fault
                except UpstreamError as error:
                    return (), error

        async with asyncio.TaskGroup() as tasks:
            requests = pack(groups, size_max=ACCOUNTS_PER_REQUEST_MAX - 1)
            reading = [tasks.create_task(read(request)) for request in requests]
        answers = [task.result() for task in reading]
        updates = [update for answered, _ in answers for update in answered]
        fault = next((fault for _, fault in answers if fault is not None), None)
        if fault is None:
            return updates
        raise PartlyRead("getMultipleAccounts", updates, fault) if updates else fault
