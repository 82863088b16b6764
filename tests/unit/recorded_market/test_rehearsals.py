"""Bad days on request."""

from typing import Any

import pytest

from recorded_market.faults import Fault, RequestedFaults
from recorded_market.rehearsals import Rehearsals
from recorded_market.rpc_errors import RpcError


class Asked:
    """What the rehearsals asked for."""

    def __init__(self) -> None:
        self.forks: list[int] = []
        self.lags: list[int] = []
        self.faults = RequestedFaults()
        self.rehearsals = Rehearsals(
            lambda method, params: (method, params),
            begin_fork=self.fork,
            lag_by=self.lags.append,
            faults=self.faults,
        )

    def fork(self, slot_count: int) -> int:
        self.forks.append(slot_count)
        return 71

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
