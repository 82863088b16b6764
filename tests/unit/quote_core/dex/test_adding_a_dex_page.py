"""The page on adding a DEX shows code; it must be the code there is."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs" / "adding-a-dex.md").read_text()
EXCERPTS = re.findall(r"```(?:python|cython)\n(.*?)```", PAGE, flags=re.DOTALL)
SOURCES = [path.read_text() for path in (ROOT / "src/quote_core/dex").glob("*.py*")]


def test_page_has_excerpts() -> None:
    assert len(EXCERPTS) > 5


@pytest.mark.parametrize("excerpt", EXCERPTS, ids=range(len(EXCERPTS)))
def test_excerpt_is_in_the_source_to_the_letter(excerpt: str) -> None:
    assert any(excerpt in source for source in SOURCES)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`((?:tests|src|benchmarks)/[\w/.]+)`", PAGE))))
def test_file_the_page_names_exists(name: str) -> None:
    assert (ROOT / name).exists()
