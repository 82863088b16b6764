"""The token registry (`config/tokens.json`) and the pairs watched, in table order.

The file is `{"tokens": [...], "pairs": [...]}`. A token has mint, symbol, decimals, category (`native`, `stable`,
`lst`) and oracle (`{"kind": "pyth", "feed_id": hex, "account": key}`, or the account that holds an LST's own rate,
`{"kind": "stake_pool" | "marinade" | "infinity" | "lido" | "hylo", "account": key}`, or null where none is known). It
may have `further_oracles`, a list of the same and of `{"kind": "switchboard", "account": key}`, that are held against
it, and a `pyth_feed_id`, by which Pyth's stream is asked for it where its oracle is not Pyth (`docs/oracles.md`).
A pair names two symbols and whether it is enabled; each is watched in both directions.
"""

import difflib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from solders.pubkey import Pubkey as SoldersPubkey

from quote_core.errors import InvalidField, UnknownToken
from quote_core.units import Pubkey

__all__ = ["OracleSource", "Pair", "Token", "TokenRegistry", "checked_mint", "load_tokens"]

_WRAPPED_SYMBOL: Final = "WSOL"
_NATIVE_ADDRESSES: Final = frozenset(
    {"11111111111111111111111111111111", "So11111111111111111111111111111111111111111"}
)
"""By which wallets and other APIs call SOL that is not wrapped. A person who types one means SOL; over an API, where
what comes back is a mint, it is refused with the mint to ask for."""

OracleKind = Literal["pyth", "switchboard", "stake_pool", "marinade", "infinity", "lido", "hylo"]

