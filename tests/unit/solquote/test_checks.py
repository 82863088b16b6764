import os
from pathlib import Path
from typing import ClassVar

import pytest

from quote_core.settings import PlatformSettings, Port, Secret, SecretStr, ServiceSettings
from solquote.checks import DoctorVerdict, check_quote_files, check_settings, check_switch, check_token_file
from solquote.processes import SERVICES
from solquote.setting_models import all_models
from solquote.switch_view import SwitchView


class Demo(ServiceSettings):
    section: ClassVar[str] = "demo"

    port: Port = 1
    name: str = ""
    key: Secret = SecretStr("")


MODELS = (PlatformSettings, Demo)


def failures(environ: dict[str, str]) -> list[tuple[str, str]]:
    return [
        (finding.subject, finding.detail)
        for finding in check_settings(environ, MODELS)
        if finding.verdict is DoctorVerdict.FAILED
    ]


def test_there_is_a_model_for_every_service_and_for_what_several_share():
    services = {service.name for service in SERVICES}
    assert {model.section for model in all_models()} == {"platform", "up", "pipeline", "costs", "history", *services}


def test_settings_that_are_right_are_listed():
    findings = list(check_settings({"SOLQUOTE_DEMO_PORT": "5", "HOME": "/root"}, MODELS))
    assert [(finding.verdict, finding.detail) for finding in findings] == [
        (DoctorVerdict.OK, "all defaults"),
        (DoctorVerdict.OK, "port = 5, from SOLQUOTE_DEMO_PORT\nthe rest defaults"),
    ]


def test_it_is_told_where_each_value_is_from(tmp_path: Path):
    config = tmp_path / "solquote.toml"
    config.write_text("[demo]\nport = 1\nname = 'x'\n")
    own = {"SOLQUOTE_CONFIG": str(config), "SOLQUOTE_DEMO_PORT": "5"}
    findings = check_settings(own | {"SOLQUOTE_RPC_URL": "http://h:1"}, MODELS, own=own)
    assert [finding.detail for finding in findings] == [
        "rpc_url = http://h:1, from solquote up\nthe rest defaults",
        f"port = 5, from SOLQUOTE_DEMO_PORT\nname = x, from [demo] of {config}\nthe rest defaults",
    ]


@pytest.mark.parametrize(
    ("environ", "subject", "detail"),
    [
        ({"SOLQUOTE_RPC_ULR": "x"}, "environment", "SOLQUOTE_RPC_ULR: no such setting; did you mean SOLQUOTE_RPC_URL?"),
        (
            {"SOLQUOTE_RPC_URL": "ftp://x"},
            "settings [platform]",
            "SOLQUOTE_RPC_URL: must be a URL such as http://host:port",
        ),
        ({"SOLQUOTE_DEMO_PORT": "x"}, "settings [demo]", "SOLQUOTE_DEMO_PORT: Input should be a valid integer"),
        ({"SOLQUOTE_NONSENSE": "x"}, "environment", "SOLQUOTE_NONSENSE: no such setting\n"),
        ({"SOLQUOTE_DEMO_PROT": "1"}, "environment", "SOLQUOTE_DEMO_PROT: no such setting; did you mean"),
    ],
)
def test_every_mistake_is_told_once(environ: dict[str, str], subject: str, detail: str):
    ((found_subject, found_detail),) = failures(environ)
    assert found_subject == subject
    assert f"{found_detail}\n".startswith(detail)


def test_an_unknown_section_of_the_file_is_told(tmp_path: Path):
    path = tmp_path / "solquote.toml"
    path.write_text("[demi]\nport = 3\n")
    ((subject, detail),) = failures({"SOLQUOTE_CONFIG": str(path)})
    assert subject == "settings file"
    assert detail == f"{path} [demi]: no such setting; did you mean [demo]?"


def test_a_token_for_its_owner_alone_is_right(tmp_path: Path):
    path = tmp_path / "token"
    path.write_text("secret")
    path.chmod(0o600)
    assert check_token_file(path).verdict is DoctorVerdict.OK


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_token_others_can_read_is_told_with_its_mode(tmp_path: Path, mode: int):
    path = tmp_path / "token"
    path.write_text("secret")
    path.chmod(mode)
    finding = check_token_file(path)
    assert finding.verdict is DoctorVerdict.FAILED
    assert f"{mode:04o}" in finding.detail
    assert finding.mend.startswith("chmod 600")


def test_a_missing_token_is_told(tmp_path: Path):
    assert "is not there" in check_token_file(tmp_path / "token").detail


def test_quote_files_that_are_not_there_are_told_both(tmp_path: Path):
    findings = list(check_quote_files(tmp_path))
    assert [finding.verdict for finding in findings] == [DoctorVerdict.FAILED, DoctorVerdict.FAILED]
    assert all("writer not there yet" in finding.detail for finding in findings)


def test_a_file_that_is_no_table_is_told(tmp_path: Path):
    (tmp_path / "quotes-internal.mmap").write_bytes(os.urandom(100))
    (finding,) = check_quote_files(tmp_path)
    assert finding.verdict is DoctorVerdict.FAILED
    assert "quotes-internal.mmap" in finding.detail


def test_a_kill_switch_that_stops_trading_or_is_not_known_is_a_warning_that_says_who_and_why():
    halted = check_switch(SwitchView(state="HALTED", reason="drill", actor="person alice"))
    assert halted.verdict is DoctorVerdict.WARNING
    assert "HALTED" in halted.detail
    assert "person alice: drill" in halted.detail
    assert "solquote release" in halted.mend
    assert check_switch(SwitchView(reason="nobody there")).verdict is DoctorVerdict.WARNING
    assert check_switch(SwitchView(state="ACTIVE")).verdict is DoctorVerdict.OK
