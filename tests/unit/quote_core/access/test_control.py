from pathlib import Path

import pytest
from fakes.access import control_with, write_access_file, write_secret

from quote_core.access.control import AccessControl
from quote_core.access.own_calls import check_own_calls
from quote_core.access.scopes import Scope
from quote_core.errors import Unauthenticated
from quote_core.settings import PlatformSettings, SettingsError


def settings(**values: object) -> PlatformSettings:
    return PlatformSettings.model_validate(values)


def asked(access: AccessControl, token: str, *, needs: Scope = Scope.READ) -> str:
    try:
        return access.gate.admit(f"Bearer {token}", needs=needs, host="192.0.2.1").name
    except Unauthenticated:
        return "nobody"


def test_without_any_setting_nobody_is_asked_and_nothing_counted():
    assert not AccessControl(settings()).gate.asks_anything


def test_a_process_with_a_token_of_its_own_asks_for_it_where_something_is_changed_and_nowhere_else():
    access = control_with("the switch's own")
    assert asked(access, "another") == "192.0.2.1"
    assert asked(access, "another", needs=Scope.ADMIN) == "nobody"
    assert asked(access, "the switch's own", needs=Scope.ADMIN) == "token the.token"


def test_reading_again_takes_new_tokens_and_limits_and_wrong_content_changes_nothing(tmp_path: Path):
    path = write_access_file(tmp_path / "access", {"old": "a read"})
    platform = settings(access_file=path)
    access = AccessControl(platform)
    path.write_text("nonsense")
    with pytest.raises(SettingsError):
        access.reload(platform.model_copy(update={"client_quota": 1}))
    assert [asked(access, "old") for _ in range(3)] == ["token a"] * 3
    write_access_file(path, {"new": "b read"})
    access.reload(platform)
    assert (asked(access, "old"), asked(access, "new")) == ("nobody", "token b")


def test_asking_neither_begins_nor_ends_while_a_process_runs(tmp_path: Path):
    path = write_access_file(tmp_path / "access", {"old": "a read"})
    for before, after in ((settings(access_file=path), settings()), (settings(), settings(access_file=path))):
        with pytest.raises(SettingsError, match="SOLQUOTE_ACCESS_FILE: may name another file, but begin or end only"):
            AccessControl(before).reload(after)


@pytest.mark.parametrize(
    ("given", "mistake"),
    [
        ({"access_file": "access"}, "SOLQUOTE_ASK_TOKEN_FILE: is needed where SOLQUOTE_ACCESS_FILE is set"),
        ({"access_file": "access", "ask_token_file": "other"}, "holds no token that may read by SOLQUOTE_ACCESS_FILE"),
        (
            {"access_file": "access", "ask_token_file": "shown", "client_quota": 5},
            "CLIENT_RATE, and other limits .* uncounted",
        ),
        ({"client_rate": 5}, "SOLQUOTE_CLIENT_RATE, and other limits of clients, would be those of our own processes"),
        ({"access_file": "access", "ask_token_file": "none"}, "SOLQUOTE_ASK_TOKEN_FILE: .*/none: No such file"),
        ({"ask_token_file": "empty"}, "must hold one line of printable ASCII"),
        ({"ask_ca": "shown"}, "SOLQUOTE_ASK_CA: .* holds no certificate"),
        ({"ask_key": "shown"}, "go together"),
        ({"tls_client_ca": "shown"}, "SOLQUOTE_TLS_CERTIFICATE: .* go together"),
    ],
)
def test_both_sides_of_one_platform_must_fit(given: dict[str, str | int], mistake: str, tmp_path: Path):
    write_access_file(tmp_path / "access", {"known": "a read"})
    write_access_file(tmp_path / "own", {"known": "a read,uncounted"})
    for name, content in (("shown", "known"), ("other", "unknown"), ("empty", "\n")):
        write_secret(tmp_path / name, content)
    check_own_calls(settings(access_file=tmp_path / "access", ask_token_file=tmp_path / "shown"))
    check_own_calls(settings(access_file=tmp_path / "own", ask_token_file=tmp_path / "shown", client_quota=5))
    named = {name: tmp_path / value if isinstance(value, str) else value for name, value in given.items()}
    with pytest.raises(SettingsError, match=mistake) as caught:
        check_own_calls(settings(**named))
    assert "unknown" not in str(caught.value)
