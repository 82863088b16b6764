"""What a fork does to quotes: every fresh one is that of the chain as it stands, recomputed by the market itself."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import grpc
import pytest
from fakes.running_local_quote import RunningLocalQuote, local_quote
from fakes.waiting import DEADLINE_S

from quote_core.dex.pool import Dex, Direction
from quote_core.errors import MarketError
from quote_core.generated.solquote.v1 import local_quote_pb2
from quote_core.tokens import load_tokens
from recorded_market.faults import FaultPlan
from recorded_market.genesis import make_genesis
from recorded_market.ledger import Commitment
from recorded_market.market import Market
from recorded_market.node import Node
from recorded_market.recording import load_recording
from recorded_market.rpc_methods import RpcMethods
from recorded_market.subscriptions import SubscriptionHub

pytestmark = pytest.mark.integration

REGISTRY = load_tokens()
SOL, USDC = (REGISTRY.resolve(symbol, field="").mint for symbol in ("SOL", "USDC"))
AMOUNT = 10**9
CONSTANT_PRODUCT = (Dex.RAYDIUM_AMM_V4, Dex.RAYDIUM_CPMM, Dex.PUMPSWAP)
"""Their prices do not depend on the chain's time, so that a slot alone tells what is right."""
REQUEST = local_quote_pb2.LocalQuoteRequest(
    input_mint=SOL, output_mint=USDC, input_amount=AMOUNT, dexes=[dex.label for dex in CONSTANT_PRODUCT]
)
NO_FAULTS = FaultPlan(latency_ns=0, failure_fraction=0.0, seed=1)
SLOT_S = 0.05
QUICK = {"amm_refresh_interval": "100ms", "staleness_sweep_interval": "100ms", "clmm_event_driven_interval": "500ms"}
FORKS = 4
FORK_SLOTS = 12


@dataclass
class ForkingNode:
    """A recorded market that a test plays, behind its own node; it keeps what each slot's pools give."""

    market: Market
    hub: SubscriptionHub
    tells_reverts: bool
    """Whether accounts that are again what they were are notified; a validator does, not everybody who relays one."""
    outputs: dict[int, dict[str, int]] = field(default_factory=dict)
    """By slot of the chain as it stands and pool."""
    forked_outputs: dict[int, dict[str, int]] = field(default_factory=dict)
    """By slot that a fork took back."""
    fork_count: int = 0

    @property
    def slot(self) -> int:
        return self.market.clock.slot

    async def play(self) -> None:
        """Slots in their time."""
        while True:
            self.step()
            await asyncio.sleep(SLOT_S)

    def step(self) -> None:
        """One slot."""
        taken_back = dict(self.market.ledger.taken_back)
        reached = dict(self.market.advance())
        block = reached[Commitment.PROCESSED]
        parent = block.slot - 1 if block.parent is None else block.parent
        if parent < block.slot - 1:
            self.fork_count += 1
            for slot in range(parent + 1, block.slot):
                self.forked_outputs[slot] = self.outputs[slot]
                self.outputs[slot] = self.outputs[parent]  # whoever asks for a slot that is none gets the one before
        self.outputs[block.slot] = self._outputs()
        if parent < block.slot - 1 and not self.tells_reverts:
            news = {pubkey: one for pubkey, one in block.changes.items() if taken_back.get(pubkey) != one}
            reached[Commitment.PROCESSED] = replace(block, changes=news)
        self.hub.publish(reached)

    def _outputs(self) -> dict[str, int]:
        given: dict[str, int] = {}
        for pool in self.market.tradable_pools():
            if pool.dex in CONSTANT_PRODUCT and {pool.mint_a, pool.mint_b} == {SOL, USDC}:
                direction = Direction.A_TO_B if pool.mint_a == SOL else Direction.B_TO_A
                with contextlib.suppress(MarketError):
                    given[pool.address] = pool.ladder(direction, [AMOUNT], self.market.clock)[0]
        return given


@contextlib.asynccontextmanager
async def forking(commitment: str, *, tells_reverts: bool) -> AsyncIterator[tuple[ForkingNode, RunningLocalQuote]]:
    market = Market(make_genesis(load_recording(), REGISTRY, seed=1))
    hub = SubscriptionHub(version="1")
    node = Node(RpcMethods(market.ledger, market.provenance, version="1").call, hub, NO_FAULTS)
    await node.start("127.0.0.1", 0)
    forking = ForkingNode(market, hub, tells_reverts)
    playing = asyncio.create_task(forking.play())
    try:
        urls = {
            "rpc_url": f"http://127.0.0.1:{node.rpc_port}",
            "rpc_ws_url": f"ws://127.0.0.1:{node.websocket_port}",
        }
        async with local_quote(**urls, commitment=commitment, **QUICK) as service:
            await service.until_figure("directions_quoted", 24)
            yield forking, service
    finally:
        playing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await playing
        await node.stop()


async def until_fresh(service: RunningLocalQuote, *, after_slot: int) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            with contextlib.suppress(grpc.aio.AioRpcError):
                quote = await service.stub.GetQuote(REQUEST)
                if not quote.is_stale and quote.slot > after_slot:
                    return
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("commitment", "tells_reverts"),
    [
        pytest.param("processed", True, id="processed"),
        pytest.param("processed", False, id="processed, reverts untold"),
        pytest.param("confirmed", True, id="confirmed"),
    ],
)
async def test_no_quote_is_fresh_that_is_of_slots_taken_back(commitment: str, tells_reverts: bool) -> None:
    judged_count = differing_count = 0
    async with forking(commitment, tells_reverts=tells_reverts) as (node, service):
        for _ in range(FORKS):
            await until_fresh(service, after_slot=node.slot)
            told_before, forks_before = await service.figure("forks_total"), node.fork_count
            begun_slot = node.slot
            node.market.begin_fork(FORK_SLOTS)
            async with asyncio.timeout(DEADLINE_S):
                while await service.figure("forks_total") == told_before:  # noqa: ASYNC110 - another loop
                    await asyncio.sleep(0.005)
            assert node.fork_count > forks_before
            dead = {slot for slot in node.forked_outputs if slot > begun_slot}
            # The service knows of the fork: what it calls fresh from now on is the chain's, as of the slot it names.
            until_slot = node.slot + 8
            while node.slot < until_slot:
                quote = await service.stub.GetQuote(REQUEST)
                if not quote.is_stale and quote.slot in node.outputs:
                    judged_count += 1
                    assert quote.output_amount == node.outputs[quote.slot][quote.pool_id], (quote.slot, dead)
                await asyncio.sleep(0.005)
            differing_count += any(node.forked_outputs[slot] != node.outputs[slot] for slot in dead)
        if commitment == "confirmed":
            assert await service.figure("accounts_taken_back_total") == 0
    assert judged_count > FORKS
    assert differing_count > 0  # a quote of a fork was told apart from one of the chain
