import pytest

from quote_core.errors import InvalidField
from quote_core.events import Stream
from quote_core.tokens import load_tokens
from solquote.event_filter import EventFilter, make_filter


def asked(streams: list[str] | None = None, types: list[str] | None = None, pair: str | None = None) -> EventFilter:
    return make_filter(streams, types, pair, registry=load_tokens())


def test_without_options_everything_is_wanted() -> None:
    assert asked().subjects == {stream: (stream.subjects,) for stream in Stream}


def test_a_stream_is_named_in_any_case() -> None:
    assert asked(["dead-letters"]).subjects == {Stream.DEAD_LETTERS: ("dead.>",)}


def test_types_are_subjects_of_their_streams() -> None:
    assert asked(types=["pnl_snapshot", "KillSwitch"]).subjects == {
        Stream.METRICS: ("metrics.pnl",),
        Stream.SYSTEM: ("system.kill_switch",),
    }


def test_a_pair_is_a_part_of_the_subjects_that_have_one() -> None:
    assert asked(pair="sol/jitosol").subjects == {
        Stream.OPPORTUNITIES: (
            "opportunity.two_hop.SOL-JitoSOL",
            "opportunity.triangular.SOL-JitoSOL",
            "opportunity.price_divergence.SOL-JitoSOL",
            "opportunity.source_divergence.SOL-JitoSOL",
        ),
        Stream.PLANNED: ("plan.SOL-JitoSOL",),
        Stream.EXECUTED: ("executed.SOL-JitoSOL.*",),
        Stream.MARKET_DATA: (
            "market.price.SOL-JitoSOL",
            "market.liquidity.SOL-JitoSOL.*",
            "market.large_trade.SOL-JitoSOL.*",
            "market.spread.SOL-JitoSOL",
            "market.volume_spike.SOL-JitoSOL.*",
            "market.pool_state.SOL-JitoSOL.*",
        ),
    }
    assert asked(["EXECUTED"], pair="OLD-COIN").subjects == {Stream.EXECUTED: ("executed.OLD-COIN.*",)}


def test_the_journal_is_filtered_by_the_same_subjects() -> None:
    wanted = asked(types=["ExecutionPlan"], pair="SOL-USDC")
    assert wanted.admits("PLANNED", "plan.SOL-USDC")
    assert not wanted.admits("PLANNED", "plan.SOL-USDT")
    assert not wanted.admits("OPPORTUNITIES", "plan.SOL-USDC")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"streams": ["PLANED"]}, "--stream: PLANED is not known; did you mean PLANNED?"),
        ({"types": ["zzz"]}, "--type: zzz is not known; there are TwoHopArbitrage, "),
        ({"pair": "SOL"}, "--pair: must be two symbols such as SOL-USDC"),
        ({"pair": "SOL.>-x"}, "--pair: must be two symbols such as SOL-USDC"),
        ({"streams": ["METRICS"], "types": ["Claim"]}, "no event fits all of these"),
        ({"types": ["Claim"], "pair": "SOL-USDC"}, "no event fits all of these"),
    ],
)
def test_what_names_nothing_is_refused_by_name(options: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidField) as refused:
        asked(**options)  # type: ignore[arg-type]
    assert message in str(refused.value)
