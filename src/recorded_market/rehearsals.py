"""Bad days on request: three methods by which a test makes this node fork, lag or fail, while it runs.

| method         | params                                       | does                                                 |
|----------------|----------------------------------------------|------------------------------------------------------|
| `requestFork`  | `{slots: 1..31}`                             | the next slots are of a fork, which the one after    |
|                |                                              | them takes back: its parent is the slot before them; |
|                |                                              | gives `{slot}`, the first of them                    |
| `requestLag`   | `{slots: 0..1000}`                           | the node stands still until it is so far behind,     |
|                |                                              | then goes on; at 0 it catches up at once             |
| `requestFault` | `{fault, requests: 1..1000, retryAfter: ""}` | the next HTTP requests end so: `unavailable`,        |
|                |                                              | `garbage`, `rate_limited`, `hang_up`, `silence`      |

They change what every client of the node sees, so they are offered only where a setting says so.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from recorded_market.faults import Fault, RequestedFaults
from recorded_market.jsonrpc import Call
from recorded_market.market import FORK_SLOTS_MAX
from recorded_market.rpc_errors import invalid_params
from recorded_market.rpc_params import read_object

__all__ = ["LAG_SLOTS_MAX", "Rehearsals"]

LAG_SLOTS_MAX: Final = 1_000
REQUESTS_MAX: Final = 1_000


class Rehearsals:
    """Answers the three methods, and hands on every other to `others`."""

    def __init__(
        self,
        others: Call,
        *,
        begin_fork: Callable[[int], int],
        lag_by: Callable[[int], None],
        faults: RequestedFaults,
    ) -> None:
        self._others = others
        self._begin_fork = begin_fork
        self._lag_by = lag_by
        self._faults = faults

    def call(self, method: str, params: Sequence[Any]) -> Any:
        """Give the result of one call.

        Raises:
            RpcError: The call is wrong, or cannot be answered.
        """
        match method:
            case "requestFork":
                return {"slot": self._begin_fork(_count(read_object(params, 0), "slots", 1, FORK_SLOTS_MAX))}
            case "requestLag":
                self._lag_by(_count(read_object(params, 0), "slots", 0, LAG_SLOTS_MAX))
            case "requestFault":
                wanted = read_object(params, 0)
                retry_after = wanted.get("retryAfter", "")
                if not isinstance(retry_after, str):
                    raise invalid_params("Invalid params: retryAfter must be text")
                self._faults.request(_fault(wanted), _count(wanted, "requests", 1, REQUESTS_MAX), retry_after)
            case _:
                return self._others(method, params)
        return None


def _count(wanted: Mapping[str, Any], name: str, least: int, most: int) -> int:
    value = wanted.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise invalid_params(f"Invalid params: {name} must be a whole number from {least} to {most}")
    return value


def _fault(wanted: Mapping[str, Any]) -> Fault:
    try:
        return Fault(wanted.get("fault"))
    except ValueError:
        names = ", ".join(fault.value for fault in Fault)
        raise invalid_params(f"Invalid params: fault must be one of {names}") from None
