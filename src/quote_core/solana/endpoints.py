"""Which of several nodes to ask, and which to subscribe to. Decides; does no I/O.

An endpoint is *chosen* by these questions, the first that tells two apart:

1. Does it serve the chain that most endpoints serve, is its slot in step (`endpoint_slots`), and is it not cooling? One
   of which a no is known is not read from, whatever the others are; one cooling alone is waited for.
2. Which state is it in (`endpoint_health`)? Healthy before degraded before unhealthy.
3. Of equal ones: reads are shared out by weight, one after the other; a subscription goes to the one that has not lost
   one lately, then to the heaviest, and stays there.

With one endpoint nothing is chosen: it is asked, as ever.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import aiohttp

from quote_core.clock import Clock
from quote_core.rpc_addresses import RpcAddress, RpcRole
from quote_core.solana.endpoint_health import EndpointHealth, EndpointState
from quote_core.solana.endpoint_slots import APART_SLOTS_MAX, SlotTrack, newest_slot
from quote_core.telemetry.calls import CallFigures
from quote_core.units import NS_PER_S

__all__ = ["SLOT_LAG_MAX_DEFAULT", "Endpoint", "Endpoints"]

SLOT_LAG_MAX_DEFAULT: Final = 10
"""Of a slot of 400 ms: 4 s, what is further behind could only give quotes that are stale."""
_LOST_NS: Final = 30 * NS_PER_S
"""How long an endpoint that lost a subscription comes after those that did not."""
_RANKS: Final = {state: rank for rank, state in enumerate(EndpointState)}


class Endpoint:
    """One node as a process knows it. The session belongs to whoever made it."""

    def __init__(self, address: RpcAddress, *, session: aiohttp.ClientSession, clock: Clock) -> None:
        self.address = address
        self.session = session
        self.health = EndpointHealth(name=address.name, clock=clock)
        self.track = SlotTrack()
        self.lag_slots = 0
        """How far it was behind when it last told a slot; negative ahead."""
        self.genesis_hash: str | None = None
        """Which chain it serves; None = it has not been asked, empty = it does not say."""
        self.is_subscribed = False
        self.lost_mono_ns: int | None = None
        """When it last lost a subscription."""
        self.calls: dict[str, CallFigures] = {}
        """By method, of which our own code alone says what there are; each ends in OK, or in an error's code."""
        self.attempt_count = 0
        self.failover_count = 0
        """Calls that went on to another endpoint."""
        self.credit = 0
        """What it has to get of the reads yet, in weights."""

    @property
    def name(self) -> str:
        """The node, without what may be a key."""
        return self.address.name


