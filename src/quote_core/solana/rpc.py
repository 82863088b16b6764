"""A Solana JSON-RPC client on aiohttp: few methods, each with a deadline and bounded, jittered retries.

Errors of aiohttp become `RpcFailed` or `DeadlinePassed` here and go no further.
"""

import asyncio
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import aiohttp
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from quote_core.clock import Clock
from quote_core.errors import DeadlinePassed, RateLimited, RpcFailed
from quote_core.quotes import Provenance
from quote_core.solana.accounts import AccountUpdate, FoundAccount, UpdateSource
from quote_core.solana.codec import METHOD_NOT_FOUND, decode_account, decode_answer, encode_request, with_context
from quote_core.telemetry.logs import redacted_url
from quote_core.units import Pubkey

__all__ = ["ACCOUNTS_PER_REQUEST_MAX", "RpcClient"]

ACCOUNTS_PER_REQUEST_MAX: Final = 100
"""What getMultipleAccounts accepts."""

_ANSWER_SIZE_BYTES_MAX = 16 * 1024 * 1024
"""Ten times what a hundred of the largest accounts asked for take; several answers are read at once."""
_RETRY_AFTER_MS_DEFAULT = 1_000
_TRANSIENT_CODES = frozenset({-32004, -32005, -32014, -32016})  # not yet available, behind, or slot not reached
_HTTP_TOO_MANY = 429
_HTTP_SERVER_ERROR = 500
_BACKOFF = wait_random_exponential(multiplier=0.05, max=1.0)


