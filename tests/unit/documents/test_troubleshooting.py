"""Every sentence that docs/troubleshooting.md quotes is one that the program says."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
SENTENCE_WORDS_MIN = 4


def quoted() -> Iterator[str]:
    """Code in the columns that show what is seen: whole sentences, not names, settings or commands."""
    for row in re.findall(r"^\| (?!you see|doctor says|---)(.*) \|$", PAGE, re.MULTILINE):
        cells = [cell.strip() for cell in row.split(" | ")]
        for sentence in re.findall(r"`([^`]+)`", " ".join(cells[:-1])):
            if len(sentence.split()) >= SENTENCE_WORDS_MIN and not sentence.startswith("solquote pnl"):
                yield sentence


@cache
def said() -> tuple[str, ...]:
    """All texts of the source, `...` where a value is put in, and the lines of the setup's scripts."""
    texts = []
    for path in (ROOT / "src").rglob("*.py"):
        if "generated" not in path.parts:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    texts.append(
                        "".join(str(part.value) if isinstance(part, ast.Constant) else "..." for part in node.values)
                    )
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    texts.append(node.value)
    for script in (ROOT / "config" / "setup").glob("*.sh"):
        texts += script.read_text(encoding="utf-8").splitlines()
    return tuple(texts)


def is_said(sentence: str) -> bool:
    pattern = re.compile(".*".join(re.escape(part) for part in sentence.split("...")), re.DOTALL)
    return any(pattern.search(text) for text in said())


def test_the_page_quotes_sentences():
    assert len(list(quoted())) > 15


@pytest.mark.parametrize("sentence", dict.fromkeys(quoted()))
def test_a_quoted_sentence_is_the_programs_own(sentence: str):
    assert is_said(sentence)


def test_a_sentence_nobody_says_is_found():
    assert not is_said("... has gone fishing: ...")
