"""The engine itself: that it sees differences, carries state and refuses what it does not know."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quote_core.dex.recorded import RecordedPool
from quote_core.dex.replay import Difference, error_kind, replay
from quote_core.errors import (
    ActivationPending,
    CorruptAccount,
    ImpossibleReserves,
    InvalidField,
    LayoutMismatch,
    NotTradable,
)

Recorded = Callable[[str, str], RecordedPool]
VECTORS = Path(__file__).parents[3] / "golden" / "vectors"


def vectors(name: str) -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads((VECTORS / f"{name}.json").read_bytes())["vectors"]
    return loaded


def first(name: str, **wanted: Any) -> dict[str, Any]:
    return next(v for v in vectors(name) if all((key in v) == present for key, present in wanted.items()))


def check(recorded: Recorded, *rows: dict[str, Any]) -> list[tuple[Difference, ...]]:
    return [row.differences for row in replay({"vectors": list(rows)}, recorded, name="test")]


def test_wrong_amount_is_a_difference(recorded: Recorded) -> None:
    vector = first("raydium_amm_v4", amount_out=True, sequence=False)
    wrong = vector | {"amount_out": str(int(vector["amount_out"]) + 1)}
    expected, actual = wrong["amount_out"], vector["amount_out"]
    assert check(recorded, wrong) == [tuple(Difference(by, expected, actual) for by in ("amount_out", "ladder"))]


def test_refusal_of_another_kind_is_a_difference(recorded: Recorded) -> None:
    vector = first("raydium_amm_v4", error_kind=True) | {"error_kind": "undetermined"}
    ((difference,),) = check(recorded, vector)
    assert (difference.field, difference.expected) == ("error_kind", "undetermined")


def test_fill_where_a_refusal_is_expected_is_a_difference(recorded: Recorded) -> None:
    vector = first("raydium_amm_v4", amount_out=True, sequence=False) | {"error_kind": "zero_amount"}
    ((by_swap, by_ladder),) = check(recorded, vector)
    assert by_swap == Difference("error_kind", "zero_amount", "none")
    assert (by_ladder.field, by_ladder.expected) == ("ladder", "0")


def test_further_amounts_are_compared(recorded: Recorded) -> None:
    vector = first("raydium_cpmm_creator_fee", creator_fee=True) | {"creator_fee": "123456789"}
    ((difference,),) = check(recorded, vector)
    assert difference.field == "creator_fee"


def test_next_state_is_compared(recorded: Recorded) -> None:
    vector = first("raydium_clmm", next=True, sequence=False)
    vector["next"]["liquidity"] = "1"
    ((difference,),) = check(recorded, vector)
    assert difference.field == "liquidity"


def test_steps_of_a_sequence_run_in_order_wherever_they_stand(recorded: Recorded) -> None:
    steps = [v for v in vectors("raydium_cpmm") if v.get("sequence") == "sol_usdc_7JuwJuNU#0"]
    other = first("raydium_cpmm", amount_out=True, sequence=False)
    assert len(steps) > 2
    shuffled = [steps[0], other, *reversed(steps[1:])]
    assert check(recorded, *shuffled) == [()] * len(shuffled)


def test_later_step_priced_on_the_first_state_would_differ(recorded: Recorded) -> None:
    steps = [v for v in vectors("raydium_cpmm") if v.get("sequence") == "sol_usdc_7JuwJuNU#0"]
    assert check(recorded, steps[-1]) != [()]


def test_doubtful_rows_are_marked(recorded: Recorded) -> None:
    rows = [first("raydium_cpmm_creator_fee"), first("raydium_amm_v4", binary_result=True)]
    marks = [(o.single_source, o.older_binary_differs) for o in replay({"vectors": rows}, recorded, name="test")]
    assert marks == [(True, False), (False, True)]


def test_unknown_dex_is_refused_with_what_is_supported(recorded: Recorded) -> None:
    with pytest.raises(LayoutMismatch, match=r"supported are .*raydium_cpmm"):
        check(recorded, first("raydium_amm_v4") | {"dex": "phoenix"})


def test_unknown_table_is_refused_with_what_is_supported(recorded: Recorded) -> None:
    with pytest.raises(LayoutMismatch, match="whirlpool_tick_to_sqrt_price"):
        check(recorded, {"dex": "math", "kind": "unheard_of"})


@pytest.mark.parametrize(
    "broken",
    [
        {"direction": "sideways"},
        {"mode": "exact"},
        {"amount": "many"},
        {"clock": {"slot": 1}},
        {"pool": "11111111111111111111111111111111"},
        {"patch": [{"account": "11111111111111111111111111111111", "offset": 0, "hex": "00"}]},
    ],
)
def test_row_that_breaks_the_format_is_refused_with_its_index(recorded: Recorded, broken: dict[str, Any]) -> None:
    with pytest.raises(LayoutMismatch, match="vector 0"):
        check(recorded, first("raydium_amm_v4", amount_out=True) | broken)


@pytest.mark.parametrize("document", [[], {}, {"vectors": 1}])
def test_file_without_vectors_is_refused(recorded: Recorded, document: object) -> None:
    with pytest.raises(LayoutMismatch, match="vectors"):
        list(replay(document, recorded, name="test"))


def test_errors_are_named_as_the_files_name_them() -> None:
    assert error_kind(ActivationPending("p", "r")) == "not_tradable"
    assert error_kind(ImpossibleReserves("p", "r")) == "state_invalid"
    assert error_kind(CorruptAccount("a", "f", "r")) == "state_invalid"
    assert error_kind(NotTradable("p", "r")) == "not_tradable"
    assert error_kind(InvalidField("f", "r")) == "InvalidField"


@pytest.mark.parametrize(
    ("dex_label", "pool_file", "amount_out"),
    [("marinade", "msol", "12987345736"), ("lido", "stsol", "12124056414")],
)
def test_rates_of_other_sources_are_rows_too(
    recorded: Recorded, dex_label: str, pool_file: str, amount_out: str
) -> None:
    row = {"kind": "tokens_to_lamports_no_fee", "amount_in": "10000000000", "amount_out": amount_out}
    document = {"dex": dex_label, "vectors": [row | {"pool_file": pool_file}]}
    assert [row.differences for row in replay(document, recorded, name="test")] == [()]


def test_recording_without_a_rate_is_refused(recorded: Recorded) -> None:
    row = {"dex": "marinade", "kind": "tokens_to_lamports_no_fee", "amount_in": "1", "pool_file": "msol"}
    no_rate = recorded("raydium_cpmm", "sol_usdc_7JuwJuNU")
    with pytest.raises(LayoutMismatch, match="holds a rate"):
        list(replay({"vectors": [row]}, lambda _dex, _file: no_rate, name="test"))


def test_refusal_without_a_kind_is_compared_as_a_refusal(recorded: Recorded) -> None:
    refused = first("raydium_amm_v4", error_kind=True)
    del refused["error_kind"]
    filled = first("raydium_amm_v4", amount_out=True, sequence=False) | {"error": "Whatever"}
    assert check(recorded, refused) == [()]
    assert check(recorded, filled)[0][0] == Difference("refused", "True", "absent")
