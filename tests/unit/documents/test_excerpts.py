"""The code that documents show is the code there is, and the HTTP reference is of the document that is served."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from solquote.http_reference import http_reference

ROOT = Path(__file__).parents[3]
EXCERPTED = {
    "docs/adding-a-dex.md": "src/quote_core/dex/*.py*",
    "docs/adding-a-provider.md": "src/external_quote/providers/*.py",
    "docs/sdk.md": "docs/examples/**/*.[cr]*",
}
"""Pages that show code, and where it is from."""
WRITTEN_FOR_THE_PAGE = ("from shm import QuoteReader",)
"""Run by `tests/unit/shm/test_documentation.py` instead."""


def excerpts() -> Iterator[tuple[str, str]]:
    for page in EXCERPTED:
        for code in re.findall(r"```(?:python|cython|c|rust)\n(.*?)```", (ROOT / page).read_text(), flags=re.DOTALL):
            if not code.startswith(WRITTEN_FOR_THE_PAGE):
                yield page, code


EXCERPTS = list(excerpts())


def test_pages_have_excerpts() -> None:
    assert {page for page, _ in EXCERPTS} == set(EXCERPTED)
    assert len(EXCERPTS) > 8


@pytest.mark.parametrize(("page", "excerpt"), EXCERPTS, ids=range(len(EXCERPTS)))
def test_an_excerpt_is_in_the_source_to_the_letter(page: str, excerpt: str) -> None:
    assert any(excerpt in path.read_text() for path in ROOT.glob(EXCERPTED[page]) if path.suffix not in {".so", ".pyc"})


def test_the_http_reference_is_made_from_the_document_that_is_served() -> None:
    assert (ROOT / "docs" / "http.md").read_text() == http_reference().rstrip() + "\n"
