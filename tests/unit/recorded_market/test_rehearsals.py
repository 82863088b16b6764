"""Bad days on request."""

from typing import Any, cast

import pytest
from fakes.plans import SOL

from quote_core.errors import InvalidField
from quote_core.units import Pubkey
from recorded_market.faults import Fault, RequestedFaults
from recorded_market.rehearsals import Rehearsals
from recorded_market.requested_swaps import Asking, RequestedSwap, RequestedSwaps
from recorded_market.rpc_errors import RpcError

SWAP: dict[str, Any] = {"id": "0a.1", "slot": 100, "pool": SOL, "inputMint": SOL, "amount": str(2**64 - 1)}


class Asked:
    """What the rehearsals asked for."""

    def __init__(self) -> None:
        self.forks: list[int] = []
        self.lags: list[int] = []
        self.swaps: list[RequestedSwap] = []
        self.asking = Asking.NEXT
        self.faults = RequestedFaults()
        self.rehearsals = Rehearsals(
            lambda method, params: (method, params),
            begin_fork=self.fork,
            lag_by=self.lags.append,
            faults=self.faults,
            swaps=cast("RequestedSwaps", self),
            first_slot=100,
        )

    def fork(self, slot_count: int) -> int:
        self.forks.append(slot_count)
        return 71

    def ask(self, swap: RequestedSwap) -> Asking:
        if swap.pool_id != SOL:
            raise InvalidField("pool", "is none of this market's")
        self.swaps.append(swap)
        return self.asking

    def call(self, method: str, *params: Any) -> Any:
        return self.rehearsals.call(method, params)


def test_each_method_does_what_it_says_and_others_are_handed_on() -> None:
    asked = Asked()
    assert asked.call("requestFork", {"slots": 3}) == {"slot": 71}
    asked.call("requestLag", {"slots": 0})
    asked.call("requestFault", {"fault": "rate_limited", "requests": 2, "retryAfter": "7"})
    assert (asked.forks, asked.lags) == ([3], [0])
    assert [asked.faults.take() for _ in range(3)] == [(Fault.RATE_LIMITED, "7"), (Fault.RATE_LIMITED, "7"), (None, "")]
    assert asked.call("getSlot", 1) == ("getSlot", (1,))


@pytest.mark.parametrize(
    ("method", "wanted"),
    [
        ("requestFork", {}),
        ("requestFork", {"slots": 0}),
        ("requestFork", {"slots": 32}),
        ("requestFork", {"slots": True}),
        ("requestLag", {"slots": -1}),
        ("requestLag", {"slots": 1_001}),
        ("requestFault", {"fault": "flood", "requests": 1}),
        ("requestFault", {"fault": "silence", "requests": 0}),
        ("requestFault", {"fault": "silence", "requests": 1, "retryAfter": 7}),
    ],
)
def test_a_wrong_request_is_refused(method: str, wanted: dict[str, Any]) -> None:
    with pytest.raises(RpcError, match="Invalid params"):
        Asked().call(method, wanted)


def test_a_swap_is_handed_on_with_its_name_unless_it_rests_on_pools_from_before_this_node() -> None:
    asked = Asked()
    assert asked.call("requestSwap", SWAP) == "next"
    assert asked.swaps == [RequestedSwap(name="0a.1", pool_id=SOL, input_mint=SOL, amount_in=2**64 - 1)]
    asked.asking = Asking.KNOWN
    assert asked.call("requestSwap", SWAP) == "known"
    assert asked.call("requestSwap", SWAP | {"slot": 99}) == "past"
    assert len(asked.swaps) == 2
    asked.asking = Asking.FULL
    with pytest.raises(RpcError, match="ask again"):
        asked.call("requestSwap", SWAP)


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": ""},
        {"id": 7},
        {"id": "a b"},
        {"slot": -1},
        {"slot": "100"},
        {"pool": "So1"},
        {"pool": Pubkey("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v")},
        {"inputMint": None},
        {"amount": 5},
        {"amount": "0"},
        {"amount": "-5"},
        {"amount": str(2**64)},
        {"amount": "1e9"},
    ],
)
def test_a_wrong_swap_is_refused(wrong: dict[str, Any]) -> None:
    asked = Asked()
    with pytest.raises(RpcError, match="Invalid param"):
        asked.call("requestSwap", SWAP | wrong)
    assert asked.swaps == []
