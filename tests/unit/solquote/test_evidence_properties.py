"""Whatever byte of saved evidence is another: it is found, and the account that it is of is named."""

import json
import re
from typing import Final

import pytest
from fakes.explained_answer import answered
from fakes.explained_market import ExplainedMarket
from fakes.held_market import SOL, USDC
from hypothesis import given
from hypothesis import strategies as st

from quote_core.errors import LayoutMismatch
from solquote.evidence import read_evidence, saved_text
from solquote.reproduction import reproduce

MARKET = ExplainedMarket()
FILES: Final = {
    "direct": saved_text(MARKET.evidence(MARKET.direct((SOL, USDC), 10**9))).encode(),
    "split": saved_text(MARKET.evidence(MARKET.routed((SOL, USDC), 2_000 * 10**9, legs=3))).encode(),
    "external": saved_text(answered(amount=10**9, oracle_rate=81.5)).encode(),
}
BYTES_SPELLED = re.compile(rb'"(?:dataBase64|bodyBase64)": "([^"]*)"')


def places(saved: bytes) -> st.SearchStrategy[int]:
    """Anywhere in a file, and as often outside of the accounts' bytes, which are nearly all of it."""
    elsewhere, begin = [], 0
    for spelled in BYTES_SPELLED.finditer(saved):
        elsewhere += range(begin, spelled.start(1))
        begin = spelled.end(1)
    return st.integers(0, len(saved) - 1) | st.sampled_from([*elsewhere, *range(begin, len(saved))])


@pytest.mark.parametrize("kind", sorted(FILES))
@given(data=st.data())
def test_any_changed_byte_is_found(kind: str, data: st.DataObject) -> None:
    saved = FILES[kind]
    place = data.draw(places(saved))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != saved[place]))
    try:
        reproduced = reproduce(read_evidence(saved[:place] + bytes([other]) + saved[place + 1 :], name="file"))
    except LayoutMismatch:
        return
    assert not reproduced.is_intact
    assert not reproduced.is_equal
    assert reproduced.failure


@pytest.mark.parametrize("kind", ["direct", "split"])
@given(data=st.data())
def test_the_account_whose_bytes_are_others_is_named(kind: str, data: st.DataObject) -> None:
    document = json.loads(FILES[kind])
    account = data.draw(st.sampled_from([one for one in document["accounts"] if one["dataBase64"]]))
    place = data.draw(st.integers(0, len(account["dataBase64"]) - 5))
    before = account["dataBase64"][place]
    after = data.draw(st.sampled_from("ABCDwxyz0189+/").filter(lambda letter: letter != before))
    account["dataBase64"] = account["dataBase64"][:place] + after + account["dataBase64"][place + 1 :]
    reproduced = reproduce(read_evidence(json.dumps(document).encode(), name="file"))
    assert f"bytes of {account['pubkey']}" in [check.what for check in reproduced.checks if not check.is_equal]


@pytest.mark.parametrize("kind", sorted(FILES))
@given(kept=st.floats(0, 1, exclude_max=True))
def test_a_file_that_was_cut_is_no_evidence(kind: str, kept: float) -> None:
    saved = FILES[kind]
    cut = saved[: int(kept * len(saved))]
    try:
        assert not reproduce(read_evidence(cut, name="file")).is_equal
    except LayoutMismatch:
        return
