"""The compose file is one, mounts what is there, and hardens every container."""

import re
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from fakes.deployed import DEPLOY, run_checker

from quote_core.addresses import servers_of
from quote_core.settings import PlatformSettings
from solquote.command_line import run_command_line
from solquote.exit_codes import ExitCode

FOLDER = DEPLOY / "compose"
FILE = FOLDER / "compose.yaml"
COMPOSE = yaml.safe_load(FILE.read_text())
SERVICES = COMPOSE["services"]
MADE_BY_THE_OPERATOR = {"./grafana-admin.secret", "./history.secret", "./redis.secret", "solquote.env"}


def test_it_fits_the_compose_specification():
    run_checker(Path(sys.executable).parent / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", FILE)


def test_the_cluster_of_the_bus_is_hardened_alike_and_what_its_command_writes_is_what_is_run_and_told(tmp_path: Path):
    path = FOLDER / "compose.nats.yaml"
    run_checker(Path(sys.executable).parent / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", path)
    services = yaml.safe_load(path.read_text())["services"]
    platform = services.pop("solquote")
    for service in services.values():
        for setting in ("read_only", "cap_drop", "security_opt", "logging"):
            assert service[setting] == SERVICES["prometheus"][setting]
        assert service["network_mode"] == "service:pod"
        assert service["image"] == SERVICES["solquote"]["image"]
    _, _, folder, *options = services.pop("nats-config")["command"]
    own = tmp_path / "own"
    assert run_command_line(["nats-config", str(own), *options]) == ExitCode.OK
    written = sorted(path.name for path in own.glob("*.conf"))
    assert [service["command"] for service in services.values()] == [
        ["nats-server", "--config", f"{folder}/{name}"] for name in written
    ]
    for name, service in zip(written, services.values(), strict=True):
        monitor = re.search(r'^http: "([^"]+)"', (own / name).read_text(), re.MULTILINE)
        assert monitor
        assert f"http://{monitor[1]}/healthz" in service["healthcheck"]["test"][-1]
    told = PlatformSettings.load(
        environ={key: text for key, text in platform["environment"].items() if key.startswith("SOLQUOTE_NATS")}
    )
    assert servers_of(told.nats_url) == [f"nats://{node}" for node in options if node.startswith("127.")]
    assert told.nats_credentials == Path(folder) / "credentials"


def test_every_container_has_a_root_that_is_read_only_and_no_capability():
    for name, service in SERVICES.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name


def test_all_but_the_reader_share_the_pod_s_network_and_who_has_quotes_its_memory():
    others = set(SERVICES) - {"pod", "reader"}
    assert {SERVICES[name]["network_mode"] for name in others} == {"service:pod"}
    assert SERVICES["reader"]["network_mode"] == "none"
    assert SERVICES["pod"]["ipc"] == "shareable"
    assert {SERVICES[name]["ipc"] for name in ("solquote", "reader")} == {"service:pod"}


def test_every_file_that_is_mounted_is_there_and_every_volume_declared():
    sources = [volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])]
    for source in sources:
        if source.startswith("."):
            assert (FOLDER / source).exists(), source
        else:
            assert source in COMPOSE["volumes"]
    assert {source for source in sources if not source.startswith(".")} == set(COMPOSE["volumes"])


def test_what_the_operator_writes_is_kept_out_of_git():
    ignored = (FOLDER / ".gitignore").read_text().split()
    named = {secret["file"] for secret in COMPOSE["secrets"].values()}
    named |= {one["path"] for one in SERVICES["solquote"]["env_file"]}
    assert named == MADE_BY_THE_OPERATOR
    assert {name.removeprefix("./") for name in named} == set(ignored)


def test_the_history_s_password_comes_by_a_file_to_both_who_need_it_and_stands_nowhere():
    platform, database = SERVICES["solquote"], SERVICES["postgres"]
    url = urlsplit(platform["environment"]["SOLQUOTE_HISTORY_URL"])
    assert (url.username, url.password) == (database["environment"]["POSTGRES_USER"], None)
    assert url.path == f"/{database['environment']['POSTGRES_DB']}"
    assert (url.hostname, url.port) == ("127.0.0.1", 5432)
    assert "listen_addresses=127.0.0.1" in database["command"]
    assert platform["environment"]["SOLQUOTE_HISTORY_PASSWORD_FILE"] == "/run/secrets/history_password"
    assert database["environment"]["POSTGRES_PASSWORD_FILE"] == "/run/secrets/history_password"
    assert database["environment"]["POSTGRES_INITDB_ARGS"] == "--auth=scram-sha-256"
    assert platform["secrets"] == ["history_password", "redis_password"]
    assert database["secrets"] == ["history_password"]


