"""The plan needs every service's settings, hence all services."""

import contextlib
import os
from pathlib import Path

import pytest

from quote_core.settings import SettingsError
from solquote.plan import Plan, PlatformModels, make_plan
from solquote.processes import NATS, SERVICES
from solquote.supervisor.ports import KeptPorts
from solquote.supervisor.specification import ProcessSpec, stop_waves


def plan(environ: dict[str, str] | None = None, *, free_ports: bool = False) -> Plan:
    environ = {"SOLQUOTE_DATA_DIR": "/nonexistent/data"} | (environ or {})
    with contextlib.closing(KeptPorts()) as kept_ports:
        return make_plan(PlatformModels.load(environ), environ, free_ports=free_ports, kept_ports=kept_ports)


def names(of: Plan) -> set[str]:
    return {process.name for process in of.processes}


def spec(of: Plan, name: str) -> ProcessSpec:
    return next(process for process in of.processes if process.name == name)


def test_by_default_everything_is_embedded_on_the_ports_of_the_contract():
    usual = plan()
    assert names(usual) == {NATS, *(service.name for service in SERVICES)} - {"notifier"}
    assert usual.ports == {
        4222: NATS,
        8222: NATS,
        8899: "recorded_market",
        8900: "recorded_market",
        8898: "recorded_market",
        50052: "local_quote",
        50053: "external_quote",
        50051: "aggregator",
        8080: "aggregator",
        9091: "system_manager",
        9101: "recorded_market",
        9102: "local_quote",
        9103: "external_quote",
        9104: "aggregator",
        9105: "initializer",
        9106: "system_manager",
        9107: "event_logger",
        9108: "auditor",
        9109: "executor",
        9110: "planner",
        9111: "scanner",
    }
    assert spec(usual, "aggregator").address == "127.0.0.1:50051,8080"
    assert usual.environment["SOLQUOTE_RPC_URL"] == "http://127.0.0.1:8899"
    assert usual.environment["SOLQUOTE_NATS_URL"] == "nats://127.0.0.1:4222"
    assert usual.environment["SOLQUOTE_EXTERNAL_QUOTE_JUPITER_URL"] == "http://127.0.0.1:8898"


DRAINED = ("scanner", "planner", "executor", "auditor", "initializer", NATS)


def test_every_need_is_a_process_of_the_table_and_there_is_an_order():
    everyone = {NATS, *(service.name for service in SERVICES)}
    assert all({*service.needs, *service.feeds} <= everyone for service in SERVICES)
    waves = stop_waves(plan({"SOLQUOTE_NOTIFIER_SLACK_URL": "https://hooks.example/services/secret"}).processes)
    assert sum(map(len, waves)) == len(everyone)
    drained = [next(number for number, wave in enumerate(waves) if name in wave) for name in DRAINED]
    assert drained == sorted(set(drained)), "what one gives the next is finished there"


@pytest.mark.parametrize(
    "given",
    [
        {"SLACK_URL": "https://hooks.example/services/secret"},
        {"DISCORD_URL_FILE": "/run/secrets/discord"},
        {"TELEGRAM_TOKEN": "123:secret", "TELEGRAM_CHAT": "-1"},
        {"PAGERDUTY_KEY_FILE": "/run/secrets/pagerduty"},
        {"SMTP_HOST": "mail.example", "SMTP_SENDER": "a@b.org", "SMTP_RECIPIENTS": "a@b.org"},
    ],
)
def test_the_notifier_runs_where_a_destination_is_set_and_its_secret_is_in_no_other_place(given: dict[str, str]):
    told = plan({f"SOLQUOTE_NOTIFIER_{name}": value for name, value in given.items()})
    assert "notifier" in names(told)
    assert told.ports[9112] == "notifier"
    assert not set(given.values()) & {*told.environment.values(), *spec(told, "notifier").command}


