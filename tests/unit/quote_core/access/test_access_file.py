from pathlib import Path

import pytest
from fakes.access import digest_of, write_access_file, write_secret

from quote_core.access.access_file import KnownClient, read_access_file
from quote_core.access.scopes import Scope
from quote_core.settings import SettingsError

GOOD = "0" * 64


def test_clients_are_known_by_the_hash_of_their_token(tmp_path: Path):
    lines = {"one": "reader read", "two": "ops read,admin 2027-01-01T00:00:00Z", "three": "ours uncounted,read"}
    assert read_access_file(write_access_file(tmp_path / "access", lines)) == {
        digest_of("one"): KnownClient("token reader", frozenset({Scope.READ})),
        digest_of("two"): KnownClient("token ops", frozenset(Scope), 1_798_761_600 * 10**9),
        digest_of("three"): KnownClient("token ours", frozenset({Scope.READ}), is_counted=False),
    }


def test_comments_blank_lines_and_capital_digits_are_read(tmp_path: Path):
    content = f"# all of them\n\n  a read {'AB' * 32} # ours\n"
    assert set(read_access_file(write_secret(tmp_path / "access", content))) == {bytes.fromhex("ab" * 32)}


@pytest.mark.parametrize(
    ("line", "mistake"),
    [
        ("a read", "must be: name, scopes, sha256"),
        (f"a read {GOOD} now please", "must be: name, scopes, sha256"),
        (f"a/b read {GOOD}", "the name must be"),
        (f"a write {GOOD}", "scopes must be of read, admin"),
        (f"a read,,admin {GOOD}", "scopes must be of read, admin"),
        (f"a uncounted {GOOD}", "scopes must be of read, admin, and uncounted"),
        ("a read the-token-itself", "must be the token's SHA-256"),
        (f"a read {GOOD} soon", "the moment must be ISO 8601"),
        (f"a read {GOOD}\nb read {GOOD}", "line 2: has the token of another line"),
        ("", "names no client"),
    ],
)
def test_a_line_that_is_none_is_told_by_its_number_and_without_a_word_of_it(line: str, mistake: str, tmp_path: Path):
    with pytest.raises(SettingsError, match="SOLQUOTE_ACCESS_FILE: ") as caught:
        read_access_file(write_secret(tmp_path / "access", line + "\n"))
    assert mistake in str(caught.value)
    assert "the-token-itself" not in str(caught.value)
    assert GOOD not in str(caught.value)


def test_all_mistakes_are_told_at_once(tmp_path: Path):
    with pytest.raises(SettingsError) as caught:
        read_access_file(write_secret(tmp_path / "access", f"a\nb read {GOOD}\nc\n"))
    assert [mistake.rpartition(", line ")[2][0] for mistake in caught.value.mistakes] == ["1", "3"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_file_that_others_may_read_is_refused(mode: int, tmp_path: Path):
    path = write_access_file(tmp_path / "access", {"one": "reader read"})
    path.chmod(mode)
    with pytest.raises(SettingsError, match=f"has mode {mode:04o}, so others may read it; chmod 600 it"):
        read_access_file(path)
