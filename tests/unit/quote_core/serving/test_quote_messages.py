from quote_core.clock import Moment
from quote_core.freshness import NEVER_VOUCHED, Freshness
from quote_core.generated.solquote.v1 import local_quote_pb2, quotes_pb2
from quote_core.quotes import Provenance, RouteHop
from quote_core.serving import read_freshness, read_route, write_freshness, write_hop
from quote_core.units import Pubkey

FULL = RouteHop(
    Pubkey("pool"), "raydium_cpmm", Pubkey("in"), Pubkey("out"), 5, 4, 3, Pubkey("in"), Provenance.SYNTHETIC
)
BARE = RouteHop(Pubkey("pool"), "Whirlpool", Pubkey("in"), Pubkey("out"), 5, 4)


def test_route_comes_back_as_it_went_with_and_without_fee_and_provenance() -> None:
    assert read_route([write_hop(FULL), write_hop(BARE)]) == (FULL, BARE)


def test_provenance_of_a_newer_sender_is_unknown_and_no_error() -> None:
    (hop,) = read_route([quotes_pb2.RouteHop(provenance=99)])  # type: ignore[arg-type]  # of another version
    assert hop.provenance is None


def test_freshness_comes_back_as_it_went_and_one_not_told_was_never_vouched_for() -> None:
    told = Freshness(Moment(7, 8, 9), 10, changed_unix_ns=11, changed_slot=12, chain_unix_s=-13)
    assert read_freshness(local_quote_pb2.LocalQuote(freshness=write_freshness(told))) == told
    assert read_freshness(local_quote_pb2.LocalQuote()) == NEVER_VOUCHED


def test_freshness_from_before_the_host_was_started_has_no_number_on_its_clock() -> None:
    message = local_quote_pb2.LocalQuote(freshness=write_freshness(Freshness(Moment(0, -8, 9), 10)))
    assert read_freshness(message) == Freshness(Moment(0, 0, 9), 10)
