"""Recorded pools, what a local quote service tells of them, and what it finds again from the quotes' ids."""

from dataclasses import dataclass, field

from fakes.golden_market import GOLDEN_POOLS, GoldenMarket
from fakes.held_market import REGISTRY, HeldMarket

from local_quote.evidence import EvidenceFinder, RoutesTold
from local_quote.market import LocalMarket, RoutedQuote
from local_quote.route_finder import RouteTerms
from local_quote.row_table import LocalQuote
from local_quote.settings import LocalQuoteSettings
from local_quote.wire import evidence_to
from quote_core.dex.labels import ALL_DEXES
from quote_core.dex.pool import SwapMode
from quote_core.quote_id import LOCAL, QuoteId, quote_id_of
from quote_core.quotes import route_id, split_route_id
from quote_core.tokens import Token
from quote_core.units import Pubkey
from solquote.evidence import Evidence
from solquote.evidence_wire import evidence_from

__all__ = ["ExplainedMarket"]


@dataclass
class ExplainedMarket:
    """Every golden pool, held; `settings` bound what is kept."""

    settings: LocalQuoteSettings = field(default_factory=LocalQuoteSettings)

    def __post_init__(self) -> None:
        self.golden = GoldenMarket(HeldMarket(self.settings))
        self.pools: list[Pubkey] = [self.golden.add(name) for name in GOLDEN_POOLS]
        self.market: LocalMarket = self.golden.held.market
        self.finder = EvidenceFinder(
            store=self.market.store,
            registry=REGISTRY,
            told=RoutesTold(count_max=10),
            priced=self.market.table.chains_priced,
        )

    def direct(self, tokens: tuple[Token, Token], amount: int) -> QuoteId:
        """A quote through the best pool."""
        quote = self.market.quote(*tokens, amount)
        entry = quote.swap.entry
        output = quote.swap.output_amount
        return quote_id_of(LOCAL, route_id([entry.pool.address]), tokens[0].mint, amount, output, entry.slot)

    def routed(
        self,
        tokens: tuple[Token, Token],
        amount: int,
        *,
        hops: int = 1,
        legs: int = 1,
        mode: SwapMode = SwapMode.EXACT_IN,
    ) -> QuoteId:
        """A quote through the best route."""
        quote = self.market.routed(*tokens, amount, mode=mode, terms=RouteTerms(ALL_DEXES, hops, legs))
        self.finder.note(quote, amount, mode)
        return _id_of_routed(quote)

    def through(self, pool_id: Pubkey, input_mint: Pubkey, amount: int, mode: SwapMode) -> QuoteId:
        """A quote through one pool, of either side."""
        entry = self.market.store.entry(pool_id)
        assert entry is not None
        swap = self.market.quoter.through(entry, input_mint, amount, mode=mode)
        if mode is SwapMode.EXACT_OUT:
            ends = [REGISTRY.by_mint(mint, field="mint") for mint in (entry.pool.mint_a, entry.pool.mint_b)]
            if ends[0].mint != input_mint:
                ends.reverse()
            quote = LocalQuote(ends[0], ends[1], swap, version=1, quoted_unix_ns=0, quoted_mono_ns=0)
            self.finder.note(quote, amount, mode)
        return quote_id_of(LOCAL, route_id([pool_id]), input_mint, swap.input_amount, swap.output_amount, entry.slot)

    def evidence(self, asked: QuoteId) -> Evidence:
        """What is told of it, through the very messages."""
        return evidence_from(evidence_to(asked, self.finder.find(asked)))


def _id_of_routed(quote: RoutedQuote) -> QuoteId:
    legs = quote.route.legs
    oldest = min((swap.entry for leg in legs for swap in leg.swaps), key=lambda entry: entry.freshness.vouched.mono_ns)
    return quote_id_of(
        LOCAL,
        split_route_id([([swap.entry.pool.address for swap in leg.swaps], leg.percent) for leg in legs]),
        quote.input_token.mint,
        quote.route.input_amount,
        quote.route.output_amount,
        oldest.slot,
    )
