"""Routes over the pools held: found on their curves, then priced to the unit, hop by hop. Does no I/O.

Curves say which tokens a chain goes through, and how an amount is shared out over several. Which of the pools that are
nearly as good a single chain takes, and every amount, is for the pools themselves to say.

Like all prices here a route is of one snapshot of the market. Its chains run one after the other. A pool that two of
them go through is priced by its own arithmetic on the state that the first has left, on a copy of it, which takes a
millisecond.
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Sequence, Set
from typing import Final, NamedTuple

from local_quote.impact import price_impact
from local_quote.pool_store import PoolEntry, PoolStore
from local_quote.quoter import PoolQuoter, PricedSwap
from local_quote.route_curves import AMOUNTS
from local_quote.route_graph import PoolEdge, RouteGraph
from local_quote.route_sharing import split_chains
from quote_core.dex.account_counts import lean_dexes, route_account_count
from quote_core.dex.labels import ALL_DEXES
from quote_core.dex.pool import ChainClock, Dex, Pool, SwapMode
from quote_core.errors import MarketError, NoLiquidity, NotTradable
from quote_core.tokens import Token
from quote_core.units import U64_MAX

__all__ = ["RouteFinder", "RouteTerms", "RoutedLeg", "RoutedSwaps"]

_DOUBLINGS_MAX: Final = 64
_APPROACHES_MAX: Final = 40
_NEAR_ENOUGH: Final = 1 - 1e-9
_PARALLEL_COUNT_MAX: Final = 4
"""Pools of a hop that are priced exactly, those whose curves give most: they differ by what curves leave out."""
_SEARCHES_MAX: Final = 4
"""Searches that may each meet a pool that cannot be used, before all pools are looked at; mostly one is enough."""


class RoutedLeg(NamedTuple):
    """One chain of priced swaps and the percent of the input that goes through it."""

    swaps: Sequence[PricedSwap]
    percent: int


class RouteTerms(NamedTuple):
    """What a route may be: through pools of which DEXes, of how many swaps (1 to 3), over how many chains (1 to 3).

    `account_count_max` is the most that its swaps may name together (`quote_core.dex.account_counts`); 0 = any number.
    """

    dexes: Set[Dex]
    hop_count_max: int
    leg_count_max: int
    account_count_max: int = 0

    def lean(self, route: "RoutedSwaps") -> "RouteTerms":
        """For routes of the size of one, through DEXes of which all such keep within the accounts."""
        hop_count, leg_count = route.hop_count, len(route.legs)
        dexes = lean_dexes(hop_count, leg_count, frozenset(self.dexes), self.account_count_max)
        return RouteTerms(dexes, hop_count, leg_count)

    def smaller(self, route: "RoutedSwaps") -> "RouteTerms | None":
        """For fewer chains than a route has, or for fewer swaps when it is one; None when it is one swap."""
        if len(route.legs) > 1:
            return self._replace(leg_count_max=len(route.legs) - 1)
        return self._replace(leg_count_max=1, hop_count_max=route.hop_count - 1) if route.hop_count > 1 else None


class RoutedSwaps(NamedTuple):
    """A priced route: chains that run one after the other, the one with the largest share first."""

    legs: Sequence[RoutedLeg]

    @property
    def swaps(self) -> list[PricedSwap]:
        """All swaps in the order in which they run."""
        return [swap for leg in self.legs for swap in leg.swaps]

    @property
    def input_amount(self) -> int:
        """What goes in, smallest units."""
        return sum(leg.swaps[0].input_amount for leg in self.legs)

    @property
    def output_amount(self) -> int:
        """What comes out, smallest units."""
        return sum(leg.swaps[-1].output_amount for leg in self.legs)

    @property
    def hop_count(self) -> int:
        """Swaps one after the other in its longest chain."""
        return max(len(leg.swaps) for leg in self.legs)

    @property
    def account_count(self) -> int:
        """Accounts that a transaction with all swaps names, at most."""
        return route_account_count(swap.entry.pool for swap in self.swaps)

    @property
    def price_impact(self) -> float:
        """Fraction of the price lost to size: along a chain the losses add up, over chains their shares count."""
        lost = 0.0
        for leg in self.legs:
            kept = 1.0
            for swap in leg.swaps:
                kept *= 1.0 - swap.price_impact
            lost += (1.0 - kept) * leg.swaps[0].input_amount
        return lost / self.input_amount

    @property
    def depth_amount(self) -> int:
        """Input of the whole route that would move the first pool of it by 1 %; at most 64 bits."""
        depths = [swap.depth_amount * self.input_amount // swap.input_amount for swap in self.swaps]
        return min(U64_MAX, *depths)


class RouteFinder:
    """Finds routes among the store's pools."""

    def __init__(self, *, store: PoolStore, quoter: PoolQuoter, step_percent: int) -> None:
        self._store = store
        self._quoter = quoter
        self._step_percent = step_percent
        self.graph = RouteGraph(store)

    def best(
        self, input_token: Token, output_token: Token, amount: int, *, mode: SwapMode, terms: RouteTerms
    ) -> RoutedSwaps:
        """The route that brings most for `amount`, or with EXACT_OUT takes least for it, through usable pools.

        Pools that are stale are gone through only where there is no way around them. A wanted output of one swap is
        what the DEX's own exact-out swap takes; of several, the least that brings it when they run one after the other.
        Where the best has too many accounts, the best of what fewer chains, fewer swaps and leaner DEXes bring is
        taken, which need not be the best of all that keep within the bound.

        Args:
            input_token: What goes in.
            output_token: What comes out; `input_token` for a circular route.
            amount: Smallest units, of the side that `mode` names.
            mode: With EXACT_OUT there is one chain.
            terms: What the route may be.

        Raises:
            NoLiquidity: No route fills the amount, or keeps within the accounts, or the chain's clock is not known yet.
            SolquoteError: See `PoolQuoter.refusal`, of a pair's own pools where there may be but one swap.
        """
        route = self._best(input_token, output_token, amount, mode, terms)
        if not terms.account_count_max or route.account_count <= terms.account_count_max:
            return route
        fitting = self._narrower(route, input_token, output_token, amount, mode, terms)
        if not fitting:
            subject = f"{input_token.symbol}/{output_token.symbol}"
            raise NoLiquidity(subject, f"no route of up to {terms.account_count_max} accounts fills {amount}")
        if mode is SwapMode.EXACT_OUT:
            return min(fitting, key=lambda found: found.input_amount)
        return max(fitting, key=lambda found: found.output_amount)

    def _narrower(
        self,
        route: RoutedSwaps,
        input_token: Token,
        output_token: Token,
        amount: int,
        mode: SwapMode,
        terms: RouteTerms,
    ) -> list[RoutedSwaps]:
        """Routes that keep within the accounts where `route` does not: two searches for each size it may have."""
        fitting: list[RoutedSwaps] = []
        while route.account_count > terms.account_count_max:
            with contextlib.suppress(MarketError):
                fitting.append(self._best(input_token, output_token, amount, mode, terms.lean(route)))
            smaller = terms.smaller(route)
            if smaller is None:
                return fitting
            try:
                route = self._best(input_token, output_token, amount, mode, smaller)
            except MarketError:
                return fitting  # nor is there one that is smaller still
        return [*fitting, route]

    def _best(
        self, input_token: Token, output_token: Token, amount: int, mode: SwapMode, terms: RouteTerms
    ) -> RoutedSwaps:
        clock = self._quoter.now_on_chain()
        self.graph.refresh(clock)
        source, target = self.graph.mint(input_token.mint), self.graph.mint(output_token.mint)
        if source is not None and target is not None:
            for with_stale in (False, True):
                search = _Search(self.graph, self._quoter, clock, terms, (source, target), with_stale=with_stale)
                try:
                    route = (
                        self._buying(search, amount) if mode is SwapMode.EXACT_OUT else self._selling(search, amount)
                    )
                except MarketError:
                    continue  # priced whole, a pool refuses what its curve gave: another route is as doubtful
                if route is not None:
                    return route
        if input_token is output_token:
            raise NoLiquidity(input_token.symbol, f"no way round of up to {terms.hop_count_max} swaps fills {amount}")
        try:  # curves know neither the smallest nor the largest amounts
            direct = self._quoter.chosen(input_token, output_token, amount, mode=mode, dexes=terms.dexes)
        except MarketError:
            if terms.hop_count_max == 1 or None in (source, target):
                raise
            subject, most = f"{input_token.symbol}/{output_token.symbol}", terms.hop_count_max
            raise NoLiquidity(subject, f"no route of up to {most} swaps through usable pools fills {amount}") from None
        return RoutedSwaps([RoutedLeg([direct], 100)])

    def _selling(self, search: "_Search", amount: int) -> RoutedSwaps | None:
        whole = search.whole(amount)
        legs = search.legs(amount, step_percent=self._step_percent) if search.may_split(amount) else []
        if len(legs) > 1:
            split = self._priced(legs, amount)
            if whole is None or split.output_amount > whole.amount:
                return split
        return None if whole is None else self._priced([_Leg(whole.edges, 100)], amount)

    def _buying(self, search: "_Search", wanted: int) -> RoutedSwaps | None:
        chain = search.cheapest(wanted)
        if chain is None:
            return None
        if len(chain.edges) == 1:
            entry, mint = chain.edges[0].entry, chain.edges[0].mint_in
            swap = self._quoter.through(entry, mint, wanted, mode=SwapMode.EXACT_OUT)
            return RoutedSwaps([RoutedLeg([swap], 100)])
        amount = search.least_input(chain, wanted)
        return None if amount is None else self._priced([_Leg(chain.edges, 100)], amount)

    def _priced(self, legs: Sequence["_Leg"], amount: int) -> RoutedSwaps:
        """Price every swap, in the order in which they run; the first leg takes what rounding leaves of the amount.

        Raises:
            MarketError: A pool refuses its swap.
        """
        every = [edge for edges, _ in legs for edge in edges]
        uses_left = Counter(edge.pool_id for edge in every)
        shared = {edge.pool_id: edge.entry for edge in every if uses_left[edge.pool_id] > 1}
        copies = {pool_id: self._store.scratch(entry) for pool_id, entry in shared.items()}
        parts = [amount * percent // 100 for _, percent in legs]
        parts[0] += amount - sum(parts)
        routed = []
        for (edges, percent), part in zip(legs, parts, strict=True):
            swaps: list[PricedSwap] = []
            given = part
            for edge in edges:
                copy = copies.get(edge.pool_id)
                if copy is None:
                    swaps.append(self._quoter.through(edge.entry, edge.mint_in, given))
                else:
                    uses_left[edge.pool_id] -= 1
                    swaps.append(self._behind_others(edge, copy, given, is_last=not uses_left[edge.pool_id]))
                given = swaps[-1].output_amount
            routed.append(RoutedLeg(swaps, percent))
        return RoutedSwaps(routed)

    def _behind_others(self, edge: PoolEdge, copy: Pool, amount: int, *, is_last: bool) -> PricedSwap:
        """A swap on a pool's copy, which then stands where it leaves it, unless nobody comes after it."""
        swap = copy.swap(edge.direction, SwapMode.EXACT_IN, amount, self._quoter.now_on_chain())
        if not is_last:
            self._store.swap_on(copy, swap)
        curve = self._quoter.curve(edge.entry, edge.direction)
        return PricedSwap(
            entry=edge.entry,
            direction=edge.direction,
            input_amount=swap.amount_in,
            output_amount=swap.amount_out,
            fee_amount=swap.fee_amount,
            fee_mint=swap.fee_mint,
            price_impact=price_impact(swap.amount_in, swap.amount_out, curve.net_price),
            depth_amount=curve.depth_amount,
        )


class _Leg(NamedTuple):
    edges: Sequence[PoolEdge]
    percent: int


class _Chain(NamedTuple):
    """Edges one after the other, and what comes out at their end, or has to go in at their beginning."""

    edges: Sequence[PoolEdge]
    amount: int


class _Search:
    """One request's search: between which tokens, through which pools."""

    def __init__(
        self,
        graph: RouteGraph,
        quoter: PoolQuoter,
        clock: ChainClock,
        terms: RouteTerms,
        mints: tuple[int, int],
        *,
        with_stale: bool,
    ) -> None:
        self._graph = graph
        self._quoter = quoter
        self._clock = clock
        self._terms = terms
        self._mints = mints
        self._with_stale = with_stale
        self._usable = bytearray(b"\1") * len(graph.entries)
        if terms.dexes != ALL_DEXES:
            self._usable = bytearray(entry.pool.dex in terms.dexes for entry in graph.entries)

    def may_split(self, amount: int) -> bool:
        """Whether parts are asked for, and large enough for curves to know."""
        return self._terms.leg_count_max > 1 and amount >= 100 * AMOUNTS[0]

    def legs(self, amount: int, *, step_percent: int, leg_count_max: int | None = None) -> list[_Leg]:
        """The chains that bring most together, and each one's percent; empty = nobody fills it."""

        def shared() -> list[_Leg]:
            found = split_chains(
                self._graph.curves,
                *self._mints,
                amount,
                hop_count_max=self._terms.hop_count_max,
                leg_count_max=leg_count_max or self._terms.leg_count_max,
                step_percent=step_percent,
                usable=self._usable,
            )
            return [_Leg([self._graph.edges[number] for number in numbers], percent) for numbers, percent in found]

        return self._with_usable(shared)

    def whole(self, amount: int) -> _Chain | None:
        """The one chain that brings most: through the tokens of the best on curves, each hop through the best pool."""
        legs = self.legs(amount, leg_count_max=1, step_percent=1)
        if not legs:
            return None
        chosen: list[PoolEdge] = []
        for position in range(len(legs[0].edges)):
            parallel = self._parallel(legs[0].edges, position, amount)
            outputs = [self._output(edge, amount) for edge in parallel]
            amount = max(outputs, default=0)
            if not amount:
                return None
            chosen.append(parallel[outputs.index(amount)])
        return _Chain(chosen, amount)

    def cheapest(self, wanted: int) -> _Chain | None:
        """The chain that takes least for a wanted output.

        What an amount brings at its present price is less than twice that amount would need to bring twice as much: so
        the input is approached from below, and the chain that is best there is the one that gets there first.
        """
        amount, legs = float(AMOUNTS[0]), list[_Leg]()
        for _ in range(_APPROACHES_MAX):
            legs = self.legs(round(amount), leg_count_max=1, step_percent=1)
            brought = self._on_curves(legs[0].edges, amount) if legs else 0.0
            if brought >= wanted * _NEAR_ENOUGH:
                break
            amount *= wanted / brought if brought > 0.0 else 2.0
            if amount > AMOUNTS[-1]:
                return None
        if not legs:
            return None
        chosen: list[PoolEdge] = []
        for position in range(len(legs[0].edges) - 1, -1, -1):
            costs = {}
            for edge in self._parallel(legs[0].edges, position, amount):
                cost = self._cost(edge, wanted)
                if cost:
                    costs[edge] = cost
            if not costs:
                return None
            chosen.insert(0, min(costs, key=lambda edge: costs[edge]))
            wanted = costs[chosen[0]]
        return _Chain(chosen, wanted)

    def least_input(self, chain: _Chain, wanted: int) -> int | None:
        """The least that brings `wanted` through all of a chain, looked for around what its swaps take one by one."""

        def brings(amount: int) -> bool:
            for edge in chain.edges:
                amount = self._output(edge, amount) if amount > 0 else 0
            return amount >= wanted

        low, high, step = chain.amount - 1, chain.amount, 1
        for _ in range(_DOUBLINGS_MAX):
            if brings(high):
                break
            low, high, step = high, high + step, 2 * step
        else:
            return None
        step = 1
        while low > 0 and brings(low):
            low, high, step = max(0, low - step), low, 2 * step
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if brings(middle) else (middle, high)
        return high

    def _parallel(self, edges: Sequence[PoolEdge], position: int, amount: float) -> list[PoolEdge]:
        """Usable edges between the same tokens that give most, through pools that no other hop goes through."""
        edge, curves = edges[position], self._graph.curves
        elsewhere = {other.pool_id for other in edges if other is not edge}
        ranked = sorted(
            (other for other in self._graph.between(edge.mint_in, edge.mint_out) if other.pool_id not in elsewhere),
            key=lambda other: -curves.output(other.number, amount),
        )
        near = ranked[:_PARALLEL_COUNT_MAX]
        return [other for other in near if self._usable[other.number // 2] and self._may_use(other.entry)]

    def _with_usable(self, search: Callable[[], list[_Leg]]) -> list[_Leg]:
        """Search, and search again around the pools found that cannot be used."""
        for _ in range(_SEARCHES_MAX):
            legs = search()
            unusable = [edge for leg in legs for edge in leg.edges if not self._may_use(edge.entry)]
            if not unusable:
                return legs
            for edge in unusable:
                self._usable[edge.number // 2] = 0
        for number, entry in enumerate(self._graph.entries):
            if self._usable[number] and not self._may_use(entry):
                self._usable[number] = 0
        return search()

    def _may_use(self, entry: PoolEntry) -> bool:
        return self._quoter.is_usable(entry) and (self._with_stale or not self._quoter.is_stale(entry))

    def _on_curves(self, edges: Sequence[PoolEdge], amount: float) -> float:
        for edge in edges:
            amount = self._graph.curves.output(edge.number, amount)
        return amount

    def _output(self, edge: PoolEdge, amount: int) -> int:
        if amount > U64_MAX:
            return 0
        try:
            return edge.entry.to_price().ladder(edge.direction, (amount,), self._clock)[0]
        except NotTradable:
            return 0

    def _cost(self, edge: PoolEdge, wanted: int) -> int:
        try:
            return edge.entry.to_price().swap(edge.direction, SwapMode.EXACT_OUT, wanted, self._clock).amount_in
        except MarketError:
            return 0
