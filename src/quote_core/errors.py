"""The one error tree. A class says who is at fault, hence what to do.

| branch          | whose fault, what to do                                     | gRPC code (set in `serving`)   |
|-----------------|-------------------------------------------------------------|--------------------------------|
| `RequestError`  | the caller's: answered, never retried                       | see each class                 |
| `MarketError`   | true of the market now: answered, counted                   | FAILED_PRECONDITION            |
| `UpstreamError` | somebody we depend on: retry inside the deadline            | UNAVAILABLE, DEADLINE_EXCEEDED |
| `DataError`     | bytes that cannot be right: drop the datum, count, alert    | DATA_LOSS                      |

The root is never raised itself. Each error carries its values as attributes and builds its own message. A broken
invariant is none of these: `assert` and fail loudly.
"""

import errno
from typing import ClassVar, Final

__all__ = [
    "DISK_FAULTS",
    "ActivationPending",
    "AmountOverflow",
    "AmountTooSmall",
    "CorruptAccount",
    "DataError",
    "DeadlinePassed",
    "EvidenceGone",
    "ImpossibleReserves",
    "InvalidField",
    "LayoutMismatch",
    "LiquidityNotLoaded",
    "MarketError",
    "NoLiquidity",
    "NotPermitted",
    "NotTradable",
    "ProviderUnavailable",
    "RateLimited",
    "RequestError",
    "ReserveShort",
    "RowLost",
    "RpcFailed",
    "RpcUnavailable",
    "SolquoteError",
    "StaleState",
    "TooManyCalls",
    "TooManyQuotes",
    "TooManyStreams",
    "Unauthenticated",
    "UndeterminedFill",
    "UnknownPool",
    "UnknownToken",
    "UpstreamError",
    "leaves",
    "sentence_of",
]

DISK_FAULTS: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""What a full or failing disk answers to a write; such an error does not name its file."""


class SolquoteError(Exception):
    """Root of the tree."""

    code: ClassVar[str] = "INTERNAL"
    """Canonical gRPC status name; `serving` and the HTTP API translate it."""


class RequestError(SolquoteError):
    """The caller asked for something that cannot be answered as asked."""

    code = "INVALID_ARGUMENT"


class InvalidField(RequestError):
    """A field breaks a rule."""

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(f"{field}: {rule}")
        self.field = field
        self.rule = rule


class UnknownToken(RequestError):
    """A well-formed mint (or symbol) that is not in the registry."""

    code = "NOT_FOUND"

    def __init__(self, field: str, token: str, near: str | None = None) -> None:
        hint = f"; did you mean {near}?" if near else ""
        super().__init__(f"{field}: {token} is not in the token registry{hint}")
        self.field = field
        self.token = token


class UnknownPool(RequestError):
    """A well-formed address of no pool that is held."""

    code = "NOT_FOUND"

    def __init__(self, field: str, pool: str) -> None:
        super().__init__(f"{field}: no pool {pool} is held")
        self.field = field
        self.pool = pool


class EvidenceGone(RequestError):
    """An id of a quote whose evidence is no longer kept, or never was."""

    code = "NOT_FOUND"

    def __init__(self, reason: str) -> None:
        super().__init__(f"quote_id: nothing is kept of this quote: {reason}")
        self.reason = reason


class TooManyQuotes(RequestError):
    """More pairs x amounts than the quote table can hold."""

    code = "RESOURCE_EXHAUSTED"

    def __init__(self, field: str, requested_count: int, count_max: int) -> None:
        super().__init__(f"{field}: {requested_count} quotes asked for, at most {count_max} are possible")
        self.field = field
        self.requested_count = requested_count
        self.count_max = count_max


class RowLost(RequestError):
    """A row of the quote table that a stream followed has ended, and the table is too full for another."""

    code = "RESOURCE_EXHAUSTED"

    def __init__(self) -> None:
        super().__init__("pairs x amounts: a watched amount that was shared has moved on, and the quote table is full")


class TooManyStreams(RequestError):
    """As many streams are open as the service allows."""

    code = "RESOURCE_EXHAUSTED"

    def __init__(self, count_max: int, *, whose: str = "") -> None:
        super().__init__(f"streams: {count_max} are open, the most this service allows{whose and f' {whose}'}")
        self.count_max = count_max


class TooManyCalls(RequestError):
    """A client has made as many calls as it may; `bound` says of which kind."""

    code = "RESOURCE_EXHAUSTED"

    def __init__(self, client: str, bound: str, retry_after_ms: int) -> None:
        super().__init__(f"calls: {client} may make {bound}, try again in {retry_after_ms} ms")
        self.client = client
        self.bound = bound
        self.retry_after_ms = retry_after_ms


class Unauthenticated(RequestError):
    """Who asks has not said who they are, or nobody knows them; never says how near they were."""

    code = "UNAUTHENTICATED"

    def __init__(self, rule: str) -> None:
        super().__init__(f"authorization: {rule}")
        self.rule = rule


class NotPermitted(RequestError):
    """Who asks is known, and may not do this."""

    code = "PERMISSION_DENIED"

    def __init__(self, client: str, scope: str) -> None:
        super().__init__(f"authorization: {client} has no scope {scope}, which this call asks for")
        self.client = client
        self.scope = scope


class MarketError(SolquoteError):
    """True of the market now, and may be otherwise later."""

    code = "FAILED_PRECONDITION"


class NoLiquidity(MarketError):
    """Nobody can fill the swap: no pool of the pair, or none deep enough."""

    def __init__(self, subject: str, reason: str) -> None:
        super().__init__(f"{subject}: {reason}")
        self.subject = subject
        self.reason = reason


class LiquidityNotLoaded(MarketError):
    """The swap needs a tick or bin array that exists, or may exist, on chain but is not held here."""

    def __init__(self, pool: str, account: str) -> None:
        super().__init__(f"{pool}: account {account} is needed to quote this amount and is not loaded")
        self.pool = pool
        self.account = account


class NotTradable(MarketError):
    """The pool refuses swaps: paused, or not open yet."""

    def __init__(self, pool: str, reason: str) -> None:
        super().__init__(f"{pool}: {reason}")
        self.pool = pool
        self.reason = reason


class ActivationPending(NotTradable):
    """The pool opens later."""


class ImpossibleReserves(NotTradable):
    """The pool's accounts contradict each other, as when they were read at different slots; the program would abort."""


