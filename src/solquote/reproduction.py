"""A quote worked out anew from its evidence alone, and held against what its id claims and what the service told. Pure.

Only bytes are believed, and those only when they have the hash they were told with. Amounts come from the readable
swaps; the chain's time from the Clock account; the oracle's rate from the oracles' accounts by the local service's own
rules; a provider's quote from its answer, read and checked as when it came.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from aggregator.confidence import Confidence, caps_of, expected_slippage, score
from aggregator.upstream_wire import hop_count
from external_quote.providers.base import route_id_of
from external_quote.providers.reading import read_provider_answer
from local_quote.chain_progress import ChainProgress
from local_quote.impact import curve_of
from local_quote.oracle import PolicyLimits, PriceOracle
from quote_core.dex.pool import Account, ChainClock, SwapMode
from quote_core.dex.route_replay import AskedChain, LoadedPool, ReplayedSwap, open_loaded, replay_route
from quote_core.errors import CorruptAccount, LayoutMismatch, MarketError, SolquoteError
from quote_core.quote_id import EXTERNAL, LOCAL, input_mark
from quote_core.quotes import QuoteKey, RouteHop, split_route_id
from quote_core.solana import CLOCK_SYSVAR, AccountUpdate, UpdateSource, decode_clock
from quote_core.tokens import TokenRegistry
from quote_core.units import U64_MAX, Pubkey
from solquote.evidence import Evidence, EvidenceAccount, ProviderAnswer

__all__ = ["AccountUse", "Check", "Reproduction", "Trust", "reproduce", "trust_at"]

_ORACLE_LIMITS: Final = PolicyLimits(age_s_max=60, epoch_age_max=1, conf_fraction_max=0.02, deviation_fraction_max=0.02)
"""As the local service is set by default; prices beyond take no part."""


class Check(NamedTuple):
    """One thing that was told, and what it comes to."""

    what: str
    told: str
    reproduced: str

    @property
    def is_equal(self) -> bool:
        """Whether it is as it was told."""
        return self.told == self.reproduced


class AccountUse(NamedTuple):
    """An account of the evidence and what it is to the quote."""

    held: EvidenceAccount
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """What the evidence comes to. `failure` says why nothing does; amounts are then 0.

    `depth_amount` is the input that moves the price by 1 %, measured anew: to about two percent what it was.
    """

    evidence: Evidence
    accounts: Sequence[AccountUse]
    checks: Sequence[Check]
    failure: str = ""
    clock: ChainClock | None = None
    swaps: Sequence[ReplayedSwap] = ()
    input_amount: int = 0
    output_amount: int = 0
    price_impact: float = 0.0
    hop_count: int = 1
    depth_amount: int = 0
    oracle_rate: float | None = None

    @property
    def is_intact(self) -> bool:
        """Whether all bytes are those that were told of, and a file is as it was saved."""
        answer = self.evidence.answer
        if not self.evidence.is_as_saved:
            return False
        return all(use.held.is_intact for use in self.accounts) and (answer is None or answer.is_intact)

    @property
    def is_equal(self) -> bool:
        """Whether the quote comes out as its id and the service have it, of bytes that are intact."""
        return not self.failure and self.is_intact and all(check.is_equal for check in self.checks)


class Trust(NamedTuple):
    """A score of a quote at an age, and what it was made of; rates are whole output tokens per whole input token."""

    confidence: Confidence
    age_s: float
    rate: float
    uptime: float
    slippage_expected: float


def reproduce(evidence: Evidence) -> Reproduction:
    """Work a quote out anew; what is wrong with the evidence is told in the result, never raised.

    Nothing is worked out from a file that was changed after it was saved.
    """
    if not evidence.is_as_saved:
        uses = [AccountUse(held, "") for held in evidence.accounts]
        checks = [*_hash_checks(evidence), Check("file", "as it was saved", "changed since")]
        return Reproduction(
            evidence=evidence, accounts=uses, checks=checks, failure="the file was changed after it was saved"
        )
    if evidence.answer is not None:
        return _of_provider(evidence, evidence.answer)
    return _of_accounts(evidence)


def trust_at(reproduced: Reproduction, *, age_s: float) -> Trust | None:
    """Score a reproduced quote as if the state behind it had been vouched for `age_s` seconds before.

    None where nothing came out, or a token's decimals are not told.
    """
    evidence = reproduced.evidence
    tokens = evidence.token(evidence.input_mint), evidence.token(evidence.output_mint)
    if reproduced.failure or tokens[0] is None or tokens[1] is None or not reproduced.input_amount:
        return None
    rate = reproduced.output_amount / reproduced.input_amount * 10.0 ** (tokens[0].decimals - tokens[1].decimals)
    uptime = 1.0 if evidence.answer is None else evidence.answer.uptime
    slippage = expected_slippage(reproduced.input_amount, reproduced.depth_amount)
    scored = score(
        age_s=age_s,
        hop_count=reproduced.hop_count,
        rate=rate,
        oracle_rate=reproduced.oracle_rate,
        oracle_disagreement=evidence.oracle_disagreement,
        uptime=uptime,
        slippage_expected=slippage,
        slippage_actual=reproduced.price_impact,
    )
    caps = caps_of(
        price_impact=reproduced.price_impact,
        rate=rate,
        oracle_rate=reproduced.oracle_rate,
        is_stale=False,
        limits=evidence.cap_limits,
    )
    return Trust(Confidence(scored.score, scored.factors, caps), age_s, rate, uptime, slippage)


def _of_accounts(evidence: Evidence) -> Reproduction:
    accounts = {held.pubkey: held.account for held in evidence.accounts if held.is_intact}
    asked = _chains(evidence)
    try:
        clock = _clock(accounts)
        pools = open_loaded([hop.pool_id for hop in evidence.route], accounts)
        uses = _uses(evidence, pools)
        swaps = replay_route(asked, pools, clock, with_steps=True)
    except (MarketError, CorruptAccount, LayoutMismatch) as error:
        uses = [AccountUse(held, "") for held in evidence.accounts]
        return Reproduction(evidence=evidence, accounts=uses, checks=_hash_checks(evidence), failure=str(error))
    legs = [[one for one in swaps if one.leg == leg] for leg in range(len(asked))]
    input_amount = sum(leg[0].swap.amount_in for leg in legs)
    output_amount = sum(leg[-1].swap.amount_out for leg in legs)
    route_id = split_route_id([(chain.pool_ids, _percent(evidence, leg)) for leg, chain in enumerate(asked)])
    checks = [
        *_hash_checks(evidence),
        *_id_checks(evidence, source=LOCAL, route_id=route_id, amounts=(input_amount, output_amount)),
        *(check for hop, one in zip(evidence.route, swaps, strict=True) for check in _hop_checks(hop, one)),
    ]
    return Reproduction(
        evidence=evidence,
        accounts=uses,
        checks=checks,
        clock=clock,
        swaps=swaps,
        input_amount=input_amount,
        output_amount=output_amount,
        price_impact=_price_impact(legs, input_amount),
        hop_count=max(len(leg) for leg in legs),
        depth_amount=_depth_amount(evidence, swaps, accounts, clock, input_amount),
        oracle_rate=_oracle_rate(evidence, clock),
    )


def _chains(evidence: Evidence) -> list[AskedChain]:
    """The parts of the route, and what the request named of each."""
    parts: dict[int, list[RouteHop]] = {}
    for hop in evidence.route:
        parts.setdefault(hop.leg, []).append(hop)
    is_exact_out = evidence.wanted_output_amount > 0 and len(evidence.route) == 1
    return [
        AskedChain(
            [hop.pool_id for hop in hops],
            evidence.input_mint,
            evidence.wanted_output_amount if is_exact_out else hops[0].input_amount,
            SwapMode.EXACT_OUT if is_exact_out else SwapMode.EXACT_IN,
        )
        for _, hops in sorted(parts.items())
    ]


def _percent(evidence: Evidence, leg: int) -> int:
    return next(hop.leg_percent for hop in evidence.route if hop.leg == leg)


def _clock(accounts: Mapping[Pubkey, Account | None]) -> ChainClock:
    account = accounts.get(CLOCK_SYSVAR)
    if account is None:
        raise LayoutMismatch("evidence", "holds no intact account of the chain's clock")
    return decode_clock(account)


def _uses(evidence: Evidence, pools: Mapping[Pubkey, LoadedPool]) -> list[AccountUse]:
    """What each account is for."""
    roles: dict[Pubkey, str] = {CLOCK_SYSVAR: "clock"}
    for token in evidence.tokens:
        if token.oracle is not None:
            roles[token.oracle.account] = f"{token.symbol} oracle"
    for loaded in pools.values():
        roles |= {pubkey: loaded.pool.role_of(pubkey) for pubkey in loaded.taken}
    order = {role: number for number, role in enumerate(("pool", "vault A", "vault B", "mint A", "mint B"))}
    uses = [AccountUse(held, roles.get(held.pubkey, "")) for held in evidence.accounts]
    return sorted(uses, key=lambda use: (order.get(use.role, len(order)), use.role, use.held.pubkey))


def _hash_checks(evidence: Evidence) -> list[Check]:
    """Of bytes that are not those told of; who reads wants to know which."""
    changed = [(f"bytes of {held.pubkey}", held.sha256) for held in evidence.accounts if not held.is_intact]
    answer = evidence.answer
    if answer is not None and not answer.is_intact:
        changed.append((f"answer of {answer.provider}", answer.sha256))
    return [Check(what, f"sha256 {told}", "another hash") for what, told in changed]


def _id_checks(evidence: Evidence, *, source: int, route_id: int, amounts: tuple[int, int]) -> list[Check]:
    """What the id claims."""
    asked = evidence.quote_id
    return [
        Check("source", str(asked.source), str(source)),
        Check("input mint", str(asked.mark), str(input_mark(evidence.input_mint))),
        Check("route id", str(asked.route_id), str(route_id)),
        Check("input", str(asked.input_amount), str(amounts[0])),
        Check("output", str(asked.output_amount), str(amounts[1])),
    ]


def _hop_checks(hop: RouteHop, one: ReplayedSwap) -> list[Check]:
    """What the service told of one swap."""
    swap = one.swap
    return [
        Check(f"swap through {hop.pool_id}, input", str(hop.input_amount), str(swap.amount_in)),
        Check(f"swap through {hop.pool_id}, output", str(hop.output_amount), str(swap.amount_out)),
        Check(f"swap through {hop.pool_id}, fee", str(hop.fee_amount), str(swap.fee_amount)),
        Check(f"swap through {hop.pool_id}, DEX", hop.protocol, one.pool.dex.label),
    ]


def _price_impact(legs: Sequence[Sequence[ReplayedSwap]], input_amount: int) -> float:
    """As the service adds it up: along a chain losses multiply, over chains their shares count."""
    lost = 0.0
    for leg in legs:
        kept = 1.0
        for one in leg:
            kept *= 1.0 - one.price_impact
        lost += (1.0 - kept) * leg[0].swap.amount_in
    return lost / input_amount


def _depth_amount(
    evidence: Evidence,
    swaps: Sequence[ReplayedSwap],
    accounts: Mapping[Pubkey, Account | None],
    clock: ChainClock,
    input_amount: int,
) -> int:
    """Input of the whole route that would move the first pool of it by 1 %."""
    pools = open_loaded([hop.pool_id for hop in evidence.route], accounts)
    depths = [U64_MAX]
    for one in swaps:
        loaded, swap = pools[one.pool.address], one.swap
        loaded.swap(swap.direction, SwapMode.EXACT_IN, swap.amount_in, clock)  # loads what so much goes through
        depth = curve_of(loaded.pool, swap.direction, clock, depth_before=0).depth_amount
        depths.append(depth * input_amount // swap.amount_in)
    return min(depths)


class _Vouching(ChainProgress):
    """Evidence is of one moment, at which its accounts were vouched for."""

    def vouched_mono_ns(self, slot: int, asked_mono_ns: int) -> int | None:
        return 0


class _OneMoment:
    """A clock that stands still."""

    def unix_ns(self) -> int:
        return 0

    def mono_ns(self) -> int:
        return 0


def _oracle_rate(evidence: Evidence, clock: ChainClock) -> float | None:
    """The oracle's rate by the accounts of the evidence; None where they give none."""
    ends = evidence.token(evidence.input_mint), evidence.token(evidence.output_mint)
    if ends[0] is None or ends[1] is None:
        return None
    oracle = PriceOracle(
        TokenRegistry(evidence.tokens, ()),
        clock=_OneMoment(),
        limits=_ORACLE_LIMITS,
    )
    progress, wanted = _Vouching(), set(oracle.accounts)
    for held in evidence.accounts:
        if held.pubkey in wanted and held.is_intact and held.account is not None:
            update = AccountUpdate(held.pubkey, max(held.slot, 1), held.account, 0, UpdateSource.ANSWER)
            oracle.apply(update, progress)
    return oracle.rate(ends[0], ends[1], clock)


