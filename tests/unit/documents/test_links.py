"""Links and files that the documents name exist."""

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DOCUMENTS = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]
)
FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
NAMED = re.compile(r"`((?:(?:docs|decisions)/[\w./-]+\.md)|(?:tests|src|benchmarks|deploy|proto|config)/[\w./-]*\w)`")


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def anchors(path: Path) -> frozenset[str]:
    """As GitHub makes them: lower case, no punctuation, a hyphen for a space."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", path.read_text(encoding="utf-8")), re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)


def broken(path: Path, text: str) -> list[str]:
    found = []
    for link in LINK.findall(FENCED.sub("", text)):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        if not target.exists() or (anchor and anchor not in anchors(target)):
            found.append(link)
    return found + [
        file for file in NAMED.findall(text) if not ((ROOT / file).exists() or (path.parent / file).exists())
    ]


@pytest.mark.parametrize("path", DOCUMENTS, ids=named)
def test_every_relative_link_and_anchor_leads_somewhere(path: Path):
    assert broken(path, path.read_text(encoding="utf-8")) == []


def test_a_broken_link_anchor_and_name_are_found():
    text = "[a](nowhere.md) [b](docs/cli.md#nowhere) [c](docs/cli.md#exit-codes) [d](https://x.y) `docs/no.md`"
    assert broken(ROOT / "README.md", text) == ["nowhere.md", "docs/cli.md#nowhere", "docs/no.md"]


def test_every_page_is_reached_from_the_readme_or_a_page_it_names():
    reached: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        path = waiting.pop()
        if path in reached or path.suffix != ".md" or not path.exists():
            continue
        reached.add(path)
        text = path.read_text(encoding="utf-8")
        links = [link.partition("#")[0] for link in LINK.findall(text) if not re.match(r"[a-z]+:", link)]
        for name in [*links, *NAMED.findall(text)]:
            waiting += [(path.parent / name).resolve(), (ROOT / name).resolve()]
    docs = ROOT / "docs"  # its decisions are reached by the folder
    assert sorted(path for path in set(DOCUMENTS) - reached if path.parent == docs) == []
