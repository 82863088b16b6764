"""Saved evidence: it comes back whole, and nothing in its file can be another without being noticed."""

from dataclasses import replace

import pytest
from fakes.explained_answer import answered
from fakes.explained_market import ExplainedMarket
from fakes.held_market import SOL, USDC

from quote_core.errors import LayoutMismatch
from solquote.evidence import Evidence, read_evidence, saved_text
from solquote.reproduction import reproduce

SOLS = 10**9


@pytest.fixture(scope="module", params=["local", "external"])
def evidence(request: pytest.FixtureRequest) -> Evidence:
    if request.param == "external":
        return answered(amount=SOLS, oracle_rate=81.5)
    market = ExplainedMarket()
    return market.evidence(market.routed((SOL, USDC), 2_000 * SOLS, legs=3))


def test_saved_evidence_comes_back_whole(evidence: Evidence) -> None:
    read = read_evidence(saved_text(evidence).encode(), name="file")
    assert read == evidence
    assert reproduce(read).is_equal


def test_a_file_that_was_laid_out_anew_is_no_longer_as_it_was_saved(evidence: Evidence) -> None:
    read = read_evidence(saved_text(evidence).replace(", ", ",  ", 1).encode(), name="file")
    assert replace(read, is_as_saved=True) == evidence
    reproduced = reproduce(read)
    assert not reproduced.is_intact
    assert not reproduced.is_equal
    assert reproduced.failure == "the file was changed after it was saved"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\xff", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "it has no `evidenceFormat`"),
        (b"{}", "it has no `evidenceFormat`"),
        (b'{"evidenceFormat": 2}', "is of evidence format 2; this release reads 1"),
        (b'{"evidenceFormat": 1}', "is not of evidence format 1"),
    ],
)
def test_what_is_no_evidence_is_told_with_the_reason(data: bytes, why: str) -> None:
    with pytest.raises(LayoutMismatch, match=why):
        read_evidence(data, name="file")