def test_settings_of_a_notifier_that_are_no_destination_start_none():
    assert "notifier" not in names(plan({"SOLQUOTE_NOTIFIER_QUIET_HOURS": "22:00-07:00"}))
    assert "notifier" not in names(plan({"SOLQUOTE_NOTIFIER_SLACK_URL": " "}))


def test_a_node_of_one_s_own_replaces_the_recorded_market_and_its_stand_in():
    own = plan({"SOLQUOTE_RPC_URL": "https://node.example/secret"})
    assert "recorded_market" not in names(own)
    assert spec(own, "local_quote").needs == frozenset()
    assert not {"SOLQUOTE_RPC_URL", "SOLQUOTE_EXTERNAL_QUOTE_JUPITER_URL"} & set(own.environment)
    assert spec(own, "local_quote").environment["SOLQUOTE_RPC_URL"] == "https://node.example/secret"


def test_several_nodes_of_one_s_own_replace_the_recorded_market_too():
    own = plan({"SOLQUOTE_RPC_URLS": "https://one.example/secret https://two.example|weight=2"})
    assert "recorded_market" not in names(own)
    assert "SOLQUOTE_RPC_URL" not in own.environment
    assert own.environment["SOLQUOTE_RUN_ID"] == "chain"


def test_a_nats_server_of_one_s_own_replaces_the_embedded_one():
    own = plan({"SOLQUOTE_NATS_URL": "nats://bus.example:4222"})
    assert own.nats is None
    assert NATS not in names(own)
    assert spec(own, "initializer").needs == frozenset()


def test_a_service_found_elsewhere_is_not_started():
    own = plan({"SOLQUOTE_EXTERNAL_QUOTE_ADDRESS": "other:50053"})
    assert "external_quote" not in names(own)
    assert "SOLQUOTE_EXTERNAL_QUOTE_ADDRESS" not in own.environment


def test_what_the_operator_sets_wins_over_what_suits_the_stand_in():
    own = plan(
        {
            "SOLQUOTE_EXTERNAL_QUOTE_JUPITER_URL": "https://jupiter.example",
            "SOLQUOTE_EXTERNAL_QUOTE_REQUESTS_PER_S": "2",
        }
    )
    environment = spec(own, "external_quote").environment
    assert environment["SOLQUOTE_EXTERNAL_QUOTE_JUPITER_URL"] == "https://jupiter.example"
    assert environment["SOLQUOTE_EXTERNAL_QUOTE_REQUESTS_PER_S"] == "2"


def test_a_port_that_is_set_is_told_to_everybody():
    own = plan({"SOLQUOTE_LOCAL_QUOTE_GRPC_PORT": "6000"})
    assert own.ports[6000] == "local_quote"
    assert own.environment["SOLQUOTE_LOCAL_QUOTE_ADDRESS"] == "127.0.0.1:6000"


def test_free_ports_are_all_different_and_nobody_else_s():
    apart = plan(free_ports=True)
    assert len(apart.ports) == len(plan().ports)
    assert not set(apart.ports) & set(plan().ports)
    rpc_port = next(port for port, owner in apart.ports.items() if owner == "recorded_market")
    assert apart.ports[rpc_port + 1] == "recorded_market"
    assert apart.shm_dir_is_ours
    assert str(os.getpid()) in apart.shm_dir.name


def test_two_processes_on_one_port_are_refused():
    with pytest.raises(SettingsError, match="port 8080 is wanted by both local_quote and aggregator"):
        plan({"SOLQUOTE_LOCAL_QUOTE_GRPC_PORT": "8080"})


def test_all_mistakes_in_all_settings_come_at_once():
    with pytest.raises(SettingsError) as caught:
        plan(
            {
                "SOLQUOTE_AGGREGATOR_HTTP_PORT": "x",
                "SOLQUOTE_LOCAL_QUOTE_GRPC_PROT": "1",
                "SOLQUOTE_RPC_URL": "x",
                "SOLQUOTE_RPC_ULR": "http://node",
                "SOLQUOTE_BUILD": "debug",
            }
        )
    assert [mistake.partition(":")[0] for mistake in caught.value.mistakes] == [
        "SOLQUOTE_RPC_URL",
        "SOLQUOTE_AGGREGATOR_HTTP_PORT",
        "SOLQUOTE_LOCAL_QUOTE_GRPC_PROT",
        "SOLQUOTE_RPC_ULR",
    ]


