"""A Solana JSON-RPC client on aiohttp: few methods, each with a deadline and bounded, jittered retries.

Errors of aiohttp become `RpcFailed` or `DeadlinePassed` here and go no further. No redirect is followed: it would take
what is asked, and the key in the headers, to another host. When the node asks to be left alone (429 or 503 with
`Retry-After`), no call is made until then, whoever makes it.
"""

import asyncio
import itertools
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import aiohttp
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from quote_core.addresses import redacted_url
from quote_core.clock import Clock
from quote_core.errors import DeadlinePassed, RateLimited, RpcFailed, RpcUnavailable, SolquoteError, UpstreamError
from quote_core.outside import retry_after_ns
from quote_core.quotes import Provenance
from quote_core.resilience import Pause
from quote_core.solana.accounts import AccountUpdate, FoundAccount, PartlyRead, UpdateSource
from quote_core.solana.codec import AccountReader, decode_answer, decode_slot, encode_request, with_context
from quote_core.telemetry.calls import CallFigures
from quote_core.units import NS_PER_MS, NS_PER_S, Pubkey

__all__ = ["ACCOUNTS_PER_REQUEST_MAX", "RpcClient"]

ACCOUNTS_PER_REQUEST_MAX: Final = 100
"""What getMultipleAccounts accepts."""

GENESIS_HASH_CHARS_MAX: Final = 44
"""Of 32 bytes in base58."""

_ANSWER_SIZE_BYTES_MAX = 16 * 1024 * 1024
"""Ten times what a hundred of the largest accounts asked for take; several answers are read at once."""
_RETRY_AFTER_NS_DEFAULT = NS_PER_S  # a 429 that names no time
_TRANSIENT_CODES = frozenset({-32004, -32005, -32014, -32016})  # not yet available, behind, or slot not reached
_HTTP_REDIRECTS = range(300, 400)
_HTTP_TOO_MANY = 429
_HTTP_SERVER_ERROR = 500
_ANSWERED = "OK"
_GIVEN_UP = "CANCELLED"
_BACKOFF = wait_random_exponential(multiplier=0.05, max=1.0)


