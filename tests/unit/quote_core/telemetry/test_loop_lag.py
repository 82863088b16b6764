import asyncio
import time

from fakes.waiting import eventually

from quote_core.telemetry.loop_lag import LoopLag

STOP_S = 0.3


async def test_what_stops_the_loop_is_seen_as_its_lag():
    lag = LoopLag()
    measuring = asyncio.create_task(lag.run())
    await eventually(lambda: lag.lag_s.count > 0)
    before_s = lag.lag_s.total
    time.sleep(STOP_S)  # noqa: ASYNC251  # this is what is to be seen; twice what is between two looks comes late
    await eventually(lambda: lag.lag_s.total - before_s > STOP_S / 3)
    measuring.cancel()
