"""Days on request: methods by which this node is made to fork, lag or fail, and its market to move, while it runs.

| method         | params                                       | does                                                 |
|----------------|----------------------------------------------|------------------------------------------------------|
| `requestFork`  | `{slots: 1..31}`                             | the next slots are of a fork, which the one after    |
|                |                                              | them takes back: its parent is the slot before them; |
|                |                                              | gives `{slot}`, the first of them                    |
| `requestLag`   | `{slots: 0..1000}`                           | the node stands still until it is so far behind,     |
|                |                                              | then goes on; at 0 it catches up at once             |
| `requestFault` | `{fault, requests: 1..1000, retryAfter: ""}` | the next HTTP requests end so: `unavailable`,        |
|                |                                              | `garbage`, `rate_limited`, `hang_up`, `silence`      |
| `requestSwap`  | `{id, slot, pool, inputMint, amount: "1"}`   | the pool makes this swap in the next slot that is of |
|                |                                              | no fork; answers `next`, or `known` for an id of     |
|                |                                              | before, or `past` where `slot`, on which it rests,   |
|                |                                              | is from before this node was started                 |

They change what every client of the node sees, so they are offered only where a setting says so.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from quote_core.errors import InvalidField
from recorded_market.faults import Fault, RequestedFaults
from recorded_market.jsonrpc import Call
from recorded_market.market import FORK_SLOTS_MAX
from recorded_market.requested_swaps import Asking, RequestedSwap, RequestedSwaps
from recorded_market.rpc_errors import invalid_params, too_many_requests
from recorded_market.rpc_params import check_pubkey, read_object

__all__ = ["LAG_SLOTS_MAX", "Rehearsals"]

LAG_SLOTS_MAX: Final = 1_000
REQUESTS_MAX: Final = 1_000
AMOUNT_MAX: Final = 2**64 - 1
_NAME: Final = re.compile(r"[0-9A-Za-z:._-]{1,100}")
_AMOUNT: Final = re.compile(r"[0-9]{1,20}", re.ASCII)


class Rehearsals:
    """Answers these methods, and hands on every other to `others`; `first_slot` is that of this process."""

    def __init__(
        self,
        others: Call,
        *,
        begin_fork: Callable[[int], int],
        lag_by: Callable[[int], None],
        faults: RequestedFaults,
        swaps: RequestedSwaps,
        first_slot: int,
    ) -> None:
        self._others = others
        self._begin_fork = begin_fork
        self._lag_by = lag_by
        self._faults = faults
        self._swaps = swaps
        self._first_slot = first_slot

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
            case "requestSwap":
                return self._swap(read_object(params, 0))
            case _:
                return self._others(method, params)
        return None

    def _swap(self, wanted: Mapping[str, Any]) -> str:
        swap = RequestedSwap(
            name=_text(wanted, "id", _NAME),
            pool_id=check_pubkey(wanted.get("pool")),
            input_mint=check_pubkey(wanted.get("inputMint")),
            amount_in=int(_text(wanted, "amount", _AMOUNT)),
        )
        if not 1 <= swap.amount_in <= AMOUNT_MAX:
            raise invalid_params(f"Invalid params: amount must be 1 to {AMOUNT_MAX}")
        if _count(wanted, "slot", 0, AMOUNT_MAX) < self._first_slot:
            return "past"
        try:
            asking = self._swaps.ask(swap)
        except InvalidField as error:
            raise invalid_params(f"Invalid params: {error}") from None
        if asking is Asking.FULL:
            raise too_many_requests()
        return asking


def _text(wanted: Mapping[str, Any], name: str, form: re.Pattern[str]) -> str:
    value = wanted.get(name)
    if not isinstance(value, str) or not form.fullmatch(value):
        raise invalid_params(f"Invalid params: {name} must be text of the form {form.pattern}")
    return value


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