def test_the_shared_cache_is_where_the_platform_looks_and_wants_the_password_that_stands_nowhere():
    platform, cache = SERVICES["solquote"], SERVICES["redis"]
    url = urlsplit(platform["environment"]["SOLQUOTE_REDIS_URL"])
    assert (url.scheme, url.hostname, url.password) == ("redis", "127.0.0.1", None)
    *_, script = cache["command"]
    started = script.splitlines()[-1].split()
    assert started[started.index("--bind") + 1] == url.hostname
    assert started[started.index("--port") + 1] == str(url.port)
    assert platform["environment"]["SOLQUOTE_REDIS_PASSWORD_FILE"] == "/run/secrets/redis_password"
    assert "requirepass" in script
    assert "/run/secrets/redis_password" in script
    assert cache["secrets"] == ["redis_password"]


def configuration(name: str) -> dict[str, Any]:
    return yaml.safe_load((FOLDER / name).read_text())


def http_url(name: str) -> str:
    return f"http://127.0.0.1:{configuration(name)['server']['http_listen_port']}"


def test_each_of_those_beside_is_given_its_configuration():
    for name in ("loki", "tempo", "mimir", "pyroscope"):
        (command,) = SERVICES[name]["command"]
        assert f"./{name}.yaml:{command.removeprefix('-config.file=')}:ro" in SERVICES[name]["volumes"]
    (command,) = SERVICES["otel-collector"]["command"]
    assert f"./otel-collector.yaml:{command.removeprefix('--config=')}:ro" in SERVICES["otel-collector"]["volumes"]


def test_grafana_finds_what_is_beside_it_where_that_listens():
    folder = DEPLOY / "grafana" / "provisioning" / "datasources"
    sources = {
        one["uid"]: one for path in folder.glob("*.yml") for one in yaml.safe_load(path.read_text())["datasources"]
    }
    found = {uid: one["url"] for uid, one in sources.items()}
    assert found == {
        "solquote": "http://127.0.0.1:9090",
        "solquote-alerts": "http://127.0.0.1:9093",
        "loki": http_url("loki.yaml"),
        "tempo": http_url("tempo.yaml"),
        "pyroscope": http_url("pyroscope.yaml"),
        "mimir": f"{http_url('mimir.yaml')}/prometheus",
    }
    assert "--web.listen-address=127.0.0.1:9090" in SERVICES["prometheus"]["command"]
    assert "--web.listen-address=127.0.0.1:9093" in SERVICES["alertmanager"]["command"]


def test_prometheus_is_the_usual_one_and_writes_to_mimir():
    config = next(part for part in SERVICES["prometheus"]["command"] if part.startswith("--config.file="))
    folder = DEPLOY / "prometheus"
    given = yaml.safe_load((folder / Path(config).name).read_text())
    (remote,) = given.pop("remote_write")
    assert remote["url"] == f"{http_url('mimir.yaml')}/api/v1/push"
    assert given == yaml.safe_load((folder / "prometheus.yml").read_text())


def test_traces_go_by_the_collector_from_where_processes_send_them_to_tempo():
    collector = configuration("otel-collector.yaml")
    assert collector["receivers"]["otlp"]["protocols"] == {"http": {"endpoint": "127.0.0.1:4318"}}
    receiver = configuration("tempo.yaml")["distributor"]["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"]
    assert collector["exporters"]["otlp"]["endpoint"] == receiver
    pipelines = collector["service"]["pipelines"]
    assert set(pipelines) == {"traces"}
    for kind in ("receivers", "processors", "exporters"):
        assert set(pipelines["traces"][kind]) == set(collector[kind])
    assert "otelcol" not in (FOLDER / "config.alloy").read_text()


def test_every_image_is_named_by_a_release():
    for service in SERVICES.values():
        tag = service["image"].partition(":")[2]
        assert tag
        assert tag != "latest"
