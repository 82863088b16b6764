from pathlib import Path

import pytest

from quote_core.kept_name import kept_name, new_name


def test_whoever_comes_after_has_the_same_name_and_two_at_once_have_not(tmp_path: Path) -> None:
    path = tmp_path / "scanner" / "0-of-2"
    with kept_name(path) as name:
        assert len(name) == len(new_name())
        with pytest.raises(BlockingIOError), kept_name(path):
            pass
    with kept_name(path) as again:
        assert again == name
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "nonsense", "G" * 32, "a" * 33])
def test_what_is_no_name_is_replaced(tmp_path: Path, content: str) -> None:
    path = tmp_path / "name"
    path.write_text(content)
    with kept_name(path) as name:
        assert path.read_text() == f"{name}\n"
        assert set(name) <= set("0123456789abcdef")


def test_where_there_can_be_no_file_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"), kept_name(tmp_path / "file" / "name"):
        pass
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="link"), kept_name(tmp_path / "link"):
        pass