def _of_provider(evidence: Evidence, answer: ProviderAnswer) -> Reproduction:
    asked = evidence.quote_id
    key = QuoteKey(evidence.input_mint, evidence.output_mint, asked.input_amount)
    checks = _hash_checks(evidence)
    try:
        quote = read_provider_answer(answer.provider, key, answer.body)
    except SolquoteError as error:
        return Reproduction(evidence=evidence, accounts=(), checks=checks, failure=str(error))
    checks += _id_checks(
        evidence, source=EXTERNAL, route_id=route_id_of(quote), amounts=(key.input_amount, quote.output_amount)
    )
    checks += [
        Check("slot", str(answer.slot), str(quote.slot)),
        Check("price impact", str(answer.price_impact), str(quote.price_impact_fraction)),
        Check("swaps", str(len(evidence.route)), str(len(quote.route))),
    ]
    checks += [
        Check(f"swap {number}", _hop_text(one), _hop_text(read))
        for number, (one, read) in enumerate(zip(evidence.route, quote.route, strict=False), start=1)
    ]
    return Reproduction(
        evidence=evidence,
        accounts=(),
        checks=checks,
        input_amount=key.input_amount,
        output_amount=quote.output_amount,
        price_impact=quote.price_impact_fraction,
        hop_count=hop_count(quote.route),
        oracle_rate=evidence.oracle_rate,
    )


def _hop_text(hop: RouteHop) -> str:
    return f"{hop.protocol} {hop.pool_id} {hop.input_amount} {hop.output_amount}"
