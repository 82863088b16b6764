"""The page's own files: nothing inline, nothing from elsewhere, nothing that makes markup of text."""

import re
from html.parser import HTMLParser

import pytest

from aggregator.page.assets import HEADERS, INDEX, build_of, load_assets

ASSETS = load_assets()
INDEX_TEXT = ASSETS[INDEX].body.decode()
SCRIPTS = sorted(name for name in ASSETS if name.endswith(".js"))


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.references: list[str] = []
        self.attributes: set[str] = set()
        self.tags: list[str] = []
        self.feed(INDEX_TEXT)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name == "id":
                self.ids.append(value or "")
            if name in {"src", "href"}:
                self.targets.append(value or "")
            if name in {"aria-labelledby", "aria-describedby"}:
                self.references.append(value or "")


TAGS = Tags()


def test_the_policy_lets_nothing_in_from_elsewhere_and_nothing_inline() -> None:
    policy = HEADERS["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "*" not in policy
    sources = {part.split()[0]: part.split()[1:] for part in policy.split("; ")}
    for kind in ("script-src", "style-src", "connect-src", "img-src"):
        assert sources[kind] == ["'self'"]
    for kind in ("frame-ancestors", "base-uri", "form-action"):
        assert sources[kind] == ["'none'"]


def test_the_page_asks_for_its_own_files_only_and_all_are_there() -> None:
    for target in TAGS.targets:
        assert target.startswith("#") or target.removeprefix("/page/") in ASSETS
    assert {target.removeprefix("#") for target in TAGS.targets if target.startswith("#")} <= set(TAGS.ids)


def test_there_is_nothing_inline() -> None:
    assert not {name for name in TAGS.attributes if name == "style" or name.startswith("on")}
    assert "style" not in TAGS.tags
    assert re.search(r"<script[^>]*></script>", INDEX_TEXT)
    assert not re.search(r"<script[^>]*>[^<]", INDEX_TEXT)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_never_makes_markup_or_code_of_text_and_names_no_other_server(name: str) -> None:
    text = ASSETS[name].body.decode()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|DOMParser", text)
    assert re.findall(r"https?://[^\"`\s]+", text) == (["http://www.w3.org/2000/svg"] if name == "chart.js" else [])


@pytest.mark.parametrize("name", SCRIPTS)
def test_what_a_script_imports_and_looks_up_is_there(name: str) -> None:
    text = ASSETS[name].body.decode()
    for imported in re.findall(r'from "\./([\w.]+)"', text):
        assert imported in ASSETS
    for looked_up in re.findall(r'\$\("([\w-]+)"\)', text):
        assert looked_up in TAGS.ids


def test_ids_are_unique_and_references_lead_somewhere() -> None:
    assert len(TAGS.ids) == len(set(TAGS.ids))
    assert {one for reference in TAGS.references for one in reference.split()} <= set(TAGS.ids)


def test_a_style_asks_for_nothing() -> None:
    assert "url(" not in ASSETS["page.css"].body.decode()
    assert "@import" not in ASSETS["page.css"].body.decode()


def test_the_build_is_another_one_when_a_file_is() -> None:
    changed = {**ASSETS, INDEX: ASSETS["page.css"]}
    assert build_of(changed) != build_of(ASSETS) == build_of(load_assets())