class RpcClient:
    """One node. Safe for concurrent calls; the session belongs to the caller."""

    def __init__(
        self,
        *,
        url: str,
        session: aiohttp.ClientSession,
        clock: Clock,
        timeout_ms: int = 5_000,
        attempt_count_max: int = 4,
        commitment: str = "processed",
    ) -> None:
        self._url = url
        self._shown_url = redacted_url(url)
        self._session = session
        self._clock = clock
        self._timeout_ms = timeout_ms
        self._attempt_count_max = attempt_count_max
        self._commitment = commitment
        self._ids = itertools.count(1)
        self._knows_provenance = True

    async def get_multiple_accounts(self, pubkeys: Sequence[Pubkey]) -> list[AccountUpdate]:
        """Read accounts, `ACCOUNTS_PER_REQUEST_MAX` a request; those of one request are of one slot.

        Raises:
            RpcFailed, DeadlinePassed, RateLimited: The node did not answer usefully.
        """
        chunks = [
            pubkeys[start : start + ACCOUNTS_PER_REQUEST_MAX]
            for start in range(0, len(pubkeys), ACCOUNTS_PER_REQUEST_MAX)
        ]
        updates: list[AccountUpdate] = []
        for chunk in chunks:
            updates += await self._get_accounts_of_one_slot(chunk)
        return updates

    async def _get_accounts_of_one_slot(self, pubkeys: Sequence[Pubkey]) -> list[AccountUpdate]:
        method = "getMultipleAccounts"
        config = {"encoding": "base64+zstd", "commitment": self._commitment}
        slot, values = with_context(method, await self.call(method, [list(pubkeys), config]))
        if not isinstance(values, list) or len(values) != len(pubkeys):
            raise RpcFailed(method, f"asked for {len(pubkeys)} accounts, got something else")
        received_mono_ns = self._clock.mono_ns()
        return [
            AccountUpdate(pubkey, slot, decode_account(method, value), received_mono_ns, UpdateSource.ANSWER)
            for pubkey, value in zip(pubkeys, values, strict=True)
        ]

    async def get_program_accounts(
        self, program_id: Pubkey, filters: Sequence[Mapping[str, Any]]
    ) -> list[FoundAccount]:
        """Find a program's accounts; `filters` as JSON-RPC spells them.

        Raises:
            RpcFailed, DeadlinePassed, RateLimited: The node did not answer usefully, or does not offer the search.
        """
        method = "getProgramAccounts"
        config = {
            "encoding": "base64+zstd",
            "commitment": self._commitment,
            "filters": list(filters),
            "withContext": True,
        }
        slot, values = with_context(method, await self.call(method, [program_id, config]))
        if not isinstance(values, list):
            raise RpcFailed(method, "the answer is not a list")
        found = []
        for value in values:
            pubkey = value.get("pubkey") if isinstance(value, dict) else None
            account = decode_account(method, value.get("account")) if isinstance(value, dict) else None
            if not isinstance(pubkey, str) or account is None:
                raise RpcFailed(method, "an entry without key or account")
            found.append(FoundAccount(Pubkey(pubkey), slot, account))
        return found

    async def get_slot(self) -> int:
        """The node's newest slot.

        Raises:
            RpcFailed, DeadlinePassed, RateLimited: The node did not answer usefully.
        """
        slot = await self.call("getSlot", [{"commitment": self._commitment}])
        if not isinstance(slot, int) or isinstance(slot, bool):
            raise RpcFailed("getSlot", "the answer is not a number")
        return slot

    async def get_provenance(self, pubkeys: Sequence[Pubkey]) -> Mapping[Pubkey, Provenance]:
        """Where accounts come from, those that the node has; an ordinary node does not know the question: all `CHAIN`.

        Raises:
            RpcFailed, DeadlinePassed, RateLimited: The node did not answer usefully.
        """
        if self._knows_provenance and pubkeys:
            try:
                result = await self.call("getProvenance", [list(pubkeys)])
            except RpcFailed as error:
                if error.rpc_code != METHOD_NOT_FOUND:
                    raise
                self._knows_provenance = False
            else:
                origins = zip(pubkeys, _provenances(result, len(pubkeys)), strict=True)
                return {pubkey: origin for pubkey, origin in origins if origin is not None}
        return dict.fromkeys(pubkeys, Provenance.CHAIN)

    async def call(self, method: str, params: Sequence[object]) -> Any:
        """One call: retried while the fault may pass, all within the client's time-out.

        Raises:
            RpcFailed, DeadlinePassed, RateLimited: The node did not answer usefully.
        """
        retrying = AsyncRetrying(
            stop=stop_after_attempt(self._attempt_count_max),
            wait=_wait_s,
            retry=retry_if_exception_type((_PassingFault, RateLimited)),
            reraise=True,
        )
        try:
            async with asyncio.timeout(self._timeout_ms / 1_000):
                return await retrying(self._attempt, method, params)
        except TimeoutError:
            raise DeadlinePassed(f"{method} at {self._shown_url}", self._timeout_ms) from None

    async def _attempt(self, method: str, params: Sequence[object]) -> Any:
        request_id = next(self._ids)
        body = encode_request(request_id, method, params)
        try:
            async with self._session.post(
                self._url, data=body, headers={"Content-Type": "application/json"}
            ) as response:
                if response.status == _HTTP_TOO_MANY:
                    raise RateLimited(self._shown_url, _retry_after_ms(response.headers.get("Retry-After")))
                if response.status >= _HTTP_SERVER_ERROR:
                    raise _PassingFault(method, f"{self._shown_url} answered HTTP {response.status}")
                answer = await _read_bounded(response, method)
        except aiohttp.ClientError as error:
            raise _PassingFault(method, f"{self._shown_url} cannot be reached: {type(error).__name__}") from error
        try:
            return decode_answer(method, request_id, answer)
        except RpcFailed as error:
            if error.rpc_code in _TRANSIENT_CODES:
                raise _PassingFault(method, error.reason, rpc_code=error.rpc_code) from None
            raise


class _PassingFault(RpcFailed):
    """A fault that a later attempt may not meet: no connection, an overloaded node, or one that is behind."""


def _wait_s(state: RetryCallState) -> float:
    """Jittered exponential backoff, but never less than a rate limit asked for."""
    error = state.outcome.exception() if state.outcome is not None else None
    asked_s = error.retry_after_ms / 1_000 if isinstance(error, RateLimited) else 0.0
    return max(asked_s, _BACKOFF(state))


async def _read_bounded(response: aiohttp.ClientResponse, method: str) -> bytes:
    parts: list[bytes] = []
    size_bytes = 0
    async for part in response.content.iter_any():
        size_bytes += len(part)
        if size_bytes > _ANSWER_SIZE_BYTES_MAX:
            raise RpcFailed(method, f"the answer is larger than {_ANSWER_SIZE_BYTES_MAX} bytes")
        parts.append(part)
    return b"".join(parts)


def _retry_after_ms(header: str | None) -> int:
    return int(header) * 1_000 if header is not None and header.isdecimal() else _RETRY_AFTER_MS_DEFAULT


def _provenances(result: object, count: int) -> Iterable[Provenance | None]:
    if not isinstance(result, list) or len(result) != count:
        raise RpcFailed("getProvenance", f"asked for {count} accounts, got something else")
    try:
        return [None if name is None else Provenance[str(name).upper()] for name in result]
    except KeyError as error:
        raise RpcFailed("getProvenance", f"unknown origin {error}") from None
