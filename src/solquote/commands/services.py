"""`solquote services`: what of the platform can be called, whether it answers, and one line for each that calls it."""

import os
import shlex
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from aggregator.settings import AggregatorSettings
from external_quote.settings import ExternalQuoteSettings
from pipeline.system_manager.settings import SystemManagerSettings
from quote_core.addresses import host_of, servers_of, with_port
from quote_core.settings import PlatformSettings
from solquote.commands.options import DATA_DIR_VARIABLE, DataDir, Json, Timeout, found_environment
from solquote.exit_codes import ExitCode
from solquote.lean_libraries import load_bus_libraries
from solquote.metrics_places import metrics_urls
from solquote.output import answer_json, make_console
from solquote.settings import UpSettings

if TYPE_CHECKING:
    from solquote.callable_services import CallableService

__all__ = ["services"]

_INDENT: Final = (0, 0, 0, 2)


def services(*, timeout: Timeout = 3.0, data_dir: DataDir = None, as_json: Json = False) -> int:
    """Show what can be called, with one line each that does; exit 1 when one of them does not answer."""
    import asyncio  # noqa: PLC0415  # loaded for the call only

    load_bus_libraries()
    from solquote.callable_services import ServicePlaces, look_at_services  # noqa: PLC0415  # all that can be called is loaded here

    environ = found_environment(data_dir)
    platform, up = PlatformSettings.load(environ=environ), UpSettings.load(environ=environ)
    manager = SystemManagerSettings.load(environ=environ)
    places = ServicePlaces(
        aggregator_http_port=AggregatorSettings.load(environ=environ).http_port,
        manager_host=manager.http_host,
        manager_port=manager.http_port,
        jupiter_url=ExternalQuoteSettings.load(environ=environ).jupiter_url,
        nats_monitor=with_port(host_of(servers_of(platform.nats_url)[0]), up.nats_monitor_port),
        metrics_urls=metrics_urls(environ),
    )
    looks = asyncio.run(
        look_at_services(platform, places, data_dir_option=_data_dir_option(data_dir), timeout_s=timeout)
    )
    if as_json:
        answer_json({"services": [asdict(look) for look in looks]})
    else:
        _print(looks, make_console())
    return ExitCode.OK if all(look.answers for look in looks) else ExitCode.NEGATIVE


def _data_dir_option(data_dir: Path | None) -> str:
    """What the lines of `solquote` itself need to mean this platform; the environment of the shell is theirs too."""
    if data_dir is None or os.environ.get(DATA_DIR_VARIABLE) == str(data_dir):
        return ""
    return f" --data-dir {shlex.quote(str(data_dir.absolute()))}"


def _print(looks: "Sequence[CallableService]", console: Console) -> None:
    for look in looks:
        head = Text.assemble((look.name, "bold"), f"  {look.protocol}  ", (look.address, "cyan"), "  ")
        head.append("answers" if look.answers else look.trouble, style="green" if look.answers else "bold red")
        console.print(head, soft_wrap=True)
        if look.offers:
            offers = _short(look.offers) if look.protocol == "gRPC" else look.offers
            console.print(Padding(Text(", ".join(offers), style="dim"), _INDENT))
        console.print(Text(f"  $ {look.example}"), soft_wrap=True)  # one line, to be pasted as one


def _short(offers: Sequence[str]) -> Sequence[str]:
    """Methods of one service after its name, which is then said once."""
    if len({offer.partition("/")[0] for offer in offers}) > 1:
        return offers
    service, _, first = offers[0].partition("/")
    return [f"{service}: {first}", *(offer.partition("/")[2] for offer in offers[1:])]
