"""What can be called, where nothing runs, and what is written down of the kill switch's API."""

from pathlib import Path

from aiohttp import hdrs
from fakes.access import control_with
from fakes.ports import free_port

from pipeline.system_manager.http_api import make_application
from quote_core.settings import PlatformSettings
from solquote.callable_services import MANAGER_ROUTES, ServicePlaces, look_at_services


def test_the_kill_switchs_routes_are_the_apis_own():
    application = make_application(None, control_with("x"))  # type: ignore[arg-type]
    routes = {
        f"{route.method} {route.resource.canonical}"
        for route in application.router.routes()
        if route.method != hdrs.METH_HEAD and route.resource is not None
    }
    assert routes == set(MANAGER_ROUTES)


async def test_what_cannot_be_reached_says_so_and_keeps_its_line(tmp_path: Path):
    nowhere = f"127.0.0.1:{free_port()}"
    platform = PlatformSettings(
        rpc_url=f"http://{nowhere}",
        nats_url=f"nats://{nowhere}",
        local_quote_address=nowhere,
        external_quote_address=nowhere,
        aggregator_address=nowhere,
        shm_dir=tmp_path / "absent",
        data_dir=tmp_path,
    )
    port = free_port()
    places = ServicePlaces(
        aggregator_http_port=port,
        manager_host="127.0.0.1",
        manager_port=port,
        jupiter_url="",
        nats_monitor=nowhere,
        metrics_urls={"scanner": f"http://127.0.0.1:{port}/metrics"},
    )
    services = await look_at_services(platform, places, data_dir_option=" --data-dir /x", timeout_s=10)
    assert len(services) == 10
    assert not any(service.answers for service in services)
    assert all(service.trouble and service.example for service in services)
    assert {service.name for service in services if "--data-dir /x" in service.example} == {
        "nats_server",
        "quote files",
    }


async def test_no_key_in_a_url_is_shown_and_the_line_names_the_variable_instead(tmp_path: Path):
    nowhere = f"127.0.0.1:{free_port()}"
    platform = PlatformSettings(
        rpc_url=f"http://{nowhere}/rpc-key",
        nats_url=f"nats://me:nats-key@{nowhere}",
        local_quote_address=nowhere,
        external_quote_address=nowhere,
        aggregator_address=nowhere,
        shm_dir=tmp_path / "absent",
        data_dir=tmp_path,
    )
    port = free_port()
    places = ServicePlaces(
        aggregator_http_port=port,
        manager_host="127.0.0.1",
        manager_port=port,
        jupiter_url=f"http://{nowhere}/v1?api_key=jupiter-key",
        nats_monitor=nowhere,
        metrics_urls={},
    )
    services = await look_at_services(platform, places, data_dir_option="", timeout_s=10)
    assert "-key" not in str(services)
    lines = {service.name: service.example for service in services}
    assert lines["node"].endswith(' "$SOLQUOTE_RPC_URL"')
    assert '"$SOLQUOTE_EXTERNAL_QUOTE_JUPITER_URL"' in lines["jupiter"]
