"""What a test runs, of this tree or of another version of the product.

`TESTED_SOURCE=<the compiled src of that version> pytest ...`: every process a test starts is of that version, and
services that otherwise run inside a test's loop are processes as well. Tests and clients stay those of this tree,
so what they see goes over gRPC, HTTP, NATS, files and exit codes alone. docs/trust-proofs.md tells what was seen so.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, TypeVar

from fakes.waiting import DEADLINE_S

from quote_core.settings import PlatformSettings, ServiceSettings, environment_name
from solquote.processes import METRICS_PORT, SERVICES

TESTED_SOURCE = os.environ.get("TESTED_SOURCE", "")
START_DEADLINE_S = 60.0
"""A process of its own takes longer to start than a task."""
_Own = TypeVar("_Own", bound=ServiceSettings)


def processes_of_tested_source() -> None:
    """Let processes that are started from now on find the tested version first, or any port for their metrics."""
    if TESTED_SOURCE:
        os.environ["PYTHONPATH"] = TESTED_SOURCE
    else:  # what a test starts by itself runs beside others
        os.environ |= {environment_name(service.name, METRICS_PORT.field): "0" for service in SERVICES}
        os.environ[environment_name("local_quote", "warm_start")] = "false"  # they share the user's data folder


@contextlib.asynccontextmanager
async def running_service(
    run: Callable[[PlatformSettings, _Own, asyncio.Event], Awaitable[None]],
    own_model: type[_Own],
    *,
    platform: Mapping[str, object],
    own: Mapping[str, object],
) -> AsyncIterator["asyncio.Future[Any]"]:
    """A service while the context lasts: what is given ends with it."""
    stop = asyncio.Event()
    own = own if TESTED_SOURCE else {"metrics_port": 0, **own}
    if TESTED_SOURCE:
        task = asyncio.ensure_future(_process(own_model.section, _environ(own_model, platform, own), stop))
    else:
        settings = PlatformSettings.model_validate(platform), own_model.model_validate(own)
        task = asyncio.ensure_future(run(*settings, stop))
    try:
        yield task
    finally:
        stop.set()
        await asyncio.wait_for(task, DEADLINE_S)


def _environ(
    own_model: type[ServiceSettings], platform: Mapping[str, object], own: Mapping[str, object]
) -> dict[str, str]:
    given = [(PlatformSettings.section, platform), (own_model.section, own)]
    return {
        environment_name(section, name): ",".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
        for section, fields in given
        for name, value in fields.items()
    }


async def _process(package: str, environ: Mapping[str, str], stop: asyncio.Event) -> None:
    """Run one of the tested version until told to stop; one that ends by itself is no failure of the test."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", package, env={**os.environ, **environ})
    ended, stopping = asyncio.ensure_future(process.wait()), asyncio.ensure_future(stop.wait())
    await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if process.returncode is None:
        process.kill()
    await ended
