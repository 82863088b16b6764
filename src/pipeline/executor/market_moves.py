"""A fill on paper moves the market, where the node is the recorded market and a setting says so: each hop, once.

What was filled is read from EXECUTED, so nothing has to be remembered: after a restart the last `AGAIN_NS` are read
again, several executors ask for the same, and the node knows each hop by its plan and place. It makes a swap once, in
its next slot, and none that rests on pools from before its own start. So a fill moves the market exactly once for as
long as that market runs; a market that is started again has forgotten what paper did to it.

What paper has taken is kept beside it as ever (`paper_model`), and ends as it always does: by what is traded through
the pool afterwards, of which the requested swap is the first.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import structlog

from quote_core.bus import Bus
from quote_core.bus.follow import follow
from quote_core.errors import LayoutMismatch, RpcFailed, RpcUnavailable, UpstreamError
from quote_core.events import ExecutionMode, ExecutionResult, Outcome, Stream, view

__all__ = ["AGAIN_NS", "MarketMoves", "swaps_of"]

AGAIN_NS: Final = 900_000_000_000
"""Before a start: longer than an executor is away before somebody looks, and less than the node remembers."""
RETRY_S: Final = 0.5

_log: Final = structlog.get_logger(part="market moves")


class MarketMoves:
    """Asks the node for what was filled.

    Args:
        call: One JSON-RPC call of the node.
        run_id: Fills of other runs were on another market.
    """

    def __init__(self, call: Callable[[str, Sequence[object]], Awaitable[Any]], *, run_id: str) -> None:
        self._call = call
        self._run_id = run_id

    async def run(self, bus: Bus, *, now_unix_ns: int) -> None:
        """Ask for every hop that is filled from `AGAIN_NS` before now on, in order, for ever."""
        async for batch in follow(bus, Stream.EXECUTED, since_unix_ns=max(0, now_unix_ns - AGAIN_NS)):
            for message in batch:
                for swap in self._swaps(message.data):
                    await self._ask(swap)

    def _swaps(self, data: bytes) -> Iterator[Mapping[str, object]]:
        try:
            seen = view(data)
            if seen.event is not ExecutionResult or seen["run_id"] != self._run_id:
                return
            result = seen.whole()
        except LayoutMismatch:
            return
        if isinstance(result, ExecutionResult):
            yield from swaps_of(result)

    async def _ask(self, swap: Mapping[str, object]) -> None:
        """Until the node has answered; one it refuses for what it is, it would always refuse."""
        told = ""
        while True:
            try:
                answer = await self._call("requestSwap", [swap])
            except RpcFailed as error:
                if not isinstance(error, RpcUnavailable) and error.rpc_code is not None:
                    _log.error("the node makes no swap of this fill", swap=swap["id"], reason=str(error))
                    return
                told = _tell(str(error), told)
            except UpstreamError as error:
                told = _tell(str(error), told)
            else:
                _log.debug("asked for", swap=swap["id"], answer=answer)
                return
            await asyncio.sleep(RETRY_S)


def swaps_of(result: ExecutionResult) -> Iterator[Mapping[str, object]]:
    """What a fill on paper asks the market for: its hops, by the plan's id and their place."""
    if result.mode is not ExecutionMode.PAPER or result.outcome is not Outcome.FILLED:
        return
    for place, hop in enumerate(result.hops):
        yield {
            "id": f"{result.plan_id.hex()}.{place}",
            "slot": result.header.slot,
            "pool": hop.pool_id,
            "inputMint": hop.input_mint,
            "amount": str(hop.input_amount),
        }


def _tell(reason: str, told: str) -> str:
    if reason != told:
        _log.warning("the market is not moved yet", reason=reason)
    return reason
