"""A Solana JSON-RPC client on aiohttp: few methods, each with a deadline and bounded, jittered retries.

Errors of aiohttp become `RpcFailed` or `DeadlinePassed` here and go no further. No redirect is followed: it would take
what is asked, and the key in the headers, to another host. When a node asks to be left alone (429 or 503 with
`Retry-After`), no call is made to it until then, whoever makes it. Which node is asked is `endpoints`' to say.
"""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from quote_core.clock import Clock
from quote_core.errors import DeadlinePassed, RateLimited, RpcFailed, RpcUnavailable, SolquoteError, UpstreamError
from quote_core.outside import retry_after_ns
from quote_core.quotes import Provenance
from quote_core.rpc_addresses import RpcRole
from quote_core.solana.accounts import AccountUpdate, FoundAccount, PartlyRead, UpdateSource
from quote_core.solana.codec import AccountReader, decode_answer, decode_slot, encode_request, with_context
from quote_core.solana.endpoint_health import EndpointState
from quote_core.solana.endpoints import Endpoint, Endpoints
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
_HTTP_CLIENT_ERRORS = 4  # hundreds
_HTTP_TOO_MANY = 429
_HTTP_SERVER_ERROR = 500
_ANSWERED = "OK"
_GIVEN_UP = "CANCELLED"
_SLOW_METHODS = frozenset({"getProgramAccounts"})
"""A search of a whole program takes seconds where it is offered; such a call goes on only when it has failed."""
_WATCH_MS_MAX = 2_000
"""Of a question that is asked every second."""
_MAY_PASS = (RpcUnavailable, RateLimited)
_BACKOFF = wait_random_exponential(multiplier=0.05, max=1.0)


@dataclass(slots=True)
class _Asked:
    """Whom a call asks, how often and how long; `last` is the endpoint asked last."""

    endpoints: Callable[[], Sequence[Endpoint]]
    attempt_count_max: int
    timeout_ms: int
    last: Endpoint | None = None


