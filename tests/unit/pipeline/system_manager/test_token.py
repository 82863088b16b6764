"""The token's file: made once, for its owner alone, and never told."""

import hashlib
import stat
from pathlib import Path

import pytest

from pipeline.system_manager.token import known_token, load_or_make_token
from quote_core.access.access_file import KnownClient
from quote_core.access.scopes import Scope
from quote_core.settings import SettingsError


def test_a_missing_file_is_made_for_the_owner_alone_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "state" / "token"
    token = load_or_make_token(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(token.get_secret_value()) >= 40
    assert load_or_make_token(path) == token
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_file_others_may_read_is_refused_without_showing_the_token(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "token"
    path.write_text("a secret of the operator")
    path.chmod(mode)
    with pytest.raises(SettingsError, match="chmod 600") as caught:
        load_or_make_token(path)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("content", ["", "short", "x" * 5_000, "with\x00nul" * 10])
def test_what_is_no_token_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "token"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(SettingsError, match="SOLQUOTE_SYSTEM_MANAGER_TOKEN_FILE"):
        load_or_make_token(path)


def test_the_gate_knows_the_token_by_its_hash_and_its_file_s_name(tmp_path: Path) -> None:
    path = tmp_path / "kill.token"
    path.write_text("correct horse battery\n")
    path.chmod(0o600)
    client = KnownClient("token kill.token", frozenset({Scope.READ, Scope.ADMIN}), is_counted=False)
    assert known_token(path) == {hashlib.sha256(b"correct horse battery").digest(): client}


def test_the_token_is_not_in_its_repr(tmp_path: Path) -> None:
    token = load_or_make_token(tmp_path / "token")
    assert token.get_secret_value() not in repr(token)
