"""The compose file is one, mounts what is there, and hardens every container."""

import sys
from pathlib import Path

import yaml
from fakes.deployed import DEPLOY, run_checker

FOLDER = DEPLOY / "compose"
FILE = FOLDER / "compose.yaml"
COMPOSE = yaml.safe_load(FILE.read_text())
SERVICES = COMPOSE["services"]
MADE_BY_THE_OPERATOR = {"./grafana-admin.secret", "solquote.env"}


def test_it_fits_the_compose_specification():
    run_checker(Path(sys.executable).parent / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", FILE)


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
    named = {COMPOSE["secrets"]["grafana_admin"]["file"]} | {one["path"] for one in SERVICES["solquote"]["env_file"]}
    assert named == MADE_BY_THE_OPERATOR
    assert {name.removeprefix("./") for name in named} == set(ignored)


def test_every_image_is_named_by_a_release():
    for service in SERVICES.values():
        tag = service["image"].partition(":")[2]
        assert tag
        assert tag != "latest"
