"""Addresses of pools from elsewhere than the node: a file, and what Raydium, Orca and Meteora publish.

Many nodes refuse getProgramAccounts. An address is all that is taken from a list: what the pool is, and how deep, its
accounts say. A list that fails says so, and the others are asked all the same.

Sources: Raydium API v3, `GET /pools/info/mint`; Orca API v2, `GET /v2/solana/pools`; Meteora's DLMM data API,
`GET /pools`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from pydantic import BaseModel, Field

from quote_core.errors import InvalidField, MarketError, SolquoteError
from quote_core.outside import address
from quote_core.outside_api import Address, Answer, HttpApi, read_answer
from quote_core.tokens import Pair
from quote_core.units import NS_PER_S, Pubkey

__all__ = ["LIST_APIS", "PoolListFile", "PoolLists", "PublishedList"]

_TIMEOUT_NS: Final = 10 * NS_PER_S
_POOLS_PER_ANSWER: Final = 100
_LINES_MAX: Final = 100_000


class _RaydiumPool(Answer):
    id: Address


class _RaydiumPage(Answer):
    data: tuple[_RaydiumPool, ...] = Field(max_length=_POOLS_PER_ANSWER)


class _RaydiumAnswer(Answer):
    data: _RaydiumPage


class _AddressedPool(Answer):
    address: Address


class _AddressedAnswer(Answer):
    data: tuple[_AddressedPool, ...] = Field(max_length=_POOLS_PER_ANSWER)


@dataclass(frozen=True)
class _ListApi:
    """How one publisher is asked for the pools of a pair, deepest first, and which of the answer is an address."""

    path: str
    parameters: Callable[[Pair], Mapping[str, str]]
    schema: type[BaseModel]
    addresses: Callable[[BaseModel], Sequence[str]]


def _raydium(pair: Pair) -> Mapping[str, str]:
    return {
        "mint1": pair.base.mint,
        "mint2": pair.quote.mint,
        "poolType": "all",
        "poolSortField": "liquidity",
        "sortType": "desc",
        "pageSize": str(_POOLS_PER_ANSWER),
        "page": "1",
    }


def _orca(pair: Pair) -> Mapping[str, str]:
    return {
        "tokensBothOf": f"{pair.base.mint},{pair.quote.mint}",
        "sortBy": "tvl",
        "sortDirection": "desc",
        "size": str(_POOLS_PER_ANSWER),
    }


def _meteora(pair: Pair) -> Mapping[str, str]:
    # It is asked for one token: the one that fewer pools hold.
    rarer = pair.quote if pair.base.category in ("native", "stable") else pair.base
    return {"query": rarer.mint, "sort_by": "tvl:desc", "page": "1", "page_size": str(_POOLS_PER_ANSWER)}


def _raydium_ids(answer: BaseModel) -> Sequence[str]:
    assert isinstance(answer, _RaydiumAnswer)
    return [pool.id for pool in answer.data.data]


def _addresses(answer: BaseModel) -> Sequence[str]:
    assert isinstance(answer, _AddressedAnswer)
    return [pool.address for pool in answer.data]


LIST_APIS: Final[Mapping[str, _ListApi]] = {
    "raydium": _ListApi("/pools/info/mint", _raydium, _RaydiumAnswer, _raydium_ids),
    "orca": _ListApi("/v2/solana/pools", _orca, _AddressedAnswer, _addresses),
    "meteora": _ListApi("/pools", _meteora, _AddressedAnswer, _addresses),
}
"""By the name that an `HttpApi` is given."""


class PublishedList:
    """What one of `LIST_APIS` publishes."""

    def __init__(self, api: HttpApi) -> None:
        self.name = api.provider
        self._api = api
        self._list = LIST_APIS[api.provider]

    async def addresses(self, pairs: Sequence[Pair]) -> set[Pubkey]:
        """The pools of the pairs, one question each.

        Raises:
            SolquoteError: It does not answer, or with what is no list; those after it are not asked.
        """
        found: set[Pubkey] = set()
        for parameters in dict.fromkeys(tuple(self._list.parameters(pair).items()) for pair in pairs):
            target = self._api.target(self._list.path, dict(parameters))
            try:
                body = await self._api.get(target, headers={}, timeout_ns=_TIMEOUT_NS)
            except MarketError:  # it has none
                continue
            answer = read_answer(self.name, self._list.schema, body, called="a list of pools")
            found.update(map(Pubkey, self._list.addresses(answer)))
        return found


class PoolListFile:
    """A text file with an address a line; what follows a `#` is for people. Read anew each time."""

    name = "file"

    def __init__(self, path: Path) -> None:
        self._path = path

    async def addresses(self, _: Sequence[Pair]) -> set[Pubkey]:
        """All of them.

        Raises:
            InvalidField: The file cannot be read, or a line is no address; names the line.
        """
        try:
            lines = self._path.read_text("ascii").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidField("pool_list", f"{self._path} cannot be read: {error}") from error
        if len(lines) > _LINES_MAX:
            raise InvalidField("pool_list", f"{self._path} has more than {_LINES_MAX} lines")
        found = set()
        for number, line in enumerate(lines, 1):
            if text := line.partition("#")[0].strip():
                try:
                    found.add(address(text))
                except ValueError as error:
                    raise InvalidField("pool_list", f"{self._path}, line {number}: {error}") from None
        return found


class PoolLists:
    """All lists that are configured."""

    def __init__(self, lists: Sequence[PublishedList | PoolListFile]) -> None:
        self._lists = lists
        self._faults: dict[str, str] = {}
        self._log = structlog.get_logger(part="pool lists")

    @property
    def fault(self) -> str:
        """Why the last round was not complete; empty when it was."""
        return "; ".join(self._faults.values())

    async def addresses(self, pairs: Sequence[Pair]) -> set[Pubkey]:
        """What the lists name; one that fails is told, once for each reason, and left out."""
        found: set[Pubkey] = set()
        for one in self._lists:
            try:
                found |= await one.addresses(pairs)
            except SolquoteError as error:
                if self._faults.get(one.name) != str(error):
                    self._log.warning("a list of pools cannot be had", list=one.name, reason=str(error))
                self._faults[one.name] = str(error)
            else:
                self._faults.pop(one.name, None)
        return found
