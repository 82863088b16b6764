"""The registered tokens over HTTP, where clients of Jupiter's token APIs look for them, in the shapes they know."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import orjson
from aiohttp import web
from pydantic import BaseModel

from aggregator.token_models import TokenAnswer, TokenInformation
from quote_core.errors import InvalidField
from quote_core.tokens import Token, TokenRegistry

__all__ = ["SEARCH_CHARACTERS_MAX", "SEARCH_PATTERN", "TAGS", "TokenApi"]

TAGS: Final = ("verified", "lst")
SEARCH_PATTERN: Final = r"^[A-Za-z0-9]+(,[A-Za-z0-9]+)*$"
SEARCH_CHARACTERS_MAX: Final = 100 * 44 + 99
"""As many mints as Jupiter's search takes at once, with their commas."""
_SEARCHED: Final = re.compile(SEARCH_PATTERN)


class TokenApi:
    """The handlers. The registry does not change while the service runs."""

    def __init__(self, tokens: TokenRegistry) -> None:
        self._tokens = tokens
        self._mints = orjson.dumps([token.mint for token in tokens])

    def routes(self) -> list[web.RouteDef]:
        """Of all three APIs of Jupiter's that tell of tokens."""
        return [
            web.get("/tokens", self.get_tokens),
            web.get("/v1/tokens", self.get_tokens),
            web.get("/v6/tokens", self.get_mints),
            web.get("/token/{mint}", self.get_token),
            web.get("/tokens/v1/token/{mint}", self.get_token),
            web.get("/tokens/v1/tagged/{tag}", self.get_tagged),
            web.get("/tokens/v1/all", self.get_all),
            web.get("/tokens/v1/mints/tradable", self.get_mints),
            web.get("/tokens/v2/search", self.search),
            web.get("/tokens/v2/tag", self.get_tag),
        ]

    async def get_tokens(self, request: web.Request) -> web.Response:
        """All, or those of some tags."""
        query = _asked(request, "tags")
        return _told(_answer, self._tagged(query["tags"]) if query.get("tags") else self._tokens)

    async def get_all(self, request: web.Request) -> web.Response:
        """All."""
        _asked(request)
        return _told(_answer, self._tokens)

    async def get_tagged(self, request: web.Request) -> web.Response:
        """Those of some tags."""
        _asked(request)
        return _told(_answer, self._tagged(request.match_info["tag"]))

    async def get_token(self, request: web.Request) -> web.Response:
        """One, by its mint."""
        _asked(request)
        token = self._tokens.by_mint(request.match_info["mint"], field="mint")
        return _json(orjson.dumps(_answer(token).model_dump()))

    async def get_mints(self, request: web.Request) -> web.Response:
        """The mints of all."""
        _asked(request)
        return _json(self._mints)

    async def search(self, request: web.Request) -> web.Response:
        """Those whose symbol holds a text, or of these mints."""
        text = _required(_asked(request, "query"))
        if len(text) > SEARCH_CHARACTERS_MAX or not _SEARCHED.fullmatch(text):
            rule = (
                f"must be at most {SEARCH_CHARACTERS_MAX} letters and digits, of several mints with commas between them"
            )
            raise InvalidField("query", f"{rule}, got {text[:64]!r}")
        mints = set(text.split(","))
        found = (token for token in self._tokens if token.mint in mints or text.upper() in token.symbol.upper())
        return _told(_information, found)

    async def get_tag(self, request: web.Request) -> web.Response:
        """Those of one tag."""
        tag = _required(_asked(request, "query"))
        if tag not in TAGS:
            raise InvalidField("query", f"must be {' or '.join(TAGS)}, got {tag[:64]!r}")
        return _told(_information, self._tagged(tag))

    def _tagged(self, tags: str) -> Iterable[Token]:
        wanted = set(tags.split(","))
        return (token for token in self._tokens if wanted.intersection(_tags(token)))


def _tags(token: Token) -> list[str]:
    return list(TAGS) if token.category == "lst" else [TAGS[0]]


def _answer(token: Token) -> TokenAnswer:
    return TokenAnswer(
        address=token.mint,
        name=token.symbol,
        symbol=token.symbol,
        decimals=token.decimals,
        tags=_tags(token),
        extensions={},
    )


def _information(token: Token) -> TokenInformation:
    return TokenInformation(
        id=token.mint,
        name=token.symbol,
        symbol=token.symbol,
        decimals=token.decimals,
        tags=_tags(token),
        isVerified=True,
    )


def _asked(request: web.Request, *names: str) -> Mapping[str, str]:
    """The query, which has these parameters and no other, each once."""
    query = request.query
    for name in query:
        if name not in names:
            raise InvalidField(name[:64], "is not a parameter here")
        if len(query.getall(name)) > 1:
            raise InvalidField(name, "is given more than once")
    return query


def _required(query: Mapping[str, str]) -> str:
    if not query.get("query"):
        raise InvalidField("query", "is required")
    return query["query"]


def _told(shape: Callable[[Token], BaseModel], tokens: Iterable[Token]) -> web.Response:
    return _json(orjson.dumps([shape(token).model_dump() for token in tokens]))


def _json(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json")
