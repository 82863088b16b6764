import os
import ssl
import stat
from pathlib import Path

import pytest

from quote_core.bus import Access, BusRole, access_of
from quote_core.bus.nkey import UserKey
from quote_core.settings import PlatformSettings, SettingsError

URL = "nats://127.0.0.1:4222"


def platform(**environ: str) -> PlatformSettings:
    return PlatformSettings.load(environ={f"SOLQUOTE_{name}": value for name, value in environ.items()})


def options(path: Path, text: str) -> tuple[dict[str, object], str | None]:
    path.write_text(text)
    path.chmod(0o600)
    return Access(role=BusRole.PLANNER, credentials=path).client_options(URL)


def test_a_seed_is_kept_and_its_signature_shown(tmp_path: Path):
    seed = UserKey.new_seed()
    shown, public = options(tmp_path / "planner", seed + "\n")
    assert public == UserKey(seed).public
    assert shown["inbox_prefix"] == "_INBOX_planner"
    assert shown["signature_cb"]("n") == UserKey(seed).sign("n")  # type: ignore[operator]
    assert seed not in str(shown)


def test_a_creds_file_gives_its_jwt_and_a_signature(tmp_path: Path):
    seed = UserKey.new_seed()
    text = (
        "-----BEGIN NATS USER JWT-----\neyJ0.e30.sig\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )
    shown, public = options(tmp_path / "x.creds", text)
    assert public is None
    assert shown["user_jwt_cb"]() == b"eyJ0.e30.sig"  # type: ignore[operator]
    assert shown["signature_cb"]("n") == UserKey(seed).sign("n")  # type: ignore[operator]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("joe:a:b\n", {"user": "joe", "password": "a:b"}), ("s3cret-token\n", {"token": "s3cret-token"})],
)
def test_a_password_and_a_token_are_one_line(tmp_path: Path, text: str, expected: dict[str, str]):
    shown, _ = options(tmp_path / "secret", text)
    assert expected.items() <= shown.items()


@pytest.mark.parametrize("text", ["", "\n", "SUBROKEN", "two\nlines"])
def test_what_is_no_secret_is_refused_by_the_file_s_name_alone(tmp_path: Path, text: str):
    with pytest.raises(SettingsError, match=r"SOLQUOTE_NATS_CREDENTIALS: .*secret") as refused:
        options(tmp_path / "secret", text)
    assert not text.strip() or text.strip() not in str(refused.value)


def test_a_file_that_others_may_read_is_refused(tmp_path: Path):
    path = tmp_path / "planner"
    path.write_text(UserKey.new_seed())
    path.chmod(0o640)
    with pytest.raises(SettingsError, match="mode 0640"):
        Access(role=BusRole.PLANNER, credentials=path).client_options(URL)


@pytest.mark.parametrize(("mode", "is_taken"), [(0o440, True), (0o400, True), (0o444, False), (0o460, False)])
def test_a_file_of_root_s_for_our_group_alone_is_taken_as_kubernetes_gives_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, is_taken: bool
):
    path = tmp_path / "planner"
    path.write_text(UserKey.new_seed())
    path.chmod(mode)
    found = list(os.stat(path))
    found[stat.ST_UID], found[stat.ST_GID] = 0, os.getegid()
    monkeypatch.setattr("quote_core.bus.access.os.fstat", lambda _: os.stat_result(found))
    monkeypatch.setattr("quote_core.bus.access.os.geteuid", lambda: 10_001)
    access = Access(role=BusRole.PLANNER, credentials=path)
    if is_taken:
        assert access.client_options(URL)[1]
    else:
        with pytest.raises(SettingsError, match="others may read it"):
            access.client_options(URL)


def test_a_file_of_root_s_for_another_group_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "planner"
    path.write_text(UserKey.new_seed())
    path.chmod(0o440)
    found = list(os.stat(path))
    found[stat.ST_UID], found[stat.ST_GID] = 0, os.getegid() + 1
    monkeypatch.setattr("quote_core.bus.access.os.fstat", lambda _: os.stat_result(found))
    monkeypatch.setattr("quote_core.bus.access.os.geteuid", lambda: 10_001)
    with pytest.raises(SettingsError, match="others may read it"):
        Access(role=BusRole.PLANNER, credentials=path).client_options(URL)


def test_a_file_that_is_named_must_be_there(tmp_path: Path):
    access = access_of(platform(NATS_CREDENTIALS=str(tmp_path / "gone")), BusRole.PLANNER)
    with pytest.raises(SettingsError, match="is not there"):
        access.client_options(URL)


def test_a_folder_holds_one_file_a_role(tmp_path: Path):
    access = access_of(platform(NATS_CREDENTIALS=str(tmp_path)), BusRole.AUDITOR)
    assert access.credentials == tmp_path / "auditor"


def test_the_data_folder_s_keys_are_shown_to_loopback_only(tmp_path: Path):
    here = access_of(platform(DATA_DIR=str(tmp_path)), BusRole.SCANNER)
    there = access_of(platform(DATA_DIR=str(tmp_path), NATS_URL="nats://bus.example:4222"), BusRole.SCANNER)
    assert here.credentials == tmp_path / "nats" / "credentials" / "scanner"
    assert here.client_options(URL)[0] == {"inbox_prefix": "_INBOX_scanner"}  # none there yet
    assert there.credentials is None
    several = access_of(
        platform(DATA_DIR=str(tmp_path), NATS_URL="nats://127.0.0.1:4222,nats://bus.example:4222"), BusRole.SCANNER
    )
    assert several.credentials is None


def test_tls_asks_for_a_certificate_that_somebody_vouches_for():
    for urls in ("tls://bus.example:4222", "nats://one.example:4222,tls://other.example:4222"):
        context = Access(role=BusRole.SCANNER).client_options(urls)[0]["tls"]
        assert isinstance(context, ssl.SSLContext)
        assert context.verify_mode is ssl.CERT_REQUIRED