class Endpoints:
    """The nodes of one process; at least one."""

    def __init__(
        self, endpoints: Sequence[Endpoint], *, clock: Clock, lag_slots_max: int = SLOT_LAG_MAX_DEFAULT
    ) -> None:
        assert endpoints
        self._endpoints = tuple(endpoints)
        self._clock = clock
        self._lag_slots_max = lag_slots_max
        self._chain: str | None = None

    def __iter__(self) -> Iterator[Endpoint]:
        return iter(self._endpoints)

    def __len__(self) -> int:
        return len(self._endpoints)

    def told_slot(self, endpoint: Endpoint, slot: int) -> None:
        """An endpoint answered with a slot, as the newest it knows."""
        now_mono_ns = self._clock.mono_ns()
        endpoint.track.tell(slot, now_mono_ns)
        newest = self._newest_slot(now_mono_ns)
        lag_slots = newest - slot if newest else 0
        endpoint.lag_slots = lag_slots if lag_slots > 0 or lag_slots < -APART_SLOTS_MAX else 0

    def notified_slot(self, endpoint: Endpoint, slot: int) -> None:
        """A subscription told a slot. One that tells old ones says nothing about what is read from the endpoint."""
        if slot > endpoint.track.top_slot:
            endpoint.track.tell(slot, self._clock.mono_ns())

    def told_chain(self, endpoint: Endpoint, genesis_hash: str) -> None:
        """An endpoint told which chain it serves, or by an empty text that it does not say."""
        endpoint.genesis_hash = genesis_hash
        told = Counter(one.genesis_hash for one in self._endpoints if one.genesis_hash)
        self._chain = told.most_common(1)[0][0] if told else None  # of as many each the first that is configured

    def is_in_step(self, endpoint: Endpoint) -> bool:
        """Whether its slot is neither too far behind nor impossibly far ahead, as far as is known."""
        return 0 <= endpoint.lag_slots <= self._lag_slots_max

    def is_of_chain(self, endpoint: Endpoint) -> bool:
        """Whether it serves the chain that most serve, as far as is known."""
        return not endpoint.genesis_hash or endpoint.genesis_hash == self._chain

    def is_read(self, endpoint: Endpoint) -> bool:
        """Whether an endpoint may be read from: its role, chain, slot and state are right."""
        is_awake = endpoint.health.state is not EndpointState.COOLING
        return is_awake and endpoint in self._choosable(RpcRole.READ)

    def standing(self, endpoint: Endpoint) -> str:
        """How an endpoint is, in words for people; empty when it is healthy and may be asked."""
        state = endpoint.health.state
        words = [] if state is EndpointState.HEALTHY else [state.value]
        if state is EndpointState.COOLING:
            words = [f"cooling for another {endpoint.health.pause_ns / NS_PER_S:.0f} s"]
        if not self.is_of_chain(endpoint):
            words.append("serves another chain than the others, not read from")
        if endpoint.lag_slots < 0:
            words.append(f"{-endpoint.lag_slots} slots ahead of what is possible, not read from")
        elif not self.is_in_step(endpoint):
            words.append(f"{endpoint.lag_slots} slots behind the others, not read from")
        return ", ".join(words)

    def feed_lag_slots(self, slot: int) -> int:
        """How far a slot that a subscription told last is behind now; 0 before anything is known."""
        newest = self._newest_slot(self._clock.mono_ns())
        return max(0, newest - slot) if slot and newest else 0

    def is_feed_in_step(self, slot: int) -> bool:
        """Whether a subscription that told this slot last keeps up with the others."""
        return self.feed_lag_slots(slot) <= self._lag_slots_max

    def to_ask(self, role: RpcRole, *, first: Endpoint | None = None) -> list[Endpoint]:
        """Whom to ask, one after the other until one answers; `first` comes first where it may be asked.

        Empty when no endpoint may be asked: those that are there lag, or serve another chain.
        """
        asked = self._choosable(role)
        ranks = {id(endpoint): _RANKS[endpoint.health.state] for endpoint in asked}
        awake = [endpoint for endpoint in asked if ranks[id(endpoint)] < _RANKS[EndpointState.COOLING]]
        if not awake:
            return sorted(asked, key=lambda one: one.health.pause_ns)[:1]
        best = min(ranks[id(endpoint)] for endpoint in awake)
        equal = [endpoint for endpoint in awake if ranks[id(endpoint)] == best]
        taken = first if first in awake else self._next_by_weight(equal)
        return sorted(awake, key=lambda one: (one is not taken, ranks[id(one)], -one.address.weight))

    def pause_ns(self, role: RpcRole) -> int:
        """How long none of those that may be asked wants a call yet; 0 = one does."""
        return min((endpoint.health.pause_ns for endpoint in self._choosable(role)), default=0)

    def to_subscribe(self, *, without: Endpoint | None = None) -> Endpoint:
        """Where subscriptions are to stand; not `without`, which just lost them, unless there is no other."""
        choosable = self._choosable(RpcRole.SUBSCRIBE)
        if not choosable:  # better one that lags than none: whoever holds accounts takes nothing older
            choosable = [one for one in self._endpoints if RpcRole.SUBSCRIBE in one.address.roles]
        now_mono_ns = self._clock.mono_ns()

        def order(endpoint: Endpoint) -> tuple[bool, int, bool, int]:
            lost_mono_ns = endpoint.lost_mono_ns
            was_lost = lost_mono_ns is not None and now_mono_ns - lost_mono_ns < _LOST_NS
            return endpoint is without, _RANKS[endpoint.health.state], was_lost, -endpoint.address.weight

        return min(choosable, key=order)

    def _choosable(self, role: RpcRole) -> list[Endpoint]:
        of_role = [endpoint for endpoint in self._endpoints if role in endpoint.address.roles]
        if len(self._endpoints) == 1:
            return of_role
        return [endpoint for endpoint in of_role if self.is_in_step(endpoint) and self.is_of_chain(endpoint)]

    def _next_by_weight(self, equal: Sequence[Endpoint]) -> Endpoint:
        """Smooth weighted round robin: of any run of calls each gets its share, and no two together where it can be."""
        for endpoint in equal:
            endpoint.credit += endpoint.address.weight
        taken = max(equal, key=lambda one: one.credit)
        taken.credit -= sum(endpoint.address.weight for endpoint in equal)
        return taken

    def _newest_slot(self, now_mono_ns: int) -> int:
        return newest_slot((endpoint.track for endpoint in self._endpoints), now_mono_ns)
