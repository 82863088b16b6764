"""Endpoints over nodes of a test: as a process has them, with one session for all."""

from typing import Any

import aiohttp

from quote_core.clock import Clock
from quote_core.rpc_addresses import RpcAddress, RpcRole
from quote_core.solana import Endpoint, Endpoints, RpcClient


def endpoints_at(
    *urls: str | RpcAddress, session: aiohttp.ClientSession, clock: Clock, lag_slots_max: int = 10
) -> Endpoints:
    """One for each URL or address, in this order."""
    addresses = [
        url if isinstance(url, RpcAddress) else address(url, number=number) for number, url in enumerate(urls, 1)
    ]
    made = [Endpoint(one, session=session, clock=clock) for one in addresses]
    return Endpoints(made, clock=clock, lag_slots_max=lag_slots_max)


def address(
    url: str, *, number: int = 1, ws_url: str = "", weight: int = 1, roles: frozenset[RpcRole] = frozenset(RpcRole)
) -> RpcAddress:
    """The fake node has both protocols on one port."""
    ws_url = ws_url or url.replace("http", "ws", 1)
    return RpcAddress(number=number, url=url, ws_url=ws_url, weight=weight, roles=roles)


def rpc_at(*urls: str | RpcAddress, session: aiohttp.ClientSession, clock: Clock, **options: Any) -> RpcClient:
    """A client of the endpoints of `endpoints_at`."""
    return RpcClient(endpoints=endpoints_at(*urls, session=session, clock=clock), clock=clock, **options)