class RpcClient:
    """One node. Safe for concurrent calls; the session belongs to the caller.

    A process has one of these a node, so what the node asks for in one call (see `Pause`) holds for all of them.
    """

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
        self.calls: dict[str, CallFigures] = {}
        """By method, of which our own code alone says what there are; each ends in OK, or in an error's code."""
        self.attempt_count = 0
        self._url = url
        self._shown_url = redacted_url(url)
        self._session = session
        self._clock = clock
        self._timeout_ms = timeout_ms
        self._attempt_count_max = attempt_count_max
        self._commitment = commitment
        self._ids = itertools.count(1)
        self._pause = Pause(name=self._shown_url, clock=clock)
        self._knows_provenance: bool | None = None
        """Whether the node tells origins; None = it has not been asked yet."""

    @property
    def shown_url(self) -> str:
        """The node, without what may be a key."""
        return self._shown_url

    @property
    def pause_s(self) -> float:
        """How long the node wants no call yet."""
        return self._pause.remaining_ns / NS_PER_S

    async def get_multiple_accounts(self, pubkeys: Sequence[Pubkey]) -> list[AccountUpdate]:
        """Read accounts, `ACCOUNTS_PER_REQUEST_MAX` a request; those of one request are of one slot.

        Raises:
            PartlyRead: A request was refused, or an account cannot be read; carries the others.
            RpcFailed, DeadlinePassed, RateLimited: The node did not answer usefully, and nothing was read.
        """
        chunks = [
            pubkeys[start : start + ACCOUNTS_PER_REQUEST_MAX]
            for start in range(0, len(pubkeys), ACCOUNTS_PER_REQUEST_MAX)
        ]
        updates: list[AccountUpdate] = []
        fault: UpstreamError | None = None
        for chunk in chunks:
            try:
                updates += await self._get_accounts_of_one_slot(chunk)
            except PartlyRead as error:
                updates += error.updates
                fault = fault or error.fault
            except UpstreamError as error:
                fault = fault or error
        if fault is None:
            return updates
        raise PartlyRead("getMultipleAccounts", updates, fault) if updates else fault

    async def _get_accounts_of_one_slot(self, pubkeys: Sequence[Pubkey]) -> list[AccountUpdate]:
        method = "getMultipleAccounts"
        config = {"encoding": "base64+zstd", "commitment": self._commitment}
        asked_mono_ns = self._clock.mono_ns()  # before the first attempt: earlier than true where one is repeated
        slot, values = with_context(method, await self.call(method, [list(pubkeys), config]))
        if not isinstance(values, list) or len(values) != len(pubkeys):
            raise RpcFailed(method, f"asked for {len(pubkeys)} accounts, got something else")
        received_mono_ns = self._clock.mono_ns()
        reader = AccountReader(method)
        updates: list[AccountUpdate] = []
        fault: RpcFailed | None = None
        for pubkey, value in zip(pubkeys, values, strict=True):
            try:
                account = reader.read(value)
            except RpcFailed as error:
                if reader.is_full:
                    raise
                # What is wrong with one account says nothing about the others, which rest in other pools.
                fault = fault or RpcFailed(method, f"account {pubkey}: {error.reason}")
            else:
                updates.append(
                    AccountUpdate(pubkey, slot, account, received_mono_ns, UpdateSource.ANSWER, asked_mono_ns)
                )
        if fault is None:
            return updates
        raise PartlyRead(method, updates, fault) if updates else fault

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
        reader = AccountReader(method)
        for value in values:
            pubkey = value.get("pubkey") if isinstance(value, dict) else None
            account = reader.read(value.get("account")) if isinstance(value, dict) else None
            if not isinstance(pubkey, str) or account is None:
                raise RpcFailed(method, "an entry without key or account")
            found.append(FoundAccount(Pubkey(pubkey), slot, account))
        return found

    async def get_slot(self) -> int:
        """The node's newest slot.

        Raises:
            RpcFailed, DeadlinePassed, RateLimited: The node did not answer usefully.
        """
        return decode_slot("getSlot", await self.call("getSlot", [{"commitment": self._commitment}]))

    async def get_genesis_hash(self) -> str | None:
        """Which chain the node serves: the hash of its first block; None when it does not say, see `get_provenance`.

        Raises:
            RpcUnavailable, DeadlinePassed, RateLimited: The node did not answer at all.
        """
        try:
            genesis_hash = await self.call("getGenesisHash", [])
        except RpcUnavailable:
            raise
        except RpcFailed:
            return None
        return genesis_hash if isinstance(genesis_hash, str) and len(genesis_hash) <= GENESIS_HASH_CHARS_MAX else None

    async def get_provenance(self, pubkeys: Sequence[Pubkey]) -> Mapping[Pubkey, Provenance]:
        """Where accounts come from, those that the node has; an ordinary node does not know the question: all `CHAIN`.

        Nodes and the proxies before them refuse a method they do not offer in many ways (codes -32601, -32600, -32602,
        HTTP 403 or 404, a page for people): any answer but a list of origins to the first question is that of an
        ordinary node. A node that has told origins before is believed no such thing.

        Raises:
            RpcFailed, DeadlinePassed, RateLimited: The node did not answer at all; or it refused, but told before.
        """
        if self._knows_provenance is not False and pubkeys:
            try:
                origins = _provenances(await self.call("getProvenance", [list(pubkeys)]), len(pubkeys))
            except RpcUnavailable:
                raise
            except RpcFailed:
                if self._knows_provenance:
                    raise
                self._knows_provenance = False
            else:
                self._knows_provenance = True
                told = zip(pubkeys, origins, strict=True)
                return {pubkey: origin for pubkey, origin in told if origin is not None}
        return dict.fromkeys(pubkeys, Provenance.CHAIN)

    async def call(self, method: str, params: Sequence[object]) -> Any:
        """One call: retried while the fault may pass, all within the client's time-out.

        Raises:
            RpcFailed, DeadlinePassed: The node did not answer usefully.
            RateLimited: The node wants no call for longer than the time-out lasts; carries the wait.
        """
        figures, began_s, code = self.calls.setdefault(method, CallFigures()), time.perf_counter(), _GIVEN_UP
        try:
            answer = await self._call(method, params)
        except SolquoteError as error:
            code = error.code
            raise
        else:
            code = _ANSWERED
            return answer
        finally:
            figures.end(code, began_s)

    async def _call(self, method: str, params: Sequence[object]) -> Any:
        deadline_s = asyncio.get_running_loop().time() + self._timeout_ms / 1_000

        def is_enough(state: RetryCallState) -> bool:
            return state.attempt_number >= self._attempt_count_max or not self._fits_before(deadline_s)

        retrying = AsyncRetrying(
            stop=is_enough, wait=_BACKOFF, retry=retry_if_exception_type((RpcUnavailable, RateLimited)), reraise=True
        )
        try:
            async with asyncio.timeout_at(deadline_s):
                return await retrying(self._attempt, method, params, deadline_s)
        except TimeoutError:
            raise DeadlinePassed(f"{method} at {self._shown_url}", self._timeout_ms) from None

    def _fits_before(self, deadline_s: float) -> bool:
        return asyncio.get_running_loop().time() + self._pause.remaining_ns / NS_PER_S < deadline_s

    async def _attempt(self, method: str, params: Sequence[object], deadline_s: float) -> Any:
        while self._pause.remaining_ns:
            if not self._fits_before(deadline_s):
                raise RateLimited(self._shown_url, -(-self._pause.remaining_ns // NS_PER_MS))
            await asyncio.sleep(self._pause.remaining_ns / NS_PER_S)
        self.attempt_count += 1
        request_id = next(self._ids)
        body = encode_request(request_id, method, params)
        try:
            async with self._session.post(
                self._url, data=body, headers={"Content-Type": "application/json"}, allow_redirects=False
            ) as response:
                self._check_status(method, response)
                answer = await _read_bounded(response, method)
        except aiohttp.ClientError as error:
            raise RpcUnavailable(method, f"{self._shown_url} cannot be reached: {type(error).__name__}") from error
        try:
            return decode_answer(method, request_id, answer)
        except RpcFailed as error:
            if error.rpc_code in _TRANSIENT_CODES:
                raise RpcUnavailable(method, error.reason, rpc_code=error.rpc_code) from None
            raise

    def _check_status(self, method: str, response: aiohttp.ClientResponse) -> None:
        """Pass on what has an answer to read: HTTP 4xx, too, may carry the error the node answers with."""
        status = response.status
        if status in _HTTP_REDIRECTS:
            raise RpcFailed(method, f"{self._shown_url} answered HTTP {status}; redirects are not followed")
        if status != _HTTP_TOO_MANY and status < _HTTP_SERVER_ERROR:
            return
        asked_ns = retry_after_ns(response.headers, now_unix_ns=self._clock.unix_ns())
        if status == _HTTP_TOO_MANY:
            self._pause.extend(_RETRY_AFTER_NS_DEFAULT if asked_ns is None else asked_ns)
            raise RateLimited(self._shown_url, -(-self._pause.remaining_ns // NS_PER_MS))
        self._pause.extend(asked_ns or 0)
        raise RpcUnavailable(method, f"{self._shown_url} answered HTTP {status}")


async def _read_bounded(response: aiohttp.ClientResponse, method: str) -> bytes:
    parts: list[bytes] = []
    size_bytes = 0
    async for part in response.content.iter_any():
        size_bytes += len(part)
        if size_bytes > _ANSWER_SIZE_BYTES_MAX:
            raise RpcFailed(method, f"the answer is larger than {_ANSWER_SIZE_BYTES_MAX} bytes")
        parts.append(part)
    return b"".join(parts)


def _provenances(result: object, count: int) -> Iterable[Provenance | None]:
    if not (
        isinstance(result, list)
        and len(result) == count
        and all(name is None or isinstance(name, str) for name in result)
    ):
        raise RpcFailed("getProvenance", f"asked for {count} accounts, got something else")
    # An origin this build has no name for is not the chain; SYNTHETIC claims least.
    names = Provenance.__members__
    return [None if name is None else names.get(name.upper(), Provenance.SYNTHETIC) for name in result]