class RpcClient:
    """The nodes of one process as one. Safe for concurrent calls; the endpoints belong to the caller.

    A call goes from one endpoint to the next until one answers, and then from the start again while the fault may pass.
    While there is another, an endpoint has `failover_after_ms` for a read of accounts, so that one which hangs costs no
    more; the last has what is left of `timeout_ms`. What an endpoint asks for in one call (see `Pause`) holds for all.
    """

    def __init__(
        self,
        *,
        endpoints: Endpoints,
        clock: Clock,
        timeout_ms: int = 5_000,
        failover_after_ms: int = 500,
        attempt_count_max: int = 4,
        commitment: str = "processed",
    ) -> None:
        self.endpoints = endpoints
        self._clock = clock
        self._timeout_ms = timeout_ms
        self._failover_after_ms = failover_after_ms
        self._attempt_count_max = attempt_count_max
        self._commitment = commitment
        self._ids = itertools.count(1)
        self._knows_provenance: bool | None = None
        """Whether the nodes tell origins; None = they have not been asked yet."""

    async def get_multiple_accounts(
        self, pubkeys: Sequence[Pubkey], *, first: Endpoint | None = None
    ) -> list[AccountUpdate]:
        """Read accounts, `ACCOUNTS_PER_REQUEST_MAX` a request; those of one request are of one slot.

        Args:
            pubkeys: Which.
            first: Whom to ask before the others.

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
                updates += await self._get_accounts_of_one_slot(chunk, first)
            except PartlyRead as error:
                updates += error.updates
                fault = fault or error.fault
            except UpstreamError as error:
                fault = fault or error
        if fault is None:
            return updates
        raise PartlyRead("getMultipleAccounts", updates, fault) if updates else fault

    async def _get_accounts_of_one_slot(self, pubkeys: Sequence[Pubkey], first: Endpoint | None) -> list[AccountUpdate]:
        method = "getMultipleAccounts"
        config = {"encoding": "base64+zstd", "commitment": self._commitment}
        asked_mono_ns = self._clock.mono_ns()  # before the first attempt: earlier than true where one is repeated
        slot, values = with_context(method, await self.call(method, [list(pubkeys), config], first=first))
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

    async def watch(self, endpoint: Endpoint) -> None:
        """Ask one endpoint alone, whatever its state, for its slot; and for its chain, where it may be another one now.

        Raises:
            RpcFailed, DeadlinePassed, RateLimited: It did not answer usefully.
        """
        asked = _Asked(lambda: [endpoint], attempt_count_max=1, timeout_ms=min(self._timeout_ms, _WATCH_MS_MAX))
        was_unhealthy = endpoint.health.state is EndpointState.UNHEALTHY
        decode_slot("getSlot", await self._call("getSlot", [{"commitment": self._commitment}], asked))
        if endpoint.genesis_hash is None or was_unhealthy:
            try:
                genesis_hash = await self._call("getGenesisHash", [], asked)
            except RpcUnavailable:
                raise
            except RpcFailed:
                genesis_hash = ""
            is_hash = isinstance(genesis_hash, str) and len(genesis_hash) <= GENESIS_HASH_CHARS_MAX
            self.endpoints.told_chain(endpoint, genesis_hash if is_hash else "")

    async def call(self, method: str, params: Sequence[object], *, first: Endpoint | None = None) -> Any:
        """One call: of one endpoint after the other, repeated while the fault may pass, all within the time-out.

        Raises:
            RpcFailed, DeadlinePassed: No node answered usefully.
            RateLimited: The nodes want no call for longer than the time-out lasts; carries the wait.
        """
        asked = _Asked(
            lambda: self.endpoints.to_ask(RpcRole.READ, first=first),
            attempt_count_max=self._attempt_count_max,
            timeout_ms=self._timeout_ms,
        )
        return await self._call(method, params, asked)

    async def _call(self, method: str, params: Sequence[object], asked: _Asked) -> Any:
        """A call, counted for the endpoint that it ended at."""
        began_s, code = time.perf_counter(), _GIVEN_UP
        try:
            answer = await self._call_all(method, params, asked)
        except SolquoteError as error:
            code = error.code
            raise
        else:
            code = _ANSWERED
            return answer
        finally:
            endpoint = asked.last or next(iter(self.endpoints))
            endpoint.calls.setdefault(method, CallFigures()).end(code, began_s)

    async def _call_all(self, method: str, params: Sequence[object], asked: _Asked) -> Any:
        deadline_s = asyncio.get_running_loop().time() + asked.timeout_ms / 1_000

        def is_enough(state: RetryCallState) -> bool:
            pause_ns = self.endpoints.pause_ns(RpcRole.READ)
            return state.attempt_number >= asked.attempt_count_max or not _fits(pause_ns, deadline_s)

        retrying = AsyncRetrying(stop=is_enough, wait=_BACKOFF, retry=retry_if_exception_type(_MAY_PASS), reraise=True)
        try:
            async with asyncio.timeout_at(deadline_s):
                return await retrying(self._ask_each, method, params, asked, deadline_s)
        except TimeoutError:
            where = "" if asked.last is None else f" at {asked.last.name}"
            raise DeadlinePassed(f"{method}{where}", asked.timeout_ms) from None

    async def _ask_each(self, method: str, params: Sequence[object], asked: _Asked, deadline_s: float) -> Any:
        """Ask one endpoint after the other, each once, until one answers."""
        fault: UpstreamError = RpcUnavailable(
            method, "no endpoint may be asked: those that are there lag, or serve another chain"
        )
        endpoints = asked.endpoints()
        for endpoint in endpoints:
            asked.last = endpoint
            is_last = endpoint is endpoints[-1]
            failover_s = None if is_last or method in _SLOW_METHODS else self._failover_after_ms / 1_000
            try:
                async with asyncio.timeout(failover_s):
                    return await self._attempt(endpoint, method, params, deadline_s)
            except TimeoutError:
                endpoint.health.fail()
                fault = RpcUnavailable(method, f"{endpoint.name} did not answer within {self._failover_after_ms} ms")
            except (RpcFailed, RateLimited) as error:
                # What one cannot do now is not hidden by what another never does.
                if isinstance(error, _MAY_PASS) or not isinstance(fault, _MAY_PASS) or endpoint is endpoints[0]:
                    fault = error
            except asyncio.CancelledError:
                if asyncio.get_running_loop().time() >= deadline_s:
                    endpoint.health.fail()
                raise
            endpoint.failover_count += not is_last
        raise fault

    async def _attempt(self, endpoint: Endpoint, method: str, params: Sequence[object], deadline_s: float) -> Any:
        health = endpoint.health
        while health.pause_ns:
            if not _fits(health.pause_ns, deadline_s):
                raise RateLimited(endpoint.name, -(-health.pause_ns // NS_PER_MS))
            await asyncio.sleep(health.pause_ns / NS_PER_S)
        endpoint.attempt_count += 1
        request_id = next(self._ids)
        body = encode_request(request_id, method, params)
        health.begin()
        began_s = time.perf_counter()
        status = 0
        try:
            async with endpoint.session.post(
                endpoint.address.url, data=body, headers={"Content-Type": "application/json"}, allow_redirects=False
            ) as response:
                status = response.status
                self._check_status(endpoint, method, response)
                answer = decode_answer(method, request_id, await _read_bounded(response, method))
        except aiohttp.ClientError as error:
            health.fail()
            raise RpcUnavailable(method, f"{endpoint.name} cannot be reached: {type(error).__name__}") from error
        except RpcFailed as error:
            if error.rpc_code in _TRANSIENT_CODES:
                health.fail()
                raise RpcUnavailable(method, error.reason, rpc_code=error.rpc_code) from None
            if error.rpc_code is None and status // 100 != _HTTP_CLIENT_ERRORS:
                health.fail()
            else:  # refused by name: the node is well
                health.succeed(latency_ms=(time.perf_counter() - began_s) * 1_000)
            raise
        health.succeed(latency_ms=(time.perf_counter() - began_s) * 1_000)
        self._check_slot(endpoint, method, answer)
        return answer

    def _check_slot(self, endpoint: Endpoint, method: str, answer: Any) -> None:
        """Take note of the slot an answer is of; of several endpoints one that lags is not read."""
        context = answer.get("context") if isinstance(answer, dict) else None
        slot = context.get("slot") if isinstance(context, dict) else answer if method == "getSlot" else None
        if slot is None:
            return
        self.endpoints.told_slot(endpoint, decode_slot(method, slot))
        if len(self.endpoints) > 1 and not self.endpoints.is_in_step(endpoint):
            raise RpcUnavailable(method, f"{endpoint.name} is {endpoint.lag_slots} slots behind the others")

    def _check_status(self, endpoint: Endpoint, method: str, response: aiohttp.ClientResponse) -> None:
        """Pass on what has an answer to read: HTTP 4xx, too, may carry the error the node answers with."""
        status, health = response.status, endpoint.health
        if status in _HTTP_REDIRECTS:
            raise RpcFailed(method, f"{endpoint.name} answered HTTP {status}; redirects are not followed")
        if status != _HTTP_TOO_MANY and status < _HTTP_SERVER_ERROR:
            return
        asked_ns = retry_after_ns(response.headers, now_unix_ns=self._clock.unix_ns())
        if status == _HTTP_TOO_MANY:
            health.cool(_RETRY_AFTER_NS_DEFAULT if asked_ns is None else asked_ns)
            raise RateLimited(endpoint.name, -(-health.pause_ns // NS_PER_MS))
        health.cool(asked_ns or 0)
        raise RpcUnavailable(method, f"{endpoint.name} answered HTTP {status}")


def _fits(pause_ns: int, deadline_s: float) -> bool:
    return asyncio.get_running_loop().time() + pause_ns / NS_PER_S < deadline_s


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
