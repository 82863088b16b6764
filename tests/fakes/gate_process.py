"""A process with nothing but a trading gate: `python gate_process.py NATS_URL SILENCE_NS`.

Like an executor with work at hand, it asks the gate at every turn of its loop, the first turn after a pause too, and
prints the CLOCK_MONOTONIC time whenever a trade would have begun.
"""

import asyncio
import sys

from pipeline.trading_gate import TradingGate
from quote_core.clock import SYSTEM_CLOCK
from quote_core.telemetry.logs import start_logs


async def main(nats_url: str, silence_ns_max: int) -> None:
    gate = TradingGate(nats_url=nats_url, name="test", clock=SYSTEM_CLOCK, silence_ns_max=silence_ns_max)

    async def trade() -> None:
        while True:
            if gate.allows_new_trades:
                sys.stdout.write(f"{SYSTEM_CLOCK.mono_ns()}\n")
                sys.stdout.flush()
            await asyncio.sleep(0.002)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(trade())
        tasks.create_task(gate.run())


if __name__ == "__main__":
    start_logs("test", "error")
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
