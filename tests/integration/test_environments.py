"""Environments that people have: the platform works in them, or one sentence names the setting, in `doctor` too."""

import contextlib
import json
import os
import pwd
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.ports import free_port
from fakes.running_platform import UNHURRIED, RunningPlatform, solquote

from quote_core.addresses import why_not_bound
from solquote.cli import run

pytestmark = pytest.mark.integration

NO_FOLDER = "/proc/version/x"
LOOPBACK = "127.0.0.1" if why_not_bound("::1", 0) else "::1"


def refusals(capsys: pytest.CaptureFixture[str]) -> tuple[str, list[str]]:
    """What `up` ends with, and what `doctor` finds wrong."""
    assert run(["up", "--free-ports"]) == 2
    said = capsys.readouterr().err
    assert run(["doctor", "--json", "--timeout", "0.05"]) == 1
    checks = json.loads(capsys.readouterr().out)["checks"]
    return said, [check["detail"] for check in checks if check["verdict"] == "failed"]


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("SOLQUOTE_HOST", "local host", "must be an IP address or a host's name, without a port, got 'local host'"),
        ("SOLQUOTE_HOST", "nonsense.invalid", "cannot listen on nonsense.invalid: it is no address"),
        ("SOLQUOTE_HOST", "192.0.2.1", "cannot listen on 192.0.2.1: it is no address of this machine"),
        ("SOLQUOTE_SYSTEM_MANAGER_HTTP_HOST", "192.0.2.1", "cannot listen on 192.0.2.1: it is no address of this"),
        ("SOLQUOTE_HOST", "0.0.0.0", "0.0.0.0 is reached from other machines, and nobody would be asked who they are"),
        ("SOLQUOTE_SYSTEM_MANAGER_HTTP_HOST", "::", ":: is reached from other machines"),
        ("SOLQUOTE_ACCESS_FILE", NO_FOLDER, "/proc/version/x: Not a directory"),
        ("SOLQUOTE_ASK_TOKEN_FILE", NO_FOLDER, "/proc/version/x: Not a directory"),
        ("SOLQUOTE_AGGREGATOR_ADDRESS", "::1:50051", "must be host:port, an IPv6 host in brackets"),
        ("SOLQUOTE_RPC_URL", "http://127.0.0.1:port", "must be a URL such as http://host:port"),
        ("SOLQUOTE_LOG_LEVEL", "loud", "String should match pattern"),
        ("SOLQUOTE_EXTERNAL_QUOTE_JUPITER_API_KEY", "two\nlines", "must be one line of printable ASCII characters"),
        ("SOLQUOTE_DATA_DIR", NO_FOLDER, "/proc/version is not a folder"),
        ("SOLQUOTE_DATA_DIR", "~nobody-of-this-name", "there is no home folder for ~nobody-of-this-name"),
        ("SOLQUOTE_SHM_DIR", NO_FOLDER, "/proc/version is not a folder"),
        ("SOLQUOTE_TOKENS_PATH", NO_FOLDER, "/proc/version/x: Not a directory"),
    ],
)
def test_what_cannot_work_is_one_sentence_that_names_the_setting_and_doctor_says_the_same(
    variable: str,
    value: str,
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SOLQUOTE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv(variable, value)
    said, failed = refusals(capsys)
    assert said.startswith(f"solquote: {variable}: ")
    assert sentence in said
    assert said.count("\n") == 1
    assert said.removeprefix("solquote: ").rstrip("\n") in failed


def test_who_has_no_home_folder_is_told_what_to_set(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nobody(_: int) -> None:
        raise KeyError

    for variable in ("HOME", "XDG_STATE_HOME", "SOLQUOTE_DATA_DIR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    said, failed = refusals(capsys)
    sentence = "there is no home folder to keep it in; set SOLQUOTE_DATA_DIR or XDG_STATE_HOME to a folder"
    assert said == f"solquote: SOLQUOTE_DATA_DIR: {sentence}\n"
    assert f"SOLQUOTE_DATA_DIR: {sentence}" in failed


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a file system takes root")
@pytest.mark.parametrize(
    ("options", "variable", "sentence"),
    [
        ("size=300k", "SOLQUOTE_SHM_DIR", "has 300 KiB free, and at least 564 KiB are needed"),
        ("size=300k", "SOLQUOTE_DATA_DIR", "has 300 KiB free, and at least 4096 KiB are needed"),
        ("ro", "SOLQUOTE_DATA_DIR", "may not be written to"),
    ],
)
def test_a_file_system_that_is_too_small_or_read_only_is_named(
    options: str, variable: str, sentence: str, tmp_path: Path
) -> None:
    mount_point = tmp_path / "mounted"
    mount_point.mkdir()
    command = f'mount -t tmpfs -o {options} t "$1" || exit 77; shift; exec "$@"'
    ended = subprocess.run(
        ["unshare", "-m", "sh", "-c", command, "sh", str(mount_point), sys.executable, "-m", "solquote", "up"],
        env={**os.environ, "SOLQUOTE_DATA_DIR": str(tmp_path / "data"), variable: str(mount_point / "here")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if ended.returncode in {1, 77} and "solquote" not in ended.stderr:
        pytest.skip("this container may mount nothing")
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"solquote: {variable}: ")
    assert sentence in ended.stderr


@contextlib.contextmanager
def umask_of(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.fixture(scope="module")
def odd_one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    """A platform with everything odd at once: each of these once kept it from starting."""
    proxy = f"http://127.0.0.1:{free_port()}"  # nobody is there
    environ = {
        **dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "grpc_proxy"), proxy),
        "no_proxy": "",
        "LC_ALL": "xx_XX.none",
        "HOME": "",
        "SOLQUOTE_HOST": f"{LOOPBACK} ",
        "SOLQUOTE_SHM_DIR": "",
        "SOLQUOTE_TOKENS_PATH": "",
        "SOLQUOTE_RPC_URL": "",
        "SOLQUOTE_PLANNER_CONCURRENCY": " ",
        "SOLQUOTE_EXTERNAL_QUOTE_JUPITER_API_KEY": "abc\n",
    }
    data_dir = tmp_path_factory.mktemp("environments") / "José of a blank"
    with umask_of(0o000):
        running = RunningPlatform(data_dir, environ=UNHURRIED | environ)
    with running:
        running.until_healthy()
        yield running


def test_it_works_with_a_proxy_an_accent_ipv6_empty_variables_no_home_and_no_locale(odd_one: RunningPlatform) -> None:
    assert odd_one.environment["SOLQUOTE_AGGREGATOR_ADDRESS"].startswith("[::1]:" if LOOPBACK == "::1" else LOOPBACK)
    ended = solquote("quote", "SOL", "USDC", "1", "--json", data_dir=odd_one.data_dir, environ={"HOME": ""})
    assert json.loads(ended.stdout)["outputAmount"] != "0", ended.stderr


def test_doctor_reaches_all_of_it_through_no_proxy(odd_one: RunningPlatform) -> None:
    proxied = {"http_proxy": f"http://127.0.0.1:{free_port()}", "SOLQUOTE_HOST": LOOPBACK}
    ended = solquote("doctor", "--json", data_dir=odd_one.data_dir, environ=proxied)
    checks = {check["subject"]: check for check in json.loads(ended.stdout)["checks"]}
    failed = {subject: check["detail"] for subject, check in checks.items() if check["verdict"] == "failed"}
    assert failed == {}
    assert f"host = {LOOPBACK}, from SOLQUOTE_HOST" in checks["settings [platform]"]["detail"]
    assert "from solquote up" in checks["settings [platform]"]["detail"]


def test_nobody_else_may_write_to_what_it_makes_whatever_the_umask(odd_one: RunningPlatform) -> None:
    made = [odd_one.data_dir, *odd_one.data_dir.rglob("*")]
    open_to_others = [path for path in made if path.lstat().st_mode & (stat.S_IWGRP | stat.S_IWOTH)]
    assert open_to_others == []


def test_a_reader_that_goes_ends_the_platform_in_order_and_without_a_traceback(tmp_path: Path) -> None:
    reading, writing = socket.socketpair()
    with (
        reading,
        subprocess.Popen(
            [sys.executable, "-m", "solquote", "up", "--free-ports", "--data-dir", str(tmp_path)],
            stdout=writing.fileno(),
            stderr=subprocess.PIPE,
            text=True,
        ) as running,
    ):
        writing.close()
        assert reading.recv(1)
        reading.close()
        _, said = running.communicate(timeout=60)
    assert (running.returncode, said) == (141, "")
    assert not (tmp_path / "up.json").exists()
