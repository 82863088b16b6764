"""docs/grpc.md is what the protos say, and its addresses are the defaults."""

import re
import subprocess
import sys
from pathlib import Path

from quote_core.settings import PlatformSettings

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "grpc.md"


def test_the_reference_is_current():
    done = subprocess.run(
        [sys.executable, str(ROOT / "proto" / "reference.py"), "--check"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_every_name_of_the_protos_is_described():
    page = PAGE.read_text(encoding="utf-8")
    protos = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "proto").rglob("*.proto"))
    sections = set(re.findall(r"^(?:message|service|enum) (\w+)", protos, re.MULTILINE))
    parts = set(re.findall(r"^  (?:rpc (\w+)|(?!rpc).*?(\w+) = \d+;)", protos, re.MULTILINE))
    assert len(sections) > 30
    assert len(parts) > 100
    assert sections <= set(re.findall(r"^##+ (\w+)$", page, re.MULTILINE))
    assert {one or other for one, other in parts} <= set(re.findall(r"^\|.*?`(\w+)` \|", page, re.MULTILINE))


def test_the_addresses_are_the_defaults():
    page = PAGE.read_text(encoding="utf-8")
    platform = PlatformSettings.load(environ={})
    assert dict(re.findall(r"^\| \[(\w+)\]\(#\w+\) \| (\S+) \|", page, re.MULTILINE)) == {
        "QuoteAggregatorService": platform.aggregator_address,
        "LocalQuoteService": platform.local_quote_address,
        "ExternalQuoteService": platform.external_quote_address,
    }
