"""Reference prices: every source's readings go in, one price a token comes out, and why not another's. Does no I/O.

Which reading is used is `policy`'s to say. A price that is stale is shown as such and takes no part in quotes. Tokens
that stand for staked SOL are priced in SOL, so that the dollar price of SOL cancels where two of them meet, or one and
SOL.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from local_quote.chain_progress import ChainProgress
from local_quote.oracle.accounts import OracleAccounts, source_of
from local_quote.oracle.policy import Choice, PolicyLimits, PolicyTime, Standing, age_ns, choose
from local_quote.oracle.reading import PriceReading, Refusal, Source, Unit, checked_price
from local_quote.oracle.reasons import reason
from quote_core.clock import Clock
from quote_core.dex.pool import ChainClock
from quote_core.freshness import NEVER_VOUCHED, Freshness
from quote_core.quotes import Provenance, worst_provenance
from quote_core.solana import AccountUpdate
from quote_core.tokens import Token, TokenRegistry
from quote_core.units import NS_PER_MS, NS_PER_S, Pubkey

__all__ = ["OracleReading", "OutsideSource", "PriceOracle", "SourceReading"]

_AGE_MS_MAX: Final = 2**32 - 1
_SILENT: Final = "silent"


class OutsideSource(Protocol):
    """A source that is asked over the network, beside the chain: a stream or an API."""

    @property
    def source(self) -> Source:
        """Which."""
        ...

    @property
    def tokens(self) -> Mapping[Pubkey, Token]:
        """The tokens it is asked for, by mint."""
        ...

    @property
    def fault(self) -> str:
        """Why nothing comes from it now, for people; empty while it delivers."""
        ...

    async def run(self) -> None:
        """Follow it until cancelled, whatever it answers."""
        ...


@dataclass(frozen=True, slots=True)
class SourceReading:
    """One source's price of a token as told to clients.

    `usd` and `conf_usd` are `None` where they are not known, `standing` is `Standing`'s word or `silent`.
    """

    source: str
    usd: float | None
    conf_usd: float | None
    age_ms: int
    standing: str
    why: str


@dataclass(frozen=True, slots=True)
class OracleReading:
    """One token's reference price as told to clients; `usd` is None where none is known.

    `conf_usd` is half the confidence interval. `disagreement` is how far sources disagree on the dollars, and
    `disagreement_in_sol` on the price in SOL, 0 for SOL itself and `None` for what is not priced in SOL.
    """

    token: Token
    usd: float | None
    source: str
    age_ms: int
    is_stale: bool
    provenance: Provenance | None
    freshness: Freshness = NEVER_VOUCHED
    conf_usd: float | None = None
    disagreement: float = 0.0
    disagreement_in_sol: float | None = None
    sources: tuple[SourceReading, ...] = ()


class PriceOracle:
    """Holds the readings of every registered token, and chooses between them."""

    def __init__(self, registry: TokenRegistry, *, clock: Clock, limits: PolicyLimits) -> None:
        self._clock = clock
        self._tokens = tuple(registry)
        self._sol = next((token for token in registry if token.category == "native"), None)
        self._limits = limits
        self._on_chain = OracleAccounts(registry, clock=clock)
        self._outside: dict[tuple[Pubkey, Source], PriceReading] = {}
        self._sources: list[OutsideSource] = []
        self._choices: dict[Pubkey, Choice] = {}
        self._choices_of: tuple[int, int, int, int] | None = None
        self._outside_counts: Counter[Source] = Counter()
        self._outside_refused: Counter[tuple[Source, Refusal]] = Counter()
        self.revision = 0
        """Counts up whenever a price may have changed."""

    @property
    def accounts(self) -> tuple[Pubkey, ...]:
        """Every account the prices rest on."""
        return self._on_chain.pubkeys

    @property
    def sources(self) -> tuple[OutsideSource, ...]:
        """Those that are asked over the network."""
        return tuple(self._sources)

    @property
    def unreadable_count(self) -> int:
        """Price accounts that could not be read."""
        return self._on_chain.unreadable_count

    @property
    def taken_counts(self) -> Mapping[Source, int]:
        """Readings taken, by source."""
        return self._on_chain.taken_counts + self._outside_counts

    @property
    def refused_counts(self) -> Mapping[tuple[Source, Refusal], int]:
        """What came from a source and was none of its prices, by source and what was wrong."""
        return self._on_chain.refused_counts + self._outside_refused

    def add_source(self, source: OutsideSource) -> None:
        """From here on this source is one whose silence is told."""
        self._sources.append(source)

    def set_provenance(self, pubkey: Pubkey, provenance: Provenance) -> None:
        """Say where a price account comes from."""
        self._on_chain.set_provenance(pubkey, provenance)
        self.revision += 1

    def apply(self, update: AccountUpdate, progress: ChainProgress) -> None:
        """Take the newest bytes of one of `accounts`; older ones are dropped, unreadable ones are not vouched for."""
        if self._on_chain.apply(update, progress):
            self.revision += 1

    def take(self, mint: Pubkey, reading: PriceReading) -> None:
        """Take a reading of a source that is asked over the network; one published before the one held is dropped.

        So a server that is behind moves no price back. One that once told a time far ahead is believed again after the
        longest age, and never before that in its stead: what is ahead is not used (`policy`).
        """
        if checked_price(reading.price, reading.conf):
            self.refuse(reading.source, Refusal.PRICE)
            return
        key = mint, reading.source
        before = self._outside.get(key)
        if before is not None and not self._is_over(before) and _is_older(reading, before):
            self.refuse(reading.source, Refusal.OLDER)
            return
        self._outside[key] = reading
        self._outside_counts[reading.source] += 1
        self.revision += 1

    def _is_over(self, reading: PriceReading) -> bool:
        return self._clock.mono_ns() - reading.freshness.vouched.mono_ns > self._limits.age_s_max * NS_PER_S

    def refuse(self, source: Source, refusal: Refusal) -> None:
        """Count what came from a source and is none of its prices."""
        self._outside_refused[source, refusal] += 1

    def roll_back(self, standing_slot: int) -> None:
        """Slots after this one were taken back: what changed in them is stale until an answer vouches for it anew."""
        self._on_chain.roll_back(standing_slot)
        self.revision += 1

    def begin_anew(self) -> None:
        """The node serves another chain: forget every price."""
        self._on_chain.begin_anew()
        self._outside.clear()
        self.revision += 1

    def rate(self, input_token: Token, output_token: Token, clock: ChainClock) -> float | None:
        """Whole output tokens per whole input token; None where a price is unknown or stale."""
        sol_in, sol_out = self._in_sol(input_token, clock), self._in_sol(output_token, clock)
        if sol_in is not None and sol_out is not None:
            return sol_in / sol_out  # the dollar price of SOL cancels, so it need not be known
        usd_in, usd_out = self._in_usd(input_token, clock), self._in_usd(output_token, clock)
        return usd_in / usd_out if usd_in is not None and usd_out is not None else None

    def lamports_per_unit(self, token: Token, clock: ChainClock | None) -> float | None:
        """What a smallest unit of a token is worth; `None` where it or SOL has no price now."""
        if token is self._sol:
            return 1.0
        if self._sol is None or clock is None:
            return None
        rate = self.rate(token, self._sol, clock)
        return None if rate is None else rate * 10.0 ** (self._sol.decimals - token.decimals)

    def readings(self, clock: ChainClock, now_mono_ns: int) -> list[OracleReading]:
        """Every token's price, in registry order."""
        now = PolicyTime(now_mono_ns, clock)
        return [self._told(token, now) for token in self._tokens]

    def standings(self, clock: ChainClock) -> Iterator[tuple[Source, Standing, int]]:
        """Source, standing and age in nanoseconds of every reading held."""
        now = PolicyTime(self._clock.mono_ns(), clock)
        for token in self._tokens:
            for stood in self._choice(token, clock).readings:
                yield stood.reading.source, stood.standing, age_ns(stood.reading, now)

    def disputed(self, clock: ChainClock) -> list[Token]:
        """Tokens whose sources disagree, and nobody is outvoted."""
        return [token for token in self._tokens if self._choice(token, clock).disagreement > 0.0]

    def _unit(self, token: Token) -> Unit:
        return Unit.SOL if token.category == "lst" and self._sol is not None else Unit.USD

    def _choice(self, token: Token, clock: ChainClock) -> Choice:
        """The policy's word, worked out once for every state of the readings, and anew every second of either clock."""
        now_mono_ns = self._clock.mono_ns()
        state = self.revision, clock.unix_timestamp, clock.epoch, now_mono_ns // NS_PER_S
        if self._choices_of != state:
            self._choices.clear()
            self._choices_of = state
        known = self._choices.get(token.mint)
        if known is None:
            sol = self._sol
            sol_usd = None if sol is None or token is sol else self._choice(sol, clock).price
            known = self._choices[token.mint] = choose(
                self._held(token),
                unit=self._unit(token),
                sol_usd=sol_usd,
                now=PolicyTime(now_mono_ns, clock),
                limits=self._limits,
            )
        return known

    def _held(self, token: Token) -> list[PriceReading]:
        outside = (self._outside.get((token.mint, source.source)) for source in self._sources)
        return [*self._on_chain.readings(token), *(reading for reading in outside if reading is not None)]

    def _in_sol(self, token: Token, clock: ChainClock) -> float | None:
        if token is self._sol:
            return 1.0
        return self._choice(token, clock).price if self._unit(token) is Unit.SOL else None

    def _in_usd(self, token: Token, clock: ChainClock) -> float | None:
        price = self._choice(token, clock).price
        if self._unit(token) is Unit.USD or price is None or self._sol is None:
            return price
        sol_usd = self._choice(self._sol, clock).price
        return price * sol_usd if sol_usd is not None else None

    def _told(self, token: Token, now: PolicyTime) -> OracleReading:
        choice = self._choice(token, now.chain)
        is_in_sol = self._unit(token) is Unit.SOL
        sol = self._choice(self._sol, now.chain) if is_in_sol and self._sol is not None else None
        usd_per_unit = _last_price(sol) if sol is not None else 1.0
        sources = (*self._stood(choice, usd_per_unit, now), *self._silent(token, choice))
        last = choice.last
        if last is None:
            kind = token.oracle.kind if token.oracle is not None else ""
            return OracleReading(token, None, kind, 0, is_stale=False, provenance=None, sources=sources)
        reading, freshness = last.reading, last.reading.freshness
        origins = [reading.provenance]
        age = age_ns(reading, now)
        if sol is not None and sol.last is not None:
            freshness = min(freshness, sol.last.reading.freshness, key=lambda one: one.vouched.mono_ns)
            origins.append(sol.last.reading.provenance)
        if reading.unit is Unit.SOL:
            age = max(0, now.mono_ns - freshness.vouched.mono_ns)
        known = [origin for origin in origins if origin is not None]
        has_usd = usd_per_unit is not None and last.price > 0.0
        return OracleReading(
            token,
            last.price * usd_per_unit if usd_per_unit is not None and has_usd else None,
            reading.name,
            min(age // NS_PER_MS, _AGE_MS_MAX),
            is_stale=choice.price is None or (sol is not None and sol.price is None),
            provenance=worst_provenance(known) if known else None,
            freshness=freshness,
            conf_usd=last.conf * usd_per_unit if usd_per_unit is not None and has_usd else None,
            disagreement=choice.disagreement + (sol.disagreement if sol is not None else 0.0),
            disagreement_in_sol=0.0 if token is self._sol else choice.disagreement if is_in_sol else None,
            sources=sources,
        )

    def _stood(self, choice: Choice, usd_per_unit: float | None, now: PolicyTime) -> Iterator[SourceReading]:
        for stood in choice.readings:
            has_usd = usd_per_unit is not None and stood.price > 0.0
            yield SourceReading(
                source=stood.reading.name,
                usd=stood.price * usd_per_unit if usd_per_unit is not None and has_usd else None,
                conf_usd=stood.conf * usd_per_unit if usd_per_unit is not None and has_usd else None,
                age_ms=min(age_ns(stood.reading, now) // NS_PER_MS, _AGE_MS_MAX),
                standing=stood.standing.value,
                why=reason(stood, now, self._limits),
            )

    def _silent(self, token: Token, choice: Choice) -> Iterator[SourceReading]:
        """Sources that the token has, and that have told nothing of it yet."""
        told = {stood.reading.name for stood in choice.readings}
        for oracle in token.oracles:
            if source_of(oracle).label not in told and oracle.kind not in told:
                yield SourceReading(oracle.kind, None, None, 0, _SILENT, "no account that can be read")
        for source in self._sources:
            if token.mint in source.tokens and source.source.label not in told:
                yield SourceReading(
                    source.source.label, None, None, 0, _SILENT, source.fault or "has told no price yet"
                )


def _last_price(choice: Choice) -> float | None:
    return choice.last.price if choice.last is not None and choice.last.price > 0.0 else None


def _is_older(reading: PriceReading, before: PriceReading) -> bool:
    """Whether a reading was published before another, as far as both tell."""
    if reading.published_unix_s is not None and before.published_unix_s is not None:
        return reading.published_unix_s < before.published_unix_s
    if reading.published_slot is not None and before.published_slot is not None:
        return reading.published_slot < before.published_slot
    return False