class AmountTooSmall(MarketError):
    """The amount buys nothing: the program would refuse a zero input or output."""

    def __init__(self, pool: str, reason: str) -> None:
        super().__init__(f"{pool}: {reason}")
        self.pool = pool
        self.reason = reason


class AmountOverflow(MarketError):
    """The program's arithmetic would overflow."""

    def __init__(self, pool: str, reason: str) -> None:
        super().__init__(f"{pool}: {reason}")
        self.pool = pool
        self.reason = reason


class ReserveShort(MarketError):
    """Pricing works, but the pool's vault holds less than the output."""

    def __init__(self, pool: str, amount_out: int, vault_amount: int) -> None:
        super().__init__(f"{pool}: the vault holds {vault_amount}, less than the output {amount_out}")
        self.pool = pool
        self.amount_out = amount_out
        self.vault_amount = vault_amount


class UndeterminedFill(MarketError):
    """The program itself refuses: a partial limit-order fill whose cost is ambiguous."""

    def __init__(self, pool: str, reason: str) -> None:
        super().__init__(f"{pool}: {reason}")
        self.pool = pool
        self.reason = reason


class StaleState(MarketError):
    """What is known is older than its limit."""

    def __init__(self, subject: str, age_ms: int, age_ms_max: int) -> None:
        super().__init__(f"{subject}: {age_ms} ms old, at most {age_ms_max} ms are accepted")
        self.subject = subject
        self.age_ms = age_ms
        self.age_ms_max = age_ms_max


class UpstreamError(SolquoteError):
    """A neighbour or an outside service did not do its part."""

    code = "UNAVAILABLE"


class ProviderUnavailable(UpstreamError):
    """A quote provider or neighbouring service does not answer usefully."""

    def __init__(self, provider: str, reason: str) -> None:
        super().__init__(f"{provider}: {reason}")
        self.provider = provider
        self.reason = reason


class RpcFailed(UpstreamError):
    """A Solana RPC node answered with an error or not at all."""

    def __init__(self, method: str, reason: str, *, rpc_code: int | None = None) -> None:
        super().__init__(f"{method}: {reason}" + (f" (code {rpc_code})" if rpc_code is not None else ""))
        self.method = method
        self.reason = reason
        self.rpc_code = rpc_code


class RpcUnavailable(RpcFailed):
    """The node cannot answer now: not reached, overloaded, or behind. The same call may be answered later."""


class RateLimited(UpstreamError):
    """A rate limit, ours or theirs, forbids the call now."""

    code = "RESOURCE_EXHAUSTED"

    def __init__(self, provider: str, retry_after_ms: int) -> None:
        super().__init__(f"{provider}: rate limited, try again in {retry_after_ms} ms")
        self.provider = provider
        self.retry_after_ms = retry_after_ms


class DeadlinePassed(UpstreamError):
    """The answer did not come in time."""

    code = "DEADLINE_EXCEEDED"

    def __init__(self, subject: str, timeout_ms: int) -> None:
        super().__init__(f"{subject}: no answer within {timeout_ms} ms")
        self.subject = subject
        self.timeout_ms = timeout_ms


class DataError(SolquoteError):
    """Bytes that cannot be what they claim to be."""

    code = "DATA_LOSS"


class CorruptAccount(DataError):
    """An account's bytes cannot be decoded as what they should be."""

    def __init__(self, account: str, field: str, rule: str) -> None:
        super().__init__(f"account {account}: {field} {rule}")
        self.account = account
        self.field = field
        self.rule = rule


class LayoutMismatch(DataError):
    """A message or file is of another layout than this build reads."""

    def __init__(self, subject: str, rule: str) -> None:
        super().__init__(f"{subject}: {rule}")
        self.subject = subject
        self.rule = rule


def sentence_of(error: Exception) -> str | None:
    """What to tell a person when `error` ends a process; None for a fault of the program, which needs its traceback."""
    sentences = [_sentence_of_one(leaf) for leaf in leaves(error)]
    return "; ".join(dict.fromkeys(map(str, sentences))) if all(sentences) else None


def leaves(error: Exception) -> list[Exception]:
    """The errors a group is made of, or `error` itself."""
    if isinstance(error, ExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in leaves(inner)]
    return [error]


def _sentence_of_one(error: Exception) -> str | None:
    match error:
        case SolquoteError():
            return str(error)
        case OSError() if error.filename is not None:
            return f"{error.filename}: {error.strerror}"
        case OSError() if error.errno in DISK_FAULTS:
            return f"cannot write: {error.strerror}"
    return None
