"""Findings as events, each told once: the same gap in the same slot is no news, nor a divergence that goes on."""

from pipeline.scanner.book import Direction, PairLegs
from pipeline.scanner.detect import Divergence, RoundTrip
from quote_core.clock import Clock
from quote_core.events import PriceDivergence, TwoHopArbitrage, derived_id, stamp

__all__ = ["Findings"]


class Findings:
    """Remembers the last thing told of each pair and direction, and nothing older."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told_trips: dict[str, tuple[int, int, int]] = {}
        self._told_divergences: dict[tuple[str, Direction], int] = {}

    def two_hop(self, legs: PairLegs, trip: RoundTrip) -> TwoHopArbitrage | None:
        """The event of a round trip, or nothing when these routes were told of in this slot."""
        key = (trip.forward.route_id, trip.reverse.route_id, trip.slot)
        if self._told_trips.get(legs.name) == key:
            return None
        self._told_trips[legs.name] = key
        # The time of the quotes too: a recorded market lives through the same slots again after a restart.
        event_id = derived_id("two_hop", legs.name, *key, trip.quoted_unix_ns)
        header = stamp(self._clock, event_id=event_id, slot=trip.slot)
        return TwoHopArbitrage(
            header=header,
            pair=legs.name,
            input_mint=legs.pair.base.mint,
            middle_mint=legs.pair.quote.mint,
            amount_in=trip.forward.input_amount,
            amount_middle=trip.forward.output_amount,
            amount_out=trip.amount_out,
            forward_route_id=trip.forward.route_id,
            reverse_route_id=trip.reverse.route_id,
            forward_row=trip.forward.row,
            reverse_row=trip.reverse.row,
            gross_profit_lamports=trip.gross_profit_lamports,
            net_profit_lamports=trip.net_profit_lamports,
            gross_profit_bps=trip.gross_profit_bps,
            flash_fee_lamports=trip.costs.flash_fee_lamports,
            tip_lamports=trip.costs.tip_lamports,
            network_fee_lamports=trip.costs.network_fee_lamports,
            confidence_bps=min(trip.forward.confidence_bps, trip.reverse.confidence_bps),
            price_impact_ppm=trip.forward.price_impact_ppm + trip.reverse.price_impact_ppm,
            quoted_unix_ns=trip.quoted_unix_ns,
        )

    def price_divergence(
        self, legs: PairLegs, direction: Direction, found: Divergence | None
    ) -> PriceDivergence | None:
        """The event of a divergence, once for as long as it lasts over the same route."""
        key = (legs.name, direction)
        if found is None:
            self._told_divergences.pop(key, None)
            return None
        leg = found.leg
        if self._told_divergences.get(key) == leg.route_id:
            return None
        self._told_divergences[key] = leg.route_id
        tokens = legs.pair.directions()[direction.value]
        event_id = derived_id("price_divergence", legs.name, direction.name, leg.route_id, leg.slot, leg.quoted_unix_ns)
        return PriceDivergence(
            header=stamp(self._clock, event_id=event_id, slot=leg.slot),
            pair=legs.name,
            input_mint=tokens[0].mint,
            output_mint=tokens[1].mint,
            amount_in=leg.input_amount,
            amount_out=leg.output_amount,
            route_id=leg.route_id,
            row=leg.row,
            rate=found.rate,
            oracle_price=found.oracle_price,
            divergence_bps=found.divergence_bps,
            confidence_bps=leg.confidence_bps,
            quoted_unix_ns=leg.quoted_unix_ns,
        )
