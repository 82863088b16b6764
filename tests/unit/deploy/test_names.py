"""Every setting, port and command that `deploy/` names is the product's."""

import importlib.util
import re
from pathlib import Path

import pytest
import yaml
from fakes.deployed import DEPLOY, ROOT

from quote_core.setting_names import unknown_variables
from solquote.command_table import COMMANDS
from solquote.nats_setup import MONITOR_ABOVE, ROUTES_ABOVE
from solquote.processes import METRICS_PORT, SERVICES
from solquote.setting_models import settings_model

FOLDERS = ("docker", "compose", "kubernetes", "systemd")
FILES = [path for folder in FOLDERS for path in sorted((DEPLOY / folder).rglob("*")) if path.is_file()]
BESIDE = (
    "compose.yaml",
    "loki.yaml",
    "tempo.yaml",
    "mimir.yaml",
    "pyroscope.yaml",
    "otel-collector.yaml",
    "config.alloy",
)
NATS_AND_WEBSOCKET_PORTS = {4222, 8222, 8900}


def ports_of(name: str) -> set[int]:
    """Those of a process that others may reach, as delivered."""
    (service,) = (service for service in SERVICES if service.name == name)
    return {settings_model(service).model_fields[port.field].default for port in service.ports}


@pytest.mark.parametrize(
    "path", [*FILES, ROOT / "docs" / "deployment.md"], ids=lambda path: str(path.relative_to(ROOT))
)
def test_every_setting_that_is_named_exists(path: Path):
    named = re.findall(r"\bSOLQUOTE_[A-Z0-9_]*[A-Z0-9]", path.read_text())
    assert unknown_variables(dict.fromkeys(named, "")) == []


def test_every_command_and_module_that_is_run_exists():
    lines = [
        re.sub(r'[\[\]",]', " ", line)
        for path in FILES
        for line in path.read_text().splitlines()
        if re.search(r"command:|CMD|ExecStart=", line)
    ]
    commands = {word for line in lines for word in re.findall(r"solquote +([a-z-]+)", line)}
    modules = {word for line in lines for word in re.findall(r"python +-m +([\w.]+)", line)}
    assert commands >= {"up", "status", "watch"}
    assert commands <= {command.name for command in COMMANDS}
    assert modules == {"aggregator", "pipeline.scanner"}
    assert modules <= {service.module for service in SERVICES}
    assert all(map(importlib.util.find_spec, modules))


def test_only_quote_apis_are_open():
    image = re.search(r"^EXPOSE (.+)$", (DEPLOY / "docker" / "Dockerfile").read_text(), re.MULTILINE)
    assert image
    quote_apis = ports_of("local_quote") | ports_of("external_quote") | ports_of("aggregator")
    assert set(map(int, image[1].split())) == quote_apis
    pod = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text())["services"]["pod"]
    grafana = 3000
    assert set(pod["ports"]) == {f"127.0.0.1:{port}:{port}" for port in ports_of("aggregator") | {grafana}}


def test_what_watches_takes_no_port_of_the_platform_in_the_pod():
    ours = set().union(*(ports_of(service.name) for service in SERVICES)) | NATS_AND_WEBSOCKET_PORTS
    ours |= {settings_model(service).model_fields[METRICS_PORT.field].default for service in SERVICES}
    text = "\n".join((DEPLOY / "compose" / name).read_text() for name in BESIDE)
    listened = re.findall(r'(?:listen-addr(?:ess)?=|endpoint: "|endpoint += ")127\.0\.0\.1:(\d+)', text)
    listened += re.findall(r"(?:listen|bind)_port: (\d+)", text)
    # Prometheus, Alertmanager, Alloy, OTLP twice; Loki, Tempo, Mimir and Pyroscope twice each, the last two thrice
    assert len(set(listened)) == len(listened) == 15
    assert not ours & set(map(int, listened))
    cluster = (DEPLOY / "compose" / "compose.nats.yaml").read_text()
    servers = {int(port) for port in re.findall(r'--node, "127\.0\.0\.1:(\d+)"', cluster)}
    taken = {port + above for port in servers for above in (0, ROUTES_ABOVE, MONITOR_ABOVE)}
    assert len(taken) == 9
    assert not (ours - NATS_AND_WEBSOCKET_PORTS | set(map(int, listened))) & taken