_FEED_ID: Final = re.compile(r"(0x)?[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class OracleSource:
    """Where a token's reference price comes from: `account` holds it; `feed_id` only for Pyth, 64 digits."""

    kind: OracleKind
    account: Pubkey
    feed_id: str | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """One registered token."""

    mint: Pubkey
    symbol: str
    decimals: int
    category: Literal["native", "stable", "lst"]
    oracle: OracleSource | None
    further_oracles: tuple[OracleSource, ...] = ()
    pyth_feed_id: str | None = None
    """By which Pyth's stream has it, where any of its sources says so."""

    @property
    def oracles(self) -> tuple[OracleSource, ...]:
        """Every account its price can be read from, the registered oracle first."""
        return self.further_oracles if self.oracle is None else (self.oracle, *self.further_oracles)


@dataclass(frozen=True, slots=True)
class Pair:
    """A watched pair; `base` to `quote` is its forward direction."""

    base: Token
    quote: Token

    def directions(self) -> tuple[tuple[Token, Token], tuple[Token, Token]]:
        """Forward (base in, quote out), then reverse."""
        return (self.base, self.quote), (self.quote, self.base)


class TokenRegistry:
    """Tokens by mint and symbol, and the enabled pairs in file order."""

    def __init__(self, tokens: Iterable[Token], pairs: Iterable[Pair]) -> None:
        self._by_mint = {token.mint: token for token in tokens}
        self._by_symbol = {token.symbol.upper(): token for token in self._by_mint.values()}
        self._native = next((token for token in self._by_mint.values() if token.category == "native"), None)
        self.pairs = tuple(pairs)

    def __iter__(self) -> Iterator[Token]:
        return iter(self._by_mint.values())

    def by_mint(self, mint: str, *, field: str) -> Token:
        """Look a mint up.

        Raises:
            InvalidField: `mint` is not base58 of 32 bytes.
            UnknownToken: A valid address that is not registered.
        """
        token = self._by_mint.get(Pubkey(mint))
        if token is None:
            near = self._native.mint if self._native and mint in _NATIVE_ADDRESSES else None
            raise UnknownToken(field, checked_mint(mint, field=field), near)
        return token

    def resolve(self, symbol_or_mint: str, *, field: str) -> Token:
        """Look a symbol (any case) or a mint up; SOL by its other names, too.

        Raises:
            UnknownToken: Neither a registered symbol nor a registered mint; names the symbol that is nearest.
        """
        token = self._by_symbol.get(symbol_or_mint.upper()) or self._by_mint.get(Pubkey(symbol_or_mint))
        if token is None and (symbol_or_mint.upper() == _WRAPPED_SYMBOL or symbol_or_mint in _NATIVE_ADDRESSES):
            token = self._native
        if token is None:
            near = difflib.get_close_matches(symbol_or_mint.upper(), self._by_symbol, n=1)
            raise UnknownToken(field, symbol_or_mint, self._by_symbol[near[0]].symbol if near else None)
        return token

    def pair(self, input_mint: str, output_mint: str) -> tuple[Token, Token]:
        """Check a requested pair, in the direction asked for.

        Raises:
            InvalidField: Bad base58, or a token against itself.
            UnknownToken: A mint that is not registered.
        """
        tokens = self.by_mint(input_mint, field="input_mint"), self.by_mint(output_mint, field="output_mint")
        if tokens[0] is tokens[1]:
            raise InvalidField("output_mint", "must differ from input_mint")
        return tokens


def checked_mint(mint: str, *, field: str) -> Pubkey:
    """Return `mint` if it is base58 of exactly 32 bytes.

    Raises:
        InvalidField: It is not.
    """
    try:
        SoldersPubkey.from_string(mint)
    except ValueError:
        raise InvalidField(field, f"must be base58 of 32 bytes, got {mint[:64]!r}") from None
    return Pubkey(mint)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _OracleEntry(_Strict):
    kind: OracleKind
    account: str
    feed_id: str | None = None


class _TokenEntry(_Strict):
    symbol: str = Field(min_length=1, max_length=16)
    mint: str
    decimals: int = Field(ge=0, le=18)
    category: Literal["native", "stable", "lst"]
    oracle: _OracleEntry | None
    further_oracles: tuple[_OracleEntry, ...] = ()
    pyth_feed_id: str | None = None


class _PairEntry(_Strict):
    base: str
    quote: str
    enabled: bool = True


class _RegistryFile(_Strict):
    tokens: tuple[_TokenEntry, ...]
    pairs: tuple[_PairEntry, ...]


def load_tokens(path: Path | None = None) -> TokenRegistry:
    """Read the registry from `path`, or the one that comes with the package.

    Raises:
        InvalidField: The file is missing, not JSON, or breaks a rule; the message names entry and rule.
    """
    source = path if path is not None else resources.files("quote_core") / "data" / "tokens.json"
    try:
        parsed = _RegistryFile.model_validate(json.loads(source.read_text(encoding="utf-8")))
    except OSError as error:
        raise InvalidField("tokens_path", f"{source}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidField("tokens." + ".".join(map(str, first["loc"])), first["msg"]) from error
    except ValueError as error:
        raise InvalidField("tokens_path", f"is not JSON: {error}") from error
    tokens: dict[str, Token] = {}
    mints: set[str] = set()
    for entry in parsed.tokens:
        mint = checked_mint(entry.mint, field=f"tokens.{entry.symbol}.mint")
        if entry.symbol.upper() in tokens or mint in mints:
            raise InvalidField(f"tokens.{entry.symbol}", "is registered twice")
        mints.add(mint)
        tokens[entry.symbol.upper()] = _token(entry, mint)
    return TokenRegistry(tokens.values(), _pairs(parsed.pairs, tokens))


def _token(entry: _TokenEntry, mint: Pubkey) -> Token:
    name = f"tokens.{entry.symbol}"
    oracle = None if entry.oracle is None else _oracle(entry.oracle, f"{name}.oracle")
    further = tuple(
        _oracle(one, f"{name}.further_oracles.{position}") for position, one in enumerate(entry.further_oracles)
    )
    sources = further if oracle is None else (oracle, *further)
    if len({one.account for one in sources}) < len(sources):
        raise InvalidField(f"{name}.further_oracles", "names an account twice")
    feed_ids = [one.feed_id for one in sources if one.feed_id is not None]
    if entry.pyth_feed_id is not None:
        feed_ids.insert(0, _feed_id(entry.pyth_feed_id, f"{name}.pyth_feed_id"))
    return Token(mint, entry.symbol, entry.decimals, entry.category, oracle, further, next(iter(feed_ids), None))


def _oracle(entry: _OracleEntry, field: str) -> OracleSource:
    feed_id = None if entry.feed_id is None else _feed_id(entry.feed_id, f"{field}.feed_id")
    return OracleSource(entry.kind, checked_mint(entry.account, field=f"{field}.account"), feed_id)


def _feed_id(text: str, field: str) -> str:
    if not _FEED_ID.fullmatch(text):
        raise InvalidField(field, "must be 64 hexadecimal digits")
    return text.removeprefix("0x").lower()


def _pairs(entries: Iterable[_PairEntry], tokens: dict[str, Token]) -> Iterator[Pair]:
    seen: set[frozenset[str]] = set()
    for position, entry in enumerate(entries):
        field = f"pairs.{position}"
        for symbol in (entry.base, entry.quote):
            if symbol.upper() not in tokens:
                raise UnknownToken(field, symbol)
        key = frozenset((entry.base.upper(), entry.quote.upper()))
        if len(key) == 1:
            raise InvalidField(field, f"pairs {entry.base} with itself")
        if key in seen:
            raise InvalidField(field, f"{entry.base}/{entry.quote} is listed twice")
        seen.add(key)
        if entry.enabled:
            yield Pair(tokens[entry.base.upper()], tokens[entry.quote.upper()])