def test_a_folder_of_quote_files_that_was_there_is_left(tmp_path: Path):
    assert not plan({"SOLQUOTE_SHM_DIR": str(tmp_path)}).shm_dir_is_ours
    assert plan({"SOLQUOTE_SHM_DIR": str(tmp_path / "new")}).shm_dir_is_ours


def test_a_server_on_any_address_is_dialled_on_loopback():
    own = plan({"SOLQUOTE_HOST": "0.0.0.0", "SOLQUOTE_RECORDED_MARKET_RPC_HOST": "0.0.0.0"})
    assert own.environment["SOLQUOTE_RPC_URL"] == "http://127.0.0.1:8899"
    assert own.environment["SOLQUOTE_AGGREGATOR_ADDRESS"] == "127.0.0.1:50051"


def test_only_the_quote_apis_follow_the_platform_s_address():
    own = plan({"SOLQUOTE_HOST": "0.0.0.0"})
    opened = {one.port for one in own.listeners if one.host == "0.0.0.0"}
    assert opened == {50051, 50052, 50053, 8080}
    assert {one.host for one in own.listeners if one.port not in opened} == {"127.0.0.1"}
    assert own.nats is not None
    assert (own.nats.host, own.nats.monitor_host) == ("127.0.0.1", "127.0.0.1")
    assert own.warnings() == []


@pytest.mark.parametrize(
    ("variable", "ports"),
    [
        ("SOLQUOTE_UP_NATS_HOST", {4222}),
        ("SOLQUOTE_UP_NATS_MONITOR_HOST", {8222}),
        ("SOLQUOTE_RECORDED_MARKET_RPC_HOST", {8899, 8900}),
        ("SOLQUOTE_RECORDED_MARKET_JUPITER_HOST", {8898}),
        ("SOLQUOTE_SYSTEM_MANAGER_HTTP_HOST", {9091}),
    ],
)
def test_opening_anything_else_takes_its_own_setting_which_is_warned_of(variable: str, ports: set[int]):
    own = plan({variable: "::"})
    assert {one.port for one in own.listeners if one.host == "::"} == ports
    assert len(own.warnings()) == len(ports)
    assert all(variable in sentence for sentence in own.warnings())


def test_what_the_embedded_server_s_users_are_is_told_to_everybody():
    own = plan()
    assert own.environment["SOLQUOTE_NATS_CREDENTIALS"] == "/nonexistent/data/nats/credentials"
    assert "SOLQUOTE_NATS_CREDENTIALS" not in plan({"SOLQUOTE_NATS_URL": "nats://bus.example:4222"}).environment


def test_each_start_of_the_recorded_market_is_a_run_of_its_own_and_a_chain_is_one_for_ever() -> None:
    runs = {plan().environment["SOLQUOTE_RUN_ID"] for _ in range(2)}
    assert len(runs) == 2
    assert all(run.startswith("recorded-") for run in runs)
    assert plan({"SOLQUOTE_RPC_URL": "https://node.example"}).environment["SOLQUOTE_RUN_ID"] == "chain"
    assert plan({"SOLQUOTE_RUN_ID": "drill"}).environment["SOLQUOTE_RUN_ID"] == "drill"


def test_who_looks_at_the_platform_from_elsewhere_reads_the_file_it_was_started_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "solquote.toml").write_text("[platform]\nlog_level = 'debug'\n")
    monkeypatch.chdir(tmp_path)
    assert plan({"SOLQUOTE_CONFIG": "solquote.toml"}).environment["SOLQUOTE_CONFIG"] == f"{tmp_path}/solquote.toml"
    assert "SOLQUOTE_CONFIG" not in plan({"SOLQUOTE_CONFIG": " "}).environment
