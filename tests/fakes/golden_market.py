"""Recorded SOL/USDC pools held by a local quote service's market, traded on by their programs' own arithmetic."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from fakes.golden_pools import golden_accounts
from fakes.held_market import REGISTRY, HeldMarket, clock_update

from local_quote.pool_store import PoolEntry
from local_quote.routes import HopRequest, SimulatedRoute, simulate_route
from local_quote.wire import hops_from, simulation_to
from pipeline.simulation import RouteHopRequest, Simulation
from pipeline.wire import simulate_request, simulation_from
from quote_core.dex.pool import Account, Direction, SwapMode
from quote_core.dex.programs import decode_pool
from quote_core.quotes import Provenance
from quote_core.solana import AccountUpdate, UpdateSource
from quote_core.units import Pubkey

__all__ = ["GOLDEN_POOLS", "GoldenMarket"]

GOLDEN_POOLS = {
    "raydium_amm_v4/sol_usdc_58oQChx4": Pubkey("58oQChx4yWmvKdwLLZzBi4ChoCc2fqCUWBkwMihLYQo2"),
    "raydium_cpmm/sol_usdc_7JuwJuNU": Pubkey("7JuwJuNU88gurFnyWeiyGKbFmExMWcmRZntn9imEzdny"),
    "raydium_clmm/sol_usdc_3ucNos4N_jul2026": Pubkey("3ucNos4NbumPLZNWztqGHNFFgkHeRMBQAVemeeomsUxv"),
    "orca_whirlpool/sol_usdc_ts4_Czfq3xZZ": Pubkey("Czfq3xZZDmsdGdUyrNLtRhGc47cXcZtLG4crryfu44zE"),
    "meteora_dlmm/sol_usdc_bs4_5rCf1DM8": Pubkey("5rCf1DM8LjKTw4YqhnoLcngyZYeNnQqztScTogYHAS6"),
}
CHAIN_UNIX_S = 1_790_000_000


@dataclass
class GoldenMarket:
    """The pools named; every swap is read by the service at once."""

    held: HeldMarket = field(default_factory=HeldMarket)
    accounts: dict[Pubkey, Account] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.held.market.apply([clock_update(slot=self.held.slot, unix_timestamp=CHAIN_UNIX_S)])

    def add(self, name: str) -> Pubkey:
        """Take a golden pool in."""
        pool_id = GOLDEN_POOLS[name]
        self.accounts |= golden_accounts(name)
        pool = decode_pool(pool_id, self.accounts[pool_id])
        self.held.market.add_pool(pool, self._update(pool_id), Provenance.RECORDED)
        self._read(pool_id)
        return pool_id

    def trade(self, pool_id: Pubkey, input_mint: str, amount: int) -> int:
        """A swap that somebody really makes; returns what it gave."""
        pool, clock = self._entry(pool_id).pool, self.held.market.quoter.now_on_chain()
        direction = Direction.A_TO_B if pool.mint_a == input_mint else Direction.B_TO_A
        swap = pool.swap(direction, SwapMode.EXACT_IN, amount, clock)
        for pubkey, data in pool.write_swap(swap).items():
            self.accounts[pubkey] = replace(self.accounts[pubkey], data=data)
        self._read(pool_id)
        return swap.amount_out

    def route(self, hops: Sequence[HopRequest], amount: int, *, with_taken: bool = True) -> SimulatedRoute:
        """Price a route as the service does."""
        market = self.held.market
        return simulate_route(
            quoter=market.quoter,
            store=market.store,
            registry=REGISTRY,
            hops=hops,
            input_amount=amount,
            hop_count_max=4,
            with_taken=with_taken,
        )

    async def simulate(
        self, hops: tuple[RouteHopRequest, ...], amount_in: int, *, with_taken: bool = False
    ) -> Simulation:
        """As `TakingSimulator`, through the very messages."""
        request = simulate_request(hops, amount_in, with_taken=with_taken)
        route = self.route(hops_from(request), request.input_amount, with_taken=request.with_taken)
        answer = simulation_to(route, self.held.clock.mono_ns())
        return simulation_from(answer, hop_count=len(hops), with_taken=with_taken)

    def _entry(self, pool_id: Pubkey) -> PoolEntry:
        entry = self.held.market.store.entry(pool_id)
        assert entry is not None
        return entry

    def _read(self, pool_id: Pubkey) -> None:
        self.held.tick()
        needed: list[Pubkey] = []
        while needed != (wanted := [pool_id, *(need.pubkey for need in self._entry(pool_id).pool.accounts_needed())]):
            self.held.market.apply([self._update(pubkey) for pubkey in wanted])
            needed = wanted

    def _update(self, pubkey: Pubkey) -> AccountUpdate:
        now = self.held.clock.mono_ns()
        return AccountUpdate(pubkey, self.held.slot, self.accounts.get(pubkey), now, UpdateSource.ANSWER, now)
